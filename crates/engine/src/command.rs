//! What an engine can be told and what it answers: values, so that they can come from anywhere.
//! What is done with them belongs in `obey`.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use socklab_capture::{Address, EndpointId, PeerId, Timestamp};
use tokio::sync::mpsc;

use crate::failure::{Failure, Lang};
use crate::hub::EndpointState;
use crate::lan::{Forward, FrameRow, LanPort, LanReport, LanSettings, NoPlace, NotSteered, Steer};
use crate::peer::{Ending, Outcome, PeerState};
use crate::sys::TcpInfo;
use crate::url::{EndpointUrl, Interface, Target};
use crate::watch::Tally;

/// Which peers a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Every peer of every endpoint.
    All,
    /// Every peer of one endpoint.
    Endpoint(EndpointId),
    /// These.
    Peers(Vec<PeerId>),
}

/// What to do where a peer's queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Say so, and go on with the next peer.
    Refuse,
    /// Wait until it has; and where there is no peer at all, until there is one.
    Wait,
}

/// What the engine can be told.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // there are few at a time, and none lives long
pub enum Command {
    /// Open an endpoint. A client without `retry` is open when it is connected.
    Open(EndpointUrl),
    /// Close an endpoint: accept no more, and close its peers.
    CloseEndpoint(EndpointId),
    /// List an endpoint that is over no longer, once its last peer is gone. Its records stay, and its tally counts on.
    Dismiss(EndpointId),
    /// Queue bytes for peers.
    Send {
        /// For whom.
        to: Targets,
        /// What.
        bytes: Bytes,
        /// What to do where a queue is full.
        when_full: WhenFull,
    },
    /// End conversations, or our half of them.
    End {
        /// Whose.
        peers: Targets,
        /// How.
        ending: Ending,
    },
    /// Make a peer of an address that has not sent anything yet, on a datagram endpoint.
    AddPeer {
        /// Where.
        endpoint: EndpointId,
        /// Whom. 255.255.255.255 becomes one peer for the broadcast address of each network.
        target: Target,
    },
    /// Take part in a multicast group.
    Join {
        /// With the socket of this endpoint.
        endpoint: EndpointId,
        /// In this group.
        group: IpAddr,
        /// There.
        interface: Interface,
    },
    /// Take part no longer.
    Leave {
        /// With the socket of this endpoint.
        endpoint: EndpointId,
        /// In this group.
        group: IpAddr,
        /// There.
        interface: Interface,
    },
    /// Send back to the peers of an endpoint what they send, or do so no longer. Holds for connections to come.
    Echo {
        /// Whose peers.
        endpoint: EndpointId,
        /// Whether.
        on: bool,
    },
    /// Keep sending to the peers of an endpoint that have finished their own sending, or close these once what waits has
    /// gone out. Holds for connections to come.
    HalfOpen {
        /// Whose peers.
        endpoint: EndpointId,
        /// Whether.
        on: bool,
    },
    /// Attach a board to the virtual network.
    Attach {
        /// What it is called there: `NAME.lan` leads to it.
        name: String,
        /// By cable, or by radio.
        cable: bool,
    },
    /// Take the board of this name off the virtual network.
    Detach(String),
    /// How the virtual network is.
    Lan,
    /// Put a virtual network that is like this in the place of the one there is, which nobody may be on. Its forwards end.
    RenewLan(LanSettings),
    /// What sockets boards have, as they tell themselves, with headings in this language.
    Netstat(Lang),
    /// Follow the frames of the virtual network: a capture, piece by piece, until nobody takes it or the network ends.
    Follow(mpsc::Sender<Vec<u8>>),
    /// What was seen on the virtual network, from this frame on. Frames are kept while somebody asks for them.
    Frames(u64),
    /// Change the virtual network.
    Steer(Steer),
    /// Lead a port of this machine to a board's.
    Forward(Forward),
    /// Lead this port nowhere any more. Connections that were made stay.
    EndForward(SocketAddr),
    /// How all endpoints and peers are.
    Status,
    /// Answered with `Done` when there is something for `Changes` to tell.
    AwaitChange,
    /// What has changed since this was asked last, or since the start. Only of an engine that has a `control` port.
    Changes,
    /// Answered with `Ended` when the endpoint is over.
    AwaitEnd(EndpointId),
}

