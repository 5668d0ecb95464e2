//! The options of an endpoint URL: which there are, which schemes take them, and how their values are read and written.
//! What they do belongs to what opens endpoints. Durations and sizes are read by `quantity`, hosts by `host`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::quantity::{format_duration, format_size, parse_duration, parse_size};

use super::SCHEMES;
use super::Scheme::{self, Tcp, TcpListen, Udp, Unix, UnixDgram, UnixListen};
use super::choice::{choice, list};
use super::error::{UrlError, ValueError};
use super::host::{HostPort, is_digits, parse_port, split_port};
use super::name::{UnixName, decode, encode};

/// How many peers an endpoint keeps where `max_peers` does not say.
pub const DEFAULT_MAX_PEERS: usize = 100_000;

/// The most that `max_peers` takes.
pub const MOST_PEERS: usize = 1_000_000;

/// How many connections wait to be accepted where `backlog` does not say; the system may allow fewer.
pub const DEFAULT_BACKLOG: u32 = 4096;

/// How long a connection may take to come about where `timeout` does not say.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a datagram peer may be silent before it is forgotten where `age` does not say.
pub const DEFAULT_PEER_AGE: Duration = Duration::from_secs(600);

/// An interface to join a multicast group on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// `0.0.0.0`: the system's choice.
    Any,
    /// Its number, as the system counts.
    Index(NonZeroU32),
    /// The one that has this address.
    Address(Ipv4Addr),
    /// Its name: without slashes or control characters, and not a number.
    Name(String),
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interface::Any => f.write_str("0.0.0.0"),
            Interface::Index(index) => write!(f, "{index}"),
            Interface::Address(address) => write!(f, "{address}"),
            Interface::Name(name) => f.write_str(name),
        }
    }
}

impl FromStr for Interface {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = || ValueError::Interface(text.into());
        if is_digits(text) {
            let index: u32 = text.parse().map_err(|_| bad())?;
            return Ok(NonZeroU32::new(index).map_or(Interface::Any, Interface::Index));
        }
        match text.parse() {
            Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ok(Interface::Any),
            Ok(IpAddr::V4(address)) if !address.is_multicast() => Ok(Interface::Address(address)),
            Ok(_) => Err(bad()),
            Err(_) => interface_name(text).map(Interface::Name),
        }
    }
}

fn interface_name(text: &str) -> Result<String, ValueError> {
    let fits = !text.is_empty() && !text.contains(|c: char| c == '/' || c.is_control());
    if fits { Ok(text.into()) } else { Err(ValueError::Interface(text.into())) }
}

/// A peer that is known before it has sent anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Of a UDP socket. Neither port 0 nor `*`.
    Inet(HostPort),
    /// Of a Unix datagram socket. Not empty.
    Unix(UnixName),
}

