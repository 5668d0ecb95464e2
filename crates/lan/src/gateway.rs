//! Everybody on the network who is no board: router, DHCP server, DNS server, the assistant's computer, and whoever is
//! behind them. It has every address that no board holds, and leaves it to its embedder who answers there.

mod dhcp;
mod dns;
mod flow;
mod plan;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

pub use dhcp::{DhcpFault, Lease};
pub(crate) use dhcp::{Outcome as DhcpOutcome, Server as DhcpServer};
pub use dns::{DnsFault, UnknownNames};
pub use flow::{Ending, FlowError, FlowRow, Happened, Limits, Read, Refusal};
use flow::{Flows, Taken};
pub(crate) use plan::GATEWAY_MAC;
pub use plan::Plan;

use crate::engine::MTU;
use crate::event::Event;
use crate::fragment::Reassembly;
use crate::ndisc::{self, Said};
use crate::packet::{self, Arp, ETHERNET, Ethernet, HOPS, Ip, Kind, Unreachable, protocol};
use crate::time::earlier;
use crate::{FlowId, Mac, PortId, QuestionId, Seed, Time};

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DNS: u16 = 53;

/// How long hosts believe the router, and how often it says that it is there.
const ROUTER_LIFETIME: Duration = Duration::from_secs(1800);
const ROUTER_EVERY: Duration = Duration::from_secs(600);
/// Addresses that one port may hold.
const PER_PORT: usize = 16;
/// Answers that wait because they are to come late, and questions that wait for the embedder.
const WAITING: usize = 1024;
/// Of the latter, those of one board.
const PER_BOARD: usize = 32;

/// Who holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) mac: Mac,
    pub(crate) port: PortId,
}

/// A question about a name for which the embedder is to find the answer.
struct Question {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// A board's datagrams from one port.
struct Datagrams {
    id: FlowId,
    port: PortId,
    heard: Time,
}

pub(crate) struct Gateway {
    plan: Plan,
    now: Time,
    holders: BTreeMap<IpAddr, Holder>,
    names: BTreeMap<String, PortId>,
    macs: BTreeMap<PortId, Mac>,
    reassembly: Reassembly,
    pub(crate) dhcp: dhcp::Server,
    pub(crate) dns_fault: DnsFault,
    unknown_names: UnknownNames,
    flows: Flows,
    datagrams: BTreeMap<SocketAddr, Datagrams>,
    questions: BTreeMap<QuestionId, Question>,
    next_question: u64,
    /// Frames that go out later.
    late: BTreeMap<(Time, u64), Vec<u8>>,
    next_late: u64,
    next_packet: u16,
    router_at: Time,
    out: VecDeque<Bytes>,
    events: VecDeque<Event>,
}

impl Gateway {
    pub(crate) fn new(plan: Plan, limits: Limits, unknown_names: UnknownNames, seed: Seed) -> Gateway {
        let mut random = seed.draws(&[0x6761_7465]).at(0);
        Gateway {
            plan,
            now: Time::ZERO,
            holders: BTreeMap::new(),
            names: BTreeMap::new(),
            macs: BTreeMap::new(),
            reassembly: Reassembly::default(),
            dhcp: dhcp::Server::default(),
            dns_fault: DnsFault::None,
            unknown_names,
            flows: Flows::new(random.next(), limits),
            datagrams: BTreeMap::new(),
            questions: BTreeMap::new(),
            next_question: 1,
            late: BTreeMap::new(),
            next_late: 0,
            next_packet: random.next() as u16,
            router_at: Time::ZERO + ROUTER_EVERY,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A board has come: what it is called, and which address is its own, if it is to have a certain one.
    pub(crate) fn attach(&mut self, port: PortId, name: &str, mac: Mac, address: Option<Ipv4Addr>) {
        self.names.insert(name.to_ascii_lowercase(), port);
        self.macs.insert(port, mac);
        match address {
            Some(address) => self.dhcp.fix(mac, address),
            None => self.dhcp.expect(&self.plan, mac),
        }
    }

    /// A board is no longer on this network; it may come back.
    pub(crate) fn lost(&mut self, port: PortId) {
        self.holders.retain(|_, holder| holder.port != port);
        for flow in self.flows.forget(port) {
            self.events.push_back(Event::Flow { flow, what: Happened::Over(Ending::Gone) });
        }
        let over: Vec<SocketAddr> =
            self.datagrams.iter().filter(|(_, flow)| flow.port == port).map(|(from, _)| *from).collect();
        over.into_iter().for_each(|from| self.end_datagrams(from));
    }

    pub(crate) fn detach(&mut self, port: PortId) {
        self.lost(port);
        self.names.retain(|_, named| *named != port);
        self.macs.remove(&port).into_iter().for_each(|mac| self.dhcp.forget(mac));
    }

    /// Who holds an address.
    pub(crate) fn holder(&self, address: IpAddr) -> Option<Holder> {
        self.holders.get(&address).copied()
    }

    /// Addresses that boards hold.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (IpAddr, Holder)> {
        self.holders.iter().map(|(address, holder)| (*address, *holder))
    }

    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.dhcp.leases()
    }

