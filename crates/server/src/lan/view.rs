//! The virtual network at one moment, in the words of the API.

use std::net::IpAddr;

use serde::Serialize;
use socklab_engine::lan::{
    Connection, Counts, FlowRow, Interface, LanReport, LanStatus, Lease, Medium, PointRow, PortId, PortRow, Sent, Time,
};
use socklab_engine::{Command as Do, Forward, Reply as Done};
use utoipa::ToSchema;

use super::NetworkSettings;
use crate::problem::Problem;
use crate::state::millis;
use crate::workbench::Workbench;

/// The network.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LanView {
    settings: NetworkSettings,
    boards: Vec<PortView>,
    /// Access points.
    air: Vec<AirView>,
    /// What DHCP has given.
    leases: Vec<LeaseView>,
    /// Ports of this machine that lead to boards.
    forwards: Vec<ForwardView>,
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
    /// What is wrong with it, in the words of `socklab lan air`; nothing if it is empty.
    faults: String,
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

/// A port of this machine that leads to a board's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct ForwardView {
    /// Where it listens.
    at: String,
    /// Whose port; that of the one board there is, if it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    board: Option<String>,
    /// The board's port.
    port: u16,
}

impl LanView {
    /// Where boards have been heard.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.boards.iter().flat_map(|board| &board.addresses).filter_map(|address| address.parse().ok())
    }
}

impl From<&Forward> for ForwardView {
    fn from(forward: &Forward) -> Self {
        ForwardView { at: forward.at.to_string(), board: forward.board.clone(), port: forward.port }
    }
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
    /// Segments whose first number had been sent before: data, SYN and FIN.
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
        let LanReport { status, settings, forwards, start } = report;
        let at = |time: Time| millis(start.after(time.since(Time::ZERO)));
        LanView {
            settings: settings.into(),
            boards: {
                let boards = status.ports.iter().filter(|row| row.interface == Interface::Station);
                boards.map(|row| PortView::new(row, status)).collect()
            },
            air: status.points.iter().map(|row| AirView::new(row, status)).collect(),
            leases: status.leases.iter().map(|lease| LeaseView::new(lease, at(lease.until))).collect(),
            forwards: forwards.iter().map(ForwardView::from).collect(),
            flows: status.flows.iter().map(FlowView::from).collect(),
            connections: status.connections.iter().map(|seen| ConnectionView::new(seen, at(seen.heard))).collect(),
        }
    }
}

impl PortView {
    fn new(row: &PortRow, status: &LanStatus) -> Self {
        let joined = status.points.iter().find(|point| point.stations.contains(&row.port));
        let held = status.arp.iter().filter(|held| held.port == row.port);
        // A radio that is an access point as well has two links.
        let its = || status.ports.iter().filter(|other| other.port == row.port);
        let link = |direction: usize| {
            let mut counts = Counts::default();
            its().for_each(|other| counts += other.counts[direction]);
            LinkView::new(&counts, &row.faults[direction])
        };
        PortView {
            name: row.name.clone(),
            mac: row.mac.to_string(),
            cable: row.medium == Medium::Cable,
            attached: its().any(|other| other.attached),
            ssid: joined.map(|point| point.ssid.clone()),
            addresses: held.map(|held| held.address.to_string()).collect(),
            up: link(0),
            down: link(1),
        }
    }
}

impl AirView {
    fn new(row: &PointRow, status: &LanStatus) -> Self {
        let name = |id: PortId| status.ports.iter().find(|row| row.port == id).map(|row| row.name.clone());
        AirView {
            ssid: row.ssid.clone(),
            channel: row.channel,
            secured: row.secured,
            faults: row.faults.clone(),
            board: row.owner.and_then(name),
        }
    }
}

impl LeaseView {
    fn new(lease: &Lease, until: f64) -> Self {
        let (address, mac) = (lease.address.to_string(), lease.mac.to_string());
        LeaseView { address, name: lease.name.clone(), mac, until, taken: lease.taken }
    }
}

impl From<&FlowRow> for FlowView {
    fn from(row: &FlowRow) -> Self {
        FlowView {
            board: row.board.to_string(),
            outside: row.outside.to_string(),
            inbound: row.inbound,
            state: row.state,
            unread: row.unread,
            unsent: row.unsent,
        }
    }
}

impl ConnectionView {
    fn new(seen: &Connection, heard: f64) -> Self {
        ConnectionView {
            from: seen.ends[0].to_string(),
            to: seen.ends[1].to_string(),
            stage: seen.stage.to_string(),
            heard,
            sent: seen.sent[0].into(),
            answered: seen.sent[1].into(),
        }
    }
}
