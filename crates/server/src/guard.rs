//! Who may ask, and what browsers are told about the answers. It stands before everything else, the page and the
//! WebSockets included.
//!
//! A program of another user, a page of another site and a name that suddenly leads here must get nothing. So each
//! request names this server as its host, comes from this server's own page or from no page at all, and knows the
//! token, as `Authorization: Bearer`, or has the cookie that whoever knew the token was given.
//!
//! A cookie is of a host and not of a port: a browser sends it to every server on 127.0.0.1 that it visits. So its
//! value is not the token but made of it, so that a page finds its way back to a server that was started again with the
//! same one; and it counts only where the browser says that this server's own page asks. What is left: a program on this machine that has seen the cookie can say so too. Only a host name of the
//! workbench's own, with cookies of its own, would end that.

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
    /// The value of the cookie, which is nothing but that.
    session: Token,
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
        Guard { session: token.session(), token, at, lang }
    }

    /// Why the request is not let in.
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let host = self
            .host(headers)
            .ok_or_else(|| refusal("wrong_host", "this is not the name of this workbench", "这不是本工作台的主机名"))?;
        let is_own = |origin: &HeaderValue| origin.as_bytes() == format!("http://{}", host.text).as_bytes();
        if !headers.get_all(header::ORIGIN).iter().all(is_own) {
            return Err(refusal("wrong_origin", "another site asks", "请求来自其他网站"));
        }
        let is_same = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
        if !headers.get_all("sec-fetch-site").iter().all(is_same) {
            return Err(refusal("wrong_site", "another site asks", "请求来自其他网站"));
        }
        if !self.has_bearer(headers) && !self.has_cookie(headers, host) {
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
    /// is none. Of this machine itself any port will do, since one may be led to ours.
    fn host<'a>(&self, headers: &'a HeaderMap) -> Option<Host<'a>> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (text, None) = (hosts.next()?.to_str().ok()?, hosts.next()) else { return None };
        let host = Host::read(text)?;
        let is_ours = host.is_loopback() || host.port == self.at.port() && host.ip.is_some_and(|ip| self.is_own(ip));
        is_ours.then_some(host)
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        let has = |all: Vec<if_addrs::Interface>| all.iter().any(|interface| interface.ip() == ip);
        let is_anywhere = self.at.ip().is_unspecified();
        ip == self.at.ip() || is_anywhere && if_addrs::get_if_addrs().is_ok_and(has)
    }

    /// The scheme is in whatever case (RFC 9110, 11.1).
    fn has_bearer(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
        given.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && self.token.is(token.trim()))
    }

    /// A browser says of each request to this machine whose page makes it, and of a WebSocket its origin; that neither
    /// names another has been seen to. To other hosts it says the first over TLS only.
    fn has_cookie(&self, headers: &HeaderMap, host: Host<'_>) -> bool {
        let is_said = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
        let name = host.cookie_name();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (known, value) = cookie.trim().split_once('=')?;
            (known == name).then_some(value)
        });
        (is_said || !host.is_loopback()) && values.any(|value| self.session.is(value))
    }

    /// For the address that was printed: whoever knows the token gets a cookie, and the token leaves the address.
    fn admit(&self, request: &Request) -> Option<Response> {
        let given = request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        let is_entry = request.method() == Method::GET && request.uri().path() == "/" && self.token.is(given);
        let (name, session) = (self.host(request.headers())?.cookie_name(), self.session.reveal());
        let cookie = format!("{name}={session}; Path=/; HttpOnly; SameSite=Strict");
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

/// What a client calls this server.
#[derive(Clone, Copy)]
struct Host<'a> {
    text: &'a str,
    /// `None` for `localhost`.
    ip: Option<IpAddr>,
    port: u16,
}

impl<'a> Host<'a> {
    /// An address or `localhost`, with a port or without (RFC 9110, 7.2); `None` for any other name.
    fn read(text: &'a str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
            _ => (text, 80),
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let ip = bare.parse().ok();
        (ip.is_some() || name.eq_ignore_ascii_case("localhost")).then_some(Host { text, ip, port })
    }

    fn is_loopback(&self) -> bool {
        self.ip.is_none_or(|ip| ip.is_loopback())
    }

    /// Each port has its own, as the browser knows it: two instances must not take each other's.
    fn cookie_name(&self) -> String {
        format!("socklab-{}", self.port)
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
        Err(problem) => match guard.admit(&request).filter(|_| problem.is_token()) {
            Some(response) => response,
            None => refuse(&request, problem, lang),
        },
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
        let allowed = response.headers_mut().remove(header::ALLOW).map(|allowed| (header::ALLOW, allowed));
        response = (status, Json(body)).into_response();
        response.headers_mut().extend(allowed);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