    pub(crate) fn flow_rows(&self) -> impl Iterator<Item = FlowRow> {
        self.flows.rows()
    }

    pub(crate) fn handle_frame(&mut self, now: Time, port: PortId, frame: &Bytes) {
        self.now = self.now.max(now);
        let Some(ethernet) = Ethernet::parse(frame) else { return };
        if ethernet.to != GATEWAY_MAC && ethernet.to.is_unicast() || !ethernet.from.is_unicast() {
            return;
        }
        match ethernet.kind {
            Kind::Arp => self.handle_arp(port, ethernet.from, ethernet.payload),
            Kind::Ipv4 | Kind::Ipv6 => self.handle_ip(port, &ethernet, frame.slice(ETHERNET..)),
            Kind::Other => {}
        }
    }

    /// Notes that a board has an address. What it says of itself counts more than what its packets are from.
    fn learn(&mut self, address: IpAddr, mac: Mac, port: PortId, says: bool) {
        let near = match address {
            IpAddr::V4(_) => self.plan.contains(address),
            IpAddr::V6(v6) => self.plan.contains(address) || v6.is_unicast_link_local(),
        };
        let known = self.holders.get(&address);
        if !near || self.plan.is_reserved(address) || known.is_some_and(|holder| !says && holder.port != port) {
            return;
        }
        if known.is_none() && self.holders.values().filter(|holder| holder.port == port).count() >= PER_PORT {
            return;
        }
        if says && address.is_ipv4() {
            // A board has one IPv4 address: it has left the other.
            self.holders.retain(|other, holder| holder.mac != mac || other.is_ipv6() || *other == address);
        }
        self.holders.insert(address, Holder { mac, port });
    }

    /// Whether a board has that address.
    pub(crate) fn has_holder(&self, address: IpAddr) -> bool {
        self.holders.contains_key(&address)
    }

    /// Whether it is ours: somebody has to have it.
    fn owns(&self, address: IpAddr) -> bool {
        self.plan.is_reserved(address) || self.plan.contains(address) && !self.holders.contains_key(&address)
    }

    fn put(&mut self, frame: Vec<u8>) {
        self.out.push_back(frame.into());
    }

    fn put_late(&mut self, after: Duration, frame: Vec<u8>) {
        if after.is_zero() {
            return self.put(frame);
        }
        if self.late.len() < WAITING {
            self.next_late += 1;
            self.late.insert((self.now + after, self.next_late), frame);
        }
    }

