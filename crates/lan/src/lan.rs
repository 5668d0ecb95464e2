//! The network put together: ports and their links, a switch for each segment, the air, the gateway. Frames and time
//! come in; frames, events and a deadline go out.

mod status;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;

use crate::air::{AccessPoint, Air, AirConfig, AirError, Ended, Left, Seen, Station};
use crate::event::Event;
use crate::fault::{AirFaults, Counts, Faults, Marks, Out, Reason, Verdict};
use crate::gateway::{DhcpFault, DnsFault, FlowError, GATEWAY_MAC, Gateway, Limits, Plan, Read, Refusal, UnknownNames};
use crate::link::Link;
use crate::packet::{ETHERNET, Ethernet, Ip, Kind, Segment, protocol};
use crate::switch::{Switch, Way};
use crate::time::earlier;
use crate::track::Tracker;
use crate::{Direction, FlowId, Interface, Mac, PortId, QuestionId, Seed, Time};
pub use status::{ArpRow, Bilingual, LanStatus, PointRow, PortRow};

/// The longest frame; longer ones are damage.
const LONGEST: usize = ETHERNET + 1500;
/// Boards on one network.
const PORTS: usize = 4096;

/// What a network is.
#[derive(Clone, Debug, Default)]
pub struct LanConfig {
    /// What every chance is drawn from.
    pub seed: Seed,
    /// Who has which address.
    pub plan: Plan,
    /// How many flows there may be.
    pub limits: Limits,
    /// What is in the air.
    pub air: AirConfig,
    /// What becomes of names that are not of this network.
    pub unknown_names: UnknownNames,
}

/// A part of the network in which frames reach each other: the home network is 0, each access point of a board has its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u32);

const HOME: SegmentId = SegmentId(0);

/// How a board is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// By a cable to the home network.
    Cable,
    /// By radio: frames pass once it has joined an access point.
    Air,
}

/// A board that is to be attached.
#[derive(Clone, Debug)]
pub struct Attach {
    /// `name.lan` leads to it.
    pub name: String,
    /// Its hardware address.
    pub mac: Mac,
    /// How.
    pub medium: Medium,
    /// The address that DHCP is to give it; `None` for any.
    pub address: Option<Ipv4Addr>,
}

/// Why a board could not be attached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Another has its name.
    #[error("a board called {0:?} is on the network already")]
    Name(String),
    /// Another has its hardware address.
    #[error("a board with the address {0} is on the network already")]
    Mac(Mac),
    /// There are as many as there may be.
    #[error("there are {PORTS} boards on the network already")]
    TooMany,
}

impl AttachError {
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        match self {
            AttachError::Name(name) => format!("网络上已有名为 {name:?} 的板子"),
            AttachError::Mac(mac) => format!("网络上已有地址为 {mac} 的板子"),
            AttachError::TooMany => format!("网络上已有 {PORTS} 块板子"),
        }
    }
}

/// An end of a link. The access point of a board has one of its own, whose number nobody outside sees.
struct Port {
    attach: Attach,
    link: Link,
    segment: Option<SegmentId>,
    /// The port of the board's access point, while it is one.
    own: Option<PortId>,
    /// The board whose access point it is.
    owner: Option<PortId>,
}

/// A virtual network.
///
/// Give it frames with [`Lan::handle_frame`], let it act with [`Lan::poll`], and then take what it has for the boards
/// ([`Lan::poll_transmit`]) and for its embedder ([`Lan::poll_event`]) until there is nothing left.
pub struct Lan {
    now: Time,
    config: LanConfig,
    ports: BTreeMap<PortId, Port>,
    next_port: u32,
    next_segment: u32,
    switches: BTreeMap<SegmentId, Switch>,
    air: Air,
    gateway: Gateway,
    tracker: Tracker,
    /// When the directions of links are looked at next.
    due: BTreeSet<(Time, PortId, Direction)>,
    watched: bool,
    out: VecDeque<(PortId, Bytes)>,
    events: VecDeque<Event>,
}

