//! Names of things: who is attached, which way a frame goes, whose hardware it is.

use std::fmt;

/// A board's place on the network: a cable, or a station in the air. Numbers are not used again in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u32);

/// A TCP connection, or a board's datagrams, at the gateway. Numbers are not used again in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// A name that a board has asked for and the embedder is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// Which way a frame goes on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the board.
    Up,
    /// To the board.
    Down,
}

/// Which of a board's interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interface {
    /// Its cable, or the station of its radio.
    Station,
    /// The access point that its radio is beside that: a network of the board's own.
    AccessPoint,
}

/// The address of a network interface (EUI-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// A local one (bit 1 of the first octet) that is made from a number: `02:53:4c:00:00:07` from 7.
    pub const fn local(number: u32) -> Mac {
        let [a, b, c, d] = number.to_be_bytes();
        Mac([0x02, 0x53, 0x4c ^ a, b, c, d])
    }

    /// The address of the access point of a board whose station has this one: what ESP-IDF makes of a local address
    /// (`esp_derive_local_mac`).
    pub const fn access_point(self) -> Mac {
        let [a, b, c, d, e, f] = self.0;
        Mac([a ^ 0x04, b, c, d, e, f])
    }

    /// Whether it stands for one interface and not for a group.
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0
    }

    pub(crate) fn to_smoltcp(self) -> smoltcp::wire::EthernetAddress {
        smoltcp::wire::EthernetAddress(self.0)
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "p{}", self.0)
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "f{}", self.0)
    }
}

impl fmt::Display for QuestionId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "q{}", self.0)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Direction::Up => "up",
            Direction::Down => "down",
        })
    }
}

/// `02:53:4c:00:00:07`.
impl fmt::Display for Mac {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(to, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}
