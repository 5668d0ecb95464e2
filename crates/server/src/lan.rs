//! The virtual network, as clients see and change it: who is on it, links and what is wrong with them, connections, and
//! the frames that went by. What the network does belongs to the crate `lan`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use socklab_engine::lan::{
    Connection, Counts, Direction, FaultError, FaultSpec, FrameRow, Interface, LanReport, Medium, NotSteered, PortId,
    PortRow, Segment, Sent, Steer, Time, Verdict,
};
use socklab_engine::{Command as Do, Forward, Lang, Reply as Done};
use utoipa::{IntoParams, ToSchema};

use crate::ask::Wanted;
use crate::command::Reply;
use crate::problem::{Problem, ProblemBody};
use crate::state::millis;
use crate::workbench::Workbench;

/// Frames in one answer.
const MOST_FRAMES: usize = 1000;

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

/// The network.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LanView {
    /// What every chance is drawn from.
    seed: u64,
    boards: Vec<PortView>,
    /// Access points.
    air: Vec<AirView>,
    /// What DHCP has given.
    leases: Vec<LeaseView>,
    /// Connections with this machine, as its side has them.
    flows: Vec<FlowView>,
    /// All connections that were seen, those between boards included.
    connections: Vec<ConnectionView>,
}

/// A board's place on the network.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct PortView {
    name: String,
    mac: String,
    /// By cable, or by radio.
    cable: bool,
    /// Whether frames pass: it has a cable, has joined, or is an access point.
    attached: bool,
    /// The access point that it has joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssid: Option<String>,
    /// The addresses that it has been heard with.
    addresses: Vec<String>,
    /// From the board.
    up: LinkView,
    /// To the board.
    down: LinkView,
}

/// One direction of a link: what is wrong with it, and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct LinkView {
    /// In the words of `fault`; empty where nothing is wrong.
    faults: String,
    /// Frames that came.
    frames: u64,
    /// Their bytes.
    bytes: u64,
    /// Frames that were delivered.
    delivered: u64,
    /// Frames that were lost, filtered, too long, or came while the link was down or its queue full.
    dropped: u64,
    /// Of these: lost.
    lost: u64,
    /// Of these: the queue was full.
    overflowed: u64,
    /// Tries that radio made again.
    retried: u64,
    /// Copies that were made.
    duplicated: u64,
    /// Frames with a wrong bit.
    corrupted: u64,
    /// Frames that overtook others.
    reordered: u64,
}

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct AirView {
    ssid: String,
    channel: u8,
    /// Whether it wants a password.
    secured: bool,
    /// Whether it is switched off.
    gone: bool,
    /// The board whose it is; the network's own has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    board: Option<String>,
}

/// An address that was given.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct LeaseView {
    address: String,
    /// What the board calls itself.
    name: String,
    mac: String,
    /// In ms since 1970.
    until: f64,
    /// Whether the board has taken it; otherwise it was only offered.
    taken: bool,
}

/// A connection with this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct FlowView {
    /// The board's end.
    board: String,
    /// The other end.
    outside: String,
    /// Whether it was dialled from outside.
    inbound: bool,
    /// Its state (RFC 9293, 3.3.2), or `held`.
    state: &'static str,
    /// Bytes from the board that wait to be read.
    unread: usize,
    /// Bytes for the board that it has not acknowledged.
    unsent: usize,
}

/// A connection as its segments show it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
struct ConnectionView {
    /// Who dialled.
    from: String,
    to: String,
    /// `dialled`, `open`, `half-closed`, `closed` or `reset`.
    stage: String,
    /// When its last segment went by, in ms since 1970.
    heard: f64,
    /// What the one that dialled has sent.
    sent: SentView,
    /// What the other has sent.
    answered: SentView,
}

/// What one side of a connection has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct SentView {
    segments: u64,
    /// Bytes of payload, those that were sent again included.
    bytes: u64,
    /// Segments of which everything had been sent before.
    again: u64,
    /// Segments that came before one that they follow.
    early: u64,
    /// The last window that it offered, without its scale.
    window: u16,
}

impl From<Sent> for SentView {
    fn from(sent: Sent) -> Self {
        let Sent { segments, bytes, retransmitted, early, window } = sent;
        SentView { segments, bytes, again: retransmitted, early, window }
    }
}

impl LinkView {
    fn new(counts: &Counts, faults: &str) -> Self {
        LinkView {
            faults: faults.to_owned(),
            frames: counts.frames,
            bytes: counts.bytes,
            delivered: counts.delivered,
            dropped: counts.filtered + counts.too_long + counts.down + counts.lost + counts.overflowed,
            lost: counts.lost,
            overflowed: counts.overflowed,
            retried: counts.retried,
            duplicated: counts.duplicated,
            corrupted: counts.corrupted,
            reordered: counts.reordered,
        }
    }
}