impl Target {
    fn parse(scheme: Scheme, text: &str) -> Result<Target, ValueError> {
        Ok(match scheme {
            UnixDgram => Target::Unix(UnixName::new(text)?),
            _ => Target::Inet(text.parse::<HostPort>()?.dialled()?),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Inet(at) => write!(f, "{at}"),
            Target::Unix(name) => write!(f, "{name}"),
        }
    }
}

/// What was said about how to open an endpoint. `None` and empty: nothing was.
///
/// The methods of the same names answer with the default where nothing was said. `Display` writes a URL's query,
/// without the question mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `nodelay=0|1` (tcp, tcp-listen): send at once what is written, without waiting to fill a segment. Default 1.
    pub nodelay: Option<bool>,
    /// `keepalive=DURATION` (tcp, tcp-listen): the idle time before the system probes whether the peer is still
    /// there, 1s to 32767s. Default: no probes.
    pub keepalive: Option<Duration>,
    /// `rcvbuf=SIZE` (all): the system's receive buffer in bytes, 1 to 2^31 - 1. Default: the system's.
    pub rcvbuf: Option<usize>,
    /// `sndbuf=SIZE` (all): the system's send buffer in bytes, 1 to 2^31 - 1. Default: the system's.
    pub sndbuf: Option<usize>,
    /// `reuse=0|1` (tcp-listen, unix-listen, udp): take a place that an earlier run has left behind. Default 1.
    pub reuse: Option<bool>,
    /// `max_peers=N` (tcp-listen, unix-listen, udp, unix-dgram): how many peers there may be at a time, 1 to
    /// `MOST_PEERS`. Default `DEFAULT_MAX_PEERS`.
    pub max_peers: Option<usize>,
    /// `backlog=N` (tcp-listen, unix-listen): how many connections may wait to be accepted, 1 to 65535. Default
    /// `DEFAULT_BACKLOG`.
    pub backlog: Option<u32>,
    /// `broadcast=0|1` (udp): may send to broadcast addresses. Default 1.
    pub broadcast: Option<bool>,
    /// `ttl=N` (tcp, tcp-listen, udp): how many routers a packet may pass, 1 to 255; for udp those to multicast groups
    /// too. Default: the system's.
    pub ttl: Option<u8>,
    /// `loop=0|1` (udp): multicast that this machine sends reaches this machine. Default 1.
    pub loopback: Option<bool>,
    /// `join=INTERFACE` (udp with a multicast group as its host; repeatable): where to join the group.
    pub join: Vec<Interface>,
    /// `bind=HOST:PORT` or `bind=HOST` (tcp): the address and port to connect from; port 0 is one that the system
    /// picks, and is not written. Default: the system's choice.
    pub bind: Option<HostPort>,
    /// `interface=NAME` (tcp, tcp-listen, udp): send and receive on this interface only. Default: on all.
    pub interface: Option<String>,
    /// `timeout=DURATION` (tcp, unix): how long a connection may take to come about; above 0. Default
    /// `DEFAULT_CONNECT_TIMEOUT`.
    pub timeout: Option<Duration>,
    /// `retry=0|1` (tcp, unix): connect again when it fails and when the connection ends. Default 0.
    pub retry: Option<bool>,
    /// `age=DURATION` (udp, unix-dgram): a peer that is silent for so long is forgotten; above 0. Default
    /// `DEFAULT_PEER_AGE`.
    pub age: Option<Duration>,
    /// `peer=HOST:PORT` (udp) or `peer=PATH` (unix-dgram); repeatable: peers that are known beforehand.
    pub peer: Vec<Target>,
    /// `echo=0|1` (all): send back to each peer what it sends. Default 0.
    pub echo: Option<bool>,
    /// `halfopen=0|1` (tcp, tcp-listen, unix, unix-listen): keep sending to a peer that has finished its own sending.
    /// Default 0.
    pub halfopen: Option<bool>,
    /// `once=0|1` (tcp-listen, unix-listen): take one connection, and end with it. Default 0.
    pub once: Option<bool>,
}

impl Options {
    /// Whether to send at once what is written.
    pub fn nodelay(&self) -> bool {
        self.nodelay.unwrap_or(true)
    }

    /// Whether to take a place that an earlier run has left behind.
    pub fn reuse(&self) -> bool {
        self.reuse.unwrap_or(true)
    }

    /// How many peers there may be at a time.
    pub fn max_peers(&self) -> usize {
        self.max_peers.unwrap_or(DEFAULT_MAX_PEERS)
    }

    /// How many connections may wait to be accepted.
    pub fn backlog(&self) -> u32 {
        self.backlog.unwrap_or(DEFAULT_BACKLOG)
    }

    /// Whether sending to broadcast addresses is allowed.
    pub fn broadcast(&self) -> bool {
        self.broadcast.unwrap_or(true)
    }

    /// Whether multicast that this machine sends reaches this machine.
    pub fn loopback(&self) -> bool {
        self.loopback.unwrap_or(true)
    }

    /// How long a connection may take to come about (`timeout`).
    pub fn connect_timeout(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_CONNECT_TIMEOUT)
    }

    /// Whether to connect again.
    pub fn retry(&self) -> bool {
        self.retry.unwrap_or(false)
    }

    /// How long a datagram peer may be silent before it is forgotten (`age`).
    pub fn peer_age(&self) -> Duration {
        self.age.unwrap_or(DEFAULT_PEER_AGE)
    }

    /// Whether to send back what comes.
    pub fn echo(&self) -> bool {
        self.echo.unwrap_or(false)
    }

    /// Whether to keep sending to a peer that has finished its own sending.
    pub fn halfopen(&self) -> bool {
        self.halfopen.unwrap_or(false)
    }

    /// Whether to take one connection, and end with it.
    pub fn once(&self) -> bool {
        self.once.unwrap_or(false)
    }

    /// Reads a query, without its question mark; empty parts of it mean nothing.
    pub(super) fn parse(scheme: Scheme, query: &str) -> Result<Options, UrlError> {
        let mut options = Options::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| UrlError::NoValue(part.into()))?;
            let rule = Rule::find(scheme, name)?;
            if !rule.repeatable && !(rule.write)(&options).is_empty() {
                return Err(UrlError::Repeated(rule.name));
            }
            let refused = |reason| UrlError::Value { option: rule.name, reason };
            (rule.read)(&mut options, scheme, &decode(value)?).map_err(refused)?;
        }
        Ok(options)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mark = "";
        for rule in &RULES {
            for value in (rule.write)(self) {
                write!(f, "{mark}{}={}", rule.name, encode(&value))?;
                mark = "&";
            }
        }
        Ok(())
    }
}

