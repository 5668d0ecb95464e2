//! Datagram sockets, UDP and Unix: one socket, many peers known by their addresses.
//! How datagrams are taken from the system in batches belongs in `batch`; groups, in `multicast`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use socklab_capture::encoder::Subject;
use socklab_capture::{Address, Event, Side, Timestamp, Transport};
use tokio::io::Interest;
use tokio::net::UdpSocket;
#[cfg(unix)]
use tokio::net::UnixDatagram;
use tokio::sync::Notify;

use crate::batch::{Batch, Datagram};
use crate::failure::{Failure, Lang, Operation, Reason};
use crate::hub::{Endpoint, Hub};
use crate::multicast;
use crate::open;
use crate::peer::{Ending, Outcome, Peer};
use crate::quantity::format_duration;
use crate::recorder::now;
use crate::stream::End;
use crate::url::{EndpointUrl, Host, HostPort, Interface, Place, Target};
use crate::writer::Trouble;

/// A socket that datagrams come in on.
pub(crate) enum Socket {
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(UnixDatagram),
}

impl Socket {
    fn try_send(&self, bytes: &[u8], to: &Address) -> io::Result<usize> {
        match (self, to) {
            (Socket::Udp(udp), Address::Inet(to)) => udp.try_send_to(bytes, self.reachable(*to)),
            #[cfg(unix)]
            (Socket::Unix(unix), Address::Unix(name)) if name.is_empty() => {
                let _ = unix;
                Err(Reason::error(
                    io::ErrorKind::AddrNotAvailable,
                    "the peer has no name to send to",
                    "对方没有可发送到的名称",
                ))
            }
            #[cfg(unix)]
            (Socket::Unix(unix), Address::Unix(name)) => send_unix(unix, bytes, name),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// An IPv4 address as a dual-stack socket takes it.
    fn reachable(&self, to: SocketAddr) -> SocketAddr {
        match (self, to) {
            (Socket::Udp(udp), SocketAddr::V4(v4)) if udp.local_addr().is_ok_and(|own| own.is_ipv6()) => {
                (v4.ip().to_ipv6_mapped(), v4.port()).into()
            }
            _ => to,
        }
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<i32> {
        use std::os::fd::AsRawFd;
        match self {
            Socket::Udp(udp) => Some(udp.as_raw_fd()),
            Socket::Unix(_) => None, // a sender to a full Unix socket waits: nothing is dropped
        }
    }

    #[cfg(not(unix))]
    fn descriptor(&self) -> Option<i32> {
        None
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Socket::Udp(udp) => udp.ready(Interest::READABLE | Interest::ERROR).await.map(drop),
            #[cfg(unix)]
            Socket::Unix(unix) => unix.readable().await,
        }
    }

    fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Udp(udp) => udp.poll_send_ready(cx),
            #[cfg(unix)]
            Socket::Unix(unix) => unix.poll_send_ready(cx),
        }
    }
}

/// Through socket2, whose addresses know the abstract namespace; and past tokio's readiness, which one peer with a
/// full queue would take away for all.
#[cfg(unix)]
fn send_unix(unix: &UnixDatagram, bytes: &[u8], name: &str) -> io::Result<usize> {
    let to = open::unix_sockaddr(&crate::url::UnixName::new(name).map_err(io::Error::other)?)?;
    socket2::SockRef::from(unix).send_to(bytes, &to)
}

/// A datagram endpoint's socket and what waits on it.
pub(crate) struct Datagrams {
    pub(crate) socket: Socket,
    local: Address,
    by_address: RefCell<FxHashMap<Address, Rc<Peer>>>,
    /// Peers that were named by a person: these are never forgotten.
    named: RefCell<Vec<Rc<Peer>>>,
    /// Whose datagram is next to be sent.
    outgoing: RefCell<VecDeque<Rc<Peer>>>,
    work: Notify,
    /// Removes the socket's file in the end.
    #[cfg(unix)]
    file: RefCell<Option<open::SocketFile>>,
}

