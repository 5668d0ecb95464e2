//! What IPv6 hosts and routers say about neighbours (RFC 4861): the messages, without what they lead to.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv6Packet, Icmpv6Repr, NdiscNeighborFlags, NdiscPrefixInfoFlags, NdiscPrefixInformation, NdiscRepr,
    NdiscRouterFlags, RawHardwareAddress,
};

use crate::Mac;
use crate::packet::{self, Ip, group_mac, solicited_node};

/// Every host of the link, and every router.
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// Messages that crossed a router are not about neighbours: their hop limit would be less.
const HOPS: u8 = 255;

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Who has this address? The sender's hardware, unless it only asks whether the address is free.
    WhoHas { target: Ipv6Addr, mac: Option<Mac> },
    /// This address is at that hardware.
    IsAt { target: Ipv6Addr, mac: Option<Mac> },
    /// Is there a router?
    RouterWanted { mac: Option<Mac> },
    /// There is; addresses may be made in this prefix.
    Router { lifetime: Duration, prefix: Option<(Ipv6Addr, u8, Duration)>, mac: Option<Mac> },
}

impl Said {
    pub(crate) fn parse(ip: &Ip<'_>) -> Option<Said> {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (ip.src, ip.dst) else { return None };
        // RFC 4861, 6.1 and 7.1.
        let kind = *ip.payload.first()?;
        if ip.hops != HOPS || !(133..=136).contains(&kind) || !options_are_whole(ip.payload, kind) {
            return None;
        }
        let packet = Icmpv6Packet::new_checked(ip.payload).ok()?;
        let message = Icmpv6Repr::parse(&src, &dst, &packet, &ChecksumCapabilities::default()).ok()?;
        match message {
            Icmpv6Repr::Ndisc(message) => Said::from_message(&message),
            _ => None,
        }
    }

    /// The hardware that the sender says is its own; that of the frame differs only if something is wrong.
    pub(crate) fn mac(&self) -> Option<Mac> {
        match self {
            Said::WhoHas { mac, .. }
            | Said::IsAt { mac, .. }
            | Said::RouterWanted { mac }
            | Said::Router { mac, .. } => *mac,
        }
    }

    fn from_message(message: &NdiscRepr<'_>) -> Option<Said> {
        match message {
            NdiscRepr::NeighborSolicit { target_addr, lladdr } => {
                Some(Said::WhoHas { target: *target_addr, mac: lladdr.and_then(mac) })
            }
            NdiscRepr::NeighborAdvert { target_addr, lladdr, .. } => {
                Some(Said::IsAt { target: *target_addr, mac: lladdr.and_then(mac) })
            }
            NdiscRepr::RouterSolicit { lladdr } => Some(Said::RouterWanted { mac: lladdr.and_then(mac) }),
            NdiscRepr::RouterAdvert { router_lifetime, prefix_info, lladdr, .. } => Some(Said::Router {
                lifetime: (*router_lifetime).into(),
                prefix: prefix_info.filter(NdiscPrefixInformation::is_valid_prefix_info).map(prefix),
                mac: lladdr.and_then(mac),
            }),
            NdiscRepr::Redirect { .. } => None,
        }
    }
}

/// smoltcp trusts the lengths of options: those that do not add up are not shown to it.
fn options_are_whole(payload: &[u8], kind: u8) -> bool {
    let fixed = match kind {
        133 => 8,
        134 => 16,
        _ => 24,
    };
    let Some(mut rest) = payload.get(fixed..) else { return false };
    while let [kind, eights, ..] = *rest {
        // A hardware address of Ethernet has eight bytes with its header (RFC 2464, 6).
        if eights == 0 || matches!(kind, 1 | 2) && eights != 1 {
            return false;
        }
        let Some(next) = rest.get(8 * usize::from(eights)..) else { return false };
        rest = next;
    }
    rest.is_empty()
}

fn mac(address: RawHardwareAddress) -> Option<Mac> {
    address.as_bytes().first_chunk::<6>().copied().map(Mac).filter(|mac| mac.is_unicast())
}

fn prefix(info: NdiscPrefixInformation) -> (Ipv6Addr, u8, Duration) {
    (info.prefix, info.prefix_len, info.valid_lifetime.into())
}

fn raw(mac: Mac) -> Option<RawHardwareAddress> {
    Some(mac.to_smoltcp().into())
}

/// Asks who has an address. From the unspecified address it asks whether somebody has it (RFC 4862, 5.4.2).
pub(crate) fn who_has(target: Ipv6Addr, src: Ipv6Addr, mac: Mac) -> Option<Vec<u8>> {
    let lladdr = if src.is_unspecified() { None } else { raw(mac) };
    let message = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr: target, lladdr });
    let group = solicited_node(target);
    let packet = packet::icmpv6(src, group, HOPS, &message)?;
    Some(packet::address(packet, mac, group_mac(group.into())))
}

/// Says that an address is at this hardware.
pub(crate) fn is_at(target: Ipv6Addr, mac: Mac, to: (Ipv6Addr, Mac), router: bool) -> Option<Vec<u8>> {
    let mut flags = NdiscNeighborFlags::OVERRIDE;
    flags.set(NdiscNeighborFlags::ROUTER, router);
    flags.set(NdiscNeighborFlags::SOLICITED, !to.0.is_multicast());
    let message = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { flags, target_addr: target, lladdr: raw(mac) });
    let packet = packet::icmpv6(target, to.0, HOPS, &message)?;
    Some(packet::address(packet, mac, to.1))
}

/// Asks for a router.
pub(crate) fn router_wanted(src: Ipv6Addr, mac: Mac) -> Option<Vec<u8>> {
    let message = Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { lladdr: raw(mac) });
    let packet = packet::icmpv6(src, ALL_ROUTERS, HOPS, &message)?;
    Some(packet::address(packet, mac, group_mac(ALL_ROUTERS.into())))
}

/// Says that here is a router, and that addresses may be made in a /64.
pub(crate) fn router(src: Ipv6Addr, mac: Mac, prefix: Ipv6Addr, lifetime: Duration) -> Option<Vec<u8>> {
    let lifetime = lifetime.into();
    let message = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
        hop_limit: packet::HOPS,
        flags: NdiscRouterFlags::empty(),
        router_lifetime: lifetime,
        reachable_time: smoltcp::time::Duration::ZERO,
        retrans_time: smoltcp::time::Duration::ZERO,
        lladdr: raw(mac),
        mtu: None,
        prefix_info: Some(NdiscPrefixInformation {
            prefix_len: 64,
            flags: NdiscPrefixInfoFlags::ON_LINK | NdiscPrefixInfoFlags::ADDRCONF,
            valid_lifetime: lifetime,
            preferred_lifetime: lifetime,
            prefix,
        }),
    });
    let packet = packet::icmpv6(src, ALL_NODES, HOPS, &message)?;
    Some(packet::address(packet, mac, group_mac(ALL_NODES.into())))
}
