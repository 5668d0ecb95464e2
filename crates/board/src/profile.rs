//! The boards that can be played: what differs between them, as data. What is done with it belongs to the modules.
//!
//! Numbers and flags are from the sources named in the workbench's device notes: ESP-IDF's newlib for `esp32` and
//! `mpython`, `py/mperrno.h` (Linux's numbers) for the others.

use crate::parts::{self, Parts};
/// Which firmware all of them play.
pub(crate) struct Release {
    /// As numbers.
    pub(crate) version: [u8; 3],
    /// As text, without the day.
    pub(crate) number: &'static str,
    /// With the day, as in the banner.
    pub(crate) text: &'static str,
    /// The version of `.mpy` files, and their flags.
    pub(crate) mpy: u32,
}

/// The firmware of this day.
pub(crate) const RELEASE: Release =
    Release { version: [1, 29, 0], number: "1.29.0", text: "v1.29.0 on 2026-07-05", mpy: 6 };

/// The Python of a Linux computer, as its `sys.version` says it: the release that the interpreter follows.
pub(crate) const CPYTHON: &str = "3.14.0 (main, Oct  7 2025, 12:00:00) [RustPython 0.5.0]";

/// A board's name and everything in which it differs from another.
#[derive(Debug)]
pub struct Profile {
    /// The name on the command line.
    pub name: &'static str,
    /// `sys.platform`.
    pub platform: &'static str,
    /// `sys.implementation._machine`.
    pub machine: &'static str,
    /// Seconds from 1970 to the board's own epoch.
    pub epoch: u64,
    /// Numbers and names of the errors in the module `errno`.
    pub errors: &'static [(i32, &'static str)],
    /// Numbers of errors that this board raises without a name: its module `errno` does not have them.
    pub nameless_errors: &'static [(i32, &'static str)],
    /// Whose sockets it has.
    pub sockets: Sockets,
    /// How its Wi-Fi is spoken to; none where the network is simply there.
    pub wifi: Option<Wifi>,
    /// The constants of the module `socket`; a name that is not here is an AttributeError.
    pub socket: &'static [(&'static str, i32)],
    /// Bytes for a program's objects.
    pub heap: usize,
    /// The pins there are; another is a ValueError.
    pub pins: std::ops::RangeInclusive<u8>,
    /// What the module `machine` has of it.
    pub parts: &'static Parts,
    /// Whether its floats are of single precision.
    pub single: bool,
    /// Its `_thread`, if it has any. CPython's is another.
    pub threads: Option<Threads>,
    /// What its sockets and its Wi-Fi do in ways of their own.
    pub quirks: Quirks,
}

/// The threads of a firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// `sys.implementation._thread`: whether they take turns.
    pub kind: &'static str,
    /// How many there can be besides the first. Of the ESP32 and the K230 it depends on the memory that is left.
    pub most: usize,
    /// The text of the OSError of one more.
    pub refusal: &'static str,
}

const TASKS: Option<Threads> = Some(Threads { kind: "GIL", most: 32, refusal: "can't create thread" });

/// The second core.
const CORE: Option<Threads> = Some(Threads { kind: "unsafe", most: 1, refusal: "core1 in use" });

impl Profile {
    /// Whether it reaches its network by radio.
    pub fn has_wifi(&self) -> bool {
        self.wifi.is_some()
    }

    /// Whether a program can have more threads than one.
    pub fn has_threads(&self) -> bool {
        self.threads.is_some() || self.is_cpython()
    }

    /// Whether it is a Linux computer, whose programs are CPython's.
    pub fn is_cpython(&self) -> bool {
        self.sockets == Sockets::CPython
    }
}

/// The implementations of the module `socket` that boards have; they differ in more than numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// lwIP's BSD calls, as the ESP32's port wraps them.
    Bsd,
    /// lwIP's own calls, `extmod/modlwip.c`.
    Raw,
    /// A network card behind a protocol, `extmod/modsocket.c`; the K230's prints what it does.
    Card,
    /// CPython's.
    CPython,
}

