//! Which path leads where, and the document that describes it all.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::{self, Guard};
use crate::problem::Problem;
use crate::state::State as Whole;
use crate::workbench::Workbench;
use crate::{command, desk, hello, jobs, lan, live, metrics, page, records, runs};

/// The longest command: a message of that size, and its JSON around it.
const LONGEST_COMMAND: usize = 16 << 20;

#[derive(OpenApi)]
#[openapi(info(
    title = "Socklab",
    description = "The workbench's own API. Who asks has to know the token: \
    `Authorization: Bearer TOKEN`."
))]
struct Document;

fn described() -> OpenApiRouter<Arc<Workbench>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(hello::hello))
        .routes(routes!(hello::reach))
        .routes(routes!(state))
        .routes(routes!(live::live))
        .routes(routes!(command::command))
        .routes(routes!(records::window))
        .routes(routes!(records::one))
        .routes(routes!(runs::all))
        .routes(routes!(runs::remove))
        .routes(routes!(runs::stat))
        .routes(routes!(runs::search))
        .routes(routes!(runs::export))
        .routes(routes!(desk::console))
        .routes(routes!(desk::files))
        .routes(routes!(desk::read, desk::write, desk::remove))
        .routes(routes!(desk::look_at))
        .routes(routes!(lan::frames))
        .routes(routes!(lan::netstat))
        .routes(routes!(lan::capture))
        .routes(routes!(metrics::metrics))
        .layer(DefaultBodyLimit::max(LONGEST_COMMAND))
        .merge(OpenApiRouter::new().routes(routes!(jobs::send_file)).layer(DefaultBodyLimit::disable()))
}

/// The document: OpenAPI 3.1, as JSON.
pub fn openapi() -> String {
    let (_, document) = described().split_for_parts();
    document.to_pretty_json().unwrap_or_default() + "\n"
}

/// Everything, behind the guard.
pub(crate) fn router(workbench: Arc<Workbench>, guard: Guard, pages: page::Page) -> Router {
    let (router, _) = described().split_for_parts();
    let document: Arc<str> = openapi().into();
    let json = [(axum::http::header::CONTENT_TYPE, "application/json")];
    router
        .route("/api/openapi.json", get(async move || (json, document.to_string())))
        .with_state(workbench)
        .fallback(async move |uri: axum::http::Uri| pages.get(uri.path()).unwrap_or_else(nothing_there))
        .method_not_allowed_fallback(async || {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Problem::new(status, "bad_method", "not with this method", "不支持这种请求方式")
        })
        .layer(axum::middleware::from_fn_with_state(Arc::new(guard), guard::stand))
}

fn nothing_there() -> Response {
    Problem::missing("not_found", "there is nothing here", "这里什么也没有").into_response()
}

/// All that there is, now.
#[utoipa::path(get, path = "/api/state", responses((status = 200, body = Whole)))]
async fn state(State(workbench): State<Arc<Workbench>>) -> Result<axum::Json<Whole>, Problem> {
    workbench.gather().await?;
    workbench.gathered.state().map(axum::Json).ok_or_else(Problem::ended)
}