/// How one option is named, which schemes take it, and how it is read and written.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) schemes: &'static [Scheme],
    repeatable: bool,
    /// Takes a decoded value.
    pub(super) read: fn(&mut Options, Scheme, &str) -> Result<(), ValueError>,
    /// The values that were given, not encoded.
    pub(super) write: fn(&Options) -> Vec<String>,
}

impl Rule {
    fn find(scheme: Scheme, name: &str) -> Result<&'static Rule, UrlError> {
        let takes = |rule: &&Rule| rule.schemes.contains(&scheme);
        match RULES.iter().find(|rule| rule.name == name) {
            Some(rule) if takes(&rule) => Ok(rule),
            Some(rule) => {
                let takers = list(rule.schemes.iter().map(|scheme| scheme.name()));
                Err(UrlError::WrongScheme { option: rule.name, scheme, takers })
            }
            None => {
                let names: Vec<&'static str> = RULES.iter().filter(takes).map(|rule| rule.name).collect();
                Err(UrlError::UnknownOption { option: name.into(), scheme, choice: choice(name, &names) })
            }
        }
    }
}

/// The rule of an option that is given once.
macro_rules! once {
    ($name:literal, $field:ident, $schemes:expr, $read:expr, $write:expr) => {
        Rule {
            name: $name,
            schemes: $schemes,
            repeatable: false,
            read: |options, _, text| {
                options.$field = Some($read(text)?);
                Ok(())
            },
            write: |options| options.$field.iter().map($write).collect(),
        }
    };
}

/// The rule of an option that is given as often as wanted.
macro_rules! often {
    ($name:literal, $field:ident, $schemes:expr, $read:expr) => {
        Rule {
            name: $name,
            schemes: $schemes,
            repeatable: true,
            read: |options, scheme, text| {
                options.$field.push($read(scheme, text)?);
                Ok(())
            },
            write: |options| options.$field.iter().map(ToString::to_string).collect(),
        }
    };
}

/// Every option, in the order they are written in.
pub(super) static RULES: [Rule; 20] = [
    once!("nodelay", nodelay, &[TcpListen, Tcp], flag, write_flag),
    once!("keepalive", keepalive, &[TcpListen, Tcp], idle_time, |time| format_duration(*time)),
    once!("rcvbuf", rcvbuf, &SCHEMES, buffer, |size| format_size(*size as u64)),
    once!("sndbuf", sndbuf, &SCHEMES, buffer, |size| format_size(*size as u64)),
    once!("reuse", reuse, &[TcpListen, Udp, UnixListen], flag, write_flag),
    once!("max_peers", max_peers, &[TcpListen, Udp, UnixListen, UnixDgram], peers, usize::to_string),
    once!("backlog", backlog, &[TcpListen, UnixListen], |text| number(text, 65535), u32::to_string),
    once!("broadcast", broadcast, &[Udp], flag, write_flag),
    once!("ttl", ttl, &[TcpListen, Tcp, Udp], |text| number(text, 255), u8::to_string),
    once!("loop", loopback, &[Udp], flag, write_flag),
    often!("join", join, &[Udp], |_, text: &str| text.parse()),
    once!("bind", bind, &[Tcp], source, write_source),
    once!("interface", interface, &[TcpListen, Tcp, Udp], interface_name, String::clone),
    once!("timeout", timeout, &[Tcp, Unix], some_time, |time| format_duration(*time)),
    once!("retry", retry, &[Tcp, Unix], flag, write_flag),
    once!("age", age, &[Udp, UnixDgram], some_time, |time| format_duration(*time)),
    often!("peer", peer, &[Udp, UnixDgram], Target::parse),
    once!("echo", echo, &SCHEMES, flag, write_flag),
    once!("halfopen", halfopen, &[TcpListen, Tcp, UnixListen, Unix], flag, write_flag),
    once!("once", once, &[TcpListen, UnixListen], flag, write_flag),
];

fn flag(text: &str) -> Result<bool, ValueError> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(ValueError::Flag(text.into())),
    }
}

fn write_flag(flag: &bool) -> String {
    u8::from(*flag).to_string()
}

fn number<T: TryFrom<u32>>(text: &str, most: u32) -> Result<T, ValueError> {
    let value = is_digits(text).then(|| text.parse().ok()).flatten().filter(|n| (1..=most).contains(n));
    value.and_then(|n| T::try_from(n).ok()).ok_or_else(|| ValueError::Number { text: text.into(), most })
}

