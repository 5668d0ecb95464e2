//! Endpoint URLs: what to open, where, and with which options, as one line of text that reads back as written.
//! Opening it belongs elsewhere, and so does everything that needs the system: names are not resolved here and no
//! interface is looked up. Durations and sizes are read by `quantity`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use crate::failure::Lang;
use crate::quantity::{QuantityError, format_duration, format_size, parse_duration, parse_size};

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

/// What is wrong with an endpoint URL, or with what stands for one on the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing before a colon that could be a scheme.
    #[error("no scheme in {0:?} (begin with one of {names})", names = list(SCHEMES.map(Scheme::name)))]
    NoScheme(String),
    /// A scheme, but none of ours.
    #[error("unknown scheme {scheme:?} (one of {choice})")]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
        /// Those there are, and the one that was probably meant.
        choice: Choice,
    },
    /// A space, a control character or a `#`.
    #[error(
        "{} at character {at} (leave it out; in a path or an option, write it as {})",
        named(*found, Lang::En),
        escaped(*found)
    )]
    Character {
        /// What it is.
        found: char,
        /// Which character of the URL it is, from 1.
        at: usize,
    },
    /// The host does not come after two slashes.
    #[error("{0} needs two slashes before the host (write {0}://HOST:PORT)")]
    NoSlashes(Scheme),
    /// `user:password@`; not repeated in the message.
    #[error("a user name before the host means nothing here (leave out everything up to the @)")]
    UserInfo,
    /// Something after the port.
    #[error("the path {0:?} after the port means nothing (leave it out)")]
    Path(String),
    /// The host or the port.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The path or name of a Unix socket.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A Unix path after two slashes that does not begin with a third.
    #[error("{path:?} after {scheme}:// is no absolute path (write {scheme}:PATH or {scheme}:///PATH)")]
    NotAbsolute {
        /// What the URL begins with.
        scheme: Scheme,
        /// What follows the two slashes.
        path: String,
    },
    /// A percent sign that two hexadecimal digits do not follow, or bytes that are no UTF-8.
    #[error("{0:?} cannot be decoded (write a percent sign as %25, and everything else as UTF-8)")]
    Escape(String),
    /// An option without `=`.
    #[error("option {0:?} has no value (write it as NAME=VALUE)")]
    NoValue(String),
    /// No scheme has such an option.
    #[error("unknown option {option:?} for {scheme} (one of {choice})")]
    UnknownOption {
        /// What stands before the `=`.
        option: String,
        /// What the URL begins with.
        scheme: Scheme,
        /// Those that the scheme takes, and the one that was probably meant.
        choice: Choice,
    },
    /// An option of other schemes.
    #[error("option {option} means nothing for {scheme} (it is for {takers})")]
    WrongScheme {
        /// The option.
        option: &'static str,
        /// What the URL begins with.
        scheme: Scheme,
        /// The schemes that take it.
        takers: String,
    },
    /// An option given twice that can be given once.
    #[error("option {0} is given twice (keep one)")]
    Repeated(&'static str),
    /// An option's value.
    #[error("option {option}: {reason}")]
    Value {
        /// The option.
        option: &'static str,
        /// What is wrong with its value.
        reason: ValueError,
    },
    /// `join` where there is nothing to join.
    #[error("option join needs a multicast group as the host (224.0.0.0 to 239.255.255.255, or ff00::/8)")]
    NoGroup,
    /// A client's URL where something is to listen.
    #[error("{0}: is for clients (use connect, or listen on {1})")]
    Client(Scheme, &'static str),
    /// A server's URL where something is to connect.
    #[error("{0}: is for servers (use listen, or connect to {1})")]
    Server(Scheme, &'static str),
    /// A path without the scheme that would say so.
    #[error("{path:?} looks like a path (write {url})")]
    BarePath {
        /// What was given.
        path: String,
        /// What to give instead.
        url: String,
    },
    /// A port without the host to connect to.
    #[error("{0:?} is only a port (write HOST:{0})")]
    OnlyPort(String),
    /// Not one or two arguments for one peer.
    #[error("one peer is a URL, HOST:PORT, or HOST PORT")]
    Arguments,
}

/// What is wrong with a host and port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing where the host should be.
    #[error("the host is missing (* is every address of this machine)")]
    NoHost,
    /// Not a name, not an address.
    #[error("{0:?} is no host name (letters, digits, - and _, in parts joined by dots)")]
    BadName(String),
    /// Ends in a number as IPv4 addresses do, but is none.
    #[error("{0:?} is no IPv4 address (four numbers from 0 to 255, joined by dots)")]
    BadIpv4(String),
    /// What the brackets hold.
    #[error("{0:?} is no IPv6 address (between the brackets: fe80::1, or with a zone fe80::1%eth0)")]
    BadIpv6(String),
    /// A bracket without its partner, or something other than a port after it.
    #[error("{0:?} has its brackets in the wrong place (write it as [ADDRESS]:PORT)")]
    Brackets(String),
    /// An IPv6 address that could as well end in a port.
    #[error("the IPv6 address {text:?} needs brackets (write it as {})", forms.join(" or "))]
    NoBrackets {
        /// What was given.
        text: String,
        /// What it may mean, with brackets.
        forms: Vec<String>,
    },
    /// No port.
    #[error("the port is missing (write {0}:PORT)")]
    NoPort(String),
    /// A port that is no number.
    #[error("port {0:?} is no number (0 to 65535)")]
    BadPort(String),
    /// A port that no address has.
    #[error("port {0} is out of range (0 to 65535)")]
    PortRange(String),
    /// Port 0 where a peer's should be.
    #[error("port 0 cannot be dialled (1 to 65535)")]
    PortZero,
    /// `*` where a peer's address should be.
    #[error("* is every address of this machine, not a peer (name one host)")]
    NoPeer,
}

/// What is wrong with the name of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("the path of the socket is missing")]
    Missing,
    /// `@` alone.
    #[error("the abstract name after @ is missing")]
    NoAbstract,
    /// A zero byte, which ends a path for the system.
    #[error("the path {0:?} holds a zero byte (leave out %00)")]
    Zero(String),
}

/// What is wrong with the value of an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Neither 0 nor 1.
    #[error("{0:?} is neither 0 nor 1")]
    Flag(String),
    /// No number, or none in range.
    #[error("{text:?} is no whole number from 1 to {most}")]
    Number {
        /// What was given.
        text: String,
        /// The largest there is.
        most: u32,
    },
    /// A buffer of no size, or larger than the system can be asked for.
    #[error("{0:?} is no size from 1 to 2147483647 bytes")]
    Buffer(String),
    /// An idle time that the system cannot be asked for.
    #[error("{0:?} is no duration from 1s to 32767s")]
    KeepAlive(String),
    /// A duration of zero where time has to pass.
    #[error("{0:?} is no time at all (write one above 0)")]
    NoTime(String),
    /// No way to name an interface.
    #[error("{0:?} is no interface (its name, its index, its IPv4 address, or 0.0.0.0 for the system's choice)")]
    Interface(String),
    /// No duration, or no size.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// The host or the port.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The path or name of a Unix socket.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The words that may stand somewhere, and the one that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    words: Vec<&'static str>,
    meant: Option<&'static str>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(self.words.iter().copied()))?;
        self.meant.map_or(Ok(()), |meant| write!(f, "; did you mean {meant}?"))
    }
}