/// Opens a UDP socket; gives the URL with the port that it got.
pub(crate) async fn bind_udp(place: &HostPort, url: &EndpointUrl) -> Result<(Datagrams, EndpointUrl), Failure> {
    let group = place.multicast_group();
    let bound_to = HostPort { host: group.map_or(place.host.clone(), |ip| Host::Ip(open::unspecified(ip))), ..*place };
    let mut options = url.options.clone();
    if group.is_some() && options.join.is_empty() {
        options.join.push(zone(&place.host)); // who names a group wants to hear it
    }
    let bind = |address, dual_stack| open::bind_udp(address, dual_stack, &options);
    let socket = open::first_bound(Operation::Bind, &bound_to, bind).await?;
    multicast::set_up(&socket, place, &options)?;
    let failed = |error| Failure::new(Operation::Bind, place, error);
    crate::batch::prepare(&socket).map_err(failed)?;
    let udp = UdpSocket::from_std(socket.into()).map_err(failed)?;
    let bound = udp.local_addr().map_err(failed)?;
    let host = match (&place.host, bound.ip()) {
        (Host::Any, ip) if ip.is_ipv4() => Host::Ip(ip),
        (Host::Name(_), ip) => Host::Ip(ip),
        (host, _) => host.clone(),
    };
    let url = EndpointUrl { place: Place::Udp(HostPort { host, port: bound.port() }), options };
    Ok((Datagrams::new(Socket::Udp(udp), crate::stream::inet(bound)), url))
}

/// The interface that an address names, or else the system's choice.
fn zone(host: &Host) -> Interface {
    let Host::Zoned(_, zone) = host else { return Interface::Any };
    zone.parse().map_or_else(|_| Interface::Name(zone.clone()), Interface::Index)
}

/// Opens a Unix datagram socket; gives the URL with the name that it got.
#[cfg(unix)]
pub(crate) fn bind_unix(name: &crate::url::UnixName, url: &EndpointUrl) -> Result<(Datagrams, EndpointUrl), Failure> {
    let failed = |error| Failure::new(Operation::Bind, open::unix_shown(name), error);
    let wanted = if name.as_str().is_empty() { some_name() } else { name.clone() };
    let socket = open::new_unix(socket2::Type::DGRAM, &wanted, &url.options)?;
    open::bind_unix(&socket, &wanted, socket2::Type::DGRAM, true).map_err(failed)?;
    let file = wanted.path().map(|path| open::SocketFile(path.to_owned()));
    let unix = UnixDatagram::from_std(socket.into()).map_err(failed)?;
    let local = open::unix_address(&unix.local_addr().map_err(failed)?);
    let Address::Unix(bound) = &local else { return Err(failed(io::ErrorKind::Unsupported.into())) };
    let place = Place::UnixDgram(crate::url::UnixName::new(&**bound).unwrap_or_default());
    let url = EndpointUrl { place, options: url.options.clone() };
    let datagrams = Datagrams::new(Socket::Unix(unix), local);
    datagrams.file.replace(file);
    Ok((datagrams, url))
}

/// Linux picks a free abstract name itself; elsewhere a file of our own has to do.
#[cfg(unix)]
fn some_name() -> crate::url::UnixName {
    if cfg!(target_os = "linux") {
        return crate::url::UnixName::default();
    }
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("socklab-{}-{number}.sock", std::process::id()));
    crate::url::UnixName::new(path.to_string_lossy()).unwrap_or_default()
}

impl Datagrams {
    fn new(socket: Socket, local: Address) -> Self {
        Datagrams {
            socket,
            local,
            by_address: RefCell::default(),
            named: RefCell::default(),
            outgoing: RefCell::default(),
            work: Notify::new(),
            #[cfg(unix)]
            file: RefCell::default(),
        }
    }

