//! A host below TCP and UDP: frames in and out, ARP and neighbour discovery, routers, groups, echo, loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytes::Bytes;
use socklab_socket::{Cause, Errno};

use super::{Addressing, Host, Socket};
use crate::engine::MTU;
use crate::ndisc::{self, Said};
use crate::neighbour::{Due, Neighbours, Way};
use crate::packet::{self, Arp, ETHERNET, Ethernet, Ip, Kind, Unreachable, protocol};
use crate::time::earlier;
use crate::{Interface, Mac, Time};

/// How often a host asks for routers, and how many times (RFC 4861, 10).
const SOLICIT_EVERY: Duration = Duration::from_secs(4);
const SOLICIT_TIMES: u32 = 3;
/// The longest that a router is believed without saying so again (RFC 4861, 6.2.1).
const ROUTER_MOST: Duration = Duration::from_secs(9000);

/// Asking for routers.
#[derive(Debug, Default)]
pub(super) struct Solicit {
    left: u32,
    at: Time,
}

impl Host {
    /// The link has come up.
    pub(super) fn start_link(&mut self) {
        if self.config.profile.ipv6 {
            let link_local = packet::in_prefix(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), self.mac());
            self.addresses.link_local = Some(link_local);
            self.announce(link_local);
            self.solicit = Solicit { left: SOLICIT_TIMES, at: self.now };
        }
        match self.config.addressing.clone() {
            Addressing::Dhcp => self.start_dhcp(),
            Addressing::Static(config) => self.set_ipv4(Some(config)),
            Addressing::None => self.set_ipv4(None),
        }
    }

    /// The link has gone down. Addresses stay with the connections that use them.
    pub(super) fn stop_link(&mut self) {
        self.dhcp.stop();
        self.solicit.left = 0;
        self.addresses.kept = self.addresses.v4.take();
        self.addresses.globals.clear();
        self.addresses.router = None;
        self.neighbours(Interface::Station).clear();
        let station = self.mac();
        self.out.retain(|frame| Ethernet::parse(frame).is_some_and(|frame| frame.from != station));
    }

    /// Takes an IPv4 address, and says so to everybody (RFC 5227, 2.3). One that is no host's is none.
    pub(super) fn set_ipv4(&mut self, config: Option<super::Ipv4Config>) {
        let usable = |address: Ipv4Addr| {
            !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast() && !address.is_loopback()
        };
        self.addresses.v4 = config.filter(|config| usable(config.address));
        self.addresses.kept = None;
        self.addresses_changed();
        if let Some(address) = self.addresses.v4.as_ref().map(|v4| v4.address) {
            let arp = Arp { request: true, sender: (self.mac(), address), target: address };
            self.put(Interface::Station, arp.frame(Mac::BROADCAST));
        }
    }

    pub(super) fn put(&mut self, interface: Interface, frame: Vec<u8>) {
        if self.is_up(interface) {
            self.out.push_back(frame.into());
        }
    }

    /// Sends a packet to a neighbour.
    pub(super) fn put_packet(&mut self, interface: Interface, packet: Vec<u8>, to: Mac) {
        self.put(interface, packet::address(packet, self.mac_of(interface), to));
    }

    pub(super) fn receive_frame(&mut self, interface: Interface, frame: Bytes) {
        let Some(ethernet) = Ethernet::parse(&frame) else { return };
        let own = self.mac_of(interface);
        if ethernet.to != own && ethernet.to.is_unicast() || ethernet.from == own {
            return;
        }
        match ethernet.kind {
            Kind::Arp => self.receive_arp(interface, ethernet.from, ethernet.payload),
            Kind::Ipv6 if interface == Interface::AccessPoint => {}
            Kind::Ipv4 | Kind::Ipv6 => self.receive_ip(frame.slice(ETHERNET..), Some((interface, ethernet.from))),
            Kind::Other => {}
        }
    }

    fn receive_arp(&mut self, interface: Interface, from: Mac, payload: &[u8]) {
        let Some(arp) = Arp::parse(payload) else { return };
        let (mac, address) = arp.sender;
        if mac != from {
            return;
        }
        let own = self.addresses.v4_on(interface).map(|v4| v4.address);
        if interface == Interface::Station {
            self.dhcp_hears_arp(&arp);
        }
        let for_us = own == Some(arp.target);
        if !address.is_unspecified() && own != Some(address) {
            let (now, neighbours) = (self.now, self.neighbours(interface));
            let waited = if for_us {
                neighbours.learn(now, address.into(), mac)
            } else {
                neighbours.update(now, address.into(), mac)
            };
            waited.into_iter().for_each(|packet| self.put_packet(interface, packet, mac));
        }
        if let Some(own) = own.filter(|_| for_us && arp.request) {
            // An announcement of our own address is answered too: its sender learns that it is taken.
            let reply = Arp { request: false, sender: (self.mac_of(interface), own), target: address };
            self.put(interface, reply.frame(mac));
        }
    }

    /// An IP packet, by an interface from this neighbour, or from itself. An address is the host's by whichever interface
    /// a packet for it comes (RFC 1122, 3.3.4.2: the weak model, lwIP's and Linux's).
    pub(super) fn receive_ip(&mut self, bytes: Bytes, from: Option<(Interface, Mac)>) {
        let Some(ip) = Ip::parse(&bytes) else { return };
        let loopback = ip.dst.is_loopback() || ip.src.is_loopback();
        let by = from.map(|(interface, _)| interface);
        if loopback && from.is_some() || ip.src.is_multicast() || !self.is_for_us(&ip, by) {
            return;
        }
        if ip.fragment.is_some() {
            let whole = self.reassembly.add(self.now, &ip);
            return whole.into_iter().for_each(|whole| self.receive_ip(whole.into(), from));
        }
        self.receive_raw(&ip);
        match ip.protocol {
            protocol::TCP => self.receive_tcp(&ip, &bytes),
            protocol::UDP => self.receive_udp(&ip, by),
            protocol::ICMP if ip.src.is_ipv4() => self.receive_icmp(&ip),
            protocol::ICMPV6 if ip.src.is_ipv6() => self.receive_icmpv6(&ip, &bytes, from.map(|(_, mac)| mac)),
            protocol::IGMP => self.tcp.receive(self.now, bytes.slice(..ip.bytes.len())),
            _ => {}
        }
    }

    /// Before there is an address, a DHCP server writes to the one that it offers.
    fn is_for_us(&self, ip: &Ip<'_>, by: Option<Interface>) -> bool {
        let may_be_offer = ip.protocol == protocol::UDP && ip.dst.is_ipv4() && !ip.dst.is_multicast();
        self.addresses.is_own(ip.dst)
            || self.addresses.is_broadcast(ip.dst)
            || self.is_member(ip.dst)
            || may_be_offer && by == Some(Interface::Station) && self.dhcp.expects_offers()
    }

    /// Whether packets for this group are heard.
    pub(super) fn is_member(&self, group: IpAddr) -> bool {
        let always = match group {
            IpAddr::V4(group) => group == Ipv4Addr::new(224, 0, 0, 1),
            IpAddr::V6(group) => group == ndisc::ALL_NODES || self.is_solicited_node(group),
        };
        always || self.groups.contains_key(&group)
    }

    fn is_solicited_node(&self, group: Ipv6Addr) -> bool {
        let globals = self.addresses.globals.iter().map(|global| global.address);
        self.addresses.link_local.into_iter().chain(globals).any(|own| packet::solicited_node(own) == group)
    }

    fn receive_icmp(&mut self, ip: &Ip<'_>) {
        if let Some(reply) = packet::echo_reply(ip).filter(|_| self.addresses.is_own(ip.dst)) {
            return drop(self.send_ip(reply, ip.src));
        }
        self.receive_undelivered(ip);
    }

    fn receive_icmpv6(&mut self, ip: &Ip<'_>, bytes: &Bytes, from: Option<Mac>) {
        if let Some(said) = Said::parse(ip) {
            return if said.mac().is_none_or(|mac| Some(mac) == from) {
                self.receive_said(said, ip.src)
            };
        }
        // Questions about groups: RFC 3810, 5.1.
        if ip.payload.first() == Some(&130) {
            return self.tcp.receive(self.now, bytes.slice(..ip.bytes.len()));
        }
        self.receive_icmp(ip);
    }

    fn receive_undelivered(&mut self, ip: &Ip<'_>) {
        let Some((protocol, from, to, why)) = packet::undelivered(ip) else { return };
        if !self.addresses.is_own(from.ip()) {
            return;
        }
        let errno = match why {
            Unreachable::Port => Errno::ECONNREFUSED,
            Unreachable::Host => Errno::EHOSTUNREACH,
        };
        match protocol {
            protocol::UDP => self.fail_datagrams(from, to, errno),
            protocol::TCP => self.fail_dial(from, to, errno),
            _ => {}
        }
    }

    fn receive_said(&mut self, said: Said, from: IpAddr) {
        let IpAddr::V6(from) = from else { return };
        match said {
            Said::WhoHas { target, mac } if self.addresses.is_own(target.into()) => {
                self.answer_who_has(target, from, mac)
            }
            Said::IsAt { target, mac: Some(mac) } if !self.addresses.is_own(target.into()) => {
                let now = self.now;
                let waited = self.neighbours(Interface::Station).update(now, target.into(), mac);
                waited.into_iter().for_each(|packet| self.put_packet(Interface::Station, packet, mac));
            }
            Said::Router { lifetime, prefix, mac } if from.is_unicast_link_local() => {
                self.receive_router(from, lifetime, prefix, mac);
            }
            _ => {}
        }
    }

    fn answer_who_has(&mut self, target: Ipv6Addr, from: Ipv6Addr, mac: Option<Mac>) {
        let to = match mac.filter(|_| !from.is_unspecified()) {
            Some(mac) => {
                let now = self.now;
                let waited = self.neighbours(Interface::Station).learn(now, from.into(), mac);
                waited.into_iter().for_each(|packet| self.put_packet(Interface::Station, packet, mac));
                (from, mac)
            }
            // It asks whether the address is free: everybody shall know that it is not (RFC 4861, 7.2.4).
            None => (ndisc::ALL_NODES, packet::group_mac(ndisc::ALL_NODES.into())),
        };
        ndisc::is_at(target, self.mac(), to, false).into_iter().for_each(|frame| self.put(Interface::Station, frame));
    }

    fn receive_router(
        &mut self,
        from: Ipv6Addr,
        lifetime: Duration,
        prefix: Option<(Ipv6Addr, u8, Duration)>,
        mac: Option<Mac>,
    ) {
        self.solicit.left = 0;
        let believed = self.now + lifetime.min(ROUTER_MOST);
        self.addresses.router = (!lifetime.is_zero()).then_some((from, believed));
        if let Some(mac) = mac {
            let now = self.now;
            drop(self.neighbours(Interface::Station).learn(now, from.into(), mac));
        }
        if let Some((prefix, 64, valid)) = prefix.filter(|(prefix, ..)| !prefix.is_multicast()) {
            let address = packet::in_prefix(prefix, self.mac());
            if self.addresses.note_prefix(address, 64, self.now + valid) {
                self.addresses_changed();
                self.announce(address);
            }
        }
    }

    /// Says to everybody that an address is here (RFC 9131, 4): others need not ask, and nobody takes it for free.
    fn announce(&mut self, address: Ipv6Addr) {
        let all = (ndisc::ALL_NODES, packet::group_mac(ndisc::ALL_NODES.into()));
        ndisc::is_at(address, self.mac(), all, false).into_iter().for_each(|frame| self.put(Interface::Station, frame));
    }

    /// Sends an IP packet, which has room for its Ethernet header. Fails without a way to its destination.
    pub(super) fn send_ip(&mut self, packet: Vec<u8>, to: IpAddr) -> Result<(), Cause> {
        if self.addresses.is_own(to) {
            self.loopback.push_back(Bytes::from(packet).slice(ETHERNET..));
            return Ok(());
        }
        self.send_by(self.addresses.interface_for(to), packet, to)
    }

    /// The same for a packet to others, by this interface.
    pub(super) fn send_by(&mut self, interface: Interface, packet: Vec<u8>, to: IpAddr) -> Result<(), Cause> {
        if !self.is_up(interface) {
            return Err(self.config.profile.no_route.into());
        }
        let id = self.next_packet;
        self.next_packet = self.next_packet.wrapping_add(1);
        packet::fragments(packet, MTU, id).into_iter().try_for_each(|piece| self.send_piece(interface, piece, to))
    }

    fn send_piece(&mut self, interface: Interface, packet: Vec<u8>, to: IpAddr) -> Result<(), Cause> {
        let (mac, packet) = if self.addresses.is_broadcast(to) {
            (Mac::BROADCAST, packet)
        } else if to.is_multicast() {
            (packet::group_mac(to), packet)
        } else {
            let hop = self.addresses.next_hop(interface, to).ok_or(self.config.profile.no_route)?;
            let now = self.now;
            let Way::Known(mac, packet) = self.neighbours(interface).way(now, hop, packet) else { return Ok(()) };
            (mac, packet)
        };
        self.put_packet(interface, packet, mac);
        Ok(())
    }

    /// Whether packets for it would leave.
    pub(super) fn has_way(&self, to: IpAddr) -> bool {
        let interface = self.addresses.interface_for(to);
        self.is_up(interface) && self.addresses.next_hop(interface, to).is_some()
    }

    /// Asks and announces what is due.
    pub(super) fn poll_ether(&mut self) {
        if self.addresses.expire(self.now) {
            self.addresses_changed();
        }
        let now = self.now;
        for interface in [Interface::Station, Interface::AccessPoint] {
            while let Some(due) = self.neighbours(interface).poll(now) {
                match due {
                    Due::Ask(address) => self.ask_for(interface, address),
                    Due::Silent(_, waited) => self.give_up(&waited),
                }
            }
        }
        if let Some(link_local) = self.addresses.link_local
            && self.up
            && self.solicit.left > 0
            && self.solicit.at <= self.now
        {
            self.solicit = Solicit { left: self.solicit.left - 1, at: self.now + SOLICIT_EVERY };
            let asked = ndisc::router_wanted(link_local, self.mac());
            asked.into_iter().for_each(|frame| self.put(Interface::Station, frame));
        }
    }

    fn ask_for(&mut self, interface: Interface, address: IpAddr) {
        let mac = self.mac_of(interface);
        let frame = match address {
            IpAddr::V4(target) => {
                let own = self.addresses.v4_on(interface).map(|v4| v4.address);
                own.map(|own| Arp { request: true, sender: (mac, own), target }.frame(Mac::BROADCAST))
            }
            IpAddr::V6(target) => match self.addresses.source_for(address) {
                Some(IpAddr::V6(own)) => ndisc::who_has(target, own, mac),
                _ => None,
            },
        };
        frame.into_iter().for_each(|frame| self.put(interface, frame));
    }

    /// A neighbour did not answer: whoever sent the packets hears of it, if this board's stack tells.
    fn give_up(&mut self, packets: &[Vec<u8>]) {
        if !self.config.profile.notices_silence {
            return;
        }
        for packet in packets {
            let Some(ip) = Ip::parse(&packet[ETHERNET..]) else { continue };
            match ip.protocol {
                protocol::TCP => {
                    let segment = packet::Segment::parse(&ip);
                    segment.into_iter().for_each(|tcp| self.fail_dial(tcp.from, tcp.to, Errno::EHOSTUNREACH));
                }
                protocol::UDP => {
                    let datagram = packet::Udp::parse(&ip).map(|udp| (udp.from, udp.to));
                    datagram.into_iter().for_each(|(from, to)| self.fail_datagrams(from, to, Errno::EHOSTUNREACH));
                }
                _ => {}
            }
        }
    }

    pub(super) fn ether_deadline(&self) -> Option<Time> {
        let solicit = (self.up && self.solicit.left > 0).then_some(self.solicit.at);
        let neighbours = self.neighbours.iter().map(Neighbours::deadline);
        neighbours.chain([self.addresses.deadline()]).fold(solicit, earlier)
    }

    /// Joins a group for one of its sockets; fails with `ENOBUFS` when there are too many.
    pub(super) fn join(&mut self, group: IpAddr) -> Result<(), Cause> {
        let members = self.groups.entry(group).or_default();
        *members += 1;
        if *members == 1 && !self.tcp.engine.join(group) {
            self.groups.remove(&group);
            return Err(Errno::ENOBUFS.into());
        }
        Ok(())
    }

    /// Leaves it for one of its sockets.
    pub(super) fn leave(&mut self, group: IpAddr) {
        if let Some(members) = self.groups.get_mut(&group) {
            *members -= 1;
            if *members == 0 {
                self.groups.remove(&group);
                self.tcp.engine.leave(group);
            }
        }
    }

    /// Copies for every raw socket that wants this protocol.
    fn receive_raw(&mut self, ip: &Ip<'_>) {
        for socket in self.sockets.values_mut() {
            if let Socket::Raw(raw) = socket {
                raw.offer(ip);
            }
        }
    }
}