/// The dialects of `network.WLAN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wifi {
    /// The ESP32's.
    Esp32,
    /// The Hi3861's: `WLAN()` is the station, `config()` its address.
    Waffle,
    /// CanMV's: `connect` waits and says whether it worked.
    K230,
    /// The Pico W's.
    Cyw43,
}

/// Habits of a firmware that programs come to depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// `WLAN.connect` comes back only when it is connected (10 s at most), and says so.
    pub wlan_connect_blocks: bool,
    /// `WLAN.connect` takes `security=`, and `network.AUTH_PSK` exists.
    pub wlan_security: bool,
    /// Sending nothing raises ETIMEDOUT, EAGAIN when it would block.
    pub empty_send_raises: bool,
    /// `recv(n)` waits for all of the n bytes.
    pub recv_fills: bool,
    /// `accept` gives the new socket the listener's timeout.
    pub accept_inherits_timeout: bool,
    /// `bind` and `connect` look up names.
    pub resolves_names: bool,
    /// A timeout counts tenths of a second, one more than asked for; less than one is EAGAIN at its end.
    pub sliced_timeouts: bool,
    /// A dial that nobody takes is ECONNRESET.
    pub refused_is_reset: bool,
    /// Sockets that can be open at a time, and the error of one more.
    pub most_sockets: (usize, &'static str),
    /// What `fileno` of the first of them gives.
    pub first_fileno: i64,
    /// What a name that nobody knows is, in `getaddrinfo`.
    pub unknown_name: i32,
    /// Datagrams that wait; the newest beyond it is dropped.
    pub datagram_queue: u16,
}

const ORDINARY: Quirks = Quirks {
    wlan_connect_blocks: false,
    wlan_security: false,
    empty_send_raises: false,
    recv_fills: false,
    accept_inherits_timeout: false,
    resolves_names: true,
    sliced_timeouts: false,
    refused_is_reset: true,
    most_sockets: (10, "ENFILE"),
    first_fileno: 0,
    unknown_name: -2,
    datagram_queue: 6,
};

/// 54 is where lwIP's numbers begin with ten sockets: 64 less the sockets; -202 is its EAI_FAIL.
const ESPRESSIF: Quirks =
    Quirks { empty_send_raises: true, sliced_timeouts: true, first_fileno: 54, unknown_name: -202, ..ORDINARY };

const EPOCH_2000: u64 = 946_684_800;

