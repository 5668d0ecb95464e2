//! The virtual network, as clients see and change it: links and what is wrong with them, forwards, boards' sockets, and
//! the frames that went by. How it is at one moment stands in `view`, what it is like in `settings`; what the network
//! does belongs to the crate `lan`.

mod settings;
mod view;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use socklab_engine::lan::{AirFaults, Direction, FaultError, FaultSpec, FrameRow, Segment, Steer, Verdict};
use socklab_engine::{Command as Do, Forward, Reply as Done};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

pub(crate) use self::settings::NetworkSettings;
pub(crate) use self::view::LanView;
use crate::ask::{Wanted, no_port};
use crate::command::Reply;
use crate::guard::Speaks;
use crate::problem::{Problem, ProblemBody};
use crate::state::millis;
use crate::workbench::Workbench;

/// Frames in one answer.
const MOST_FRAMES: usize = 1000;

/// Pieces of a capture that wait for who follows it; then frames are left out, and counted.
const PIECES: usize = 4;

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Link {
    /// From the board.
    Up,
    /// To the board.
    Down,
}

impl Link {
    fn word(self) -> &'static str {
        match self {
            Link::Up => "up",
            Link::Down => "down",
        }
    }
}

impl From<Direction> for Link {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Up => Link::Up,
            Direction::Down => Link::Down,
        }
    }
}

/// Which frames are wanted.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FramesQuery {
    /// From this one on; all that are kept if it is not there.
    #[serde(default)]
    from: u64,
}

/// Frames that went by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Frames {
    frames: Vec<FrameView>,
    /// Where to go on.
    next: u64,
}

/// A frame that has come to the end of a link, or to its own.
#[derive(Debug, Serialize, ToSchema)]
struct FrameView {
    /// Counts them, from 1.
    number: u64,
    /// In ms since 1970.
    at: f64,
    /// The board at whose link it was.
    board: String,
    direction: Link,
    /// Whether it was delivered.
    delivered: bool,
    /// What became of it: `delivered`, `delivered copy`, `dropped: lost`.
    verdict: String,
    /// It, in a few words: `192.168.1.20:49152 > 192.168.1.115:80 tcp S 0`.
    brief: String,
    /// In bytes.
    length: usize,
    /// The segment in it, if it is TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<SegmentView>,
}

/// A segment of TCP.
#[derive(Debug, Serialize, ToSchema)]
struct SegmentView {
    from: String,
    to: String,
    syn: bool,
    ack: bool,
    fin: bool,
    rst: bool,
    /// The number of its first byte.
    seq: u32,
    /// The number of the byte that is wanted next.
    ack_number: u32,
    /// Without its scale.
    window: u16,
    /// Bytes of payload.
    length: usize,
    /// Whether its first byte had been sent before.
    again: bool,
}

impl From<FrameRow> for FrameView {
    fn from(row: FrameRow) -> Self {
        let again = row.again;
        let tcp = |segment: Segment| SegmentView {
            from: segment.from.to_string(),
            to: segment.to.to_string(),
            syn: segment.syn,
            ack: segment.ack,
            fin: segment.fin,
            rst: segment.rst,
            seq: segment.seq,
            ack_number: segment.ack_number,
            window: segment.window,
            length: segment.length,
            again,
        };
        FrameView {
            number: row.number,
            at: millis(row.at),
            board: row.board,
            direction: row.direction.into(),
            delivered: matches!(row.verdict, Verdict::Delivered(_)),
            verdict: row.verdict.to_string(),
            brief: row.brief,
            length: row.length,
            tcp: row.segment.map(tcp),
        }
    }
}

/// Frames of the virtual network, the newest 5000 at most. They are kept while somebody asks for them: the first answer
/// is empty, and 10 s after the last question all is as before.
#[utoipa::path(get, path = "/api/lan/frames", params(FramesQuery),
    responses((status = 200, body = Frames), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn frames(
    State(workbench): State<Arc<Workbench>>,
    Wanted(query): Wanted<FramesQuery>,
) -> Result<Json<Frames>, Problem> {
    let Done::Frames(rows) = workbench.ask(Do::Frames(query.from)).await? else { return Err(Problem::ended()) };
    let frames: Vec<FrameView> = rows.into_iter().take(MOST_FRAMES).map(FrameView::from).collect();
    let next = frames.last().map_or(query.from, |frame| frame.number + 1);
    Ok(Json(Frames { frames, next }))
}

/// A board and its sockets.
#[derive(Debug, Serialize, ToSchema)]
struct BoardSockets {
    board: String,
    /// A line for each, and for each neighbour that it knows, as `socklab lan netstat` has them.
    lines: Vec<String>,
}

/// The boards that have answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Netstat {
    boards: Vec<BoardSockets>,
}