    /// The peers that `target` stands for: one, or one an interface for the broadcast address of all networks.
    pub(crate) async fn name_peers(
        &self,
        hub: &Hub,
        endpoint: &Endpoint,
        target: &Target,
    ) -> Result<Vec<Rc<Peer>>, Failure> {
        let addresses: Vec<Address> = match target {
            Target::Unix(name) => vec![Address::Unix(name.as_str().into())],
            Target::Inet(HostPort { host: Host::Ip(IpAddr::V4(Ipv4Addr::BROADCAST)), port }) => {
                let found = broadcast_addresses()
                    .map_err(|error| Failure::new(Operation::ListInterfaces, "the interfaces", error))?;
                let found: Vec<_> = found.into_iter().chain(hub.lan().map(|lan| lan.broadcast())).collect();
                let everywhere = if found.is_empty() { vec![Ipv4Addr::BROADCAST] } else { found };
                everywhere.into_iter().map(|ip| Address::Inet((ip, *port).into())).collect()
            }
            Target::Inet(place) => {
                let own_is_v4 = matches!(&self.local, Address::Inet(own) if own.is_ipv4());
                let found = open::resolve_beside(hub, place).await?;
                let fitting = found.iter().find(|address| address.is_ipv4() == own_is_v4).or(found.first());
                fitting.map(|address| Address::Inet(*address)).into_iter().collect()
            }
        };
        let peers: Vec<_> =
            addresses.into_iter().map(|address| self.peer(hub, endpoint, address, Side::Local, now())).collect();
        let mut named = self.named.borrow_mut();
        named.retain(|known| !peers.iter().any(|peer| Rc::ptr_eq(peer, known)));
        named.extend(peers.iter().cloned());
        Ok(peers)
    }

    fn known(&self, address: &Address) -> Option<Rc<Peer>> {
        self.by_address.borrow().get(address).cloned()
    }

    /// Whether this is our own address: what was sent to a group comes back from there.
    fn is_own(&self, address: &Address) -> bool {
        match (&self.local, address) {
            (Address::Inet(own), Address::Inet(other)) if own.port() == other.port() => {
                own.ip() == other.ip() || own.ip().is_unspecified() && crate::guard::is_own(other.ip())
            }
            _ => false,
        }
    }

    /// Whether bytes for all peers are for this one: not where it is ourselves, unless a person named it.
    pub(crate) fn is_meant(&self, peer: &Rc<Peer>) -> bool {
        !peer.is_own.get() || self.named.borrow().iter().any(|named| Rc::ptr_eq(named, peer))
    }

    /// The peer at `address`, which is new if it was not known.
    fn peer(&self, hub: &Hub, endpoint: &Endpoint, address: Address, by: Side, at: Timestamp) -> Rc<Peer> {
        if let Some(known) = self.known(&address) {
            return known;
        }
        let peer = hub.add_peer(endpoint, Transport::Datagram, self.local.clone(), address.clone(), by);
        peer.is_own.set(self.is_own(&address));
        hub.recorder.record_at(at, Subject::Flow(peer.flow), Event::Connected);
        self.by_address.borrow_mut().insert(address, Rc::clone(&peer));
        peer
    }

    /// Queues a datagram for a peer.
    pub(crate) fn enqueue(&self, peer: &Rc<Peer>, bytes: Bytes) -> Outcome {
        let outcome = peer.enqueue(bytes);
        if outcome == Outcome::Queued {
            self.outgoing.borrow_mut().push_back(Rc::clone(peer));
            self.work.notify_one();
        }
        outcome
    }

    /// As [`enqueue`](Self::enqueue), but waits for room where there is none.
    pub(crate) async fn enqueue_when_room(&self, peer: &Rc<Peer>, bytes: Bytes) -> Outcome {
        let outcome = peer.enqueue_when_room(bytes).await;
        if outcome == Outcome::Queued {
            self.outgoing.borrow_mut().push_back(Rc::clone(peer));
            self.work.notify_one();
        }
        outcome
    }