    /// Answers for every address that no board has, but not whoever asks whether it is free (RFC 5227, 2.1): those that
    /// are always there say that they are taken.
    fn handle_arp(&mut self, port: PortId, from: Mac, payload: &[u8]) {
        let Some(arp) = Arp::parse(payload).filter(|arp| arp.sender.0 == from) else { return };
        let (mac, sender) = arp.sender;
        let probes = sender.is_unspecified();
        let reserved = self.plan.is_reserved(arp.target.into());
        if !probes && !sender.is_multicast() {
            self.learn(sender.into(), mac, port, arp.announces());
        }
        let answers = if probes || arp.announces() { reserved } else { self.owns(arp.target.into()) };
        if arp.request && answers {
            let reply = Arp { request: false, sender: (GATEWAY_MAC, arp.target), target: sender };
            self.put(reply.frame(mac));
        }
    }

    fn handle_ip(&mut self, port: PortId, ethernet: &Ethernet<'_>, bytes: Bytes) {
        let Some(ip) = Ip::parse(&bytes) else { return };
        // Nobody is several, and nobody outside is us.
        if self.plan.is_for_many(ip.src) || self.plan.is_reserved(ip.src) {
            return;
        }
        self.learn(ip.src, ethernet.from, port, false);
        if ip.fragment.is_some() {
            let whole = self.reassembly.add(self.now, &ip).map(Bytes::from);
            let Some(whole) = whole else { return };
            return if let Some(ip) = Ip::parse(&whole) {
                self.handle_packet(port, ethernet, &ip, &whole)
            };
        }
        self.handle_packet(port, ethernet, &ip, &bytes);
    }

    fn handle_packet(&mut self, port: PortId, ethernet: &Ethernet<'_>, ip: &Ip<'_>, bytes: &Bytes) {
        let (from, holder) = (ethernet.from, self.holder(ip.dst));
        if holder.is_some_and(|holder| holder.port != port) && ethernet.to == GATEWAY_MAC {
            // The address was ours when its sender asked, and it has not heard that a board has it now.
            return self.send([&[0; ETHERNET][..], ip.bytes].concat(), ip.dst);
        }
        let outside = holder.is_none();
        match ip.protocol {
            protocol::UDP => self.handle_udp(port, ip),
            protocol::TCP if outside && !self.plan.is_for_many(ip.dst) && !ip.src.is_unspecified() => {
                self.handle_tcp(port, ip, bytes.slice(..ip.bytes.len()));
            }
            protocol::ICMP if ip.src.is_ipv4() => self.handle_icmp(port, ip),
            protocol::ICMPV6 if ip.src.is_ipv6() => match Said::parse(ip) {
                Some(said) if said.mac().is_none_or(|mac| mac == from) => self.handle_said(port, ip, said),
                Some(_) => {}
                None => self.handle_icmp(port, ip),
            },
            _ => {}
        }
    }

    fn handle_icmp(&mut self, port: PortId, ip: &Ip<'_>) {
        if let Some(reply) = packet::echo_reply(ip).filter(|_| self.owns(ip.dst)) {
            return self.send(reply, ip.src);
        }
        let Some((protocol::UDP, from, to, Unreachable::Port)) = packet::undelivered(ip) else { return };
        // Only the board itself says what it refuses.
        if self.holder(to.ip()).is_some_and(|holder| holder.port == port) {
            self.events.push_back(Event::DatagramRefused { from, to });
        }
    }

    fn handle_said(&mut self, port: PortId, ip: &Ip<'_>, said: Said) {
        let IpAddr::V6(src) = ip.src else { return };
        match said {
            Said::WhoHas { target, mac } => {
                let probes = src.is_unspecified();
                let ours = if probes { self.plan.is_reserved(target.into()) } else { self.owns(target.into()) };
                if let Some(mac) = mac.filter(|_| !probes) {
                    self.learn(ip.src, mac, port, true);
                }
                let group = (ndisc::ALL_NODES, packet::group_mac(ndisc::ALL_NODES.into()));
                let to = mac.filter(|_| !probes).map_or(group, |mac| (src, mac));
                let router = target == self.plan.router();
                let answer = ndisc::is_at(target, GATEWAY_MAC, to, router).filter(|_| ours);
                answer.into_iter().for_each(|frame| self.put(frame));
            }
            Said::IsAt { target, mac: Some(mac) } => self.learn(target.into(), mac, port, true),
            Said::RouterWanted { .. } => self.say_router(),
            Said::IsAt { .. } | Said::Router { .. } => {}
        }
    }

