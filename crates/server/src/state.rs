//! What a client knows of the workbench: the words of the API for endpoints, peers, boards and all that changes while
//! somebody looks. How it is gathered belongs in `gather`; how it travels, in `live`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use socklab_capture::{EndpointId, PeerId, Timestamp};
use socklab_engine::url::Interface;
use socklab_engine::{EndpointState, EndpointStatus, LastEnd, PeerState, PeerStatus};
use utoipa::ToSchema;

use crate::boards::BoardView;
use crate::jobs::JobView;
use crate::labels::Label;
use crate::lan::LanView;

/// A time in milliseconds since 1970 UTC, with fractions; as a JSON number it is exact to a microsecond.
pub(crate) fn millis(at: Timestamp) -> f64 {
    at.0 as f64 / 1e6
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct EndpointView {
    /// `e1`.
    id: String,
    /// Its URL, with what the system filled in.
    url: String,
    /// What it is: `tcp-listen`, `tcp`, `udp`, `unix-listen`, `unix` or `unix-dgram`.
    scheme: &'static str,
    state: StateName,
    /// How its last connection ended.
    last_end: EndName,
    /// Whether it sends back what comes.
    echo: bool,
    /// The encoding of its text, where a peer has none of its own.
    encoding: String,
    /// Bytes that came from its peers, those that are gone included.
    received: u64,
    /// Bytes that the system took for them.
    sent: u64,
    /// Records of bytes that came.
    received_records: u64,
    /// Records of bytes that were taken.
    sent_records: u64,
    /// Peers, or datagrams of unknown ones, that were turned away.
    refused: u64,
    /// Datagrams that the system dropped.
    dropped: u64,
    /// Multicast groups that it has joined by command, beside that of its URL.
    groups: Vec<GroupView>,
}

/// A multicast group that an endpoint takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct GroupView {
    group: String,
    /// Where: an address, a name, or `0.0.0.0` for the system's choice.
    interface: String,
}

impl From<&(IpAddr, Interface)> for GroupView {
    fn from((group, interface): &(IpAddr, Interface)) -> Self {
        GroupView { group: group.to_string(), interface: interface.to_string() }
    }
}

/// How an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateName {
    /// Listening, connected or bound.
    Open,
    /// A connection is being made.
    Connecting,
    /// The connection failed or ended; the next attempt comes soon.
    Waiting,
    /// Over.
    Closed,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EndName {
    /// In good order, or there was none.
    Good,
    /// Torn down by the peer.
    Reset,
    /// It failed, or did not come about.
    Failed,
}

impl EndpointView {
    /// Whether it is not over.
    pub(crate) fn is_open(&self) -> bool {
        self.state != StateName::Closed
    }

    pub(crate) fn new(status: &EndpointStatus, encoding: String) -> Self {
        EndpointView {
            id: status.id.to_string(),
            url: status.url.to_string(),
            scheme: status.url.place.scheme().name(),
            state: match status.state {
                EndpointState::Open => StateName::Open,
                EndpointState::Connecting => StateName::Connecting,
                EndpointState::Waiting => StateName::Waiting,
                EndpointState::Closed => StateName::Closed,
            },
            last_end: match status.last_end {
                LastEnd::Good => EndName::Good,
                LastEnd::Reset => EndName::Reset,
                LastEnd::Failed => EndName::Failed,
            },
            echo: status.echo,
            encoding,
            received: status.tally.received,
            sent: status.tally.sent,
            received_records: status.tally.received_records,
            sent_records: status.tally.sent_records,
            refused: status.refused,
            dropped: status.dropped,
            groups: status.groups.iter().map(GroupView::from).collect(),
        }
    }
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct PeerView {
    /// `e1.3`.
    id: String,
    /// `e1`.
    endpoint: String,
    /// Its address.
    address: String,
    /// Our own address towards it.
    local: String,
    state: PeerStateName,
    /// What somebody here calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The encoding of its text.
    pub(crate) encoding: String,
    /// Since when it is there, in ms since 1970.
    since: f64,
    /// When it last sent something, in ms since 1970.
    last_seen: f64,
    /// Bytes that came from it.
    received: u64,
    /// Bytes that the system took for it.
    sent: u64,
    /// Records of both.
    records: u64,
    /// Bytes that wait to be sent.
    waiting: usize,
    /// The round trip as TCP measures it, in µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_us: Option<u32>,
    /// Segments that TCP sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retransmits: Option<u32>,
}

/// How far a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PeerStateName {
    /// Both may speak.
    Open,
    /// We have said that no more will come; the peer may go on.
    HalfClosed,
    /// The peer has said that no more will come; we may go on.
    Finished,
    /// It is being closed.
    Closing,
}