    /// A datagram peer has no connection to end: it is forgotten, once what waits for it has gone out.
    pub(crate) fn end(&self, hub: &Hub, endpoint: &Endpoint, peer: &Rc<Peer>, ending: Ending) {
        match ending {
            Ending::HalfClose => {}
            Ending::Close if !peer.outbox.borrow().queue.is_empty() => {
                peer.ending.set(Some(ending));
                self.work.notify_one();
            }
            Ending::Close | Ending::Reset => self.forget(hub, endpoint, peer),
        }
    }

    fn forget(&self, hub: &Hub, endpoint: &Endpoint, peer: &Rc<Peer>) {
        if self.by_address.borrow_mut().remove(&peer.remote).is_none() {
            return; // it is gone already
        }
        self.named.borrow_mut().retain(|named| !Rc::ptr_eq(named, peer));
        hub.remove_peer(endpoint, peer, End::Closed(Side::Local));
    }

    /// Forgets peers that have been silent for too long.
    fn forget_silent(&self, hub: &Hub, endpoint: &Endpoint) {
        let (age, at) = (endpoint.options.peer_age(), now());
        let is_named = |peer: &Rc<Peer>| self.named.borrow().iter().any(|named| Rc::ptr_eq(named, peer));
        let is_silent = |peer: &&Rc<Peer>| at.since(peer.last_seen.get()) > age && !is_named(peer);
        let silent: Vec<_> = self.by_address.borrow().values().filter(is_silent).cloned().collect();
        for peer in silent {
            let text = match hub.lang {
                Lang::En => format!("forgotten: silent for {}", format_duration(age)),
                Lang::Zh => format!("已遗忘：{} 没有动静", format_duration(age)),
            };
            hub.recorder.record(Subject::Flow(peer.flow), Event::Note(&text));
            self.forget(hub, endpoint, &peer);
        }
    }

    /// Sends what waits, as far as the log has room for it and the system takes it.
    fn transmit(&self, hub: &Hub, endpoint: &Endpoint) -> Transmitted {
        let mut blocked = 0;
        loop {
            if self.outgoing.borrow().len() <= blocked {
                return if blocked == 0 { Transmitted::All } else { Transmitted::Blocked };
            }
            if !hub.recorder.has_room() {
                return Transmitted::NoRoom;
            }
            let Some(peer) = self.outgoing.borrow_mut().pop_front() else { return Transmitted::All };
            let Some(bytes) = peer.outbox.borrow().queue.front().cloned() else { continue };
            match self.try_send(hub, &bytes, &peer.remote) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // The queue of this very peer may be full, which is no reason to keep the others waiting. It
                    // goes to the end, with whatever else is for it: its own datagrams stay in order.
                    self.outgoing.borrow_mut().push_back(peer);
                    blocked += 1;
                    continue;
                }
                Err(_) if self.hear_bounced(hub) => {
                    // The error was that of an earlier datagram, maybe to another peer.
                    self.outgoing.borrow_mut().push_front(peer);
                    continue;
                }
                result => self.sent(hub, &peer, &bytes, result),
            }
            peer.dequeue(bytes.len());
            if peer.ending.get().is_some() && peer.outbox.borrow().queue.is_empty() {
                self.forget(hub, endpoint, &peer);
            }
        }
    }

    /// To a board of the virtual network where the address is one of that.
    fn try_send(&self, hub: &Hub, bytes: &[u8], to: &Address) -> io::Result<usize> {
        let lan = hub.lan().filter(|_| self.is_udp());
        match (lan, to, &self.local) {
            (Some(lan), Address::Inet(to), Address::Inet(own)) if lan.takes(to.ip()) || to.ip() == lan.broadcast() => {
                match lan.send_datagram(own.port(), *to, bytes) {
                    true if to.ip() == lan.broadcast() && lan.has_a_twin() => {
                        self.socket.try_send(bytes, &Address::Inet(*to))
                    }
                    true => Ok(bytes.len()),
                    false => Err(io::ErrorKind::HostUnreachable.into()),
                }
            }
            _ => self.socket.try_send(bytes, to),
        }
    }

    fn is_udp(&self) -> bool {
        matches!(self.socket, Socket::Udp(_))
    }

    /// Notes what the system has dropped since it was last asked. It counts in 32 bits and begins anew at 0.
    pub(crate) fn count_dropped(&self, hub: &Hub, endpoint: &Endpoint) {
        let Some(counter) = self.socket.descriptor().and_then(crate::sys::dropped) else { return };
        let more = counter.wrapping_sub(endpoint.dropped.get() as u32);
        if more > 0 {
            let more = u64::from(more);
            let total = endpoint.dropped.get() + more;
            endpoint.dropped.set(total);
            hub.recorder.set_dropped(endpoint.id, total);
            let dropped = Trouble::Dropped { more, total };
            hub.note(endpoint, &dropped.text(hub.lang));
            if Some(total.ilog2()) > (total - more).checked_ilog2() {
                hub.recorder.tell(dropped);
            }
        }
    }

    /// Notes which datagrams were not delivered; false where none came back.
    fn hear_bounced(&self, hub: &Hub) -> bool {
        crate::batch::bounced(&self.socket, |to, error| {
            if let Some(peer) = self.known(&to) {
                let failure = Failure::new(Operation::Send, &peer.remote, error);
                hub.fail(Subject::Flow(peer.flow), &failure);
            }
        })
    }

    fn sent(&self, hub: &Hub, peer: &Peer, bytes: &[u8], result: io::Result<usize>) {
        let subject = Subject::Flow(peer.flow);
        match result {
            Ok(count) => {
                peer.count_sent(count);
                peer.last_seen.set(now());
                hub.recorder.record(subject, Event::Sent(bytes));
            }
            Err(error) => {
                let failure = Failure::new(Operation::Send, &peer.remote, error);
                hub.fail(subject, &failure);
            }
        }
    }
}

