//! Endpoint URLs: what to open, where, and with which options, as one line of text that reads back as written; and
//! what stands for one on the command line. The parts have modules of their own: `host`, `name`, `options`, and
//! `error` for what is wrong with them.
//! Opening it belongs elsewhere, and so does everything that needs the system: names are not resolved here and no
//! interface is looked up. Durations and sizes are read by `quantity`.

mod choice;
mod error;
mod host;
mod name;
mod options;
#[cfg(test)]
mod testing;

use std::fmt;
use std::str::FromStr;

pub use choice::Choice;
pub use error::{HostError, NameError, UrlError, ValueError};
pub use host::{Host, HostPort};
pub use name::UnixName;
pub use options::{
    DEFAULT_BACKLOG, DEFAULT_CONNECT_TIMEOUT, DEFAULT_MAX_PEERS, DEFAULT_PEER_AGE, Interface, MOST_PEERS, Options,
    Target,
};

use choice::{choice, likely};
use host::{ipv6, is_digits, lone_host, parse_port};
use name::{decode, encode};

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

#[cfg(test)]
mod tests {
    use super::testing::{any_url, message, refused, url, written};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

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

    proptest! {
        #[test]
        fn urls_read_back(url in any_url()) {
            let text = url.to_string();
            prop_assert_eq!(text.parse(), Ok(url), "{}", text);
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
