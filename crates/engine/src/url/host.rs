//! Hosts and ports, as an endpoint URL, its options and the command line write them.
//! What comes around them in a URL belongs to `url`; names are resolved and zones looked up where endpoints are opened.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::error::HostError;

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

    /// Where a socket bound to it is; a name is at no address.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        let ip = match &self.host {
            Host::Ip(ip) => *ip,
            Host::Zoned(ip, _) => IpAddr::V6(*ip),
            Host::Any => Ipv4Addr::UNSPECIFIED.into(),
            Host::Name(_) => return None,
        };
        Some((ip, self.port).into())
    }

    /// Any address, and a port that the system picks.
    pub(super) fn unspecified() -> HostPort {
        HostPort { host: Host::Any, port: 0 }
    }

    /// Itself, if it can be a peer's.
    pub(super) fn dialled(self) -> Result<HostPort, HostError> {
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
pub(super) fn split_port(text: &str) -> Result<(Host, Option<&str>), HostError> {
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
pub(super) fn lone_host(text: &str) -> Result<Host, HostError> {
    match split_port(text)? {
        (host, None) => Ok(host),
        _ => Err(HostError::BadName(text.into())),
    }
}

/// What may stand between the brackets.
pub(super) fn ipv6(text: &str) -> Result<Host, HostError> {
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

pub(super) fn parse_port(text: &str) -> Result<u16, HostError> {
    if !is_digits(text) {
        return Err(HostError::BadPort(text.into()));
    }
    text.parse().map_err(|_| HostError::PortRange(text.into()))
}

/// Digits only: `parse` alone would take a sign.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::testing::{any_local, refused};
    use proptest::prelude::*;

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
    fn groups_are_addresses_only() {
        let group = |text: &str| text.parse::<HostPort>().expect("a host").multicast_group().map(|ip| ip.to_string());
        assert_eq!(group("239.1.2.3:5000"), Some("239.1.2.3".into()));
        assert_eq!(group("[ff02::1%eth0]:5000"), Some("ff02::1".into()));
        assert_eq!(group("[ff02::1]:5000"), Some("ff02::1".into()));
        assert_eq!(["10.0.0.1:1", "*:1", "h:1", "[fe80::1%2]:1"].map(group), [None, None, None, None]);
    }

    proptest! {
        #[test]
        fn hosts_and_ports_read_back(at in any_local()) {
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }
    }
}