fn peers(text: &str) -> Result<usize, ValueError> {
    number(text, MOST_PEERS as u32)
}

/// The system takes the size as a C `int`.
fn buffer(text: &str) -> Result<usize, ValueError> {
    let size = i32::try_from(parse_size(text)?).ok().filter(|size| *size > 0);
    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| ValueError::Buffer(text.into()))
}

/// Linux takes no more than 32767 seconds.
fn idle_time(text: &str) -> Result<Duration, ValueError> {
    let time = parse_duration(text)?;
    let range = Duration::from_secs(1)..=Duration::from_secs(32767);
    if range.contains(&time) { Ok(time) } else { Err(ValueError::KeepAlive(text.into())) }
}

fn some_time(text: &str) -> Result<Duration, ValueError> {
    let time = parse_duration(text)?;
    if time.is_zero() { Err(ValueError::NoTime(text.into())) } else { Ok(time) }
}

fn source(text: &str) -> Result<HostPort, ValueError> {
    Ok(match split_port(text)? {
        (host, Some(port)) => HostPort { host, port: parse_port(port)? },
        (host, None) => HostPort { host, port: 0 },
    })
}

fn write_source(source: &HostPort) -> String {
    if source.port == 0 { source.host.to_string() } else { source.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::testing::{any_options, keep, refused, url};
    use proptest::prelude::*;

    #[test]
    fn options_that_are_none() {
        for (text, expected) in [
            ("unix:a?echo", r#"option "echo" has no value (write it as NAME=VALUE)"#),
            (
                "unix:a?half_open=1",
                "unknown option \"half_open\" for unix \
                 (one of rcvbuf, sndbuf, timeout, retry, echo, halfopen; did you mean halfopen?)",
            ),
            ("tcp://h:1?backlog=1", "option backlog means nothing for tcp (it is for tcp-listen, unix-listen)"),
            ("tcp://h:1?echo=1&echo=1", "option echo is given twice (keep one)"),
            ("tcp://h:1?echo=yes", r#"option echo: "yes" is neither 0 nor 1"#),
            ("tcp://h:1?ttl=256", r#"option ttl: "256" is no whole number from 1 to 255"#),
            ("tcp-listen://*:1?max_peers=0", r#"option max_peers: "0" is no whole number from 1 to 1000000"#),
            ("tcp://h:1?rcvbuf=2g", r#"option rcvbuf: "2g" is no size from 1 to 2147483647 bytes"#),
            ("tcp://h:1?rcvbuf=x", r#"option rcvbuf: "x" is no size (write it as 1500, 64k, 1.5m or 2g)"#),
            ("tcp://h:1?keepalive=20ms", r#"option keepalive: "20ms" is no duration from 1s to 32767s"#),
            ("tcp://h:1?timeout=0", r#"option timeout: "0" is no time at all (write one above 0)"#),
            ("tcp://h:1?bind=::1", r#"option bind: the IPv6 address "::1" needs brackets (write it as [::1]:PORT)"#),
            ("udp://*:1?peer=h:0", "option peer: port 0 cannot be dialled (1 to 65535)"),
            ("unix-dgram:?peer=", "option peer: the path of the socket is missing"),
            (
                "udp://*:1?join=0.0.0.0",
                "option join needs a multicast group as the host (224.0.0.0 to 239.255.255.255, or ff00::/8)",
            ),
        ] {
            assert_eq!(refused(text), expected);
        }
        assert!(refused("udp://239.1.2.3:1?join=239.1.2.3").starts_with(r#"option join: "239.1.2.3" is no interface"#));
        assert!(refused("tcp://h:1?interface=").starts_with(r#"option interface: "" is no interface"#));
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let options = url("udp://*:0").options;
        assert!(options.nodelay() && options.reuse() && options.broadcast() && options.loopback());
        assert!(!options.retry() && !options.echo() && !options.halfopen());
        assert_eq!((options.max_peers(), options.backlog()), (DEFAULT_MAX_PEERS, DEFAULT_BACKLOG));
        assert_eq!((options.connect_timeout(), options.peer_age()), (DEFAULT_CONNECT_TIMEOUT, DEFAULT_PEER_AGE));
        assert_eq!(url("tcp-listen://*:1?max_peers=7&nodelay=0").options.max_peers(), 7);
    }

    #[test]
    fn every_rule_is_named_once() {
        for rule in &RULES {
            assert_eq!(RULES.iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
        }
    }

    proptest! {
        #[test]
        fn option_values_read_back(options in any_options(Udp)) {
            prop_assert_eq!(keep(&options, Udp, |_| true), options);
        }
    }
}
