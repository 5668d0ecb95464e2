//! The flags of poll(2), without their numbers.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What a socket is asked about, and what it is ready for (POSIX `poll`). Asked about are [`IN`](Ready::IN) and
/// [`OUT`](Ready::OUT); the others are reported unasked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const NONE: Ready = Ready(0);
    /// Something to receive: bytes, a datagram, a connection to accept, or the end of the stream (`POLLIN`).
    pub const IN: Ready = Ready(1);
    /// Room to send, or a connection that has been made or has failed (`POLLOUT`).
    pub const OUT: Ready = Ready(2);
    /// An error is pending (`POLLERR`).
    pub const ERR: Ready = Ready(4);
    /// Both directions are closed, or a stream was never connected (`POLLHUP`).
    pub const HUP: Ready = Ready(8);
    /// The socket is closed (`POLLNVAL`).
    pub const NVAL: Ready = Ready(16);

    /// Whether all of these are in it.
    pub fn contains(self, other: Ready) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of these is in it.
    pub fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Ready {
    type Output = Ready;
    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

/// `IN|HUP`.
impl fmt::Debug for Ready {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Ready, &str); 5] =
            [(Ready::IN, "IN"), (Ready::OUT, "OUT"), (Ready::ERR, "ERR"), (Ready::HUP, "HUP"), (Ready::NVAL, "NVAL")];
        let names: Vec<&str> = NAMES.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect();
        to.write_str(if names.is_empty() { "NONE" } else { "" })?;
        to.write_str(&names.join("|"))
    }
}