enum Transmitted {
    All,
    /// The system takes no more, for any peer that something waits for.
    Blocked,
    /// The log takes no more.
    NoRoom,
}

/// How often the system is asked what it dropped, and a Unix peer whose queue was full whether it has room: of
/// neither is there an event to wait for.
const TICK: Duration = Duration::from_millis(100);

/// The broadcast address of every network that this machine is in: 255.255.255.255 goes out on one of them only.
fn broadcast_addresses() -> io::Result<Vec<Ipv4Addr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut found: Vec<_> = interfaces
        .into_iter()
        .filter_map(|interface| match interface.addr {
            if_addrs::IfAddr::V4(v4) if !v4.is_loopback() => v4.broadcast,
            _ => None,
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Receives and sends until the task is dropped.
pub(crate) async fn serve(hub: Rc<Hub>, endpoint: Rc<Endpoint>, datagrams: Rc<Datagrams>) {
    let mut batch = Batch::new();
    let mut ageing = tokio::time::interval(endpoint.options.peer_age() / 4);
    ageing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::task::consume_budget().await; // readiness costs none: a flood would leave no turn to the others
        let transmitted = datagrams.transmit(&hub, &endpoint);
        let mut incoming = pin!(async {
            hub.recorder.room().await;
            datagrams.socket.readable().await
        });
        let send_ready = std::future::poll_fn(|cx| datagrams.socket.poll_send_ready(cx));
        tokio::select! {
            _ = &mut incoming => { take_in(&hub, &endpoint, &datagrams, &mut batch); }
            _ = send_ready, if matches!(transmitted, Transmitted::Blocked) && datagrams.is_udp() => {}
            _ = hub.recorder.room(), if matches!(transmitted, Transmitted::NoRoom) => {}
            _ = tick.tick() => datagrams.count_dropped(&hub, &endpoint),
            _ = datagrams.work.notified() => {}
            _ = ageing.tick() => datagrams.forget_silent(&hub, &endpoint),
        }
    }
}

/// Counts a datagram from an address beyond `max_peers`: said of the first, and again whenever there are twice as many.
fn refuse(hub: &Hub, endpoint: &Endpoint, from: Address) {
    let (total, most) = (endpoint.refused.get() + 1, endpoint.options.max_peers());
    endpoint.refused.set(total);
    if total.is_power_of_two() {
        let refused = Trouble::Refused { from, datagram: true, most, total };
        hub.note(endpoint, &refused.text(hub.lang));
        hub.recorder.tell(refused);
    }
}

/// Takes in what the system has already, before the socket goes and that with it.
pub(crate) fn take_in_rest(hub: &Hub, endpoint: &Endpoint, datagrams: &Datagrams) {
    let mut batch = Batch::new();
    // Bounded, or a flood would keep the socket open: a full receive buffer is far less.
    for _ in 0..MOST_BATCHES_AT_THE_END {
        if !take_in(hub, endpoint, datagrams, &mut batch) {
            break;
        }
    }
    datagrams.count_dropped(hub, endpoint);
}

const MOST_BATCHES_AT_THE_END: usize = 256;

/// Takes in one batch; false where there was nothing.
fn take_in(hub: &Hub, endpoint: &Endpoint, datagrams: &Datagrams, batch: &mut Batch) -> bool {
    let mut any = false;
    let result = batch.receive(&datagrams.socket, |datagram| {
        any = true;
        deliver(hub, endpoint, datagrams, datagram);
    });
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && !crate::batch::has_error(&datagrams.socket) => {}
        Err(_) if datagrams.hear_bounced(hub) => any = true,
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
            // What an earlier datagram of ours met with, on systems that do not say which: the socket is as good as
            // before.
            hub.note(endpoint, &Failure::new(Operation::Receive, &datagrams.local, error).text(hub.lang));
        }
        _ => {}
    }
    any
}