/// What the engine answers.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // as for commands
pub enum Reply {
    /// To `Open`: its id, and its URL with what the system filled in.
    Opened(EndpointId, EndpointUrl),
    /// To `Send`: what became of it, peer by peer.
    Outcomes(Vec<(PeerId, Outcome)>),
    /// To `AddPeer` and `End`: the peers that it was about.
    Peers(Vec<PeerId>),
    /// To `Status`.
    Status(Vec<EndpointStatus>),
    /// To `Changes`.
    Changed(Changes),
    /// To `Attach`: the board's place.
    Attached(LanPort),
    /// To `Attach` and `Forward`: why not.
    NotAttached(NoPlace),
    /// To `Lan`; `None` without one.
    Lan(Option<LanReport>),
    /// To `Frames`.
    Frames(Vec<FrameRow>),
    /// To `Netstat`: boards by name, and what each tells, a line a socket.
    Netstat(Vec<(String, String)>),
    /// To `Steer`: what there is to show. To `RenewLan`: nothing. To `EndForward`: why not.
    Steered(Result<String, NotSteered>),
    /// To `Forward`: where it listens.
    Forwarded(SocketAddr),
    /// To `AwaitEnd`: how its last connection ended.
    Ended(LastEnd),
    /// It was done.
    Done,
    /// The system refused.
    Failed(Failure),
    /// There is no such endpoint, or it cannot do that.
    NoSuchEndpoint(EndpointId),
    /// To `Dismiss`: it is not over.
    NotOver(EndpointId),
}

/// How an endpoint's last connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastEnd {
    /// In good order, or there was none.
    #[default]
    Good,
    /// Torn down by the peer.
    Reset,
    /// It failed, or did not come about.
    Failed,
}

/// What is not as it was.
#[derive(Clone, Debug)]
pub struct Changes {
    /// All endpoints, each with those of its peers that have changed.
    pub endpoints: Vec<EndpointStatus>,
    /// What the peers of endpoints have done that are not listed any more.
    pub past: Tally,
    /// Peers that are gone.
    pub gone: Vec<PeerId>,
    /// The number of the record that comes next. Those before it may still be on their way to the disk.
    pub next_seq: u64,
}

/// How an endpoint is.
#[derive(Clone, Debug)]
pub struct EndpointStatus {
    /// Its id.
    pub id: EndpointId,
    /// Its URL.
    pub url: EndpointUrl,
    /// How it is.
    pub state: EndpointState,
    /// Whether it sends back what comes.
    pub echo: bool,
    /// What its peers have done, those that are gone included.
    pub tally: Tally,
    /// How its last connection ended.
    pub last_end: LastEnd,
    /// Peers, or datagrams of unknown ones, that were turned away.
    pub refused: u64,
    /// Datagrams that the system dropped.
    pub dropped: u64,
    /// Multicast groups that it has joined since it was opened, and where.
    pub groups: Vec<(IpAddr, Interface)>,
    /// Its peers, by number.
    pub peers: Vec<PeerStatus>,
}

/// How a peer is.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Its id.
    pub id: PeerId,
    /// Its address.
    pub address: Address,
    /// Our own address towards it.
    pub local: Address,
    /// How far its conversation is.
    pub state: PeerState,
    /// Since when it is there.
    pub since: Timestamp,
    /// When it last sent something.
    pub last_seen: Timestamp,
    /// Bytes that came from it.
    pub received: u64,
    /// Bytes that the system took from us for it.
    pub sent: u64,
    /// Records of both.
    pub records: u64,
    /// Bytes that wait to be sent.
    pub waiting: usize,
    /// What TCP knows of the way there; `None` for other sockets and systems.
    pub tcp: Option<TcpInfo>,
}
