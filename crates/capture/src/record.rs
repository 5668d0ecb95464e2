//! The words of the log: who (endpoint, peer, address), when (timestamp) and what happened (event).
//! How they are laid out in a file belongs in `packet` and `encoder`; how they are printed, in `export`.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An endpoint of a run, counted from 1 in the order of opening. Written `e1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointId(pub NonZeroU32);

impl EndpointId {
    /// The endpoint opened after `index` others.
    pub fn from_index(index: u32) -> Option<Self> {
        index.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    /// How many were opened before it.
    pub fn index(self) -> u32 {
        self.0.get() - 1
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

/// One remote party of an endpoint, counted from 1 within it. Written `e1.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId {
    /// The endpoint that the peer belongs to.
    pub endpoint: EndpointId,
    /// Its number within the endpoint.
    pub number: NonZeroU32,
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.endpoint, self.number)
    }
}

/// A link of a virtual network, counted from 1 in the order of its first frame. Written `l1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkId(pub NonZeroU32);

impl LinkId {
    /// The link that came after `index` others.
    pub fn from_index(index: u32) -> Option<Self> {
        index.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    /// How many came before it.
    pub fn index(self) -> u32 {
        self.0.get() - 1
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}", self.0)
    }
}

/// What was given is no id of that kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no {1}")]
pub struct BadId(String, &'static str);

impl FromStr for EndpointId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        text.strip_prefix('e')
            .and_then(number)
            .map(EndpointId)
            .ok_or_else(|| BadId(text.into(), "endpoint (write it as e1)"))
    }
}

impl FromStr for PeerId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        text.split_once('.')
            .and_then(|(endpoint, peer)| Some(PeerId { endpoint: endpoint.parse().ok()?, number: number(peer)? }))
            .ok_or_else(|| BadId(text.into(), "peer (write it as e1.3)"))
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<NonZeroU32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A point in time, in nanoseconds since 1970-01-01 UTC; reaches to the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// So much earlier; 1970 at the earliest.
    pub fn before(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Timestamp {
    /// The time so long after this one; the last there is if that is later.
    pub fn after(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before 1970 become 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Where one end of a conversation is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Address {
    /// An IP address and port; an IPv4 peer of a dual-stack socket is written as IPv4.
    Inet(SocketAddr),
    /// A Unix socket: its path, `@name` in Linux's abstract namespace, or empty for an unnamed one.
    Unix(Arc<str>),
    /// The URL of an endpoint, for what concerns no single peer.
    Endpoint(Arc<str>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet(address) => write!(f, "{address}"),
            Address::Unix(path) if path.is_empty() => f.write_str("unix:(unnamed)"),
            Address::Unix(path) => write!(f, "unix:{path}"),
            Address::Endpoint(url) => f.write_str(url),
        }
    }
}

/// How a conversation travels: decides which headers are synthesized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// A byte stream, drawn as TCP.
    Stream,
    /// Datagrams, drawn as UDP.
    Datagram,
}

/// Which side did it, as seen from this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// We.
    Local,
    /// The remote party.
    Peer,
}

/// What happened. Bytes are those of one read or of one write that the kernel took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An endpoint is there; the text says how far it has come: `open`, `dialling`.
    Opened(&'a str),
    /// A peer is there: a connection was made, or a datagram came from a new address.
    Connected,
    /// Bytes came from the peer.
    Received(&'a [u8]),
    /// Bytes that the kernel took from us for the peer.
    Sent(&'a [u8]),
    /// One side will send no more, the other still may: a half-close.
    Finished(Side),
    /// The connection (or the endpoint, where the record has no peer) is over in good order; who began.
    Closed(Side),
    /// The connection was torn down; who did it.
    Reset(Side),
    /// Something could not be done; the text names operation, address and cause.
    Failed(&'a str),
    /// Anything else worth knowing: a refused peer, datagrams that the kernel dropped.
    Note(&'a str),
}

impl<'a> Event<'a> {
    /// The bytes that travelled, empty for an event without any.
    pub fn payload(&self) -> &'a [u8] {
        match self {
            Event::Received(bytes) | Event::Sent(bytes) => bytes,
            _ => &[],
        }
    }

    /// What a person reads of it; `None` for bytes that travelled, which are their own text.
    pub fn text(&self) -> Option<&'a str> {
        Some(match *self {
            Event::Received(_) | Event::Sent(_) => return None,
            Event::Opened(text) | Event::Failed(text) | Event::Note(text) => text,
            Event::Connected => "connected",
            Event::Finished(Side::Local) => "finished sending",
            Event::Finished(Side::Peer) => "peer finished sending",
            Event::Closed(Side::Local) => "closed",
            Event::Closed(Side::Peer) => "closed by peer",
            Event::Reset(Side::Local) => "reset",
            Event::Reset(Side::Peer) => "reset by peer",
        })
    }

    /// The word for it in JSON, CSV and filters.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Opened(_) => "opened",
            Event::Connected => "connected",
            Event::Received(_) => "received",
            Event::Sent(_) => "sent",
            Event::Closed(_) => "closed",
            Event::Reset(_) => "reset",
            Event::Failed(_) => "failed",
            Event::Finished(_) | Event::Note(_) => "note",
        }
    }
}

/// One thing that happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the run: counts every record, from 1, without gaps.
    pub seq: u64,
    /// When this program saw it, or when the kernel did where that is known.
    pub at: Timestamp,
    /// The endpoint it happened to.
    pub endpoint: EndpointId,
    /// The peer it happened to; `None` for what concerns the whole endpoint.
    pub peer: Option<PeerId>,
    /// The peer's address, or the endpoint's URL where there is no peer.
    pub address: Address,
    /// Whether the bytes of the event are a datagram, and so a whole: no character goes on in the next record.
    /// False for bytes of a stream, and for what has no bytes.
    pub is_datagram: bool,
    /// What happened.
    pub event: Event<'a>,
}

/// Which way a frame goes on the link of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// From the board.
    Out,
    /// To the board.
    In,
}

/// A frame of a virtual network. It is no record: it has a place among them, but no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it came to the end of the link, or to its own.
    pub at: Timestamp,
    /// The link on which that was.
    pub link: LinkId,
    /// Which way it went there.
    pub way: Way,
    /// Whether it was dropped there.
    pub dropped: bool,
    /// Whether the network made it, as a copy of another.
    pub copy: bool,
    /// Whether the network turned over a bit of it.
    pub damaged: bool,
    /// What the network did to it, in a few words; empty for nothing. At most 255 bytes.
    pub note: &'a str,
    /// Its bytes, from the Ethernet header on. At most 65535.
    pub bytes: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        for text in ["e1", "e4294967295"] {
            assert_eq!(text.parse::<EndpointId>().map(|id| id.to_string()), Ok(text.into()));
        }
        assert_eq!("e12.34".parse::<PeerId>().map(|id| id.to_string()), Ok("e12.34".into()));
        for bad in ["", "e", "e0", "e+1", "1", "e1.", "e1.0", "e1.+2", "e99999999999"] {
            assert!(bad.parse::<PeerId>().is_err(), "{bad}");
            assert!(bad.parse::<EndpointId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_count_from_one() {
        let id = EndpointId::from_index(0).expect("first");
        assert_eq!((id.to_string(), id.index()), ("e1".into(), 0));
        assert_eq!(EndpointId::from_index(u32::MAX), None);
        let link = LinkId::from_index(1).expect("second");
        assert_eq!((link.to_string(), link.index()), ("l2".into(), 1));
        assert_eq!(LinkId::from_index(u32::MAX), None);
    }
}
