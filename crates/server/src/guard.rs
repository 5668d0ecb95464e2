//! Who may ask, and what browsers are told about the answers. It stands before everything else, the page and the
//! WebSockets included.
//!
//! A program of another user, a page of another site and a name that suddenly leads here must get nothing. So each
//! request names this server as its host, comes from this server's own page or from no page at all, and knows the
//! token: as a cookie of this very port, or as `Authorization: Bearer`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use socklab_engine::Lang;

use crate::problem::Problem;
use crate::token::Token;

/// What a page of ours may do: load what this server has, and talk to it. Nothing inline is run.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; font-src 'self'; worker-src 'self'; manifest-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
];

/// What may come in a body that changes something: neither is what a form of another site sends.
const BODIES: [&str; 2] = ["application/json", "application/octet-stream"];

/// Who is let in.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    token: Token,
    /// Where the server is bound.
    at: SocketAddr,
    /// The language of those who ask for none.
    lang: Lang,
}

/// The language of whoever asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speaks(pub(crate) Lang);

impl<S: Sync> FromRequestParts<S> for Speaks {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Speaks>().copied().unwrap_or(Speaks(Lang::En)))
    }
}

impl Guard {
    pub(crate) fn new(token: Token, at: SocketAddr, lang: Lang) -> Self {
        Guard { token, at, lang }
    }

    /// Each port has its own, since a cookie is of a host and not of a port: two instances must not take each other's.
    fn cookie_name(&self) -> String {
        format!("socklab-{}", self.at.port())
    }

    /// Why the request is not let in.
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let host = self
            .host(headers)
            .ok_or_else(|| refusal("wrong_host", "this is not the name of this workbench", "这不是本工作台的主机名"))?;
        let is_own = |origin: &HeaderValue| origin.as_bytes() == format!("http://{host}").as_bytes();
        if !headers.get_all(header::ORIGIN).iter().all(is_own) {
            return Err(refusal("wrong_origin", "another site asks", "请求来自其他网站"));
        }
        let is_same = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
        if !headers.get_all("sec-fetch-site").iter().all(is_same) {
            return Err(refusal("wrong_site", "another site asks", "请求来自其他网站"));
        }
        if !self.knows_token(headers) {
            let (en, zh) = (
                "the token is missing or old: open the address that `socklab serve` has printed",
                "缺少令牌或令牌已失效：请打开 `socklab serve` 显示的地址",
            );
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "no_token", en, zh));
        }
        // What has no body has none of a form; a browser asks before it sends the others.
        let has_body = !matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE);
        if has_body && !has_plain_body(headers) {
            let (en, zh) = ("the body has to be application/json", "请求体必须是 application/json");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_body", en, zh));
        }
        Ok(())
    }

    /// What the client calls this server, if it is one of its names: a name that another's name server may lead here
    /// is none.
    fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (host, None) = (hosts.next()?.to_str().ok()?, hosts.next()) else { return None };
        let (name, port) = host.rsplit_once(':').map_or((host, 80), |(name, port)| (name, port.parse().unwrap_or(0)));
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_ours = name.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip| self.is_own(ip));
        (port == self.at.port() && is_ours).then_some(host)
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        let has = |all: Vec<if_addrs::Interface>| all.iter().any(|interface| interface.ip() == ip);
        let is_anywhere = self.at.ip().is_unspecified();
        ip == self.at.ip() || ip.is_loopback() || is_anywhere && if_addrs::get_if_addrs().is_ok_and(has)
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let name = self.cookie_name();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (known, value) = cookie.trim().split_once('=')?;
            (known == name).then_some(value)
        });
        bearer.is_some_and(|token| self.token.is(token)) || values.any(|token| self.token.is(token))
    }

    /// For the address that was printed: the token goes into a cookie and out of the address.
    fn admit(&self, request: &Request) -> Option<Response> {
        let given = request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        let is_entry = request.method() == Method::GET && request.uri().path() == "/" && self.token.is(given);
        let cookie = format!("{}={given}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name());
        is_entry.then(|| {
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)]).into_response()
        })
    }

    /// What the request asks for, then its cookie, then what the browser prefers, then this machine's.
    fn language(&self, request: &Request) -> Lang {
        let query = request.uri().query().unwrap_or_default();
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let cookie = || {
            let cookies = header(header::COOKIE)?;
            cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("socklab-lang="))
        };
        let preferred = || header(header::ACCEPT_LANGUAGE);
        match asked.or_else(cookie).or_else(preferred).map(str::trim) {
            Some(text) if text.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
            Some(text) if text.to_ascii_lowercase().starts_with("en") => Lang::En,
            _ => self.lang,
        }
    }
}

fn refusal(code: &'static str, en: &str, zh: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, en, zh)
}

fn has_plain_body(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    BODIES.iter().any(|body| kind.eq_ignore_ascii_case(body))
}

/// Lets a request in or refuses it, and puts into words what went wrong.
pub(crate) async fn stand(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let lang = guard.language(&request);
    // The names of the host and of the site count for the entry too.
    let response = match guard.check(&request) {
        Ok(()) => {
            let entry = guard.admit(&request);
            request.extensions_mut().insert(Speaks(lang));
            match entry {
                Some(response) => response,
                None => next.run(request).await,
            }
        }
        Err(problem) if problem.is_token() => match guard.admit(&request) {
            Some(response) => response,
            None => refuse(&request, problem, lang),
        },
        Err(problem) => problem.into_response(),
    };
    finish(response, lang)
}

/// A person who opens the page gets a page.
fn refuse(request: &Request, problem: Problem, lang: Lang) -> Response {
    let wants_page =
        request.headers().get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
    if !wants_page {
        return problem.into_response();
    }
    let (status, text) = (problem.told(lang).0, problem.text(lang));
    let page = format!("<!doctype html><meta charset=utf-8><title>Socklab</title><p>{text}");
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], Body::from(page)).into_response()
}

fn finish(mut response: Response, lang: Lang) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (status, body) = problem.told(lang);
        response = (status, Json(body)).into_response();
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