impl Choice {
    fn zh(&self) -> String {
        let hint = self.meant.map(|meant| format!("；是不是 {meant}？"));
        self.words.join("、") + &hint.unwrap_or_default()
    }
}

impl UrlError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Zh, UrlError::Host(error)) => error.text(lang),
            (Lang::Zh, UrlError::Name(error)) => error.text(lang),
            (Lang::Zh, UrlError::Value { option, reason }) => format!("选项 {option}：{}", reason.text(lang)),
            (Lang::Zh, _) => self.option_zh().unwrap_or_else(|| self.place_zh()),
        }
    }

    /// What is wrong with an option.
    fn option_zh(&self) -> Option<String> {
        Some(match self {
            UrlError::NoValue(option) => format!("选项 {option:?} 没有值（写成 NAME=VALUE）"),
            UrlError::UnknownOption { option, scheme, choice } => {
                format!("{scheme} 没有选项 {option:?}（可用：{}）", choice.zh())
            }
            UrlError::WrongScheme { option, scheme, takers } => {
                format!("选项 {option} 对 {scheme} 没有意义（只用于 {}）", takers.replace(", ", "、"))
            }
            UrlError::Repeated(option) => format!("选项 {option} 重复（只保留一个）"),
            UrlError::NoGroup => {
                "使用选项 join 时，主机必须是组播地址（224.0.0.0 到 239.255.255.255，或 ff00::/8）".into()
            }
            _ => return None,
        })
    }

    /// What is wrong with everything before the options.
    fn place_zh(&self) -> String {
        use UrlError::*;
        match self {
            NoScheme(text) => format!("{text:?} 中没有协议（开头应为 {}）", SCHEMES.map(Scheme::name).join("、")),
            UnknownScheme { scheme, choice } => format!("未知协议 {scheme:?}（可用：{}）", choice.zh()),
            Character { found, at } => {
                let (what, escape) = (named(*found, Lang::Zh), escaped(*found));
                format!("第 {at} 个字符不可用：{what}（请去掉；在路径或选项中写成 {escape}）")
            }
            NoSlashes(scheme) => format!("{scheme} 的主机前要有两个斜杠（写成 {scheme}://HOST:PORT）"),
            UserInfo => "主机前的用户名没有意义（去掉 @ 及其前面的部分）".into(),
            Path(path) => format!("端口后的路径 {path:?} 没有意义（请去掉）"),
            NotAbsolute { scheme, path } => {
                format!("{scheme}:// 之后的 {path:?} 不是绝对路径（写成 {scheme}:PATH 或 {scheme}:///PATH）")
            }
            Escape(text) => format!("{text:?} 无法解码（百分号写成 %25，其余用 UTF-8）"),
            Client(scheme, other) => format!("{scheme}: 用于客户端（请用 connect，或监听 {other}）"),
            Server(scheme, other) => format!("{scheme}: 用于服务器（请用 listen，或连接 {other}）"),
            BarePath { path, url } => format!("{path:?} 看起来是路径（写成 {url}）"),
            OnlyPort(port) => format!("{port:?} 只是端口（写成 HOST:{port}）"),
            Arguments => "对端写成 URL、HOST:PORT 或 HOST PORT，只能有一个".into(),
            // The rest have a text of their own.
            Host(_)
            | Name(_)
            | Value { .. }
            | NoValue(_)
            | UnknownOption { .. }
            | WrongScheme { .. }
            | Repeated(_)
            | NoGroup => self.to_string(),
        }
    }
}

impl HostError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        use HostError::*;
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            NoHost => "缺少主机（* 表示本机的所有地址）".into(),
            BadName(text) => format!("{text:?} 不是主机名（由字母、数字、- 和 _ 组成，各段用点连接）"),
            BadIpv4(text) => format!("{text:?} 不是 IPv4 地址（四个 0 到 255 的数，用点连接）"),
            BadIpv6(text) => format!("{text:?} 不是 IPv6 地址（方括号内写 fe80::1，带区域则写 fe80::1%eth0）"),
            Brackets(text) => format!("{text:?} 的方括号位置不对（写成 [ADDRESS]:PORT）"),
            NoBrackets { text, forms } => format!("IPv6 地址 {text:?} 要加方括号（写成 {}）", forms.join(" 或 ")),
            NoPort(host) => format!("缺少端口（写成 {host}:PORT）"),
            BadPort(port) => format!("端口 {port:?} 不是数字（0 到 65535）"),
            PortRange(port) => format!("端口 {port} 超出范围（0 到 65535）"),
            PortZero => "不能连接端口 0（1 到 65535）".into(),
            NoPeer => "* 表示本机的所有地址，不能作为对端（请写一个主机）".into(),
        }
    }
}

impl NameError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Zh, NameError::Missing) => "缺少套接字的路径".into(),
            (Lang::Zh, NameError::NoAbstract) => "@ 之后缺少抽象名称".into(),
            (Lang::Zh, NameError::Zero(path)) => format!("路径 {path:?} 含有零字节（去掉 %00）"),
        }
    }
}

impl ValueError {
    /// The message in a person's language.
    pub fn text(&self, lang: Lang) -> String {
        use ValueError::*;
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Flag(text) => format!("{text:?} 既不是 0 也不是 1"),
            Number { text, most } => format!("{text:?} 不是 1 到 {most} 的整数"),
            Buffer(text) => format!("{text:?} 不是 1 到 2147483647 字节的大小"),
            KeepAlive(text) => format!("{text:?} 不是 1s 到 32767s 的时长"),
            NoTime(text) => format!("{text:?} 的时长为零（请写大于 0 的值）"),
            Interface(text) => {
                format!("{text:?} 不是网络接口（写名称、序号或 IPv4 地址；0.0.0.0 由系统选择）")
            }
            Quantity(error) => error.text(lang),
            Host(error) => error.text(lang),
            Name(error) => error.text(lang),
        }
    }
}

/// What an endpoint URL begins with, in either case; written in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `tcp-listen`
    TcpListen,
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `unix-listen`
    UnixListen,
    /// `unix`
    Unix,
    /// `unix-dgram`
    UnixDgram,
}

use Scheme::{Tcp, TcpListen, Udp, Unix, UnixDgram, UnixListen};

