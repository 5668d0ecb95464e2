//! Socket options as values. Their numbers on a system belong to its stack, those of a board to the board.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::Errno;

/// A socket option with its value, as [`Socket::setsockopt`](crate::Socket::setsockopt) takes it and
/// [`Socket::getsockopt`](crate::Socket::getsockopt) gives it. What a stack does not have fails with `ENOPROTOOPT`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SockOpt {
    /// A port whose last connections are in TIME-WAIT may be bound again (`SO_REUSEADDR`). For multicast on Linux,
    /// several sockets may have the port. Windows lets it steal a port that is in use.
    ReuseAddress(bool),
    /// Datagrams may go to a broadcast address (`SO_BROADCAST`); otherwise `EACCES`.
    Broadcast(bool),
    /// Ask a silent peer whether it lives (`SO_KEEPALIVE`; RFC 9293, 3.8.4). Intervals are the system's.
    KeepAlive(bool),
    /// What `close` does with unsent bytes (`SO_LINGER`), in whole seconds, rounded down: `None` sends them in the
    /// background, zero throws them away and resets the connection, more makes `close` wait for that long, and no
    /// interrupt reaches that wait.
    Linger(Option<Duration>),
    /// Send small segments at once (`TCP_NODELAY`; RFC 9293, 3.7.4).
    NoDelay(bool),
    /// Bytes of the receive buffer (`SO_RCVBUF`). Linux doubles what is set, and has a smallest and a largest.
    ReceiveBuffer(usize),
    /// Bytes of the send buffer (`SO_SNDBUF`), likewise.
    SendBuffer(usize),
    /// The pending error, which reading takes away (`SO_ERROR`). It cannot be set: `ENOPROTOOPT`.
    Error(Option<Errno>),
    /// Hops that IPv4 packets may take (`IP_TTL`), 1 to 255.
    TimeToLive(u32),
    /// No IPv4 through an IPv6 socket (`IPV6_V6ONLY`; RFC 3493, 5.3). Off in a new socket, on every system.
    V6Only(bool),
    /// Only this network interface (`SO_BINDTODEVICE`), by name; `None` ends it. Linux only.
    BindToDevice(Option<String>),
    /// Join an IPv4 group (`IP_ADD_MEMBERSHIP`; RFC 1112) on the interface that has this address; 0.0.0.0 lets the
    /// system choose. It cannot be read: `ENOPROTOOPT`.
    JoinV4 {
        /// 224.0.0.0/4; else `EINVAL`.
        group: Ipv4Addr,
        /// An address of the interface.
        interface: Ipv4Addr,
    },
    /// Leave it (`IP_DROP_MEMBERSHIP`); `EADDRNOTAVAIL` if it is not a member.
    LeaveV4 {
        /// As joined.
        group: Ipv4Addr,
        /// As joined.
        interface: Ipv4Addr,
    },
    /// Join an IPv6 group (`IPV6_JOIN_GROUP`; RFC 3493, 5.2). It cannot be read: `ENOPROTOOPT`.
    JoinV6 {
        /// ff00::/8; else `EINVAL`.
        group: Ipv6Addr,
        /// The interface's index; 0 lets the system choose.
        interface: u32,
    },
    /// Leave it (`IPV6_LEAVE_GROUP`).
    LeaveV6 {
        /// As joined.
        group: Ipv6Addr,
        /// As joined.
        interface: u32,
    },
    /// Hops that IPv4 multicast may take (`IP_MULTICAST_TTL`), 0 to 255; 1 in a new socket.
    MulticastTtlV4(u32),
    /// Whether IPv4 multicast also comes back to this machine (`IP_MULTICAST_LOOP`); on in a new socket.
    MulticastLoopV4(bool),
    /// The interface that IPv4 multicast leaves by, named by its address (`IP_MULTICAST_IF`).
    MulticastInterfaceV4(Ipv4Addr),
    /// Hops that IPv6 multicast may take (`IPV6_MULTICAST_HOPS`), 0 to 255; 1 in a new socket.
    MulticastHopsV6(u32),
    /// Whether IPv6 multicast also comes back to this machine (`IPV6_MULTICAST_LOOP`); on in a new socket.
    MulticastLoopV6(bool),
    /// The interface that IPv6 multicast leaves by, by index (`IPV6_MULTICAST_IF`).
    MulticastInterfaceV6(u32),
}