/// A datagram that a board has sent on the virtual network.
pub(crate) fn deliver_from_board(hub: &Hub, endpoint: &Endpoint, from: Address, bytes: &[u8]) {
    if let Some(datagrams) = endpoint.datagrams.borrow().clone() {
        deliver(hub, endpoint, &datagrams, Datagram { from, bytes, at: None });
    }
}

/// A board does not take what this endpoint has sent to it.
pub(crate) fn refused_by_board(hub: &Hub, endpoint: &Endpoint, board: &Address) {
    let known = endpoint.datagrams.borrow().as_ref().and_then(|datagrams| datagrams.known(board));
    if let Some(peer) = known {
        let failure = Failure::new(Operation::Send, board, io::ErrorKind::ConnectionRefused.into());
        hub.fail(Subject::Flow(peer.flow), &failure);
    }
}

fn deliver(hub: &Hub, endpoint: &Endpoint, datagrams: &Datagrams, datagram: Datagram<'_>) {
    let at: Timestamp = datagram.at.unwrap_or_else(now);
    let peer = match datagrams.known(&datagram.from) {
        Some(peer) => peer,
        None if endpoint.peers.borrow().len() >= endpoint.options.max_peers() => {
            return refuse(hub, endpoint, datagram.from);
        }
        None => datagrams.peer(hub, endpoint, datagram.from, Side::Peer, at),
    };
    peer.count_received(datagram.bytes.len(), at);
    hub.recorder.record_at(at, Subject::Flow(peer.flow), Event::Received(datagram.bytes));
    // To ourselves it would go round for ever.
    if endpoint.echo.get()
        && !peer.is_own.get()
        && datagrams.enqueue(&peer, Bytes::copy_from_slice(datagram.bytes)) != Outcome::Queued
    {
        let text =
            hub.lang.pick("not echoed: too much waits to be sent to this peer", "未回显：等待发往该对端的数据太多");
        hub.recorder.record(Subject::Flow(peer.flow), Event::Note(text));
    }
}
