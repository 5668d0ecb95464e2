//! What `getaddrinfo` is asked and what it answers. Who looks names up is the stack's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Family, Protocol, Type};

/// What to look up (POSIX `getaddrinfo`; RFC 3493, 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// A name, or an address as text. `""` is every address of this machine: 0.0.0.0, or `::` for
    /// [`Family::Inet6`].
    pub host: String,
    /// The port that the answers are to have.
    pub port: u16,
    /// Only addresses of this family; `None` for both. [`Family::Unix`] finds nothing.
    pub family: Option<Family>,
    /// What the answers are to say about the socket's type; [`Type::Stream`] unless told.
    pub kind: Type,
    /// What they are to say about the protocol.
    pub protocol: Protocol,
}

/// One answer: what to open, and where to connect it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// For [`Net::socket`](crate::Net::socket).
    pub family: Family,
    /// Likewise, as asked.
    pub kind: Type,
    /// Likewise, as asked.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
}

impl Query {
    /// Addresses of both families for a stream.
    pub fn new(host: impl Into<String>, port: u16) -> Query {
        Query { host: host.into(), port, family: None, kind: Type::Stream, protocol: Protocol::Usual }
    }

    /// Only those of this family.
    pub fn family(self, family: Family) -> Query {
        Query { family: Some(family), ..self }
    }

    /// For sockets of this type.
    pub fn kind(self, kind: Type) -> Query {
        Query { kind, ..self }
    }

    /// The address that the host's text is, if it is one: nobody needs to be asked then.
    pub(crate) fn numeric(&self) -> Option<IpAddr> {
        match (self.host.as_str(), self.family) {
            ("", Some(Family::Inet6)) => Some(Ipv6Addr::UNSPECIFIED.into()),
            ("", _) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (host, _) => host.parse().ok(),
        }
    }

    /// The answers that these addresses make: of the family asked for, each once.
    pub fn answers(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<Vec<Info>, LookupFailure> {
        let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, self.port));
        self.answers_from(sockets)
    }

    /// The same, where an address has a scope (`fe80::1%eth0`). The ports are replaced by the one asked for.
    pub fn answers_from(&self, addresses: impl IntoIterator<Item = SocketAddr>) -> Result<Vec<Info>, LookupFailure> {
        let mut answers: Vec<Info> = Vec::new();
        for mut address in addresses {
            address.set_port(self.port);
            let family = if address.is_ipv4() { Family::Inet } else { Family::Inet6 };
            let wanted = self.family.is_none_or(|wanted| wanted == family);
            if wanted && answers.iter().all(|known| known.address != address) {
                answers.push(Info { family, kind: self.kind, protocol: self.protocol, address });
            }
        }
        if answers.is_empty() { Err(LookupFailure::NoName) } else { Ok(answers) }
    }
}

/// Why a name has no address (RFC 3493, 6.1, and glibc's `EAI_NODATA`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LookupFailure {
    /// There is no such name, or none of that family; also what most systems say without any network.
    NoName,
    /// Nobody answered; it may be better later.
    Again,
    /// Whoever was asked cannot tell, and will not later.
    Fail,
    /// The name exists, without an address.
    NoData,
    /// The family is not known here.
    Family,
    /// No memory left.
    Memory,
    /// The system failed in another way.
    System,
}

impl LookupFailure {
    /// The name that C has for it: `"EAI_NONAME"`.
    pub fn name(self) -> &'static str {
        match self {
            LookupFailure::NoName => "EAI_NONAME",
            LookupFailure::Again => "EAI_AGAIN",
            LookupFailure::Fail => "EAI_FAIL",
            LookupFailure::NoData => "EAI_NODATA",
            LookupFailure::Family => "EAI_FAMILY",
            LookupFailure::Memory => "EAI_MEMORY",
            LookupFailure::System => "EAI_SYSTEM",
        }
    }

    /// The number that Linux has for it, -2 for [`NoName`](LookupFailure::NoName), on whatever system this runs.
    pub fn linux(self) -> i32 {
        match self {
            LookupFailure::NoName => -2,
            LookupFailure::Again => -3,
            LookupFailure::Fail => -4,
            LookupFailure::NoData => -5,
            LookupFailure::Family => -6,
            LookupFailure::Memory => -10,
            LookupFailure::System => -11,
        }
    }

    /// What it means, in lower case.
    pub fn cause(self) -> &'static str {
        match self {
            LookupFailure::NoName => "no such name",
            LookupFailure::Again => "no name server answered",
            LookupFailure::Fail => "the name server cannot tell",
            LookupFailure::NoData => "the name has no address",
            LookupFailure::Family => "no such address family",
            LookupFailure::Memory => "no memory left",
            LookupFailure::System => "the system could not look it up",
        }
    }
}