/// The name of a socket option; what each means stands at [`SockOpt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // said once, at SockOpt
pub enum SockOptName {
    ReuseAddress,
    Broadcast,
    KeepAlive,
    Linger,
    NoDelay,
    ReceiveBuffer,
    SendBuffer,
    Error,
    TimeToLive,
    V6Only,
    BindToDevice,
    JoinV4,
    LeaveV4,
    JoinV6,
    LeaveV6,
    MulticastTtlV4,
    MulticastLoopV4,
    MulticastInterfaceV4,
    MulticastHopsV6,
    MulticastLoopV6,
    MulticastInterfaceV6,
}

impl SockOpt {
    /// Which option this is a value of.
    pub fn name(&self) -> SockOptName {
        use SockOptName as Name;
        match self {
            SockOpt::ReuseAddress(_) => Name::ReuseAddress,
            SockOpt::Broadcast(_) => Name::Broadcast,
            SockOpt::KeepAlive(_) => Name::KeepAlive,
            SockOpt::Linger(_) => Name::Linger,
            SockOpt::NoDelay(_) => Name::NoDelay,
            SockOpt::ReceiveBuffer(_) => Name::ReceiveBuffer,
            SockOpt::SendBuffer(_) => Name::SendBuffer,
            SockOpt::Error(_) => Name::Error,
            SockOpt::TimeToLive(_) => Name::TimeToLive,
            SockOpt::V6Only(_) => Name::V6Only,
            SockOpt::BindToDevice(_) => Name::BindToDevice,
            SockOpt::JoinV4 { .. } => Name::JoinV4,
            SockOpt::LeaveV4 { .. } => Name::LeaveV4,
            SockOpt::JoinV6 { .. } => Name::JoinV6,
            SockOpt::LeaveV6 { .. } => Name::LeaveV6,
            SockOpt::MulticastTtlV4(_) => Name::MulticastTtlV4,
            SockOpt::MulticastLoopV4(_) => Name::MulticastLoopV4,
            SockOpt::MulticastInterfaceV4(_) => Name::MulticastInterfaceV4,
            SockOpt::MulticastHopsV6(_) => Name::MulticastHopsV6,
            SockOpt::MulticastLoopV6(_) => Name::MulticastLoopV6,
            SockOpt::MulticastInterfaceV6(_) => Name::MulticastInterfaceV6,
        }
    }
}

/// The name that C has for it: `SO_REUSEADDR`.
impl fmt::Display for SockOptName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            SockOptName::ReuseAddress => "SO_REUSEADDR",
            SockOptName::Broadcast => "SO_BROADCAST",
            SockOptName::KeepAlive => "SO_KEEPALIVE",
            SockOptName::Linger => "SO_LINGER",
            SockOptName::NoDelay => "TCP_NODELAY",
            SockOptName::ReceiveBuffer => "SO_RCVBUF",
            SockOptName::SendBuffer => "SO_SNDBUF",
            SockOptName::Error => "SO_ERROR",
            SockOptName::TimeToLive => "IP_TTL",
            SockOptName::V6Only => "IPV6_V6ONLY",
            SockOptName::BindToDevice => "SO_BINDTODEVICE",
            SockOptName::JoinV4 => "IP_ADD_MEMBERSHIP",
            SockOptName::LeaveV4 => "IP_DROP_MEMBERSHIP",
            SockOptName::JoinV6 => "IPV6_JOIN_GROUP",
            SockOptName::LeaveV6 => "IPV6_LEAVE_GROUP",
            SockOptName::MulticastTtlV4 => "IP_MULTICAST_TTL",
            SockOptName::MulticastLoopV4 => "IP_MULTICAST_LOOP",
            SockOptName::MulticastInterfaceV4 => "IP_MULTICAST_IF",
            SockOptName::MulticastHopsV6 => "IPV6_MULTICAST_HOPS",
            SockOptName::MulticastLoopV6 => "IPV6_MULTICAST_LOOP",
            SockOptName::MulticastInterfaceV6 => "IPV6_MULTICAST_IF",
        })
    }
}
