//! What names a socket's kind and its place: family, type, protocol, address. What a system calls these by number
//! belongs to its stack.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The family of a socket's addresses (POSIX `AF_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 (`AF_INET`).
    Inet,
    /// IPv6 (`AF_INET6`). Such a socket also serves IPv4 as `::ffff:a.b.c.d` unless
    /// [`SockOpt::V6Only`](crate::SockOpt::V6Only) is set (RFC 3493, 5.3).
    Inet6,
    /// Sockets of this machine (`AF_UNIX`).
    Unix,
}

/// What a socket carries (POSIX `SOCK_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A stream of bytes between two ends: TCP (`SOCK_STREAM`).
    Stream,
    /// Messages with bounds, each for itself: UDP (`SOCK_DGRAM`).
    Datagram,
    /// Packets as the network layer has them (`SOCK_RAW`). Most systems want a privilege for it.
    Raw,
}

/// What runs over IP (POSIX `IPPROTO_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The one usual for the family and type: TCP or UDP.
    #[default]
    Usual,
    /// TCP, 6.
    Tcp,
    /// UDP, 17.
    Udp,
    /// ICMP, 1.
    Icmp,
    /// ICMP for IPv6, 58.
    Icmpv6,
    /// Any other, by its number in IANA's registry.
    Other(u8),
}

impl From<u8> for Protocol {
    /// The protocol of this number in IANA's registry; 0 is [`Usual`](Protocol::Usual).
    fn from(number: u8) -> Self {
        match number {
            0 => Protocol::Usual,
            1 => Protocol::Icmp,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            58 => Protocol::Icmpv6,
            number => Protocol::Other(number),
        }
    }
}

impl Protocol {
    /// Its number in IANA's registry of protocol numbers; 0 is [`Usual`](Protocol::Usual).
    pub fn number(self) -> u8 {
        match self {
            Protocol::Usual => 0,
            Protocol::Icmp => 1,
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Icmpv6 => 58,
            Protocol::Other(number) => number,
        }
    }
}

/// Where a socket is, or its peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a port. Port 0 in a `bind` lets the stack choose.
    Ip(SocketAddr),
    /// A socket of this machine.
    Unix(UnixName),
}

/// The name of a Unix socket (unix(7)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// None: the end that dialled, as a rule.
    Unnamed,
    /// A path in the file system, of about 100 bytes at most (`sun_path`).
    Path(PathBuf),
    /// A name in Linux' abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

impl Address {
    /// The family whose sockets take this address.
    pub fn family(&self) -> Family {
        match self {
            Address::Ip(SocketAddr::V4(_)) => Family::Inet,
            Address::Ip(SocketAddr::V6(_)) => Family::Inet6,
            Address::Unix(_) => Family::Unix,
        }
    }

    /// IP address and port, if it is of that kind.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Address::Ip(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }

    /// A Unix socket at a path.
    pub fn unix(path: impl Into<PathBuf>) -> Address {
        Address::Unix(UnixName::Path(path.into()))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Ip(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from((host, port): (I, u16)) -> Address {
        Address::Ip(SocketAddr::new(host.into(), port))
    }
}

/// `127.0.0.1:80`, `[::1]:80`, a path with control characters escaped, `@name` for an abstract one.
impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(to),
            Address::Unix(UnixName::Unnamed) => to.write_str("(unnamed)"),
            Address::Unix(UnixName::Path(path)) => write!(to, "{}", path.to_string_lossy().escape_debug()),
            Address::Unix(UnixName::Abstract(name)) => write!(to, "@{}", name.escape_ascii()),
        }
    }
}
