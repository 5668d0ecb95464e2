//! In what the network stacks of boards differ: sizes, patience, strictness. Values only.

use std::time::Duration;

use socklab_socket::Errno;

use crate::engine::{Buffers, Congestion};

/// A board's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Buffers of a connection.
    pub tcp: Buffers,
    /// Datagrams that may wait to be received on one socket; further ones are dropped.
    pub datagrams: usize,
    /// Bytes that these may have together.
    pub datagram_bytes: usize,
    /// How long a dial goes on without an answer.
    pub connect_timeout: Duration,
    /// What the dial's error is then.
    pub connect_error: Errno,
    /// How long a connection lives whose peer acknowledges nothing.
    pub data_timeout: Duration,
    /// Whether a dial fails as soon as its neighbour does not answer ARP (`EHOSTUNREACH`), or only when it times out.
    pub notices_silence: bool,
    /// The error of a dial while there is no network.
    pub no_route: Errno,
    /// Datagrams go to a broadcast address only with `SO_BROADCAST`.
    pub asks_broadcast: bool,
    /// Sockets that may be open at a time; then `EMFILE`.
    pub sockets: usize,
    /// Whether it has IPv6.
    pub ipv6: bool,
}

impl Profile {
    /// lwIP as ESP-IDF sets it up: four segments of buffer, Reno, a dial of 18 s.
    pub const ESP32: Profile = Profile {
        tcp: Buffers { receive: 5744, send: 5744, congestion: Congestion::Reno },
        datagrams: 6,
        datagram_bytes: 64 * 1024,
        connect_timeout: Duration::from_secs(18),
        connect_error: Errno::ECONNABORTED,
        // Three times as long as the longest pause between questions whether a closed window is open again.
        data_timeout: Duration::from_secs(180),
        notices_silence: false,
        no_route: Errno::EHOSTUNREACH,
        asks_broadcast: false,
        sockets: 64,
        ipv6: true,
    };

    /// A board with Linux, and everything that is not a small board.
    pub const LINUX: Profile = Profile {
        tcp: Buffers { receive: 256 * 1024, send: 256 * 1024, congestion: Congestion::Cubic },
        datagrams: 256,
        datagram_bytes: 208 * 1024,
        connect_timeout: Duration::from_secs(127),
        connect_error: Errno::ETIMEDOUT,
        data_timeout: Duration::from_secs(924),
        notices_silence: true,
        no_route: Errno::ENETUNREACH,
        asks_broadcast: true,
        sockets: 1024,
        ipv6: true,
    };
}