/// What sockets boards have, as they tell themselves. One that is being reset is not among them.
#[utoipa::path(get, path = "/api/lan/netstat",
    responses((status = 200, body = Netstat), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn netstat(
    State(workbench): State<Arc<Workbench>>,
    Speaks(lang): Speaks,
) -> Result<Json<Netstat>, Problem> {
    let Done::Netstat(told) = workbench.ask(Do::Netstat(lang)).await? else { return Err(Problem::ended()) };
    let sockets =
        |(board, told): (String, String)| BoardSockets { board, lines: told.lines().map(str::to_owned).collect() };
    Ok(Json(Netstat { boards: told.into_iter().map(sockets).collect() }))
}

/// The frames of the network from now on, as pcapng, for as long as somebody reads: `curl ... | wireshark -k -i -`. The
/// network waits for nobody; what a slow reader misses is counted in the capture.
#[utoipa::path(get, operation_id = "follow_frames", path = "/api/lan/capture",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn capture(State(workbench): State<Arc<Workbench>>) -> Response {
    let (pieces, taken) = mpsc::channel(PIECES);
    tokio::spawn(async move { workbench.ask(Do::Follow(pieces)).await });
    let body = Body::from_stream(ReceiverStream::new(taken).map(Ok::<_, Infallible>));
    let kind = (header::CONTENT_TYPE, "application/octet-stream");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"frames.pcapng\"");
    ([kind, name], body).into_response()
}

impl Workbench {
    /// Changes what is wrong with links.
    pub(crate) async fn harm(
        &self,
        board: Option<&str>,
        direction: Option<Link>,
        spec: &str,
    ) -> Result<Reply, Problem> {
        let board = board.map(|board| format!("{board}:")).unwrap_or_default();
        let direction = direction.map(|direction| format!("{}:", direction.word())).unwrap_or_default();
        let text = format!("{board}{direction}{}", whole(spec));
        if let Err(error) = text.parse::<FaultSpec>() {
            return Err(no_fault(&error));
        }
        self.steer(Steer::Fault(text)).await
    }

    /// Changes what is wrong with an access point.
    pub(crate) async fn change_air(&self, name: String, spec: String) -> Result<Reply, Problem> {
        if let Err(error) = spec.parse::<AirFaults>() {
            return Err(no_fault(&error));
        }
        self.steer(Steer::Air { name, spec }).await
    }

    async fn steer(&self, steer: Steer) -> Result<Reply, Problem> {
        match self.ask(Do::Steer(steer)).await? {
            Done::Steered(Ok(_)) => {
                self.gathered.look_at_lan();
                Ok(Reply::Done)
            }
            Done::Steered(Err(error)) => Err(error.into()),
            _ => Err(Problem::ended()),
        }
    }

    /// Puts a network that is like this in the place of the one there is.
    pub(crate) async fn set_network(&self, settings: NetworkSettings) -> Result<Reply, Problem> {
        let set = self.done(Do::RenewLan(settings.try_into()?)).await?;
        self.gathered.look_at_lan();
        Ok(set)
    }

    /// Leads a port of this machine to a board's.
    pub(crate) async fn forward(&self, text: &str) -> Result<Reply, Problem> {
        let forward: Forward = text.trim().parse().map_err(|error: socklab_engine::lan::NoForward| {
            let is_number = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(port) = text.trim().split(':').filter(is_number).find(|word| word.parse::<u16>().is_err()) {
                return no_port(port);
            }
            let zh = format!("{text:?} 不是“[地址:]端口:[板子:]端口”，例如 8080:80 或 8080:esp32:80");
            Problem::bad("bad_forward", format!("{text:?} {error}"), zh)
        })?;
        match (&forward.board, &self.boards.names()[..]) {
            (Some(board), names) if !names.contains(board) => return Err(Problem::no_board(board)),
            (None, [_]) | (Some(_), _) => {}
            (None, _) => {
                return Err(Problem::bad("which_board", "say which board: 8080:esp32:80", "请指明板子：8080:esp32:80"));
            }
        }
        let forwarded = self.done(Do::Forward(forward)).await?;
        self.gathered.look_at_lan();
        Ok(forwarded)
    }

    /// Leads the port nowhere any more.
    pub(crate) async fn end_forward(&self, at: SocketAddr) -> Result<Reply, Problem> {
        let ended = self.done(Do::EndForward(at)).await?;
        self.gathered.look_at_lan();
        Ok(ended)
    }
}

/// What is not named is as it should be: no words at all are a preset's name.
pub(crate) fn whole(spec: &str) -> &str {
    if spec.trim().is_empty() { "perfect" } else { spec }
}

fn no_fault(error: &FaultError) -> Problem {
    Problem::bad("bad_fault", error.to_string(), error.zh())
}