    fn say_router(&mut self) {
        let router = ndisc::router(self.plan.router(), GATEWAY_MAC, self.plan.prefix6, ROUTER_LIFETIME);
        router.into_iter().for_each(|frame| self.put(frame));
    }

    /// Sends a packet to a board, or to many. Without a board it goes nowhere.
    fn send(&mut self, packet: Vec<u8>, to: IpAddr) {
        let mac = if !self.plan.is_for_many(to) {
            let Some(holder) = self.holder(to) else { return };
            holder.mac
        } else if to.is_multicast() {
            packet::group_mac(to)
        } else {
            Mac::BROADCAST
        };
        let id = self.next_packet;
        self.next_packet = self.next_packet.wrapping_add(1);
        for piece in packet::fragments(packet, MTU, id) {
            self.put(packet::address(piece, GATEWAY_MAC, mac));
        }
    }

    fn handle_udp(&mut self, port: PortId, ip: &Ip<'_>) {
        let Some(datagram) = packet::Udp::parse(ip) else { return };
        let (from, to) = (datagram.from, datagram.to);
        match to.port() {
            DHCP_SERVER if from.is_ipv4() => self.handle_dhcp(port, datagram.payload),
            DNS if self.plan.is_reserved(to.ip()) => self.handle_dns(from, to, datagram.payload),
            _ if self.holders.contains_key(&to.ip()) || from.ip().is_unspecified() || from.port() == 0 => {}
            _ => self.handle_datagram(port, from, to, datagram.payload),
        }
    }

    fn handle_dhcp(&mut self, port: PortId, bytes: &[u8]) {
        let holders = &self.holders;
        let held = |address: Ipv4Addr| holders.get(&address.into()).map(|holder| holder.mac);
        // A board that makes hardware addresses up shall not take everybody's leases.
        if self.macs.get(&port) != dhcp::client(bytes).as_ref() {
            return;
        }
        let answer = match self.dhcp.handle(self.now, &self.plan, bytes, held) {
            Some(dhcp::Outcome::Answer(answer)) => answer,
            Some(dhcp::Outcome::Released(address)) => {
                self.holders.retain(|held, holder| *held != IpAddr::V4(address) || holder.port != port);
                return;
            }
            None => return,
        };
        let (from, to) = ((self.plan.gateway, DHCP_SERVER).into(), (answer.to, DHCP_CLIENT).into());
        if let Some(packet) = packet::udp(from, to, HOPS, &answer.bytes) {
            self.put_late(answer.after, packet::address(packet, GATEWAY_MAC, answer.mac));
        }
        if let Some(lease) = answer.leased {
            // What it says of itself may be lost: its first answer to whoever asks would come too late.
            self.learn(lease.address.into(), lease.mac, port, true);
            self.events.push_back(Event::Leased { port, lease });
        }
    }

    fn handle_dns(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let known = |name: &str| self.addresses_of(name);
        match dns::handle(bytes, self.dns_fault, self.unknown_names, known) {
            Some(dns::Outcome::Answer(answer)) => self.answer_dns(from, to, &answer),
            Some(dns::Outcome::Ask(name)) if self.may_ask(from.ip()) => {
                let question = QuestionId(self.next_question);
                self.next_question += 1;
                self.questions.insert(question, Question { from, to, bytes: bytes.to_vec() });
                self.events.push_back(Event::Asked { question, name });
            }
            _ => {}
        }
    }

