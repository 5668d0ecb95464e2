//! What is done at a board: its console as a WebSocket, its files, and the look at a program before it runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use socklab_engine::Lang;
use socklab_engine::board::flash::Flash;
use socklab_engine::board::{Profile, look};
use utoipa::ToSchema;

use crate::ask::{Asked, Whole};
use crate::boards::{Member, no_such_profile};
use crate::guard::Speaks;
use crate::problem::{Problem, ProblemBody};
use crate::workbench::Workbench;

/// A pasted program fits in a message.
const LONGEST: usize = 1 << 20;

/// A seat at a board's console: what it prints comes as binary messages; what is sent is typed. First comes the end of
/// what it has printed before, and then the text message `{"replayed":true}`: what was asked of a terminal up to there was
/// answered when it was asked. Where more was printed than is kept, a text message says how much: `{"skipped":1234}`.
#[utoipa::path(get, path = "/api/boards/{board}/console", params(("board" = String, Path)),
    responses((status = 101), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn console(
    State(workbench): State<Arc<Workbench>>,
    Path(board): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    let member = workbench.board_named(&board)?;
    Ok(upgrade.max_message_size(LONGEST).on_upgrade(async move |socket| {
        let _ = sit(socket, &member).await; // an error is that nobody sits there any more
    }))
}

async fn sit(mut socket: WebSocket, member: &Member) -> Result<(), axum::Error> {
    // It only types: what is printed comes out of the scroll, which holds up no board.
    let seat = member.remote().attach(|_| Err(std::io::ErrorKind::Unsupported.into()));
    let mut printed = member.scroll().watch();
    let (mut at, mut is_replay) = (0, true);
    loop {
        printed.mark_unchanged();
        let (skipped, bytes, next) = member.scroll().after(at);
        if skipped > 0 && at > 0 {
            socket.send(Frame::Text(format!("{{\"skipped\":{skipped}}}").into())).await?;
        }
        if !bytes.is_empty() {
            socket.send(Frame::Binary(bytes.into())).await?;
        }
        at = next;
        if std::mem::take(&mut is_replay) {
            socket.send(Frame::Text("{\"replayed\":true}".into())).await?;
        }
        if printed.borrow().is_over {
            return socket.send(Frame::Close(None)).await;
        }
        tokio::select! {
            changed = printed.changed() => if changed.is_err() { return Ok(()) },
            said = socket.recv() => match said.transpose()? {
                Some(Frame::Text(text)) => drop(seat.type_in(text.as_bytes())),
                Some(Frame::Binary(bytes)) => drop(seat.type_in(&bytes)),
                Some(Frame::Ping(_) | Frame::Pong(_)) => {}
                Some(Frame::Close(_)) | None => return Ok(()),
            },
        }
    }
}

/// A file in a board's flash.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlashFile {
    /// Its path, without the first slash: `lib/x.py`.
    path: String,
    /// How long it is.
    bytes: u64,
}

/// The files in a flash, by path.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlashFiles {
    files: Vec<FlashFile>,
}

fn flash(workbench: &Workbench, board: &str) -> Result<Flash, Problem> {
    let member = workbench.board_named(board)?;
    Flash::open(&member.flash.to_string_lossy()).map_err(|error| told(&error))
}

fn told(error: &std::io::Error) -> Problem {
    let cause = |lang| socklab_engine::failure::cause(error, lang);
    match error.kind() {
        std::io::ErrorKind::NotFound => Problem::missing("no_such_file", cause(Lang::En), cause(Lang::Zh)),
        _ => Problem::of_system("flash", error),
    }
}

/// The files in a board's flash.
#[utoipa::path(get, path = "/api/boards/{board}/flash", params(("board" = String, Path)),
    responses((status = 200, body = FlashFiles), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn files(
    State(workbench): State<Arc<Workbench>>,
    Path(board): Path<String>,
) -> Result<Json<FlashFiles>, Problem> {
    let files = flash(&workbench, &board)?.files().map_err(|error| told(&error))?;
    Ok(Json(FlashFiles { files: files.into_iter().map(|(path, bytes)| FlashFile { path, bytes }).collect() }))
}

/// A file's bytes.
#[utoipa::path(get, operation_id = "read_file", path = "/api/boards/{board}/flash/{*path}",
    params(("board" = String, Path), ("path" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(workbench): State<Arc<Workbench>>,
    Path((board, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let bytes = flash(&workbench, &board)?.bytes(&path).map_err(|error| told(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Write a file, and make the directories that it is in.
#[utoipa::path(put, operation_id = "write_file", path = "/api/boards/{board}/flash/{*path}",
    params(("board" = String, Path), ("path" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn write(
    State(workbench): State<Arc<Workbench>>,
    Path((board, path)): Path<(String, String)>,
    Whole(body): Whole,
) -> Result<axum::http::StatusCode, Problem> {
    flash(&workbench, &board)?.put(&path, &body).map_err(|error| told(&error))?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// Remove a file, or an empty directory.
#[utoipa::path(delete, operation_id = "remove_file", path = "/api/boards/{board}/flash/{*path}",
    params(("board" = String, Path), ("path" = String, Path)),
    responses((status = 204), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn remove(
    State(workbench): State<Arc<Workbench>>,
    Path((board, path)): Path<(String, String)>,
) -> Result<axum::http::StatusCode, Problem> {
    flash(&workbench, &board)?.remove(&path).map_err(|error| told(&error))?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// A program to look at.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Looked {
    /// The board that it is for.
    profile: String,
    source: String,
}

/// Something in it that will not do what it seems to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Remark {
    /// From 1.
    line: u32,
    text: String,
}

/// What there is to say about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Remarks {
    warnings: Vec<Remark>,
}

/// Look at a program before it runs.
#[utoipa::path(post, path = "/api/look", request_body = Looked,
    responses((status = 200, body = Remarks), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn look_at(Speaks(lang): Speaks, Asked(asked): Asked<Looked>) -> Result<Json<Remarks>, Problem> {
    let profile = Profile::named(&asked.profile).ok_or_else(no_such_profile)?;
    let looking = tokio::task::spawn_blocking(move || look::look(&asked.source, profile));
    let warnings = looking.await.map_err(|_| Problem::ended())?;
    let remarks = warnings.iter().map(|warning| Remark { line: warning.line, text: warning.kind.text(lang) });
    Ok(Json(Remarks { warnings: remarks.collect() }))
}
