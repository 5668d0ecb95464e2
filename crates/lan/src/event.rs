//! What the network tells its embedder.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::air::{JoinError, Left};
use crate::fault::Verdict;
use crate::gateway::{Happened, Lease};
use crate::{Direction, FlowId, Interface, PortId, QuestionId, Time};

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A frame has come to the end of a link, or to its own. Only while frames are watched.
    Frame {
        /// When.
        at: Time,
        /// Whose link.
        port: PortId,
        /// Which of its links.
        interface: Interface,
        /// Which way.
        direction: Direction,
        /// What became of it.
        verdict: Verdict,
        /// Nothing but what is told at the end of another link as well. Who leaves these out has each frame once: where
        /// its way ended, or where it was spread.
        repeats: bool,
        /// Its bytes, from the Ethernet header on.
        frame: Bytes,
    },
    /// A board dials somebody who is no board. The dial is held until it is accepted or refused.
    Dialled {
        /// The connection that is to be.
        flow: FlowId,
        /// Whose.
        port: PortId,
        /// The board's end.
        from: SocketAddr,
        /// Who is dialled.
        to: SocketAddr,
    },
    /// A flow has changed.
    Flow {
        /// Which.
        flow: FlowId,
        /// How.
        what: Happened,
    },
    /// A board has sent a datagram to somebody who is no board, or to all.
    Datagram {
        /// All from the same end have the same.
        flow: FlowId,
        /// Whose.
        port: PortId,
        /// The board's end.
        from: SocketAddr,
        /// To whom.
        to: SocketAddr,
        /// The payload.
        bytes: Bytes,
    },
    /// A board has sent no datagram from there for a while, or is gone.
    DatagramsOver {
        /// Which.
        flow: FlowId,
    },
    /// A board does not take a datagram that came from outside.
    DatagramRefused {
        /// Who had sent it.
        from: SocketAddr,
        /// To which of the board's ports.
        to: SocketAddr,
    },
    /// A dial was refused because there are too many.
    Limited {
        /// Whose.
        port: PortId,
        /// Who was dialled.
        to: SocketAddr,
        /// Of what there is too much: lower case, no full stop.
        reason: &'static str,
    },
    /// A board has got an address.
    Leased {
        /// Which board.
        port: PortId,
        /// The lease.
        lease: Lease,
    },
    /// A board has asked for a name that is not of this network.
    Asked {
        /// To be answered under this number.
        question: QuestionId,
        /// In lower case, without a dot at its end.
        name: String,
    },
    /// Joining an access point has come to its end.
    Joined {
        /// Which board.
        port: PortId,
        /// What [`Lan::join`](crate::Lan::join) gave for it.
        attempt: u64,
        /// The name that it wanted to join.
        ssid: String,
        /// Whether it has.
        outcome: Result<(), JoinError>,
    },
    /// A board is no longer joined.
    Left {
        /// Which board.
        port: PortId,
        /// The name of the access point.
        ssid: String,
        /// Why.
        why: Left,
    },
}