impl From<PeerState> for PeerStateName {
    fn from(state: PeerState) -> Self {
        match state {
            PeerState::Open => PeerStateName::Open,
            PeerState::HalfClosed => PeerStateName::HalfClosed,
            PeerState::Finished => PeerStateName::Finished,
            PeerState::Closing => PeerStateName::Closing,
        }
    }
}

impl PeerView {
    pub(crate) fn new(status: &PeerStatus, name: Option<String>, encoding: String) -> Self {
        PeerView {
            id: status.id.to_string(),
            endpoint: status.id.endpoint.to_string(),
            address: status.address.to_string(),
            local: status.local.to_string(),
            state: status.state.into(),
            name,
            encoding,
            since: millis(status.since),
            last_seen: millis(status.last_seen),
            received: status.received,
            sent: status.sent,
            records: status.records,
            waiting: status.waiting,
            rtt_us: status.tcp.map(|tcp| tcp.rtt.as_micros() as u32),
            retransmits: status.tcp.map(|tcp| tcp.retransmits),
        }
    }
}

/// The log of this run. Its records are fetched as windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LogView {
    /// The run's name.
    pub(crate) run: String,
    /// The first record that can still be read.
    pub(crate) first: u64,
    /// The record that comes next: those before it can be read.
    pub(crate) next: u64,
    /// Bytes of the capture on disk.
    pub(crate) bytes: u64,
}

/// Exact counts of all endpoints together, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Totals {
    /// Bytes that came.
    pub(crate) received: u64,
    /// Bytes that the system took.
    pub(crate) sent: u64,
    /// Records of bytes that came.
    pub(crate) received_records: u64,
    /// Records of bytes that were taken.
    pub(crate) sent_records: u64,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Good to know.
    Info,
    /// Something may be lost.
    Warn,
    /// Something is not done, or lost.
    Error,
}

/// Something to tell whoever looks, in both languages: the page shows one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Notice {
    /// Counts them.
    pub(crate) number: u64,
    pub(crate) level: Level,
    pub(crate) en: String,
    pub(crate) zh: String,
}

/// All that there is, or what of it has changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) endpoints: BTreeMap<EndpointId, Arc<EndpointView>>,
    pub(crate) endpoints_gone: BTreeSet<EndpointId>,
    pub(crate) peers: BTreeMap<PeerId, Arc<PeerView>>,
    pub(crate) peers_gone: BTreeSet<PeerId>,
    pub(crate) log: Option<LogView>,
    pub(crate) totals: Option<Totals>,
    pub(crate) boards: BTreeMap<u32, Arc<BoardView>>,
    pub(crate) boards_gone: BTreeSet<u32>,
    pub(crate) lan: Option<Arc<LanView>>,
    pub(crate) jobs: BTreeMap<u32, Arc<JobView>>,
    pub(crate) jobs_gone: BTreeSet<u32>,
    pub(crate) labels: Option<Vec<Label>>,
    pub(crate) notices: Vec<Arc<Notice>>,
    pub(crate) standing: Option<Vec<Arc<Notice>>>,
}

/// So many notices are remembered.
const NOTICES: usize = 100;

impl Picture {
    /// Takes in what has changed since: two changes become one, and a whole stays whole.
    pub(crate) fn merge(&mut self, newer: &Picture) {
        merge_map(&mut self.endpoints, &mut self.endpoints_gone, &newer.endpoints, &newer.endpoints_gone);
        merge_map(&mut self.peers, &mut self.peers_gone, &newer.peers, &newer.peers_gone);
        merge_map(&mut self.boards, &mut self.boards_gone, &newer.boards, &newer.boards_gone);
        merge_map(&mut self.jobs, &mut self.jobs_gone, &newer.jobs, &newer.jobs_gone);
        self.log = newer.log.clone().or(self.log.take());
        self.totals = newer.totals.or(self.totals);
        self.lan = newer.lan.clone().or(self.lan.take());
        self.labels = newer.labels.clone().or(self.labels.take());
        self.notices.extend(newer.notices.iter().cloned());
        let surplus = self.notices.len().saturating_sub(NOTICES);
        self.notices.drain(..surplus);
        self.standing = newer.standing.clone().or(self.standing.take());
    }

