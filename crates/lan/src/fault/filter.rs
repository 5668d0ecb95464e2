//! Picking frames out: by what they carry, by address, by port, by how many came before.

use std::net::IpAddr;

use crate::Time;
use crate::packet::{Ethernet, Ip, Kind, Segment, Udp, protocol};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Anything.
    Any,
    /// A question or an answer about hardware addresses.
    Arp,
    /// A TCP segment.
    Tcp,
    /// The first segment of a connection.
    Syn,
    /// A UDP datagram.
    Udp,
    /// An echo or a notice, of either version.
    Icmp,
    /// DHCP for IPv4.
    Dhcp,
    /// DNS.
    Dns,
}

/// Drops the frames to which all of it applies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filter {
    /// What they carry.
    pub carries: Carries,
    /// Where they come from, or go to.
    pub address: Option<IpAddr>,
    /// The port that they come from, or go to.
    pub port: Option<u16>,
    /// Only the n-th of these, counted from 1 since the faults were set.
    pub nth: Option<u64>,
    /// How likely such a frame is dropped.
    pub probability: f64,
    /// From when on.
    pub from: Time,
    /// Until when.
    pub until: Time,
}

impl Default for Filter {
    fn default() -> Filter {
        let (address, port, nth) = (None, None, None);
        Filter { carries: Carries::Any, address, port, nth, probability: 1.0, from: Time::ZERO, until: Time::NEVER }
    }
}

/// What filters ask about a frame.
struct Traits {
    arp: bool,
    protocol: Option<u8>,
    syn: bool,
    ends: Option<(IpAddr, IpAddr)>,
    ports: Option<(u16, u16)>,
}

impl Traits {
    fn of(frame: &[u8]) -> Option<Traits> {
        let ethernet = Ethernet::parse(frame)?;
        let mut traits =
            Traits { arp: ethernet.kind == Kind::Arp, protocol: None, syn: false, ends: None, ports: None };
        let Some(ip) = Ip::parse(ethernet.payload) else { return Some(traits) };
        traits.protocol = Some(ip.protocol);
        traits.ends = Some((ip.src, ip.dst));
        let first = ip.fragment.is_none_or(|fragment| fragment.offset == 0);
        if let Some(segment) = Segment::parse(&ip).filter(|_| first && ip.protocol == protocol::TCP) {
            traits.syn = segment.dials();
            traits.ports = Some((segment.from.port(), segment.to.port()));
        } else if let Some(datagram) = Udp::parse(&ip).filter(|_| first && ip.protocol == protocol::UDP) {
            traits.ports = Some((datagram.from.port(), datagram.to.port()));
        }
        Some(traits)
    }

    fn has_port(&self, wanted: &[u16]) -> bool {
        self.ports.is_some_and(|(from, to)| wanted.contains(&from) || wanted.contains(&to))
    }
}

impl Filter {
    /// Whether it is about this frame, its window and chance aside.
    pub(super) fn fits(&self, frame: &[u8]) -> bool {
        let Some(traits) = Traits::of(frame) else { return false };
        let carried = match self.carries {
            Carries::Any => true,
            Carries::Arp => traits.arp,
            Carries::Tcp => traits.protocol == Some(protocol::TCP),
            Carries::Syn => traits.syn,
            Carries::Udp => traits.protocol == Some(protocol::UDP),
            Carries::Icmp => matches!(traits.protocol, Some(protocol::ICMP | protocol::ICMPV6)),
            Carries::Dhcp => traits.protocol == Some(protocol::UDP) && traits.has_port(&[67, 68]),
            Carries::Dns => traits.has_port(&[53]),
        };
        let address = self.address.is_none_or(|one| traits.ends.is_some_and(|(src, dst)| src == one || dst == one));
        carried && address && self.port.is_none_or(|port| traits.has_port(&[port]))
    }

    pub(super) fn is_on(&self, now: Time) -> bool {
        self.from <= now && now < self.until
    }
}