/// Every scheme, in the order of the messages.
const SCHEMES: [Scheme; 6] = [TcpListen, Tcp, Udp, UnixListen, Unix, UnixDgram];

impl Scheme {
    /// The word before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            TcpListen => "tcp-listen",
            Tcp => "tcp",
            Udp => "udp",
            UnixListen => "unix-listen",
            Unix => "unix",
            UnixDgram => "unix-dgram",
        }
    }

    fn find(word: &str) -> Option<Scheme> {
        SCHEMES.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to open, where, and how: `tcp-listen://*:10000?echo=1`.
///
/// `Display` writes the one form that `FromStr` reads back as the same value; options that were not given are not
/// written. A value put together by hand reads back if its parts came from their own parsers and its options are
/// those that its scheme takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl {
    /// What to open, and where.
    pub place: Place,
    /// What was said about how.
    pub options: Options,
}

/// What to open, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A TCP server: `tcp-listen://HOST:PORT`. Port 0 is one that the system picks.
    TcpListen(HostPort),
    /// A TCP client: `tcp://HOST:PORT`. Neither port 0 nor `*`.
    Tcp(HostPort),
    /// A UDP socket bound there, which sends to any peer: `udp://HOST:PORT`. Port 0 is one that the system picks;
    /// a multicast group as the host means its port on every address.
    Udp(HostPort),
    /// A Unix stream server: `unix-listen:PATH`.
    UnixListen(UnixName),
    /// A Unix stream client: `unix:PATH`.
    Unix(UnixName),
    /// A Unix datagram socket bound there: `unix-dgram:PATH`. Without a path, to a name that the system picks.
    UnixDgram(UnixName),
}

impl Place {
    /// The scheme it is written with.
    pub fn scheme(&self) -> Scheme {
        match self {
            Place::TcpListen(_) => TcpListen,
            Place::Tcp(_) => Tcp,
            Place::Udp(_) => Udp,
            Place::UnixListen(_) => UnixListen,
            Place::Unix(_) => Unix,
            Place::UnixDgram(_) => UnixDgram,
        }
    }

    /// Reads what comes after the scheme and its colon, without the options.
    fn parse(scheme: Scheme, rest: &str) -> Result<Place, UrlError> {
        Ok(match scheme {
            TcpListen => Place::TcpListen(authority(scheme, rest)?),
            Tcp => Place::Tcp(authority(scheme, rest)?.dialled()?),
            Udp => Place::Udp(authority(scheme, rest)?),
            UnixListen => Place::UnixListen(UnixName::new(unix_path(scheme, rest)?)?),
            Unix => Place::Unix(UnixName::new(unix_path(scheme, rest)?)?),
            UnixDgram => Place::UnixDgram(UnixName::optional(unix_path(scheme, rest)?)?),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme();
        match self {
            Place::TcpListen(at) | Place::Tcp(at) | Place::Udp(at) => write!(f, "{scheme}://{at}"),
            Place::UnixListen(name) | Place::Unix(name) | Place::UnixDgram(name) => {
                let slashes = if name.0.starts_with('/') { "//" } else { "" };
                write!(f, "{scheme}:{slashes}{}", encode(&name.0))
            }
        }
    }
}

impl FromStr for EndpointUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        check_characters(text)?;
        let (scheme, rest) = split_scheme(text)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = Place::parse(scheme, rest)?;
        let options = Options::parse(scheme, query)?;
        match &place {
            Place::Udp(at) if !options.join.is_empty() && at.multicast_group().is_none() => Err(UrlError::NoGroup),
            _ => Ok(EndpointUrl { place, options }),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options.to_string();
        let mark = if options.is_empty() { "" } else { "?" };
        write!(f, "{}{mark}{options}", self.place)
    }
}

impl EndpointUrl {
    /// What `listen ARG` opens: `10000` and `:10000` are `tcp-listen://*:10000`, `HOST:PORT` is a TCP server there,
    /// and a URL is itself. Options may follow all of them: `10000?echo=1`.
    ///
    /// # Errors
    /// Those of a URL; the URL of a client; a path without a scheme.
    pub fn for_listen(arg: &str) -> Result<EndpointUrl, UrlError> {
        let url = if is_url(arg) { arg.parse()? } else { listen_shorthand(arg)?.parse::<EndpointUrl>()? };
        match url.place {
            Place::Tcp(_) => Err(UrlError::Client(Tcp, "tcp-listen://HOST:PORT")),
            Place::Unix(_) => Err(UrlError::Client(Unix, "unix-listen:PATH")),
            _ => Ok(url),
        }
    }

    /// What `connect ARGS` opens: a URL, `HOST:PORT`, or `HOST PORT`, where an IPv6 host needs no brackets.
    ///
    /// A datagram URL names the peer: `udp://HOST:PORT` becomes a socket on any address and a port that the system
    /// picks, with that peer, and `unix-dgram:PATH` a socket with a name that the system picks. Where `join` is given
    /// the socket stays on the group's port, with the group as its peer, so that it hears what it sends to; where
    /// `peer` is given already the URL is itself.
    ///
    /// # Errors
    /// Those of a URL; the URL of a server; no peer, none or more than two arguments, a path without a scheme.
    pub fn for_connect(args: &[&str]) -> Result<EndpointUrl, UrlError> {
        match *args {
            [arg] if is_url(arg) => arg.parse::<EndpointUrl>()?.dialled(),
            [arg] => connect_shorthand(arg)?.parse(),
            [host, _] if is_url(host) => Err(UrlError::Arguments),
            [host, port] => {
                let host = ipv6(host).or_else(|_| lone_host(host))?;
                let at = HostPort { host, port: parse_port(port)? }.dialled()?;
                Ok(EndpointUrl { place: Place::Tcp(at), options: Options::default() })
            }
            _ => Err(UrlError::Arguments),
        }
    }