impl LanView {
    /// The network as it is now, if there is one.
    pub(crate) async fn ask(workbench: &Workbench) -> Result<Option<Self>, Problem> {
        match workbench.ask(Do::Lan).await? {
            Done::Lan(report) => Ok(report.map(|report| LanView::new(&report))),
            _ => Ok(None),
        }
    }

    fn new(report: &LanReport) -> Self {
        let LanReport { status, seed, start } = report;
        let at = |time: Time| millis(start.after(time.since(Time::ZERO)));
        let name = |id: PortId| status.ports.iter().find(|row| row.port == id).map(|row| row.name.clone());
        // A radio that is an access point as well has two links.
        let link = |row: &PortRow, direction: usize| {
            let mut counts = Counts::default();
            let its = status.ports.iter().filter(|other| other.port == row.port);
            its.for_each(|other| counts += other.counts[direction]);
            LinkView::new(&counts, &row.faults[direction])
        };
        let port = |row: &PortRow| PortView {
            name: row.name.clone(),
            mac: row.mac.to_string(),
            cable: row.medium == Medium::Cable,
            attached: status.ports.iter().any(|other| other.port == row.port && other.attached),
            ssid: {
                let joined = status.points.iter().find(|point| point.stations.contains(&row.port));
                joined.map(|point| point.ssid.clone())
            },
            addresses: {
                let held = status.arp.iter().filter(|held| held.port == row.port);
                held.map(|held| held.address.to_string()).collect()
            },
            up: link(row, 0),
            down: link(row, 1),
        };
        let connection = |seen: &Connection| ConnectionView {
            from: seen.ends[0].to_string(),
            to: seen.ends[1].to_string(),
            stage: seen.stage.to_string(),
            heard: at(seen.heard),
            sent: seen.sent[0].into(),
            answered: seen.sent[1].into(),
        };
        let air = status.points.iter().map(|row| AirView {
            ssid: row.ssid.clone(),
            channel: row.channel,
            secured: row.secured,
            gone: row.gone,
            board: row.owner.and_then(name),
        });
        let leases = status.leases.iter().map(|lease| LeaseView {
            address: lease.address.to_string(),
            name: lease.name.clone(),
            mac: lease.mac.to_string(),
            until: at(lease.until),
            taken: lease.taken,
        });
        let flows = status.flows.iter().map(|flow| FlowView {
            board: flow.board.to_string(),
            outside: flow.outside.to_string(),
            inbound: flow.inbound,
            state: flow.state,
            unread: flow.unread,
            unsent: flow.unsent,
        });
        LanView {
            seed: *seed,
            boards: status.ports.iter().filter(|row| row.interface == Interface::Station).map(port).collect(),
            air: air.collect(),
            leases: leases.collect(),
            flows: flows.collect(),
            connections: status.connections.iter().map(connection).collect(),
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
    /// Whether all of it had been sent before.
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
        let text = format!("{board}{direction}{spec}");
        if let Err(error) = text.parse::<FaultSpec>() {
            return Err(no_fault(&error));
        }
        self.steer(Steer::Fault(text)).await
    }

    /// Switches an access point off, or on again.
    pub(crate) async fn switch_air(&self, name: String, gone: bool) -> Result<Reply, Problem> {
        self.steer(Steer::Air { name, gone }).await
    }

    async fn steer(&self, steer: Steer) -> Result<Reply, Problem> {
        match self.ask(Do::Steer(steer)).await? {
            Done::Steered(Ok(_)) => {
                self.gathered.look_at_lan();
                Ok(Reply::Done)
            }
            Done::Steered(Err(error)) => Err(not_steered(&error)),
            _ => Err(Problem::ended()),
        }
    }

    /// Leads a port of this machine to a board's.
    pub(crate) async fn forward(&self, text: &str) -> Result<Reply, Problem> {
        let forward: Forward = text.trim().parse().map_err(|error: socklab_engine::lan::NoForward| {
            let zh = format!("{text:?} 不是“[地址:]端口:[板子:]端口”，例如 8080:80 或 8080:esp32:80");
            Problem::bad("bad_forward", format!("{text:?} {error}"), zh)
        })?;
        self.done(Do::Forward(forward)).await
    }
}

fn no_fault(error: &FaultError) -> Problem {
    Problem::bad("bad_fault", error.to_string(), error.zh())
}

fn not_steered(error: &NotSteered) -> Problem {
    Problem::bad("not_steered", error.text(Lang::En), error.text(Lang::Zh))
}
