//! The virtual network in real time: it runs on the engine's thread, boards are attached to it by channels, and what
//! they dial is handed to endpoints as if it came from a socket. What the network does is in the crate `lan`; where a
//! dial leads, in `dialled`; how this machine's programs reach a board, in `forward`; a connection as a stream, in
//! `stream`; a board's end, in `port`; frames into captures, in `frames`; names beyond it, in `names`; what it is asked
//! while it runs, in `steer`.

mod dialled;
mod forward;
mod frames;
mod names;
mod port;
mod recent;
mod relay;
mod steer;
mod stream;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use socklab_board::link::{Frames, FromBoard, JoinFailure, Seen, ToBoard};
use socklab_board::look::Said;
use socklab_capture::Timestamp;
use socklab_lan::{
    AccessPoint, AirConfig, Attach, AttachError, Ending, Event, FlowId, Happened, JoinError, Lan, LanConfig, Mac,
    QuestionId, Seed, UnknownNames,
};
pub use socklab_lan::{
    AirFaults, Connection, Counts, Direction, FaultError, FaultSpec, FlowRow, Interface, LanStatus, Lease, Medium,
    PointRow, PortId, PortRow, Preset, Segment, Sent, Time, Verdict, brief,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::hub::{Endpoint, Hub};
use crate::recorder::now;
pub use forward::{Forward, NoForward};
pub(crate) use frames::Following;
use frames::{Ended, Taps};
pub use names::{KnownName, NoName};
pub use port::LanPort;
use port::Outlet;
pub use recent::FrameRow;
use relay::Relay;
pub use steer::{NoPlace, NotSteered, Steer};
pub(crate) use stream::LanStream;

/// The one Wi-Fi there is, where nobody has named it.
const HOME: &str = "Socklab";

/// Batches of frames that wait for the network, of all boards together; then the boards' own queues fill.
const INBOX: usize = 256;

/// Batches that are taken in before the network acts on them.
const AT_ONCE: usize = 64;

/// Bytes of frames that a board is handed at once.
const BATCH: usize = 64 << 10;

/// What the network is like, and how far it reaches.
#[derive(Clone, Debug)]
pub struct LanSettings {
    /// What every chance is drawn from.
    pub seed: u64,
    /// What is wrong with the links of boards, from the start; of two for one direction the later holds.
    pub faults: Vec<FaultSpec>,
    /// What is wrong with its access point, from the start.
    pub air: AirFaults,
    /// The one Wi-Fi there is, and its password; `None` for any that a program asks for.
    pub wifi: Option<(String, String)>,
    /// How long joining takes.
    pub join_time: Duration,
    /// Boards reach every port of this machine's loopback, not only those that a Socklab of this user listens on.
    pub host_loopback: bool,
    /// Boards reach any host.
    pub internet: bool,
    /// The run's capture has the frames.
    pub frames: bool,
    /// What the DNS knows beside the network's own names.
    pub names: Vec<KnownName>,
}

impl Default for LanSettings {
    /// Any Wi-Fi, which takes a second to join; nothing beyond.
    fn default() -> Self {
        let join_time = Duration::from_secs(1);
        let (host_loopback, internet, frames) = Default::default();
        let (faults, air, names) = Default::default();
        LanSettings { seed: 0, faults, air, wifi: None, join_time, host_loopback, internet, frames, names }
    }
}

/// The network and who waits for what on it.
pub(crate) struct Network {
    lan: RefCell<Lan>,
    settings: LanSettings,
    start: Instant,
    ports: RefCell<FxHashMap<PortId, Port>>,
    flows: RefCell<FxHashMap<FlowId, Flow>>,
    /// Somebody has done something with a flow: the network is to act.
    poked: Notify,
    /// Somebody who followed the frames does no longer.
    unfollowed: Notify,
    taps: Taps,
    /// What boards tell of their sockets, for those who have just asked.
    told: RefCell<FxHashMap<PortId, String>>,
    /// The attempt to join that each board has made last: the network's number of it, and the board's.
    joining: RefCell<FxHashMap<PortId, (u64, u64)>>,
    has_told: Notify,
    inbox: mpsc::Sender<(PortId, FromBoard)>,
    /// Boards that were ever attached: each has a hardware address of its own.
    attached: Cell<u32>,
    /// Datagrams of boards to other programs: from whom, whom the board takes for the other end, and where that is.
    relays: RefCell<FxHashMap<(SocketAddr, SocketAddr, SocketAddr), Rc<Relay>>>,
    /// Where other Socklabs have had UDP ports open a moment ago.
    found: RefCell<FxHashMap<u16, (Instant, Vec<SocketAddr>)>>,
    /// Of whose datagrams to whom it was said a moment ago that nobody takes them.
    said: RefCell<FxHashMap<(SocketAddr, SocketAddr), Instant>>,
    /// How much is on its way from boards to other programs, and who waits for less.
    passing: Cell<usize>,
    passed_on: Notify,
    /// Ports of this machine that lead here, and the tasks that listen there.
    forwards: RefCell<Vec<(Forward, AbortHandle)>>,
    /// What runs the network.
    task: RefCell<Option<AbortHandle>>,
}

/// A network at one moment.
#[derive(Clone, Debug)]
pub struct LanReport {
    /// Boards, links, addresses, leases, connections.
    pub status: LanStatus,
    /// What it is like, and how far it reaches.
    pub settings: LanSettings,
    /// Ports of this machine that lead to boards.
    pub forwards: Vec<Forward>,
    /// When its time began.
    pub start: Timestamp,
}

struct Port {
    name: String,
    mac: Mac,
    outlet: Outlet,
}

/// Who waits for a flow.
#[derive(Default)]
struct Flow {
    reader: Option<Waker>,
    writer: Option<Waker>,
    opened: Option<oneshot::Sender<io::Result<()>>>,
    over: Option<Ending>,
}

impl Flow {
    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

impl Network {
    /// The network, and where its boards are heard.
    pub(crate) fn new(settings: LanSettings) -> (Rc<Self>, mpsc::Receiver<(PortId, FromBoard)>) {
        let (inbox, heard) = mpsc::channel(INBOX);
        let (ssid, password) = settings.wifi.clone().unwrap_or_else(|| (HOME.into(), String::new()));
        let password = (!password.is_empty()).then_some(password);
        let home =
            AccessPoint { ssid: ssid.clone(), password, join_time: settings.join_time, ..AccessPoint::default() };
        let air = AirConfig { home, any_name: settings.wifi.is_none() };
        let knows_more = settings.internet || !settings.names.is_empty();
        let unknown_names = if knows_more { UnknownNames::Ask } else { UnknownNames::Deny };
        let config = LanConfig { seed: Seed(settings.seed), air, unknown_names, ..LanConfig::default() };
        let mut lan = Lan::new(config);
        lan.watch(settings.frames);
        let _ = lan.set_air_faults(Time::ZERO, &ssid, &settings.air); // it has this one, with services
        let network = Network {
            lan: RefCell::new(lan),
            taps: Taps::new(settings.frames),
            settings,
            start: Instant::now(),
            ports: RefCell::default(),
            flows: RefCell::default(),
            poked: Notify::new(),
            unfollowed: Notify::new(),
            told: RefCell::default(),
            joining: RefCell::default(),
            has_told: Notify::new(),
            inbox,
            attached: Cell::new(0),
            relays: RefCell::default(),
            found: RefCell::default(),
            said: RefCell::default(),
            passing: Cell::new(0),
            passed_on: Notify::new(),
            forwards: RefCell::default(),
            task: RefCell::default(),
        };
        (Rc::new(network), heard)
    }

    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    /// Attaches a board, by cable or by radio.
    pub(crate) fn attach(&self, name: &str, cable: bool) -> Result<LanPort, AttachError> {
        let medium = if cable { Medium::Cable } else { Medium::Air };
        self.attached.set(self.attached.get() + 1);
        let mac = Mac::local(self.attached.get());
        let attach = Attach { name: name.to_owned(), mac, medium, address: None };
        let id = self.lan.borrow_mut().attach(self.now(), attach)?;
        self.settings.faults.iter().filter(|spec| spec.is_for(name)).for_each(|spec| self.harm(id, spec));
        let outlet = Outlet::default();
        self.ports.borrow_mut().insert(id, Port { name: name.to_owned(), mac, outlet: outlet.clone() });
        Ok(LanPort::new(id, mac, name.to_owned(), outlet, self.inbox.clone()))
    }

    /// Takes a board off the network; false where none has this name.
    pub(crate) fn detach(&self, name: &str) -> bool {
        let mut ports = self.ports.borrow_mut();
        let Some(id) = ports.iter().find(|(_, port)| port.name == name).map(|(id, _)| *id) else { return false };
        ports.remove(&id);
        drop(ports);
        self.lan.borrow_mut().detach(self.now(), id);
        self.end_forwards_to(name);
        self.poked.notify_one();
        true
    }

    /// Whether boards are on it, or connections with it are not over.
    pub(crate) fn is_used(&self) -> bool {
        !self.ports.borrow().is_empty() || !self.flows.borrow().is_empty()
    }

    /// How everything is.
    pub(crate) fn report(&self) -> LanReport {
        let status = self.lan.borrow().status();
        let forwards = self.forwards.borrow().iter().map(|(forward, _)| forward.clone()).collect();
        LanReport { status, settings: self.settings.clone(), forwards, start: now().before(self.start.elapsed()) }
    }

    fn harm(&self, port: PortId, spec: &FaultSpec) {
        for (direction, faults) in &spec.changes {
            self.lan.borrow_mut().set_faults(self.now(), port, *direction, faults.clone());
        }
    }

    /// Has the network run until it is to [stop](Self::stop).
    pub(crate) fn start(self: &Rc<Self>, hub: &Rc<Hub>, heard: mpsc::Receiver<(PortId, FromBoard)>) {
        let task = tokio::task::spawn_local(Rc::clone(self).run(Rc::clone(hub), heard));
        self.task.replace(Some(task.abort_handle()));
    }

    /// Nobody is on it, and nobody will be.
    pub(crate) fn stop(&self) {
        self.forwards.take().iter().for_each(|(_, task)| task.abort());
        self.taps.end();
        self.task.take().iter().for_each(AbortHandle::abort);
    }

    async fn run(self: Rc<Self>, hub: Rc<Hub>, mut heard: mpsc::Receiver<(PortId, FromBoard)>) {
        loop {
            self.act(&hub);
            if !self.relays.borrow().is_empty() {
                tokio::task::yield_now().await; // they hold so much only
            }
            let deadline = self.lan.borrow().deadline();
            let due = async {
                match deadline {
                    Some(due) => tokio::time::sleep(due - self.now()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.poked.notified() => {}
                () = due => {}
                Some((port, said)) = heard.recv() => {
                    self.hear(port, said);
                    for (port, said) in std::iter::from_fn(|| heard.try_recv().ok()).take(AT_ONCE) {
                        self.hear(port, said);
                    }
                }
            }
        }
    }

    fn hear(&self, port: PortId, said: FromBoard) {
        let (now, mut lan) = (self.now(), self.lan.borrow_mut());
        match said {
            FromBoard::Frames(frames) => frames.into_iter().for_each(|frame| lan.handle_frame(now, port, frame)),
            FromBoard::Join { attempt, ssid, key } => {
                let joining = lan.join(now, port, &ssid, (!key.is_empty()).then_some(&*key));
                self.joining.borrow_mut().extend(joining.map(|joining| (port, (joining, attempt))));
            }
            FromBoard::Leave => lan.leave_air(now, port),
            FromBoard::Scan => {
                let found = lan.scan(port).into_iter().map(seen).collect();
                drop(lan);
                self.tell(port, ToBoard::Scanned(found));
            }
            FromBoard::Netstat(told) => {
                self.told.borrow_mut().insert(port, told);
                self.has_told.notify_waiters();
            }
            FromBoard::Serve(None) => lan.close_access_point(now, port),
            FromBoard::Serve(Some(serving)) => {
                let (ssid, password, channel) = (serving.ssid, serving.key, serving.channel);
                let join_time = self.settings.join_time;
                let point = AccessPoint { ssid, password, channel, join_time, ..AccessPoint::default() };
                lan.open_access_point(now, port, point);
            }
            _ => {}
        }
    }

    /// Lets the network act, and hands out what that leads to, until nothing more does.
    fn act(self: &Rc<Self>, hub: &Rc<Hub>) {
        self.taps.look_at_clock(self.start.elapsed());
        loop {
            self.lan.borrow_mut().poll(self.now());
            let sent = self.send_frames();
            let mut any = false;
            loop {
                let event = self.lan.borrow_mut().poll_event();
                let Some(event) = event else { break };
                any = true;
                self.handle(hub, event);
            }
            if !sent && !any {
                return;
            }
        }
    }

    /// Hands boards their frames, in batches; false where there are none.
    fn send_frames(&self) -> bool {
        let mut batches: FxHashMap<(PortId, Interface), Frames> = FxHashMap::default();
        let mut any = false;
        // In a block: the borrow is not to last through the body.
        while let Some((port, interface, frame)) = { self.lan.borrow_mut().poll_transmit() } {
            any = true;
            let batch = batches.entry((port, interface)).or_default();
            batch.push(&frame);
            if batch.size() >= BATCH {
                self.hand(port, interface, std::mem::take(batch));
            }
        }
        for ((port, interface), batch) in batches.into_iter().filter(|(_, batch)| !batch.is_empty()) {
            self.hand(port, interface, batch);
        }
        any
    }

    fn hand(&self, port: PortId, interface: Interface, batch: Frames) {
        self.tell(
            port,
            match interface {
                Interface::Station => ToBoard::Frames(batch),
                Interface::AccessPoint => ToBoard::OwnFrames(batch),
            },
        );
    }

    fn tell(&self, port: PortId, what: ToBoard) {
        if let Some(port) = self.ports.borrow().get(&port) {
            let _ = port.outlet.send(what); // as on a cable
        }
    }

    /// Says something about a board to whoever watches it, and in the log.
    fn remark(&self, hub: &Hub, port: PortId, said: &Said) {
        if let Some(port) = self.ports.borrow().get(&port) {
            port.outlet.remark(said);
        }
        hub.note_on_lan(said.text(hub.lang));
    }

    fn handle(self: &Rc<Self>, hub: &Rc<Hub>, event: Event) {
        match event {
            Event::Dialled { flow, port, from, to } => self.dialled(hub, flow, port, from, to),
            Event::Flow { flow, what } => self.flow_changed(flow, what),
            Event::Datagram { port, from, to, bytes, .. } => self.datagram(hub, port, from, to, bytes),
            Event::Joined { port, attempt: ended, outcome, .. } => {
                let channel = self.lan.borrow().joined_point(port).map_or(0, |point| point.channel);
                let asked = self.joining.borrow().get(&port).copied();
                if let Some((_, attempt)) = asked.filter(|(joining, _)| *joining == ended) {
                    let outcome = outcome.map(|()| channel).map_err(failure);
                    self.tell(port, ToBoard::Joined { attempt, outcome });
                }
                self.tell_access_points();
            }
            Event::Left { port, why, .. } => {
                if why != socklab_lan::Left::Asked {
                    self.tell(port, ToBoard::Left);
                }
                self.tell_access_points();
            }
            Event::Limited { port, to, reason } => {
                let said = Said::new(format!("no way to {to}: {reason}"), format!("无法到达 {to}：{reason}"));
                self.remark(hub, port, &said);
            }
            Event::Frame { at, port, interface, direction, verdict, repeats: false, frame } => {
                self.capture(&hub.recorder, &Ended { at, link: (port, interface), direction, verdict, bytes: &frame });
            }
            Event::Asked { question, name } => self.asked(question, name),
            Event::DatagramRefused { from, to } => Self::datagram_refused(hub, from, to),
            Event::Leased { .. } | Event::Frame { .. } | Event::DatagramsOver { .. } => {}
        }
    }

    /// A board asks for a name that is not of this network.
    fn asked(self: &Rc<Self>, question: QuestionId, name: String) {
        if let Some(known) = self.settings.names.iter().find(|known| known.name == name) {
            let address = known.address.unwrap_or(self.lan.borrow().plan().pc.into());
            return self.lan.borrow_mut().answer(question, Some(vec![address]));
        }
        if !self.settings.internet {
            return self.lan.borrow_mut().answer(question, None);
        }
        let network = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let found = tokio::net::lookup_host((name, 0)).await;
            let found = found.ok().map(|found| found.map(|address| address.ip()).collect());
            network.lan.borrow_mut().answer(question, found);
            network.poked.notify_one();
        });
    }

    /// Lets the boards that are access points know who has joined them.
    fn tell_access_points(&self) {
        let points = self.lan.borrow().own_points();
        for (port, stations) in points {
            self.tell(port, ToBoard::Stations(stations.into_iter().map(|mac| mac.0).collect()));
        }
    }

    fn flow_changed(&self, id: FlowId, what: Happened) {
        let mut flows = self.flows.borrow_mut();
        let Some(flow) = flows.get_mut(&id) else { return };
        match what {
            Happened::Opened => drop(flow.opened.take().map(|opened| opened.send(Ok(())))),
            Happened::Readable => drop(flow.reader.take().map(Waker::wake)),
            Happened::Writable => drop(flow.writer.take().map(Waker::wake)),
            Happened::Over(ending) => {
                flow.over = Some(ending);
                drop(flow.opened.take().map(|opened| opened.send(Err(stream::error_of(ending)))));
                flow.wake();
            }
        }
    }

    /// Whether the address is one of the network's own, or could be.
    pub(crate) fn reaches(&self, address: IpAddr) -> bool {
        self.lan.borrow().plan().contains(address)
    }

    /// Whether what an endpoint sends to the address goes into this network: to a board that has it, or to nobody. Where
    /// this machine is in a real network of the same addresses, as many homes have, all that no board has is there.
    pub(crate) fn takes(&self, address: IpAddr) -> bool {
        self.reaches(address) && (self.lan.borrow().holder(address).is_some() || !self.has_a_twin())
    }

    /// Whether this machine is in a real network of the same addresses.
    pub(crate) fn has_a_twin(&self) -> bool {
        crate::reach::addresses().is_ok_and(|all| all.iter().any(|(interface, _)| self.reaches(interface.ip())))
    }

    /// By which everybody on the network is meant.
    pub(crate) fn broadcast(&self) -> std::net::Ipv4Addr {
        self.lan.borrow().plan().broadcast()
    }

    /// The addresses of a board that is named in full, `esp32.lan`; none while it has none. `None` for other names.
    pub(crate) fn board_named(&self, name: &str) -> Option<Vec<IpAddr>> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.lan.borrow().resolve(&name).filter(|_| name.ends_with(".lan"))
    }

    /// The assistant's address of the same version.
    fn pc_towards(&self, board: IpAddr) -> IpAddr {
        let lan = self.lan.borrow();
        if board.is_ipv4() { lan.plan().pc.into() } else { lan.plan().pc6().into() }
    }

    /// Dials a board from the assistant's address.
    pub(crate) async fn connect(self: &Rc<Self>, board: SocketAddr) -> io::Result<LanStream> {
        let from = SocketAddr::new(self.pc_towards(board.ip()), 0);
        let dialled = self.lan.borrow_mut().connect(self.now(), board, from);
        let (id, from) = dialled.map_err(|error| io::Error::new(io::ErrorKind::HostUnreachable, error))?;
        let (opened, made) = oneshot::channel();
        self.flows.borrow_mut().insert(id, Flow { opened: Some(opened), ..Flow::default() });
        let stream = LanStream::new(Rc::clone(self), id, from, board);
        self.poked.notify_one();
        made.await.unwrap_or_else(|_| Err(io::ErrorKind::ConnectionAborted.into()))?;
        Ok(stream)
    }

    /// Sends a datagram of the assistant's to a board, a group or all; false where nobody has the address.
    pub(crate) fn send_datagram(&self, from_port: u16, to: SocketAddr, bytes: &[u8]) -> bool {
        let from = SocketAddr::new(self.pc_towards(to.ip()), from_port);
        let sent = self.lan.borrow_mut().send_datagram(self.now(), from, to, bytes);
        self.poked.notify_one();
        sent
    }
}

impl Hub {
    /// Hands an endpoint the connection that a board has made to it.
    fn admit(self: &Rc<Self>, endpoint: &Rc<Endpoint>, stream: LanStream) {
        let remote = crate::stream::inet(stream.board());
        if let Some(connection) = crate::listen::admit(self, endpoint, crate::stream::Stream::Lan(stream), remote) {
            tokio::task::spawn_local(connection);
        }
    }
}

fn seen(seen: socklab_lan::Seen) -> Seen {
    let socklab_lan::Seen { ssid, bssid, channel, rssi, secured } = seen;
    Seen { ssid, bssid: bssid.0, channel, rssi, secured }
}

fn failure(error: JoinError) -> JoinFailure {
    match error {
        JoinError::NotFound => JoinFailure::NoSuchNetwork,
        JoinError::WrongPassword => JoinFailure::WrongKey,
        JoinError::Full => JoinFailure::Full,
    }
}