    /// Turns a datagram socket there into one that has its peer there.
    fn dialled(mut self) -> Result<EndpointUrl, UrlError> {
        match self.place {
            Place::TcpListen(_) => return Err(UrlError::Server(TcpListen, "tcp://HOST:PORT")),
            Place::UnixListen(_) => return Err(UrlError::Server(UnixListen, "unix:PATH")),
            Place::Udp(at) if self.options.peer.is_empty() => {
                let local = if self.options.join.is_empty() { HostPort::unspecified() } else { at.clone() };
                self.options.peer.push(Target::Inet(at.dialled()?));
                self.place = Place::Udp(local);
            }
            Place::UnixDgram(name) if self.options.peer.is_empty() => {
                self.options.peer.push(Target::Unix(UnixName::new(name.0)?));
                self.place = Place::UnixDgram(UnixName::default());
            }
            _ => {}
        }
        Ok(self)
    }
}

/// Whether it is meant as a URL: `localhost:10000` is not, `unix:rel` is.
fn is_url(arg: &str) -> bool {
    let known = |(word, _): (&str, &str)| Scheme::find(word).is_some();
    arg.contains("://") || arg.split_once(':').is_some_and(known)
}

/// The URL that a port or `HOST:PORT` stands for where something is to listen.
fn listen_shorthand(arg: &str) -> Result<String, UrlError> {
    check_characters(arg)?;
    refuse_path(arg, Place::UnixListen)?;
    let port = arg.strip_prefix(':').unwrap_or(arg);
    let number = port.split('?').next().unwrap_or_default();
    // What follows a colon is a port even if it is wrong, and then the message should be about ports.
    let any = is_digits(number) || port.len() < arg.len() && !number.contains(':');
    Ok(if any { format!("tcp-listen://*:{port}") } else { format!("tcp-listen://{arg}") })
}

/// The URL that `HOST:PORT` stands for where something is to connect.
fn connect_shorthand(arg: &str) -> Result<String, UrlError> {
    check_characters(arg)?;
    refuse_path(arg, Place::Unix)?;
    let start = arg.split('?').next().unwrap_or_default();
    if is_digits(start) { Err(UrlError::OnlyPort(start.into())) } else { Ok(format!("tcp://{arg}")) }
}

/// Paths are not guessed at: a file may be named like a host.
fn refuse_path(arg: &str, place: fn(UnixName) -> Place) -> Result<(), UrlError> {
    if !["/", "./", "../", "@"].iter().any(|start| arg.starts_with(start)) {
        return Ok(());
    }
    let url = place(UnixName::new(arg)?).to_string();
    Err(UrlError::BarePath { path: arg.into(), url })
}

/// What no URL holds as it is.
fn check_characters(text: &str) -> Result<(), UrlError> {
    let bad = |c: &char| c.is_control() || c.is_whitespace() || *c == '#';
    let Some((at, c)) = text.chars().enumerate().find(|(_, c)| bad(c)) else { return Ok(()) };
    Err(UrlError::Character { found: c, at: at + 1 })
}

/// A character of those, for a message.
fn named(c: char, lang: Lang) -> String {
    match c {
        '#' => "\"#\"".into(),
        ' ' => lang.pick("a space", "空格").into(),
        other => format!("{}U+{:04X}", lang.pick("the character ", ""), u32::from(other)),
    }
}

fn escaped(c: char) -> String {
    encode(c.encode_utf8(&mut [0; 4]))
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let missing = || UrlError::NoScheme(text.into());
    let (word, rest) = text.split_once(':').ok_or_else(missing)?;
    let names = SCHEMES.map(Scheme::name);
    match Scheme::find(word) {
        Some(scheme) => Ok((scheme, rest)),
        // A host and its port have a colon as well.
        None if !rest.starts_with("//") && likely(word, &names).is_none() => Err(missing()),
        None => Err(UrlError::UnknownScheme { scheme: word.into(), choice: choice(word, &names) }),
    }
}

/// `//HOST:PORT` and nothing else.
fn authority(scheme: Scheme, rest: &str) -> Result<HostPort, UrlError> {
    let rest = rest.strip_prefix("//").ok_or(UrlError::NoSlashes(scheme))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    let at = authority.parse()?;
    if path.is_empty() { Ok(at) } else { Err(UrlError::Path(path.into())) }
}

/// `///absolute`, `/absolute`, `relative` or `@abstract`, decoded.
fn unix_path(scheme: Scheme, rest: &str) -> Result<String, UrlError> {
    match rest.strip_prefix("//") {
        Some(path) if !path.is_empty() && !path.starts_with('/') => {
            Err(UrlError::NotAbsolute { scheme, path: path.into() })
        }
        Some(path) => decode(path),
        None => decode(rest),
    }
}

/// A host and a port. Written `HOST:PORT`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Where.
    pub host: Host,
    /// The port; 0 is one that the system picks.
    pub port: u16,
}

impl HostPort {
    /// The multicast group that the host is, if it is one. Names are none.
    pub fn multicast_group(&self) -> Option<IpAddr> {
        let address = match &self.host {
            Host::Ip(address) => *address,
            Host::Zoned(address, _) => IpAddr::V6(*address),
            Host::Any | Host::Name(_) => return None,
        };
        address.is_multicast().then_some(address)
    }

    /// Any address, and a port that the system picks.
    fn unspecified() -> HostPort {
        HostPort { host: Host::Any, port: 0 }
    }

