//! Why something was not done: a status, a code for programs, a line for people. The line is in both languages until
//! `guard` knows who asks.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use socklab_capture::run::RunError;
use socklab_engine::lan::{NoPlace, NotSteered};
use socklab_engine::trouble::capture_text;
use socklab_engine::url::UrlError;
use socklab_engine::{Failure, Lang};
use utoipa::ToSchema;

/// Why a request was not answered as it asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    en: String,
    zh: String,
}

/// What the client gets of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    error: Told,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Told {
    /// For programs: `no_such_endpoint`.
    code: &'static str,
    /// For people: one line in the language of the request, without a full stop.
    text: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Problem { status, code, en: en.into(), zh: zh.into() }
    }

    /// The request itself is wrong.
    pub(crate) fn bad(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, en, zh)
    }

    /// The system refused, for this reason.
    pub(crate) fn of_system(code: &'static str, error: &std::io::Error) -> Self {
        let cause = |lang| socklab_engine::failure::cause(error, lang);
        Problem::bad(code, cause(Lang::En), cause(Lang::Zh))
    }

    /// Things are not so that it could be done.
    pub(crate) fn conflict(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Problem::new(StatusCode::CONFLICT, code, en, zh)
    }

    /// What it is about is not there.
    pub(crate) fn missing(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, code, en, zh)
    }

    /// The engine ends just now.
    pub(crate) fn ended() -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ended", "the workbench is shutting down", "工作台正在关闭")
    }

    pub(crate) fn no_endpoint(id: impl std::fmt::Display) -> Self {
        Problem::missing(
            "no_such_endpoint",
            format!("no endpoint {id} that can do that"),
            format!("没有可以这样做的端点 {id}"),
        )
    }

    pub(crate) fn no_peer(id: impl std::fmt::Display) -> Self {
        Problem::missing("no_such_peer", format!("there is no peer {id}"), format!("没有对端 {id}"))
    }

    pub(crate) fn not_over(id: impl std::fmt::Display) -> Self {
        Problem::conflict("endpoint_is_open", format!("{id} is not closed yet"), format!("{id} 还没有关闭"))
    }

    pub(crate) fn no_board(id: &str) -> Self {
        Problem::missing("no_such_board", format!("there is no board {id}"), format!("没有板子 {id}"))
    }

    /// As the client reads it.
    pub(crate) fn told(&self, lang: Lang) -> (StatusCode, ProblemBody) {
        let text = lang.pick(&self.en, &self.zh).to_owned();
        (self.status, ProblemBody { error: Told { code: self.code, text } })
    }

    /// Whether nothing but the token is missing.
    pub(crate) fn is_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// The line in one language.
    pub(crate) fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

/// The body comes when the language is known: see `guard`.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (en, zh) = (failure.text(Lang::En), failure.text(Lang::Zh));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused_by_system", en, zh)
    }
}

impl From<NotSteered> for Problem {
    fn from(error: NotSteered) -> Self {
        Problem::bad("not_steered", error.text(Lang::En), error.text(Lang::Zh))
    }
}

impl From<NoPlace> for Problem {
    fn from(error: NoPlace) -> Self {
        Problem::bad("no_place", error.text(Lang::En), error.text(Lang::Zh))
    }
}

impl From<UrlError> for Problem {
    fn from(error: UrlError) -> Self {
        Problem::bad("bad_url", error.text(Lang::En), error.text(Lang::Zh))
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        let (en, zh) = (capture_text(&error, Lang::En), capture_text(&error, Lang::Zh));
        match error {
            RunError::NoSuchRun { .. } | RunError::NoRuns(_) => Problem::missing("no_such_run", en, zh),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "capture", en, zh),
        }
    }
}