    fn may_ask(&self, board: IpAddr) -> bool {
        let theirs = self.questions.values().filter(|question| question.from.ip() == board).count();
        theirs < PER_BOARD && self.questions.len() < WAITING
    }

    fn answer_dns(&mut self, board: SocketAddr, server: SocketAddr, answer: &[u8]) {
        let after = if let DnsFault::Slow(delay) = self.dns_fault { delay } else { Duration::ZERO };
        let packet = packet::udp(server, board, HOPS, answer);
        if let (Some(packet), Some(holder)) = (packet, self.holder(board.ip())) {
            self.put_late(after, packet::address(packet, GATEWAY_MAC, holder.mac));
        }
    }

    /// The addresses of a name of this network.
    pub(crate) fn addresses_of(&self, name: &str) -> Option<Vec<IpAddr>> {
        match name {
            "pc.lan" => Some(vec![self.plan.pc.into(), self.plan.pc6().into()]),
            "gateway.lan" => Some(vec![self.plan.gateway.into(), self.plan.gateway6().into()]),
            "host.internal" => Some(vec![self.plan.host.into()]),
            _ => {
                let port = self.names.get(name.strip_suffix(".lan").unwrap_or(name))?;
                let theirs = self.holders.iter().filter(|(_, holder)| holder.port == *port);
                let far = |address: &&IpAddr| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
                Some(theirs.map(|(address, _)| address).filter(far).copied().collect())
            }
        }
    }

    /// What the embedder found out about a name; nothing for a name that there is not.
    pub(crate) fn answer(&mut self, question: QuestionId, found: Option<Vec<IpAddr>>) {
        let Some(Question { from, to, bytes }) = self.questions.remove(&question) else { return };
        let answer = dns::answer(&bytes, found);
        answer.into_iter().for_each(|answer| self.answer_dns(from, to, &answer));
    }

    fn handle_datagram(&mut self, port: PortId, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let most = self.flows.limits().datagram_flows;
        if !self.datagrams.contains_key(&from) {
            let theirs = self.datagrams.iter().filter(|(_, flow)| flow.port == port);
            let oldest = theirs.clone().min_by_key(|(_, flow)| flow.heard).map(|(from, _)| *from);
            if theirs.count() >= most {
                oldest.into_iter().for_each(|oldest| self.end_datagrams(oldest));
            }
            let id = self.flows.next_id();
            self.datagrams.insert(from, Datagrams { id, port, heard: self.now });
        }
        let Some(flow) = self.datagrams.get_mut(&from) else { return };
        flow.heard = self.now;
        let (flow, bytes) = (flow.id, Bytes::copy_from_slice(payload));
        self.events.push_back(Event::Datagram { flow, port, from, to, bytes });
    }

    fn end_datagrams(&mut self, from: SocketAddr) {
        if let Some(flow) = self.datagrams.remove(&from) {
            self.events.push_back(Event::DatagramsOver { flow: flow.id });
        }
    }

    /// A datagram from outside to a board, or to all of them. False without such a board, or if it is too long.
    pub(crate) fn send_datagram(&mut self, now: Time, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        self.now = self.now.max(now);
        if !self.plan.is_for_many(to.ip()) && self.holder(to.ip()).is_none() {
            return false;
        }
        let packet = packet::udp(from, to, HOPS, payload);
        let sent = packet.is_some();
        packet.into_iter().for_each(|packet| self.send(packet, to.ip()));
        sent
    }

    /// Tells a board that nobody takes its datagrams there.
    pub(crate) fn refuse_datagram(&mut self, from: SocketAddr, to: SocketAddr) {
        if self.plan.is_for_many(to.ip()) {
            return;
        }
        let about = packet::udp(from, to, HOPS, &[]);
        let about = about.as_deref().and_then(|packet| Ip::parse(&packet[ETHERNET..]));
        let notice = about.and_then(|about| packet::unreachable(to.ip(), &about, Unreachable::Port));
        notice.into_iter().for_each(|notice| self.send(notice, from.ip()));
    }