    /// Forgets who is gone: of a whole, nobody needs to know.
    pub(crate) fn forget_gone(&mut self) {
        self.endpoints_gone.clear();
        self.peers_gone.clear();
        self.boards_gone.clear();
        self.jobs_gone.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
            && self.endpoints_gone.is_empty()
            && self.peers.is_empty()
            && self.peers_gone.is_empty()
            && self.log.is_none()
            && self.totals.is_none()
            && self.boards.is_empty()
            && self.boards_gone.is_empty()
            && self.lan.is_none()
            && self.jobs.is_empty()
            && self.jobs_gone.is_empty()
            && self.labels.is_none()
            && self.notices.is_empty()
            && self.standing.is_none()
    }
}

/// An id that is gone is not used again, but one may come and go between two looks.
fn merge_map<K: Ord + Copy, V>(
    map: &mut BTreeMap<K, Arc<V>>,
    gone: &mut BTreeSet<K>,
    newer: &BTreeMap<K, Arc<V>>,
    newly_gone: &BTreeSet<K>,
) {
    map.extend(newer.iter().map(|(id, view)| (*id, Arc::clone(view))));
    for id in newly_gone {
        map.remove(id);
        gone.insert(*id);
    }
}

/// All that there is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct State {
    endpoints: Vec<Arc<EndpointView>>,
    peers: Vec<Arc<PeerView>>,
    log: LogView,
    totals: Totals,
    boards: Vec<Arc<BoardView>>,
    lan: Option<Arc<LanView>>,
    jobs: Vec<Arc<JobView>>,
    /// What is called something, or has an encoding of its own; also what is gone.
    labels: Vec<Label>,
    /// What has happened, the newest last.
    notices: Vec<Arc<Notice>>,
    /// What is wrong now, the oldest first.
    standing: Vec<Arc<Notice>>,
}

impl State {
    /// `None` before anything was gathered.
    pub(crate) fn of(picture: &Picture) -> Option<Self> {
        Some(State {
            endpoints: picture.endpoints.values().cloned().collect(),
            peers: picture.peers.values().cloned().collect(),
            log: picture.log.clone()?,
            totals: picture.totals?,
            boards: picture.boards.values().cloned().collect(),
            lan: picture.lan.clone(),
            jobs: picture.jobs.values().cloned().collect(),
            labels: picture.labels.clone().unwrap_or_default(),
            notices: picture.notices.clone(),
            standing: picture.standing.clone().unwrap_or_default(),
        })
    }
}

/// What has changed. What is not there has not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    endpoints: Vec<Arc<EndpointView>>,
    /// Ids of endpoints that are listed no longer.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    endpoints_gone: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    peers: Vec<Arc<PeerView>>,
    /// Ids of peers that are gone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    peers_gone: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    boards: Vec<Arc<BoardView>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    boards_gone: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lan: Option<Arc<LanView>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    jobs: Vec<Arc<JobView>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    jobs_gone: Vec<String>,
    /// All of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<Label>>,
    /// New ones.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    notices: Vec<Arc<Notice>>,
    /// All that is wrong now, where that has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Vec<Arc<Notice>>>,
}

impl From<Picture> for Change {
    fn from(picture: Picture) -> Self {
        Change {
            endpoints: picture.endpoints.into_values().collect(),
            endpoints_gone: picture.endpoints_gone.iter().map(ToString::to_string).collect(),
            peers: picture.peers.into_values().collect(),
            peers_gone: picture.peers_gone.iter().map(ToString::to_string).collect(),
            log: picture.log,
            totals: picture.totals,
            boards: picture.boards.into_values().collect(),
            boards_gone: picture.boards_gone.iter().map(|id| format!("b{id}")).collect(),
            lan: picture.lan,
            jobs: picture.jobs.into_values().collect(),
            jobs_gone: picture.jobs_gone.iter().map(|id| format!("j{id}")).collect(),
            labels: picture.labels,
            notices: picture.notices,
            standing: picture.standing,
        }
    }
}

/// What a client hears.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message {
    /// All that there is, once.
    Snapshot {
        /// 0.
        n: u64,
        state: Box<State>,
    },
    /// What has changed since the message before.
    Change {
        /// Counts the messages.
        n: u64,
        #[serde(flatten)]
        change: Box<Change>,
    },
}