    /// Itself, if it can be a peer's.
    fn dialled(self) -> Result<HostPort, HostError> {
        match self {
            HostPort { host: Host::Any, .. } => Err(HostError::NoPeer),
            HostPort { port: 0, .. } => Err(HostError::PortZero),
            peer => Ok(peer),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for HostPort {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (host, port) = split_port(text)?;
        let port = port.filter(|port| !port.is_empty()).ok_or_else(|| HostError::NoPort(host.to_string()))?;
        Ok(HostPort { host, port: parse_port(port)? })
    }
}

/// A host, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// `*`: every IPv4 and IPv6 address of this machine, dual-stack.
    Any,
    /// An address. `0.0.0.0` is IPv4 only, `::` IPv6 only.
    Ip(IpAddr),
    /// An IPv6 address and the zone it is valid in: an interface's name or index, as in `fe80::1%eth0`, taken
    /// literally (RFC 6874's `%25` is not decoded). Letters, digits, `-`, `_`, `.` and `:`, at least one.
    Zoned(Ipv6Addr, String),
    /// A name to be resolved: at most 253 bytes of letters, digits, `-` and `_` in parts of 1 to 63, joined by dots.
    Name(String),
}

impl fmt::Display for Host {
    /// As in a URL: IPv6 addresses in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Any => f.write_str("*"),
            Host::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Zoned(address, zone) => write!(f, "[{address}%{zone}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// The host, and the port if there is a colon for it.
fn split_port(text: &str) -> Result<(Host, Option<&str>), HostError> {
    if text.starts_with('[') {
        return split_brackets(text);
    }
    match text.rsplit_once(':') {
        None => Ok((plain_host(text)?, None)),
        Some((host, _)) if host.contains(':') => Err(without_brackets(text)),
        Some((host, port)) => Ok((plain_host(host)?, Some(port))),
    }
}

fn split_brackets(text: &str) -> Result<(Host, Option<&str>), HostError> {
    let wrong = || HostError::Brackets(text.into());
    let (address, after) = text.get(1..).and_then(|inner| inner.split_once(']')).ok_or_else(wrong)?;
    let host = ipv6(address)?;
    if after.is_empty() {
        return Ok((host, None));
    }
    Ok((host, Some(after.strip_prefix(':').ok_or_else(wrong)?)))
}

/// More than one colon, and no brackets: shows where they may belong.
fn without_brackets(text: &str) -> HostError {
    let split = text.rsplit_once(':').filter(|(address, port)| ipv6(address).is_ok() && is_digits(port));
    let port = split.map(|(address, port)| format!("[{address}]:{port}"));
    let whole = ipv6(text).is_ok().then(|| format!("[{text}]:PORT"));
    let forms: Vec<String> = port.into_iter().chain(whole).collect();
    match forms.is_empty() {
        true => HostError::BadName(text.into()),
        false => HostError::NoBrackets { text: text.into(), forms },
    }
}

/// A host without a port after it.
fn lone_host(text: &str) -> Result<Host, HostError> {
    match split_port(text)? {
        (host, None) => Ok(host),
        _ => Err(HostError::BadName(text.into())),
    }
}

/// What may stand between the brackets.
fn ipv6(text: &str) -> Result<Host, HostError> {
    let bad = |_| HostError::BadIpv6(text.into());
    let Some((address, zone)) = text.split_once('%') else {
        return Ok(Host::Ip(IpAddr::V6(text.parse().map_err(bad)?)));
    };
    let address = address.parse().map_err(bad)?;
    let fits = !zone.is_empty() && zone.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
    if fits { Ok(Host::Zoned(address, zone.into())) } else { Err(HostError::BadIpv6(text.into())) }
}

/// `*`, an IPv4 address, or a name.
fn plain_host(text: &str) -> Result<Host, HostError> {
    let relative = text.strip_suffix('.').unwrap_or(text);
    match text {
        "" => Err(HostError::NoHost),
        "*" => Ok(Host::Any),
        // A name that ends in a number would be read as an address by some resolvers and looked up by others.
        _ if relative.rsplit('.').next().is_some_and(is_digits) => {
            let address = text.parse().map_err(|_| HostError::BadIpv4(text.into()))?;
            Ok(Host::Ip(IpAddr::V4(address)))
        }
        _ if text.len() <= 253 && relative.split('.').all(is_label) => Ok(Host::Name(text.into())),
        _ => Err(HostError::BadName(text.into())),
    }
}

/// One part of a host name. Letters of every script: some resolvers take them as they are.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

fn parse_port(text: &str) -> Result<u16, HostError> {
    if !is_digits(text) {
        return Err(HostError::BadPort(text.into()));
    }
    text.parse().map_err(|_| HostError::PortRange(text.into()))
}

/// Digits only: `parse` alone would take a sign.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The name of a Unix socket: a path, absolute or relative, or `@name` in Linux's abstract namespace.
///
/// Empty (the default) only for a datagram socket: a name that the system picks. A file whose name begins with `@` is
/// `./@name`. How long a name may be is for the system to say (107 bytes on Linux).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnixName(String);

impl UnixName {
    /// Takes a name as it is, without any decoding.
    ///
    /// # Errors
    /// It is empty, `@` alone, or holds a zero byte.
    pub fn new(name: impl Into<String>) -> Result<UnixName, NameError> {
        let name = name.into();
        match name.as_str() {
            "" => Err(NameError::Missing),
            "@" => Err(NameError::NoAbstract),
            _ if name.contains('\0') => Err(NameError::Zero(name)),
            _ => Ok(UnixName(name)),
        }
    }

    /// As `new`, but it may be empty.
    fn optional(name: String) -> Result<UnixName, NameError> {
        if name.is_empty() { Ok(UnixName(name)) } else { UnixName::new(name) }
    }

    /// The name as it is written: a path, `@name`, or nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in the abstract namespace, without its `@`, if it is one.
    pub fn abstract_name(&self) -> Option<&str> {
        self.0.strip_prefix('@')
    }

    /// The path, if it is one: not abstract, not empty.
    pub fn path(&self) -> Option<&Path> {
        let path = !self.0.is_empty() && !self.0.starts_with('@');
        path.then(|| Path::new(&self.0))
    }
}

impl fmt::Display for UnixName {
    /// As `as_str`: not percent-encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
    fn parse(scheme: Scheme, query: &str) -> Result<Options, UrlError> {
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
struct Rule {
    name: &'static str,
    schemes: &'static [Scheme],
    repeatable: bool,
    /// Takes a decoded value.
    read: fn(&mut Options, Scheme, &str) -> Result<(), ValueError>,
    /// The values that were given, not encoded.
    write: fn(&Options) -> Vec<String>,
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
static RULES: [Rule; 20] = [
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

/// Replaces `%41` by what it stands for.
fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let wrong = || UrlError::Escape(format!("%{}", after.chars().take(2).collect::<String>()));
        let (code, after) = after.split_at_checked(2).ok_or_else(wrong)?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(hex(code).ok_or_else(wrong)?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| UrlError::Escape(text.into()))
}

/// Digits only: `from_str_radix` alone would take a sign.
fn hex(code: &str) -> Option<u8> {
    code.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(code, 16).ok()).flatten()
}

/// Keeps what a URL, a shell and a reader take as it is: letters and digits of every script, and a few marks.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || "-._~/:@[]*,=+".contains(c) {
            encoded.push(c);
        } else {
            encoded.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|b| format!("%{b:02X}")));
        }
    }
    encoded
}

fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// The words there are, and the one that `word` was probably meant to be.
fn choice(word: &str, words: &[&'static str]) -> Choice {
    Choice { words: words.to_vec(), meant: likely(word, words) }
}

/// The word that differs by one slip of the keyboard, else one that begins or continues it: `udp-listen`, `keep`.
fn likely(word: &str, words: &[&'static str]) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let related = |meant: &str| word.starts_with(meant) || word.len() > 2 && meant.starts_with(&word);
    let slip = words.iter().find(|meant| one_slip(word.as_bytes(), meant.as_bytes()));
    slip.or_else(|| words.iter().find(|meant| related(meant))).copied()
}

/// Whether one letter is missing, too many, wrong, or swapped with the next; also if nothing is.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    match (&a[..a.len() - same], &b[..b.len() - same]) {
        ([_] | [], [_] | []) => true,
        ([w, x], [y, z]) => w == z && x == y,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    fn url(text: &str) -> EndpointUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn message<T: fmt::Debug, E: fmt::Display>(result: Result<T, E>) -> String {
        result.map(|value| format!("no error but {value:?}")).unwrap_or_else(|error| error.to_string())
    }

    fn refused(text: &str) -> String {
        message(text.parse::<EndpointUrl>())
    }

    fn written(text: &str) -> String {
        url(text).to_string()
    }

    #[test]
    fn places_of_every_scheme() {
        let at = |host, port| HostPort { host, port };
        let name = |text: &str| UnixName::new(text).expect("a name");
        let v6 = |text: &str| text.parse::<Ipv6Addr>().expect("an address");
        for (text, place) in [
            ("tcp-listen://*:10000", Place::TcpListen(at(Host::Any, 10000))),
            ("tcp-listen://0.0.0.0:0", Place::TcpListen(at(Host::Ip(Ipv4Addr::UNSPECIFIED.into()), 0))),
            ("tcp-listen://[::]:10000", Place::TcpListen(at(Host::Ip(Ipv6Addr::UNSPECIFIED.into()), 10000))),
            ("tcp://board-1.local:80", Place::Tcp(at(Host::Name("board-1.local".into()), 80))),
            ("tcp://[fe80::1%eth0]:80", Place::Tcp(at(Host::Zoned(v6("fe80::1"), "eth0".into()), 80))),
            ("udp://[ff02::1%2]:5000", Place::Udp(at(Host::Zoned(v6("ff02::1"), "2".into()), 5000))),
            ("unix-listen:///run/a", Place::UnixListen(name("/run/a"))),
            ("unix:run/a", Place::Unix(name("run/a"))),
            ("unix:@lab", Place::Unix(name("@lab"))),
            ("unix-dgram:", Place::UnixDgram(UnixName::default())),
        ] {
            assert_eq!(url(text).place, place);
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn other_spellings_become_the_one() {
        for (text, expected) in [
            ("TCP-Listen://*:010000?", "tcp-listen://*:10000"),
            ("unix:/run/a", "unix:///run/a"),
            ("unix:////a", "unix:////a"),
            ("unix:%2Frun/%41%3f", "unix:///run/A%3F"),
            ("unix-dgram://", "unix-dgram:"),
            ("unix:%40lab", "unix:@lab"),
            ("unix:套接字", "unix:套接字"),
            ("tcp://h:1?echo=1&&nodelay=0", "tcp://h:1?nodelay=0&echo=1"),
            ("tcp://h:1?timeout=1500ms&rcvbuf=1024", "tcp://h:1?rcvbuf=1k&timeout=1.5s"),
            ("tcp://h:1?bind=10.0.0.1:0", "tcp://h:1?bind=10.0.0.1"),
            ("udp://239.1.2.3:5000?join=0&join=Ethernet%202", "udp://239.1.2.3:5000?join=0.0.0.0&join=Ethernet%202"),
            ("udp://*:0?peer=[FE80::1%25eth0]:7", "udp://*:0?peer=[fe80::1%25eth0]:7"),
        ] {
            assert_eq!(written(text), expected);
            assert_eq!(written(expected), expected);
        }
    }

    #[test]
    fn hosts_and_ports_that_are_none() {
        for (rest, expected) in [
            ("h", "the port is missing (write h:PORT)"),
            ("h:", "the port is missing (write h:PORT)"),
            ("[::1]", "the port is missing (write [::1]:PORT)"),
            ("h:70000", "port 70000 is out of range (0 to 65535)"),
            ("h:http", r#"port "http" is no number (0 to 65535)"#),
            ("h:+80", r#"port "+80" is no number (0 to 65535)"#),
            ("h:0", "port 0 cannot be dialled (1 to 65535)"),
            (":80", "the host is missing (* is every address of this machine)"),
            ("*:80", "* is every address of this machine, not a peer (name one host)"),
            ("me:secret@h:80", "a user name before the host means nothing here (leave out everything up to the @)"),
            ("h:80/", r#"the path "/" after the port means nothing (leave it out)"#),
            ("h:80/a@b", r#"the path "/a@b" after the port means nothing (leave it out)"#),
            ("fe80::1", r#"the IPv6 address "fe80::1" needs brackets (write it as [fe80::1]:PORT)"#),
            ("::1:10000", r#"the IPv6 address "::1:10000" needs brackets (write it as [::1]:10000)"#),
            ("::1:80", r#"the IPv6 address "::1:80" needs brackets (write it as [::1]:80 or [::1:80]:PORT)"#),
            (
                "[10.0.0.1]:80",
                r#""10.0.0.1" is no IPv6 address (between the brackets: fe80::1, or with a zone fe80::1%eth0)"#,
            ),
            ("[::1:80", r#""[::1:80" has its brackets in the wrong place (write it as [ADDRESS]:PORT)"#),
            ("[::1]80", r#""[::1]80" has its brackets in the wrong place (write it as [ADDRESS]:PORT)"#),
            ("10.0.0.256:80", r#""10.0.0.256" is no IPv4 address (four numbers from 0 to 255, joined by dots)"#),
            ("a..b:80", r#""a..b" is no host name (letters, digits, - and _, in parts joined by dots)"#),
            ("a:b:80", r#""a:b:80" is no host name (letters, digits, - and _, in parts joined by dots)"#),
        ] {
            assert_eq!(refused(&format!("tcp://{rest}")), expected);
        }
        assert!(refused(&format!("tcp://{}:80", "a".repeat(64))).contains("no host name"));
        assert!(refused("tcp://[fe80::1%]:80").contains("no IPv6 address"));
    }

    #[test]
    fn schemes_and_characters_that_are_none() {
        let names = "tcp-listen, tcp, udp, unix-listen, unix, unix-dgram";
        for (text, expected) in [
            ("tpc://h:80", format!(r#"unknown scheme "tpc" (one of {names}; did you mean tcp?)"#)),
            ("udp-listen://h:80", format!(r#"unknown scheme "udp-listen" (one of {names}; did you mean udp?)"#)),
            ("http://h", format!(r#"unknown scheme "http" (one of {names})"#)),
            ("localhost:80", format!(r#"no scheme in "localhost:80" (begin with one of {names})"#)),
            ("", format!(r#"no scheme in "" (begin with one of {names})"#)),
            ("tcp:h:80", "tcp needs two slashes before the host (write tcp://HOST:PORT)".into()),
            ("unix:a b", "a space at character 7 (leave it out; in a path or an option, write it as %20)".into()),
            ("unix:a#b", r##""#" at character 7 (leave it out; in a path or an option, write it as %23)"##.into()),
            (
                "unix:a\nb",
                "the character U+000A at character 7 (leave it out; in a path or an option, write it as %0A)".into(),
            ),
        ] {
            assert_eq!(refused(text), expected);
        }
    }

    #[test]
    fn paths_that_are_none() {
        for (text, expected) in [
            ("unix:", "the path of the socket is missing"),
            ("unix-listen://?echo=1", "the path of the socket is missing"),
            ("unix:@", "the abstract name after @ is missing"),
            ("unix:a%00", r#"the path "a\0" holds a zero byte (leave out %00)"#),
            ("unix://run/a", r#""run/a" after unix:// is no absolute path (write unix:PATH or unix:///PATH)"#),
            ("unix:a%4", r#""%4" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
            ("unix:a%+1", r#""%+1" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
            ("unix:a%4套", r#""%4套" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
            ("unix:%ff", r#""%ff" cannot be decoded (write a percent sign as %25, and everything else as UTF-8)"#),
        ] {
            assert_eq!(refused(text), expected);
        }
    }

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
    fn errors_in_chinese_say_the_same() {
        let chinese = |text: &str| text.parse::<EndpointUrl>().expect_err(text).text(Lang::Zh);
        for (text, expected) in [
            ("10000", r#""10000" 中没有协议（开头应为 tcp-listen、tcp、udp、unix-listen、unix、unix-dgram）"#),
            ("tcp://a b:1", "第 8 个字符不可用：空格（请去掉；在路径或选项中写成 %20）"),
            ("tcp://a\tb:1", "第 8 个字符不可用：U+0009（请去掉；在路径或选项中写成 %09）"),
            ("tcp://a:b", r#"端口 "b" 不是数字（0 到 65535）"#),
            ("tcp://::1:80", r#"IPv6 地址 "::1:80" 要加方括号（写成 [::1]:80 或 [::1:80]:PORT）"#),
            ("tcp:a:80", "tcp 的主机前要有两个斜杠（写成 tcp://HOST:PORT）"),
            ("unix:", "缺少套接字的路径"),
            ("tcp://a:1?join=eth0", "选项 join 对 tcp 没有意义（只用于 udp）"),
            ("tcp://a:1?keepalive=1d", r#"选项 keepalive：时长 "1d" 的单位 "d" 未知（可用 ms、s、m、h）"#),
            ("tcp://a:1?ttl=0", r#"选项 ttl："0" 不是 1 到 255 的整数"#),
            (
                "udp://*:5000?join=eth0",
                "使用选项 join 时，主机必须是组播地址（224.0.0.0 到 239.255.255.255，或 ff00::/8）",
            ),
        ] {
            assert_eq!(chinese(text), expected, "{text}");
        }
        assert!(chinese("tcq://a:1").ends_with("unix-dgram；是不是 tcp？）"));
        assert!(chinese("tcp://a:1?keep=1").ends_with("halfopen；是不是 keepalive？）"));
        let error = EndpointUrl::for_connect(&["tcp-listen://*:1"]).expect_err("a server");
        assert_eq!(error.text(Lang::Zh), "tcp-listen: 用于服务器（请用 listen，或连接 tcp://HOST:PORT）");
        assert_eq!(error.text(Lang::En), error.to_string());
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
    fn groups_are_addresses_only() {
        let group = |text: &str| text.parse::<HostPort>().expect("a host").multicast_group().map(|ip| ip.to_string());
        assert_eq!(group("239.1.2.3:5000"), Some("239.1.2.3".into()));
        assert_eq!(group("[ff02::1%eth0]:5000"), Some("ff02::1".into()));
        assert_eq!(group("[ff02::1]:5000"), Some("ff02::1".into()));
        assert_eq!(["10.0.0.1:1", "*:1", "h:1", "[fe80::1%2]:1"].map(group), [None, None, None, None]);
    }

    #[test]
    fn unix_names_know_what_they_are() {
        let name = |text: &str| UnixName::new(text).expect("a name");
        assert_eq!((name("@lab").abstract_name(), name("@lab").path()), (Some("lab"), None));
        assert_eq!((name("./@lab").abstract_name(), name("./@lab").path()), (None, Some(Path::new("./@lab"))));
        assert_eq!((UnixName::default().abstract_name(), UnixName::default().path()), (None, None));
    }

    #[test]
    fn listen_takes_a_port() {
        for (arg, expected) in [
            ("10000", "tcp-listen://*:10000"),
            (":10000", "tcp-listen://*:10000"),
            ("10000?echo=1", "tcp-listen://*:10000?echo=1"),
            ("localhost:10000", "tcp-listen://localhost:10000"),
            ("[::1]:10000", "tcp-listen://[::1]:10000"),
            ("udp://*:5000", "udp://*:5000"),
            ("unix-listen:a", "unix-listen:a"),
        ] {
            assert_eq!(EndpointUrl::for_listen(arg).map(|url| url.to_string()), Ok(expected.into()));
        }
        for (arg, expected) in [
            ("tcp://h:80", "tcp: is for clients (use connect, or listen on tcp-listen://HOST:PORT)"),
            ("unix:a", "unix: is for clients (use connect, or listen on unix-listen:PATH)"),
            ("/run/a b", "a space at character 7 (leave it out; in a path or an option, write it as %20)"),
            ("/run/a", r#""/run/a" looks like a path (write unix-listen:///run/a)"#),
            ("70000", "port 70000 is out of range (0 to 65535)"),
            (":http", r#"port "http" is no number (0 to 65535)"#),
            (":", "the port is missing (write *:PORT)"),
            ("localhost", "the port is missing (write localhost:PORT)"),
            ("::1:10000", r#"the IPv6 address "::1:10000" needs brackets (write it as [::1]:10000)"#),
        ] {
            assert_eq!(message(EndpointUrl::for_listen(arg)), expected);
        }
    }

    #[test]
    fn connect_takes_a_host_and_a_port() {
        for (args, expected) in [
            (&["h:80"][..], "tcp://h:80"),
            (&["h:80?retry=1"], "tcp://h:80?retry=1"),
            (&["h", "80"], "tcp://h:80"),
            (&["fe80::1%eth0", "80"], "tcp://[fe80::1%eth0]:80"),
            (&["[::1]", "80"], "tcp://[::1]:80"),
            (&["unix:@lab"], "unix:@lab"),
            (&["udp://h:80?ttl=4"], "udp://*:0?ttl=4&peer=h:80"),
            (&["udp://*:5000?peer=h:80"], "udp://*:5000?peer=h:80"),
            (&["udp://239.1.2.3:5000"], "udp://*:0?peer=239.1.2.3:5000"),
            (&["udp://239.1.2.3:5000?join=eth0"], "udp://239.1.2.3:5000?join=eth0&peer=239.1.2.3:5000"),
            (&["unix-dgram:///p"], "unix-dgram:?peer=/p"),
        ] {
            let connected = EndpointUrl::for_connect(args).map(|url| url.to_string());
            assert_eq!(connected, Ok(expected.into()));
            assert_eq!(EndpointUrl::for_connect(&[expected]).map(|url| url.to_string()), connected);
        }
        for (args, expected) in [
            (&["80"][..], r#""80" is only a port (write HOST:80)"#),
            (&[":80"], "the host is missing (* is every address of this machine)"),
            (&["h"], "the port is missing (write h:PORT)"),
            (&["h", "http"], r#"port "http" is no number (0 to 65535)"#),
            (&["h", "0"], "port 0 cannot be dialled (1 to 65535)"),
            (&["h:80", "80"], r#""h:80" is no host name (letters, digits, - and _, in parts joined by dots)"#),
            (&["tcp-listen://*:80"], "tcp-listen: is for servers (use listen, or connect to tcp://HOST:PORT)"),
            (&["unix-listen:a"], "unix-listen: is for servers (use listen, or connect to unix:PATH)"),
            (&["udp://*:80"], "* is every address of this machine, not a peer (name one host)"),
            (&["unix-dgram:"], "the path of the socket is missing"),
            (&["./a"], r#""./a" looks like a path (write unix:./a)"#),
            (&["tcp://h:80", "80"], "one peer is a URL, HOST:PORT, or HOST PORT"),
            (&[], "one peer is a URL, HOST:PORT, or HOST PORT"),
        ] {
            assert_eq!(message(EndpointUrl::for_connect(args)), expected);
        }
    }

    #[test]
    fn every_rule_is_named_once() {
        for rule in &RULES {
            assert_eq!(RULES.iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
        }
    }

    fn any_host() -> impl Strategy<Value = Host> {
        prop_oneof![
            any::<IpAddr>().prop_map(Host::Ip),
            (any::<Ipv6Addr>(), "[a-z0-9_.:é-]{1,9}").prop_map(|(address, zone)| Host::Zoned(address, zone)),
            "([a-zA-Z0-9_-]{1,63}\\.){0,2}[a-z网][a-z0-9-]{0,20}\\.?".prop_map(Host::Name),
        ]
    }

    /// What a peer may be.
    fn any_peer() -> impl Strategy<Value = HostPort> {
        (any_host(), 1..=u16::MAX).prop_map(|(host, port)| HostPort { host, port })
    }

    /// What a socket may be bound to.
    fn any_local() -> impl Strategy<Value = HostPort> {
        (prop_oneof![Just(Host::Any), any_host()], any::<u16>()).prop_map(|(host, port)| HostPort { host, port })
    }

    fn any_name() -> impl Strategy<Value = UnixName> {
        prop_oneof!["[/@]{0,2}[a-z%?&# /]{1,9}", "[^\0]{1,20}"]
            .prop_filter_map("a name that there is", |name| UnixName::new(name).ok())
    }

    fn any_place() -> impl Strategy<Value = Place> {
        prop_oneof![
            any_local().prop_map(Place::TcpListen),
            any_peer().prop_map(Place::Tcp),
            any_local().prop_map(Place::Udp),
            any_name().prop_map(Place::UnixListen),
            any_name().prop_map(Place::Unix),
            prop_oneof![Just(UnixName::default()), any_name()].prop_map(Place::UnixDgram),
        ]
    }

    fn any_interface() -> impl Strategy<Value = Interface> {
        prop_oneof![
            Just(Interface::Any),
            any::<NonZeroU32>().prop_map(Interface::Index),
            (1..224u8, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Interface::Address([a, b, c, d].into())),
            "[a-z][a-z0-9% ]{0,14}".prop_map(Interface::Name),
        ]
    }

    fn any_time() -> impl Strategy<Value = Duration> {
        (1..32767u64, 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
    }

    /// The options of every scheme at once; the peers are those of `scheme`.
    fn any_options(scheme: Scheme) -> impl Strategy<Value = Options> {
        let target = match scheme {
            UnixDgram => any_name().prop_map(Target::Unix).boxed(),
            _ => any_peer().prop_map(Target::Inet).boxed(),
        };
        let flags = vec(of(any::<bool>()), 8);
        let times = (of(any_time()), of(any_time()), of(any_time()));
        let sizes = (of(1..=i32::MAX as usize), of(1..=i32::MAX as usize), of(1..=MOST_PEERS));
        let small = (of(1..=65535u32), of(1..=255u8), of(any_local()), of("[a-z0-9&=% ]{1,15}"));
        let many = (vec(any_interface(), 0..3), vec(target, 0..3));
        (flags, times, sizes, small, many).prop_map(|(flags, times, sizes, small, many)| Options {
            nodelay: flags[0],
            keepalive: times.0,
            rcvbuf: sizes.0,
            sndbuf: sizes.1,
            reuse: flags[1],
            max_peers: sizes.2,
            backlog: small.0,
            broadcast: flags[2],
            ttl: small.1,
            loopback: flags[3],
            join: many.0,
            bind: small.2,
            interface: small.3,
            timeout: times.1,
            retry: flags[4],
            age: times.2,
            peer: many.1,
            echo: flags[5],
            halfopen: flags[6],
            once: flags[7],
        })
    }

    /// Only those options that `wanted` says, by way of their text.
    fn keep(options: &Options, scheme: Scheme, wanted: impl Fn(&Rule) -> bool) -> Options {
        let mut kept = Options::default();
        for rule in RULES.iter().filter(|rule| wanted(rule)) {
            for value in (rule.write)(options) {
                (rule.read)(&mut kept, scheme, &value).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
            }
        }
        kept
    }

    fn any_url() -> impl Strategy<Value = EndpointUrl> {
        let both = any_place().prop_flat_map(|place| {
            let options = any_options(place.scheme());
            (Just(place), options)
        });
        both.prop_map(|(place, options)| {
            let group = matches!(&place, Place::Udp(at) if at.multicast_group().is_some());
            let wanted = |rule: &Rule| rule.schemes.contains(&place.scheme()) && (group || rule.name != "join");
            EndpointUrl { options: keep(&options, place.scheme(), wanted), place }
        })
    }

    proptest! {
        #[test]
        fn urls_read_back(url in any_url()) {
            let text = url.to_string();
            prop_assert_eq!(text.parse(), Ok(url), "{}", text);
        }

        #[test]
        fn option_values_read_back(options in any_options(Udp)) {
            prop_assert_eq!(keep(&options, Udp, |_| true), options);
        }

        #[test]
        fn hosts_and_ports_read_back(at in any_local()) {
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }

        #[test]
        fn any_text_is_read_or_refused_in_one_line(
            text in "\\PC*|.{0,40}|(tcp|udp|tcp-listen)://[a-z0-9*:%/@.\\[\\]]{0,20}(\\?[a-z=&%0-9]{0,20})?\
                     |unix(-listen|-dgram)?:[a-z/@%0-9?&=]{0,20}"
        ) {
            match text.parse::<EndpointUrl>() {
                Ok(url) => prop_assert_eq!(url.to_string().parse(), Ok(url)),
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{}", error),
            }
        }

        #[test]
        fn any_argument_is_read_or_refused(
            args in vec("[a-z0-9:.\\[\\]]{0,9}|.{0,9}|(udp|unix-dgram)://?[/a-z0-9:?=&]{0,9}", 0..4)
        ) {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let urls = [EndpointUrl::for_connect(&args), EndpointUrl::for_listen(&args.concat())];
            for url in urls.into_iter().flatten() {
                prop_assert_eq!(url.to_string().parse(), Ok(url));
            }
        }

        #[test]
        fn a_dialled_url_reads_back(url in any_url()) {
            if let Ok(url) = EndpointUrl::for_connect(&[&url.to_string()]) {
                prop_assert_eq!(url.to_string().parse(), Ok(url));
            }
        }
    }
}
