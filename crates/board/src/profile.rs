//! The boards that can be played: what differs between them, as data. What is done with it belongs to the modules.
//!
//! Numbers and flags are from the sources named in the workbench's device notes: ESP-IDF's newlib for `esp32` and
//! `mpython`, `py/mperrno.h` (Linux's numbers) for the others.

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
    /// The constants of the module `socket`; a name that is not here is an AttributeError.
    pub socket: &'static [(&'static str, i32)],
    /// Bytes for a program's objects.
    pub heap: usize,
    /// The pins there are; another is a ValueError.
    pub pins: std::ops::RangeInclusive<u8>,
    /// What its sockets and its Wi-Fi do in ways of their own.
    pub quirks: Quirks,
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
    datagram_queue: 6,
};

const ESPRESSIF: Quirks = Quirks { empty_send_raises: true, ..ORDINARY };

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
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("SOL_SOCKET", 1),
    ("SO_REUSEADDR", 2),
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
];

const PROFILES: &[Profile] = &[
    Profile {
        name: "esp32",
        platform: "esp32",
        machine: "Generic ESP32 module with ESP32",
        epoch: EPOCH_2000,
        errors: NEWLIB_ERRORS,
        socket: ESP32_SOCKET,
        heap: 160 << 10,
        pins: 0..=39,
        quirks: ESPRESSIF,
    },
    Profile {
        name: "k230",
        platform: "k230",
        machine: "k230_canmv with K230",
        epoch: 0,
        errors: LINUX_ERRORS,
        socket: LWIP_SOCKET,
        heap: 16 << 20,
        pins: 0..=71,
        quirks: Quirks { wlan_connect_blocks: true, resolves_names: false, ..ORDINARY },
    },
    Profile {
        name: "waffle",
        platform: "waffle",
        machine: "Waffle Nano with Hi3861",
        epoch: EPOCH_2000,
        errors: LINUX_ERRORS,
        socket: WAFFLE_SOCKET,
        heap: 64 << 10,
        pins: 0..=14,
        quirks: Quirks { wlan_security: true, ..ORDINARY },
    },
    Profile {
        name: "mpython",
        platform: "mpython",
        machine: "mPython with ESP32",
        epoch: EPOCH_2000,
        errors: NEWLIB_ERRORS,
        socket: ESP32_SOCKET,
        heap: 112 << 10,
        pins: 0..=39,
        quirks: ESPRESSIF,
    },
    Profile {
        name: "rp2",
        platform: "rp2",
        machine: "Raspberry Pi Pico W with RP2040",
        epoch: 0,
        errors: LINUX_ERRORS,
        socket: LWIP_SOCKET,
        heap: 188 << 10,
        pins: 0..=29,
        quirks: Quirks {
            wlan_security: true,
            accept_inherits_timeout: true,
            resolves_names: false,
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
        socket: LINUX_SOCKET,
        heap: 1 << 20,
        pins: 0..=0,
        quirks: ORDINARY,
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
        format!("MicroPython {}; {}\r\nType \"help()\" for more information.\r\n", RELEASE.text, self.machine)
    }

    /// The name of an error number on this board.
    pub fn error_name(&self, number: i32) -> Option<&'static str> {
        self.errors.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
    }

    /// The number of an error on this board. Natives raise errors by name, and each board has its own number for it.
    pub fn error_number(&self, name: &str) -> Option<i32> {
        self.errors.iter().find(|(_, n)| *n == name).map(|(number, _)| *number)
    }
}