impl Lan {
    /// A network without boards.
    pub fn new(config: LanConfig) -> Lan {
        let gateway = Gateway::new(config.plan.clone(), config.limits, config.unknown_names, config.seed);
        Lan {
            now: Time::ZERO,
            ports: BTreeMap::new(),
            next_port: 1,
            next_segment: 1,
            switches: BTreeMap::from([(HOME, Switch::default())]),
            air: Air::new(config.air.clone(), HOME),
            gateway,
            tracker: Tracker::default(),
            due: BTreeSet::new(),
            watched: false,
            out: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// What every chance is drawn from.
    pub fn seed(&self) -> Seed {
        self.config.seed
    }

    /// Who has which address.
    pub fn plan(&self) -> &Plan {
        self.gateway.plan()
    }

    /// Whether every frame becomes an event, at the end of each link.
    pub fn watch(&mut self, frames: bool) {
        self.watched = frames;
    }

    /// Attaches a board. By cable it is on the home network at once, by radio once it has joined.
    pub fn attach(&mut self, now: Time, attach: Attach) -> Result<PortId, AttachError> {
        self.at(now);
        let is_taken = |name: &str| name.eq_ignore_ascii_case(&attach.name);
        if ["pc", "gateway"].into_iter().any(is_taken) || self.ports.values().any(|port| is_taken(&port.attach.name)) {
            return Err(AttachError::Name(attach.name));
        }
        if attach.mac == GATEWAY_MAC || self.ports.values().any(|port| port.attach.mac == attach.mac) {
            return Err(AttachError::Mac(attach.mac));
        }
        if self.ports.len() >= PORTS {
            return Err(AttachError::TooMany);
        }
        let id = PortId(self.next_port);
        self.next_port += 1;
        self.gateway.attach(id, &attach.name, attach.mac, attach.address);
        let segment = (attach.medium == Medium::Cable).then_some(HOME);
        self.ports.insert(id, Port { link: Link::new(self.config.seed, id), segment, attach, own: None, owner: None });
        Ok(id)
    }

    /// Takes a board off the network. What was under way to it is lost; its connections are over.
    pub fn detach(&mut self, now: Time, port: PortId) {
        self.at(now);
        self.close_access_point(now, port);
        self.air.stations.remove(&port);
        self.switches.values_mut().for_each(|switch| switch.forget(port));
        self.gateway.detach(port);
        self.remove(port);
    }

    fn remove(&mut self, port: PortId) {
        self.due.retain(|(_, other, _)| *other != port);
        self.out.retain(|(other, _)| *other != port);
        self.ports.remove(&port);
    }

    fn at(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// A frame from a board, by the interface whose address it is from. What is no frame is dropped.
    pub fn handle_frame(&mut self, now: Time, port: PortId, frame: Bytes) {
        self.at(now);
        if !(ETHERNET..=LONGEST).contains(&frame.len()) {
            return;
        }
        let Some(board) = self.ports.get(&port) else { return };
        let from = Ethernet::parse(&frame).map(|ethernet| ethernet.from);
        // The last frames of an access point that is none any more are nobody's.
        let entrance = if from == Some(board.attach.mac.access_point()) { board.own } else { Some(port) };
        if let Some(entrance) = entrance {
            self.enter(self.now, entrance, Direction::Up, frame);
        }
    }

    /// Lets time pass: frames come out of links, the gateway acts. Gives the time at which it is to be called again;
    /// `None` for not before something happens.
    pub fn poll(&mut self, now: Time) -> Option<Time> {
        self.at(now);
        loop {
            self.poll_links();
            self.poll_air();
            self.gateway.poll(self.now);
            self.flush_gateway();
            if self.deadline().is_none_or(|deadline| deadline > self.now) {
                return self.deadline();
            }
        }
    }

    /// When it wants to be polled next.
    pub fn deadline(&self) -> Option<Time> {
        let links = self.due.first().map(|(due, ..)| *due);
        [links, self.air.deadline()].into_iter().fold(self.gateway.deadline(), earlier)
    }

    /// The next frame for a board, and at which of its interfaces.
    pub fn poll_transmit(&mut self) -> Option<(PortId, Interface, Bytes)> {
        let (port, frame) = self.out.pop_front()?;
        let (board, interface) = self.place(port);
        Some((board, interface, frame))
    }

    /// Whose port it is.
    fn place(&self, port: PortId) -> (PortId, Interface) {
        match self.ports.get(&port).and_then(|entry| entry.owner) {
            Some(board) => (board, Interface::AccessPoint),
            None => (port, Interface::Station),
        }
    }

    /// The next of what has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.gateway.poll_event().into_iter().for_each(|event| self.events.push_back(event));
        self.events.pop_front()
    }

    /// A frame at the beginning of a link.
    fn enter(&mut self, at: Time, port: PortId, direction: Direction, frame: Bytes) {
        let Some(entry) = self.ports.get_mut(&port) else { return };
        let pipe = entry.link.pipe(direction);
        if pipe.is_clear() {
            pipe.pass(frame.len());
            return self.leave(at, port, direction, frame, Verdict::Delivered(Marks::default()));
        }
        let mut out = Vec::new();
        pipe.push(at, frame, &mut out);
        self.schedule(port, direction);
        self.come_out(port, direction, out);
    }

    fn come_out(&mut self, port: PortId, direction: Direction, out: Vec<Out>) {
        for Out { at, frame, verdict } in out {
            self.leave(at, port, direction, frame, verdict);
        }
    }

    /// A frame at the end of a link, or at its own.
    fn leave(&mut self, at: Time, port: PortId, direction: Direction, frame: Bytes, verdict: Verdict) {
        let joined = self.ports.get(&port).is_some_and(|port| port.segment.is_some());
        let delivered = matches!(verdict, Verdict::Delivered(_));
        let verdict = if delivered && !joined { Verdict::Dropped(Reason::NotJoined) } else { verdict };
        self.tell(at, port, direction, verdict, &frame);
        match direction {
            _ if !delivered || !joined => {}
            Direction::Up => self.switch(at, port, frame, verdict),
            Direction::Down => self.out.push_back((port, frame)),
        }
    }

    fn tell(&mut self, at: Time, port: PortId, direction: Direction, verdict: Verdict, frame: &Bytes) {
        if self.watched {
            let repeats = self.repeats(at, port, direction, verdict, frame);
            let (port, interface) = self.place(port);
            let frame = frame.clone();
            self.events.push_back(Event::Frame { at, port, interface, direction, verdict, repeats, frame });
        }
    }

    /// Whether a frame that has left a link is told at another as well: later, as it is for one board alone, or before,
    /// as it was spread.
    fn repeats(&self, at: Time, port: PortId, direction: Direction, verdict: Verdict, frame: &[u8]) -> bool {
        let (Verdict::Delivered(marks), Some(ethernet)) = (verdict, Ethernet::parse(frame)) else { return false };
        let Some(entry) = self.ports.get(&port) else { return false };
        match direction {
            Direction::Up => {
                let goes_on = ethernet.from.is_unicast() && ethernet.from != GATEWAY_MAC;
                let segment = entry.segment.filter(|_| goes_on && ethernet.to.is_unicast());
                segment.is_some_and(|segment| self.reaches_its_board(at, segment, port, ethernet.to))
            }
            Direction::Down => {
                ethernet.from != GATEWAY_MAC && ethernet.to != entry.attach.mac && marks == Marks::default()
            }
        }
    }

    /// Whether the switch of a segment sends what is for `to` to the board with this address.
    fn reaches_its_board(&self, at: Time, segment: SegmentId, from: PortId, to: Mac) -> bool {
        let is_its = |port: &Port| port.attach.mac == to;
        match self.switches.get(&segment).map(|switch| switch.way(at, to, Some(from))) {
            Some(Way::Port(port)) => self.ports.get(&port).is_some_and(is_its),
            Some(Way::Flood) => {
                let others = self.ports.iter().filter(|(id, port)| port.segment == Some(segment) && **id != from);
                others.map(|(_, port)| port).any(is_its)
            }
            Some(Way::Nowhere) | None => false,
        }
    }

    fn schedule(&mut self, port: PortId, direction: Direction) {
        let Some(entry) = self.ports.get_mut(&port) else { return };
        let next = entry.link.pipe(direction).deadline();
        let due = &mut entry.link.due[direction as usize];
        if *due != next {
            due.map(|old| self.due.remove(&(old, port, direction)));
            next.map(|next| self.due.insert((next, port, direction)));
            *due = next;
        }
    }

    /// A frame from a board, at the switch of its segment.
    fn switch(&mut self, at: Time, from: PortId, frame: Bytes, verdict: Verdict) {
        let Some(segment) = self.ports.get(&from).and_then(|port| port.segment) else { return };
        let Some(ethernet) = Ethernet::parse(&frame) else { return };
        // What the link has done is not the sender's doing.
        if matches!(verdict, Verdict::Delivered(Marks { duplicate: false, corrupted: false, .. })) {
            self.track(at, &ethernet, false);
        }
        let (to, mac) = (ethernet.to, ethernet.from);
        // Nobody is the gateway but the gateway.
        if !mac.is_unicast() || mac == GATEWAY_MAC {
            return;
        }
        let Some(switch) = self.switches.get_mut(&segment) else { return };
        switch.learn(at, mac, from);
        if segment == HOME && (to == GATEWAY_MAC || !to.is_unicast()) {
            self.gateway.handle_frame(at, from, &frame);
        }
        if to != GATEWAY_MAC {
            self.deliver(at, segment, Some(from), to, frame);
        }
    }

    /// Has a segment counted. What the gateway hands on from one board to another was, when it came.
    fn track(&mut self, at: Time, ethernet: &Ethernet<'_>, by_gateway: bool) {
        if !matches!(ethernet.kind, Kind::Ipv4 | Kind::Ipv6) {
            return;
        }
        let ip = Ip::parse(ethernet.payload).filter(|ip| ip.protocol == protocol::TCP);
        let is_known = |segment: &Segment| by_gateway && self.gateway.has_holder(segment.from.ip());
        if let Some(segment) = ip.and_then(|ip| Segment::parse(&ip)).filter(|segment| !is_known(segment)) {
            self.tracker.note(at, &segment);
        }
    }

    /// A frame to those of a segment for whom it is.
    fn deliver(&mut self, at: Time, segment: SegmentId, from: Option<PortId>, to: Mac, frame: Bytes) {
        let Some(switch) = self.switches.get(&segment) else { return };
        let targets: Vec<PortId> = match switch.way(at, to, from) {
            Way::Nowhere => return,
            Way::Port(port) => vec![port],
            Way::Flood => {
                let there = |port: &Port| port.segment == Some(segment);
                let others = self.ports.iter().filter(|(id, port)| there(port) && Some(**id) != from);
                others.map(|(id, _)| *id).collect()
            }
        };
        for target in targets {
            if from.is_some_and(|from| self.air.keeps_apart(from, target)) {
                self.tell(at, target, Direction::Down, Verdict::Dropped(Reason::Isolated), &frame);
            } else {
                self.enter(at, target, Direction::Down, frame.clone());
            }
        }
    }

    /// Frames that come out of links by now, in the order in which they do.
    fn poll_links(&mut self) {
        while let Some((due, port, direction)) = self.due.first().copied().filter(|(due, ..)| *due <= self.now) {
            self.due.remove(&(due, port, direction));
            let Some(entry) = self.ports.get_mut(&port) else { continue };
            entry.link.due[direction as usize] = None;
            let mut out = Vec::new();
            entry.link.pipe(direction).poll(due, &mut out);
            self.schedule(port, direction);
            self.come_out(port, direction, out);
        }
    }

    fn flush_gateway(&mut self) {
        while let Some(frame) = self.gateway.poll_transmit() {
            let Some(ethernet) = Ethernet::parse(&frame) else { continue };
            let to = ethernet.to;
            self.track(self.now, &ethernet, true);
            self.deliver(self.now, HOME, None, to, frame.clone());
        }
        while let Some(event) = self.gateway.poll_event() {
            self.events.push_back(event);
        }
    }

    fn poll_air(&mut self) {
        while let Some(Ended { port, ssid, attempt, outcome }) = self.air.poll(self.now) {
            if let (Ok(segment), Some(entry)) = (outcome, self.ports.get_mut(&port)) {
                entry.segment = Some(segment);
                // Connections outlive a moment without radio, but not another network.
                if segment != HOME {
                    self.gateway.lost(port);
                }
            }
            self.events.push_back(Event::Joined { port, attempt, ssid, outcome: outcome.map(|_| ()) });
        }
    }

    /// Changes what is wrong with one direction of a board's link, at once, and with that of its access point: they are
    /// one radio. Unknown ports have no links.
    pub fn set_faults(&mut self, now: Time, port: PortId, direction: Direction, faults: Faults) {
        self.at(now);
        let own = self.ports.get(&port).and_then(|entry| entry.own);
        for port in [Some(port), own].into_iter().flatten() {
            if let Some(entry) = self.ports.get_mut(&port) {
                entry.link.pipe(direction).set(now, faults.clone());
                self.schedule(port, direction);
            }
        }
    }

    /// What is wrong with it.
    pub fn faults(&self, port: PortId, direction: Direction) -> Option<&Faults> {
        self.ports.get(&port).map(|entry| entry.link.faults(direction))
    }

    /// What it has done.
    pub fn counts(&self, port: PortId, direction: Direction) -> Option<Counts> {
        self.ports.get(&port).map(|entry| entry.link.counts(direction))
    }

    /// What is wrong with the DHCP server.
    pub fn set_dhcp_fault(&mut self, fault: DhcpFault) {
        self.gateway.dhcp.fault = fault;
    }

    /// What is wrong with the DNS server.
    pub fn set_dns_fault(&mut self, fault: DnsFault) {
        self.gateway.dns_fault = fault;
    }

    /// Lets a board join an access point. [`Event::Joined`] tells the outcome after the time that joining takes; what
    /// it had joined before, it leaves at once, and what it was joining, it gives up. The number of the attempt is in the
    /// event, too; a board that there is not has none.
    pub fn join(&mut self, now: Time, port: PortId, ssid: &str, password: Option<&str>) -> Option<u64> {
        self.at(now);
        self.ports.contains_key(&port).then(|| {
            self.part(port, Left::Asked);
            self.air.join(self.now, port, ssid, password)
        })
    }

    /// Lets a board leave.
    pub fn leave_air(&mut self, now: Time, port: PortId) {
        self.at(now);
        self.part(port, Left::Asked);
        self.air.stations.remove(&port);
    }

    /// Has the access point send a board away; it may join again.
    pub fn deauthenticate(&mut self, now: Time, port: PortId) {
        self.at(now);
        self.part(port, Left::Deauthenticated);
    }

    fn part(&mut self, port: PortId, why: Left) {
        let Some(Station::Joined { ssid, .. }) = self.air.stations.get(&port).cloned() else { return };
        self.air.stations.insert(port, Station::Idle);
        if let Some(segment) = self.ports.get_mut(&port).and_then(|entry| entry.segment.take()) {
            self.switches.entry(segment).and_modify(|switch| switch.forget(port));
        }
        self.events.push_back(Event::Left { port, ssid, why });
    }

    /// Changes an access point, at once: `change` sees it as it is. One that is gone loses its stations. False if there
    /// is none of that name.
    pub fn change_access_point(&mut self, now: Time, ssid: &str, change: impl FnOnce(&mut AccessPoint)) -> bool {
        self.at(now);
        let stations = self.air.stations_of(ssid);
        let Some(point) = self.air.point_named(ssid) else { return false };
        change(&mut point.config);
        if point.config.gone {
            stations.into_iter().for_each(|port| self.part(port, Left::Gone));
        }
        true
    }

    /// Changes what is wrong with an access point, at once; of the network's own, also with its DHCP and DNS server.
    pub fn set_air_faults(&mut self, now: Time, ssid: &str, faults: &AirFaults) -> Result<(), AirError> {
        let is_own = self.air.point_named(ssid).ok_or(AirError::NotFound)?.owner.is_none();
        if faults.harms_services() && !is_own {
            return Err(AirError::NotServed);
        }
        if is_own {
            self.set_dhcp_fault(faults.dhcp);
            self.set_dns_fault(faults.dns);
        }
        self.change_access_point(now, ssid, |point| {
            (point.gone, point.refuses, point.isolated) = (faults.gone, faults.wrong_password, faults.isolated);
        });
        if faults.deauth {
            self.air.stations_of(ssid).into_iter().for_each(|port| self.part(port, Left::Deauthenticated));
        }
        Ok(())
    }

    /// Opens one more access point of the home network.
    pub fn add_access_point(&mut self, point: AccessPoint) {
        if self.air.points.len() < crate::air::ACCESS_POINTS {
            self.air.open(point, HOME, None);
        }
    }

    /// Makes a board an access point with a network of its own, in which the board itself is to give addresses. Where it
    /// is attached or has joined, it stays.
    pub fn open_access_point(&mut self, now: Time, port: PortId, point: AccessPoint) {
        self.close_access_point(now, port);
        let (segment, own) = (SegmentId(self.next_segment), PortId(self.next_port));
        let Some(board) = self.ports.get_mut(&port).filter(|_| self.air.points.len() < crate::air::ACCESS_POINTS)
        else {
            return;
        };
        board.own = Some(own);
        let mac = board.attach.mac.access_point();
        let attach = Attach { name: board.attach.name.clone(), mac, medium: Medium::Air, address: None };
        let mut link = Link::new(self.config.seed, own);
        for direction in [Direction::Up, Direction::Down] {
            link.pipe(direction).set(self.now, board.link.faults(direction).clone());
        }
        self.ports.insert(own, Port { attach, link, segment: Some(segment), own: None, owner: Some(port) });
        self.next_segment += 1;
        self.next_port += 1;
        self.switches.insert(segment, Switch::default());
        self.air.open(point, segment, Some(port));
        [Direction::Up, Direction::Down].into_iter().for_each(|direction| self.schedule(own, direction));
    }

    /// Ends it; its stations lose it.
    pub fn close_access_point(&mut self, now: Time, port: PortId) {
        self.at(now);
        let Some(own) = self.ports.get_mut(&port).and_then(|board| board.own.take()) else { return };
        self.air.close(port).into_iter().for_each(|station| self.part(station, Left::Gone));
        if let Some(segment) = self.ports.get(&own).and_then(|entry| entry.segment) {
            self.switches.remove(&segment);
        }
        self.remove(own);
    }

    /// The access points that a board hears.
    pub fn scan(&self, port: PortId) -> Vec<Seen> {
        self.air.scan(port)
    }

    /// The access point that a board has joined.
    pub fn joined_point(&self, port: PortId) -> Option<Seen> {
        self.air.joined_by(port)
    }

    /// The boards that are access points, and the hardware addresses of those that have joined each.
    pub fn own_points(&self) -> Vec<(PortId, Vec<Mac>)> {
        let macs = |stations: Vec<PortId>| {
            stations.iter().filter_map(|station| self.ports.get(station)).map(|port| port.attach.mac).collect()
        };
        self.air.all().filter_map(|(point, stations)| Some((point.owner?, macs(stations)))).collect()
    }

    /// Whether a board has joined an access point.
    pub fn is_joined(&self, port: PortId) -> bool {
        self.air.is_joined(port)
    }

    /// The board that holds an address.
    pub fn holder(&self, address: IpAddr) -> Option<PortId> {
        self.gateway.holder(address).map(|holder| holder.port)
    }

    /// The addresses of a name of this network; `None` if there is no such name.
    pub fn resolve(&self, name: &str) -> Option<Vec<IpAddr>> {
        self.gateway.addresses_of(&name.to_ascii_lowercase())
    }

    /// Answers a dial that is held. [`Event::Flow`] tells when the connection is made.
    pub fn accept(&mut self, flow: FlowId) -> Result<(), FlowError> {
        self.gateway.accept(flow)
    }

    /// Refuses a dial that is held.
    pub fn refuse(&mut self, flow: FlowId, how: Refusal) -> Result<(), FlowError> {
        self.gateway.refuse(flow, how)
    }

    /// Dials a board, from an address outside; port 0 is any. Gives also the address that it is from.
    pub fn connect(
        &mut self,
        now: Time,
        board: SocketAddr,
        from: SocketAddr,
    ) -> Result<(FlowId, SocketAddr), FlowError> {
        self.at(now);
        self.gateway.connect(self.now, board, from)
    }

    /// Bytes from the board. What is not read closes its window.
    pub fn read(&mut self, flow: FlowId, into: &mut [u8]) -> Result<Read, FlowError> {
        self.gateway.flows().read(flow, into)
    }

    /// Bytes for the board; says how many there was room for.
    pub fn write(&mut self, flow: FlowId, bytes: &[u8]) -> Result<usize, FlowError> {
        self.gateway.flows().write(flow, bytes)
    }

    /// Says the last to the board, which may go on.
    pub fn finish(&mut self, flow: FlowId) -> Result<(), FlowError> {
        self.gateway.flows().finish(flow)
    }

    /// Lets go of a flow: it ends as a closed socket does.
    pub fn close(&mut self, flow: FlowId) -> Result<(), FlowError> {
        self.gateway.flows().close(flow)
    }

    /// Cuts a flow off.
    pub fn reset(&mut self, flow: FlowId) -> Result<(), FlowError> {
        self.gateway.flows().reset(flow)
    }

    /// A datagram from outside to a board, a group, or all of the home network. False without such a board.
    pub fn send_datagram(&mut self, now: Time, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> bool {
        self.at(now);
        self.gateway.send_datagram(self.now, from, to, bytes)
    }

    /// Tells a board that nobody takes its datagrams there; `from` and `to` as in [`Event::Datagram`].
    pub fn refuse_datagram(&mut self, from: SocketAddr, to: SocketAddr) {
        self.gateway.refuse_datagram(from, to);
    }

    /// Answers a question; `None` for a name that there is not.
    pub fn answer(&mut self, question: QuestionId, found: Option<Vec<IpAddr>>) {
        self.gateway.answer(question, found);
    }

    /// The network at this moment, to be shown.
    pub fn status(&self) -> LanStatus {
        self.make_status()
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "s{}", self.0)
    }
}