const LINUX_ERRORS: &[(i32, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (5, "EIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (17, "EEXIST"),
    (19, "ENODEV"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (95, "EOPNOTSUPP"),
    (98, "EADDRINUSE"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (107, "ENOTCONN"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
    (114, "EALREADY"),
    (115, "EINPROGRESS"),
];

const NEWLIB_ERRORS: &[(i32, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (5, "EIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (17, "EEXIST"),
    (19, "ENODEV"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (95, "EOPNOTSUPP"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (111, "ECONNREFUSED"),
    (112, "EADDRINUSE"),
    (113, "ECONNABORTED"),
    (116, "ETIMEDOUT"),
    (118, "EHOSTUNREACH"),
    (119, "EINPROGRESS"),
    (120, "EALREADY"),
    (128, "ENOTCONN"),
];

const LINUX_NAMELESS: &[(i32, &str)] = &[
    (4, "EINTR"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (20, "ENOTDIR"),
    (28, "ENOSPC"),
    (32, "EPIPE"),
    (39, "ENOTEMPTY"),
    (88, "ENOTSOCK"),
    (89, "EDESTADDRREQ"),
    (90, "EMSGSIZE"),
    (91, "EPROTOTYPE"),
    (92, "ENOPROTOOPT"),
    (93, "EPROTONOSUPPORT"),
    (97, "EAFNOSUPPORT"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (106, "EISCONN"),
];

const NEWLIB_NAMELESS: &[(i32, &str)] = &[
    (4, "EINTR"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (28, "ENOSPC"),
    (32, "EPIPE"),
    (106, "EAFNOSUPPORT"),
    (107, "EPROTOTYPE"),
    (108, "ENOTSOCK"),
    (109, "ENOPROTOOPT"),
    (114, "ENETUNREACH"),
    (115, "ENETDOWN"),
    (121, "EDESTADDRREQ"),
    (122, "EMSGSIZE"),
    (123, "EPROTONOSUPPORT"),
    (125, "EADDRNOTAVAIL"),
    (127, "EISCONN"),
];

const ESP32_SOCKET: &[(&str, i32)] = &[
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("IPPROTO_IP", 0),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("SOL_SOCKET", 0xfff),
    ("SO_REUSEADDR", 4),
    ("SO_BROADCAST", 32),
    ("SO_BINDTODEVICE", 0x100b),
    ("IP_ADD_MEMBERSHIP", 3),
    ("TCP_NODELAY", 1),
    ("MSG_PEEK", 1),
    ("MSG_DONTWAIT", 8),
];

const LWIP_SOCKET: &[(&str, i32)] = &[
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("IPPROTO_IP", 0),
    ("IPPROTO_TCP", 6),
    ("SOL_SOCKET", 1),
    ("SO_REUSEADDR", 4),
    ("SO_BROADCAST", 32),
    ("IP_ADD_MEMBERSHIP", 0x400),
    ("IP_DROP_MEMBERSHIP", 0x401),
    ("TCP_NODELAY", 0x40),
    ("MSG_PEEK", 1),
    ("MSG_DONTWAIT", 2),
];

const WAFFLE_SOCKET: &[(&str, i32)] = &[
    ("AF_INET", 2),
    ("AF_INET6", 0),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("IPPROTO_IP", 0),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("SOL_SOCKET", 1),
    ("SO_REUSEADDR", 4),
];

const LINUX_SOCKET: &[(&str, i32)] = &[
    ("AF_UNSPEC", 0),
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("SOL_SOCKET", 1),
    ("SO_REUSEADDR", 2),
    ("SO_REUSEPORT", 15),
    ("SO_ERROR", 4),
    ("SO_BROADCAST", 6),
    ("SO_KEEPALIVE", 9),
    ("SO_LINGER", 13),
    ("IP_ADD_MEMBERSHIP", 35),
    ("IP_DROP_MEMBERSHIP", 36),
    ("TCP_NODELAY", 1),
    ("MSG_PEEK", 2),
    ("MSG_DONTROUTE", 4),
    ("MSG_DONTWAIT", 64),
    ("IPPROTO_IP", 0),
    ("IPPROTO_ICMP", 1),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_IPV6", 41),
    ("SO_TYPE", 3),
    ("SO_SNDBUF", 7),
    ("SO_RCVBUF", 8),
    ("SOMAXCONN", 4096),
    ("IP_TTL", 2),
    ("IP_MULTICAST_TTL", 33),
    ("IP_MULTICAST_LOOP", 34),
    ("IPV6_V6ONLY", 26),
    ("INADDR_ANY", 0),
    ("SHUT_RD", 0),
    ("SHUT_WR", 1),
    ("SHUT_RDWR", 2),
    ("AI_PASSIVE", 1),
    ("AI_CANONNAME", 2),
    ("AI_NUMERICHOST", 4),
    ("NI_NUMERICHOST", 1),
    ("NI_NUMERICSERV", 2),
    ("EAI_NONAME", -2),
];

const PROFILES: &[Profile] = &[
    Profile {
        name: "esp32",
        platform: "esp32",
        machine: "Generic ESP32 module with ESP32",
        epoch: EPOCH_2000,
        errors: NEWLIB_ERRORS,
        nameless_errors: NEWLIB_NAMELESS,
        sockets: Sockets::Bsd,
        wifi: Some(Wifi::Esp32),
        socket: ESP32_SOCKET,
        heap: 160 << 10,
        pins: 0..=39,
        parts: &parts::ESP32,
        single: true,
        threads: TASKS,
        quirks: ESPRESSIF,
    },
    Profile {
        name: "k230",
        platform: "k230",
        machine: "k230_canmv with K230",
        epoch: 0,
        errors: LINUX_ERRORS,
        nameless_errors: LINUX_NAMELESS,
        sockets: Sockets::Card,
        wifi: Some(Wifi::K230),
        socket: LWIP_SOCKET,
        heap: 16 << 20,
        pins: 0..=71,
        parts: &parts::K230,
        single: false,
        threads: TASKS,
        quirks: Quirks {
            wlan_connect_blocks: true,
            resolves_names: false,
            refused_is_reset: false,
            most_sockets: (32, "ENFILE"),
            ..ORDINARY
        },
    },
    Profile {
        name: "waffle",
        platform: "waffle",
        machine: "Waffle Nano with Hi3861",
        epoch: EPOCH_2000,
        errors: LINUX_ERRORS,
        nameless_errors: LINUX_NAMELESS,
        sockets: Sockets::Bsd,
        wifi: Some(Wifi::Waffle),
        socket: WAFFLE_SOCKET,
        heap: 64 << 10,
        pins: 0..=14,
        parts: &parts::WAFFLE,
        single: true,
        threads: None,
        quirks: Quirks { wlan_security: true, first_fileno: 388, ..ORDINARY },
    },
    Profile {
        name: "mpython",
        platform: "mpython",
        machine: "mPython with ESP32",
        epoch: EPOCH_2000,
        errors: NEWLIB_ERRORS,
        nameless_errors: NEWLIB_NAMELESS,
        sockets: Sockets::Bsd,
        wifi: Some(Wifi::Esp32),
        socket: ESP32_SOCKET,
        heap: 112 << 10,
        pins: 0..=39,
        parts: &parts::MPYTHON,
        single: true,
        threads: TASKS,
        quirks: ESPRESSIF,
    },
    Profile {
        name: "rp2",
        platform: "rp2",
        machine: "Raspberry Pi Pico W with RP2040",
        epoch: 0,
        errors: LINUX_ERRORS,
        nameless_errors: LINUX_NAMELESS,
        sockets: Sockets::Raw,
        wifi: Some(Wifi::Cyw43),
        socket: LWIP_SOCKET,
        heap: 188 << 10,
        pins: 0..=29,
        parts: &parts::RP2,
        single: true,
        threads: CORE,
        quirks: Quirks {
            wlan_security: true,
            accept_inherits_timeout: true,
            resolves_names: false,
            most_sockets: (10, "ENOMEM"),
            datagram_queue: 4,
            ..ORDINARY
        },
    },
    Profile {
        name: "linux",
        platform: "linux",
        machine: "linux",
        epoch: 0,
        errors: LINUX_ERRORS,
        nameless_errors: LINUX_NAMELESS,
        sockets: Sockets::CPython,
        wifi: None,
        socket: LINUX_SOCKET,
        heap: 64 << 20,
        pins: 0..=0,
        parts: &parts::LINUX,
        single: false,
        threads: None,
        quirks: Quirks { refused_is_reset: false, most_sockets: (1000, "EMFILE"), first_fileno: 3, ..ORDINARY },
    },
];

impl Profile {
    /// The board of that name.
    pub fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// All names, for a message that says what there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|profile| profile.name)
    }

    /// What the board says before its first prompt.
    pub fn banner(&self) -> String {
        if self.is_cpython() {
            return format!("Python {CPYTHON} on {}\r\n", self.platform);
        }
        format!("MicroPython {}; {}\r\nType \"help()\" for more information.\r\n", RELEASE.text, self.machine)
    }

    /// The name of an error number on this board.
    pub fn error_name(&self, number: i32) -> Option<&'static str> {
        self.errors.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
    }

    /// The number of an error on this board. Natives raise errors by name, and each board has its own number for it.
    pub fn error_number(&self, name: &str) -> Option<i32> {
        let known = self.errors.iter().chain(self.nameless_errors);
        known.into_iter().find(|(_, n)| *n == name).map(|(number, _)| *number)
    }

    /// A constant of the module `socket`, if this board has it.
    pub fn socket_constant(&self, name: &str) -> Option<i32> {
        self.socket.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }
}