    fn handle_tcp(&mut self, port: PortId, ip: &Ip<'_>, bytes: Bytes) {
        let mut out = Vec::new();
        let taken = self.flows.receive(self.now, port, ip, bytes, &mut out);
        out.into_iter().for_each(|packet| self.send_segment(packet));
        let Some(segment) = packet::Segment::parse(ip) else { return };
        match taken {
            Taken::Yes => {}
            Taken::Dialled(flow) => {
                self.events.push_back(Event::Dialled { flow, port, from: segment.from, to: segment.to });
            }
            Taken::Limited(reason) => self.events.push_back(Event::Limited { port, to: segment.to, reason }),
        }
    }

    fn send_segment(&mut self, packet: Vec<u8>) {
        let to = Ip::parse(&packet[ETHERNET..]).map(|ip| ip.dst);
        to.into_iter().for_each(|to| self.send(packet.clone(), to));
    }

    pub(crate) fn connect(
        &mut self,
        now: Time,
        board: SocketAddr,
        from: SocketAddr,
    ) -> Result<(FlowId, SocketAddr), FlowError> {
        self.now = self.now.max(now);
        let holder = self.holder(board.ip()).ok_or(FlowError::NoBoard)?;
        self.flows.connect(self.now, holder.port, board, from)
    }

    pub(crate) fn accept(&mut self, flow: FlowId) -> Result<(), FlowError> {
        self.flows.accept(flow)
    }

    pub(crate) fn refuse(&mut self, flow: FlowId, how: Refusal) -> Result<(), FlowError> {
        let (board, outside) = self.flows.refuse(flow, how)?;
        if how == Refusal::Unreachable {
            let about = packet::ip(board.ip(), outside.ip(), protocol::TCP, HOPS, 8, |bytes| {
                bytes[..2].copy_from_slice(&board.port().to_be_bytes());
                bytes[2..4].copy_from_slice(&outside.port().to_be_bytes());
            });
            let about = about.as_deref().and_then(|packet| Ip::parse(&packet[ETHERNET..]));
            let from = self.plan.gateway.into();
            let notice = about.and_then(|about| packet::unreachable(from, &about, Unreachable::Host));
            notice.into_iter().for_each(|notice| self.send(notice, board.ip()));
        }
        Ok(())
    }

    pub(crate) fn flows(&mut self) -> &mut Flows {
        &mut self.flows
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let late = self.late.first_key_value().map(|((at, _), _)| *at);
        let idle = self.flows.limits().datagrams_idle;
        let datagrams = self.datagrams.values().map(|flow| flow.heard + idle).min();
        let router = (!self.holders.is_empty()).then_some(self.router_at);
        [late, datagrams, router].into_iter().fold(self.flows.deadline(), earlier)
    }

    pub(crate) fn poll(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some(first) = self.late.first_entry().filter(|first| first.key().0 <= now) {
            let frame = first.remove();
            self.put(frame);
        }
        if self.router_at <= now {
            self.router_at = now + ROUTER_EVERY;
            if !self.holders.is_empty() {
                self.say_router();
            }
        }
        self.poll_datagrams();
        let (mut out, mut happened) = (Vec::new(), Vec::new());
        self.flows.poll(now, &mut out, &mut happened);
        out.into_iter().for_each(|packet| self.send_segment(packet));
        self.events.extend(happened.into_iter().map(|(flow, what)| Event::Flow { flow, what }));
    }

    fn poll_datagrams(&mut self) {
        let idle = self.flows.limits().datagrams_idle;
        let over: Vec<SocketAddr> =
            self.datagrams.iter().filter(|(_, flow)| flow.heard + idle <= self.now).map(|(from, _)| *from).collect();
        over.into_iter().for_each(|from| self.end_datagrams(from));
    }
}
