//! A frame in a few words, for people: `192.168.1.20:49152 > 192.168.1.115:80 tcp S 0`.

use crate::ndisc::Said;
use crate::packet::{Arp, Ethernet, Ip, Kind, Segment, Udp, protocol};

/// A frame in a few words. What it cannot name it counts.
pub fn brief(frame: &[u8]) -> String {
    let Some(ethernet) = Ethernet::parse(frame) else { return format!("{} bytes", frame.len()) };
    let known = match ethernet.kind {
        Kind::Arp => Arp::parse(ethernet.payload).map(|arp| brief_arp(&arp)),
        Kind::Ipv4 | Kind::Ipv6 => Ip::parse(ethernet.payload).map(|ip| brief_ip(&ip)),
        Kind::Other => None,
    };
    known.unwrap_or_else(|| format!("{} > {} {} bytes", ethernet.from, ethernet.to, ethernet.payload.len()))
}

fn brief_arp(arp: &Arp) -> String {
    let (mac, sender) = arp.sender;
    match (arp.request, arp.announces()) {
        (_, true) => format!("arp {sender} is at {mac}, to all"),
        (true, _) if sender.is_unspecified() => format!("arp is {} free?", arp.target),
        (true, _) => format!("arp who has {}? tell {sender}", arp.target),
        (false, _) => format!("arp {sender} is at {mac}"),
    }
}

fn brief_ip(ip: &Ip<'_>) -> String {
    let (src, dst) = (ip.src, ip.dst);
    if let Some(fragment) = ip.fragment {
        let more = if fragment.more { "+" } else { "" };
        return format!("{src} > {dst} fragment {}..{}{more}", fragment.offset, fragment.offset + ip.payload.len());
    }
    let known = match ip.protocol {
        protocol::TCP => Segment::parse(ip).map(|tcp| brief_tcp(&tcp)),
        protocol::UDP => Udp::parse(ip).map(|udp| format!("{} > {} udp {}", udp.from, udp.to, udp.payload.len())),
        protocol::ICMP | protocol::ICMPV6 => Some(format!("{src} > {dst} {}", brief_icmp(ip))),
        protocol::IGMP => Some(format!("{src} > {dst} igmp")),
        _ => None,
    };
    known.unwrap_or_else(|| format!("{src} > {dst} protocol {} {} bytes", ip.protocol, ip.payload.len()))
}

fn brief_tcp(tcp: &Segment) -> String {
    let flags = [(tcp.syn, 'S'), (tcp.fin, 'F'), (tcp.rst, 'R'), (tcp.ack, '.')];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    format!("{} > {} tcp {flags} {}", tcp.from, tcp.to, tcp.length)
}

fn brief_icmp(ip: &Ip<'_>) -> String {
    match (Said::parse(ip), ip.payload.first(), ip.src.is_ipv4()) {
        (Some(Said::WhoHas { target, .. }), ..) => format!("who has {target}?"),
        (Some(Said::IsAt { target, .. }), ..) => format!("{target} is here"),
        (Some(Said::RouterWanted { .. }), ..) => "is there a router?".to_owned(),
        (Some(Said::Router { .. }), ..) => "here is a router".to_owned(),
        (_, Some(8), true) | (_, Some(128), false) => "echo request".to_owned(),
        (_, Some(0), true) | (_, Some(129), false) => "echo reply".to_owned(),
        (_, Some(3), true) | (_, Some(1), false) => "unreachable".to_owned(),
        (_, Some(143), false) => "groups".to_owned(),
        (_, kind, _) => format!("icmp {}", kind.copied().unwrap_or_default()),
    }
}

/// The segment in a frame, if there is one.
pub fn segment(frame: &[u8]) -> Option<Segment> {
    let ethernet = Ethernet::parse(frame)?;
    let ip = Ip::parse(ethernet.payload).filter(|ip| ip.protocol == protocol::TCP && ip.fragment.is_none())?;
    Segment::parse(&ip)
}
