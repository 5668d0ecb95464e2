//! Streams: the life of a connection as a program has it, over smoltcp's sockets, which have no backlog, do not say why
//! a connection ended, and end in the background only if somebody keeps them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{self, State};
use smoltcp::wire::IpListenEndpoint;
use socklab_socket::{Address, Cause, Errno, Family, Ready};

use super::option::Options;
use super::{Host, Result, Socket, SocketId, shown};
use crate::Time;
use crate::engine::{self, Buffers, Engine, MTU, Rest, Sockets};
use crate::packet::{self, Ip, Segment};
use crate::time::earlier;

/// Sockets of one listener that wait for a SYN at a time: its half-open connections.
const LISTENING: usize = 8;
/// SYNs that a listener holds when its queue is full. Further ones are dropped, and sent again by who dials.
const HELD: usize = 8;
/// How long a half-open connection waits for its third segment.
const HALF_OPEN: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(15);
/// How long a closed connection waits in the background for the end of its peer (Linux: tcp_fin_timeout).
const ORPHAN: Duration = Duration::from_secs(60);
/// Connections that may end in the background; the oldest is dropped, those in TIME-WAIT first.
const ORPHANS: usize = 64;

/// All connections of a host.
pub(super) struct Tcp {
    pub(super) engine: Engine,
    set: Sockets,
    orphans: Vec<Orphan>,
    /// What was cut off although its peer had not taken all: who that was, and how many bytes.
    undelivered: Vec<(SocketAddr, usize)>,
}

/// A connection that its program has closed.
struct Orphan {
    handle: SocketHandle,
    local: SocketAddr,
    remote: SocketAddr,
    /// Bytes that the peer has not taken, and when it took the last of the others.
    left: usize,
    since: Time,
}

/// A program's stream socket.
pub(super) struct Stream {
    pub(super) family: Family,
    pub(super) options: Options,
    pub(super) buffers: Buffers,
    /// Where it was bound; port 0 for not yet.
    bound: SocketAddr,
    phase: Phase,
    /// What `SO_ERROR`, or the next call, will say.
    error: Option<Errno>,
}

enum Phase {
    Fresh,
    Listening(Listener),
    Connecting(Connection, Time),
    Connected(Connection),
    /// A dial that came to nothing.
    Failed,
}

struct Listener {
    backlog: usize,
    waiting: Vec<SocketHandle>,
    queue: VecDeque<Connection>,
    /// SYNs for which there was no room; they are looked at again when there is.
    held: VecDeque<Bytes>,
}

struct Connection {
    handle: SocketHandle,
    local: SocketAddr,
    remote: SocketAddr,
    /// The peer has said its last.
    ended: bool,
    /// It is over, and `Stream::error` said why.
    dead: bool,
    /// The program reads no more.
    deaf: bool,
    /// The program writes no more.
    mute: bool,
    /// Since when something waits to be acknowledged and the peer has said nothing.
    stuck: Option<Time>,
    rest: Rest,
}

impl Connection {
    fn new(handle: SocketHandle, local: SocketAddr, remote: SocketAddr) -> Connection {
        let (ended, dead, deaf, mute) = Default::default();
        Connection { handle, local, remote, ended, dead, deaf, mute, stuck: None, rest: Rest::default() }
    }
}

impl Stream {
    pub(super) fn new(family: Family, buffers: Buffers) -> Stream {
        let bound = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        Stream { family, options: Options::default(), buffers, bound, phase: Phase::Fresh, error: None }
    }

    pub(super) fn shown(&self, address: SocketAddr) -> Address {
        shown(self.family, if address.port() == 0 { unspecified(self.family) } else { address })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.connection().map_or(self.bound, |connection| connection.local)
    }

    pub(super) fn remote(&self) -> Option<SocketAddr> {
        match &self.phase {
            Phase::Connected(connection) if !connection.dead => Some(connection.remote),
            _ => None,
        }
    }

    pub(super) fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    fn connection(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Connecting(connection, _) | Phase::Connected(connection) => Some(connection),
            _ => None,
        }
    }

    /// What the netstat says of it: state, ends, and smoltcp's socket.
    pub(super) fn row(&self) -> (Option<&'static str>, SocketAddr, Option<SocketAddr>, Option<SocketHandle>) {
        match &self.phase {
            Phase::Fresh | Phase::Failed => (Some("CLOSED"), self.bound, None, None),
            Phase::Listening(_) => (Some("LISTEN"), self.bound, None, None),
            Phase::Connecting(connection, _) | Phase::Connected(connection) => {
                (None, connection.local, Some(connection.remote), Some(connection.handle))
            }
        }
    }

    /// Bytes that are not in its buffer any more, and wait to be read.
    pub(super) fn rest(&self) -> usize {
        self.connection().map_or(0, |connection| connection.rest.len())
    }

    /// Whether a SYN for this address would be its own.
    fn listens_at(&self, to: SocketAddr) -> bool {
        let family = match self.family {
            Family::Inet => to.is_ipv4(),
            _ => to.is_ipv6() || !self.options.v6_only,
        };
        let here = self.bound.ip().is_unspecified() || self.bound.ip() == to.ip();
        matches!(self.phase, Phase::Listening(_)) && family && here && self.bound.port() == to.port()
    }
}

fn unspecified(family: Family) -> SocketAddr {
    match family {
        Family::Inet6 => SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), 0),
        _ => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
    }
}

/// Whether sockets bound to these addresses would get in each other's way.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

impl Tcp {
    pub(super) fn new(seed: u64) -> Tcp {
        Tcp { engine: Engine::new(seed, MTU), set: Sockets::new(), orphans: Vec::new(), undelivered: Vec::new() }
    }

    pub(super) fn receive(&mut self, now: Time, packet: Bytes) {
        self.engine.receive(now, packet, &mut self.set);
    }

    pub(super) fn socket(&self, handle: SocketHandle) -> &tcp::Socket<'static> {
        self.set.get(handle)
    }

    fn socket_mut(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.set.get_mut(handle)
    }

    /// Smoltcp's socket for this connection, if there is one.
    fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<(SocketHandle, State)> {
        let (local, remote) = (Some(engine::endpoint(local)), Some(engine::endpoint(remote)));
        // No other kind of socket is built in.
        let mut all = self.set.iter().map(|(handle, smoltcp::socket::Socket::Tcp(socket))| (handle, socket));
        all.find(|(_, socket)| socket.local_endpoint() == local && socket.remote_endpoint() == remote)
            .map(|(handle, socket)| (handle, socket.state()))
    }

    fn listen(&mut self, stream: &Stream) -> SocketHandle {
        let mut socket = engine::socket(stream.buffers);
        stream.options.apply(&mut socket);
        socket.set_timeout(Some(HALF_OPEN));
        let ip = stream.bound.ip();
        let at = IpListenEndpoint { addr: (!ip.is_unspecified()).then(|| ip.into()), port: stream.bound.port() };
        // A new socket listens at any port but 0, and a listener has one.
        let _ = socket.listen(at);
        self.set.add(socket)
    }

    /// Ends a connection in the background: with RST if bytes were thrown away, otherwise with FIN.
    fn orphan(&mut self, connection: &Connection, now: Time, cut: bool) {
        let socket = self.set.get_mut::<tcp::Socket<'static>>(connection.handle);
        if cut || socket.recv_queue() > 0 {
            socket.abort();
        } else {
            self.set.close(connection.handle);
        }
        let left = self.set.get::<tcp::Socket<'static>>(connection.handle).send_queue();
        let Connection { handle, local, remote, .. } = *connection;
        self.orphans.push(Orphan { handle, local, remote, left, since: now });
        if self.orphans.len() > ORPHANS {
            let waits =
                |orphan: &Orphan| self.set.get::<tcp::Socket<'static>>(orphan.handle).state() == State::TimeWait;
            let victim = self.orphans.iter().position(waits).unwrap_or(0);
            self.set.remove(self.orphans.remove(victim).handle);
        }
    }

    /// Closed connections that have something to say yet: to whom, and how many bytes; none where only the end is left.
    pub(super) fn closing(&self) -> impl Iterator<Item = (SocketAddr, usize)> {
        self.orphans.iter().filter_map(|orphan| {
            let socket = self.set.get::<tcp::Socket<'static>>(orphan.handle);
            speaks(socket).then(|| (orphan.remote, socket.send_queue()))
        })
    }

    /// Tears down closed connections that have something to say yet.
    pub(super) fn cut_closing(&mut self) {
        for orphan in &self.orphans {
            let socket = self.set.get_mut::<tcp::Socket<'static>>(orphan.handle);
            if speaks(socket) {
                self.undelivered.push((orphan.remote, socket.send_queue()));
                socket.abort();
            }
        }
    }

    /// What was cut off since this was asked last, although its peer had not taken all.
    pub(super) fn take_undelivered(&mut self) -> Vec<(SocketAddr, usize)> {
        std::mem::take(&mut self.undelivered)
    }

    /// Lets go of those that have ended. Bytes for which nobody is left cut the connection off, and so does a peer that
    /// has taken nothing for so long.
    fn settle_orphans(&mut self, now: Time, patience: Duration) {
        let Tcp { set, orphans, undelivered, .. } = self;
        orphans.retain_mut(|orphan| {
            let socket = set.get_mut::<tcp::Socket<'static>>(orphan.handle);
            let hopeless = speaks(socket) && now >= orphan.since + patience;
            if hopeless && undelivered.len() < ORPHANS {
                undelivered.push((orphan.remote, socket.send_queue()));
            }
            if hopeless || socket.recv_queue() > 0 && socket.state() != State::Closed {
                socket.abort();
            }
            if socket.send_queue() < orphan.left {
                (orphan.left, orphan.since) = (socket.send_queue(), now);
            }
            let over = socket.state() == State::Closed && socket.remote_endpoint().is_none();
            let late = socket.state() == State::FinWait2 && now >= orphan.since + ORPHAN;
            if over || late {
                set.remove(orphan.handle);
            }
            !(over || late)
        });
    }

    pub(super) fn ready(&self, stream: &Stream) -> Ready {
        let error = if stream.error.is_some() { Ready::ERR | Ready::IN | Ready::OUT } else { Ready::NONE };
        error
            | match &stream.phase {
                Phase::Fresh => Ready::OUT | Ready::HUP,
                Phase::Failed => Ready::IN | Ready::OUT | Ready::HUP,
                Phase::Connecting(..) => Ready::NONE,
                Phase::Listening(listener) if listener.queue.is_empty() => Ready::NONE,
                Phase::Listening(_) => Ready::IN,
                Phase::Connected(connection) => self.connection_ready(connection),
            }
    }

    fn connection_ready(&self, connection: &Connection) -> Ready {
        let socket = self.socket(connection.handle);
        let over = connection.ended || connection.dead || connection.deaf;
        let mut ready = Ready::NONE;
        if over || connection.rest.len() > 0 || socket.can_recv() {
            ready |= Ready::IN;
        }
        if connection.dead || connection.mute || socket.can_send() {
            ready |= Ready::OUT;
        }
        if connection.dead || over && connection.mute {
            ready |= Ready::HUP;
        }
        ready
    }
}

impl Host {
    /// A segment. SYNs are looked at first: smoltcp would give one that comes twice to the next listening socket, and
    /// refuse one for which no listening socket is left.
    pub(super) fn receive_tcp(&mut self, ip: &Ip<'_>, bytes: &Bytes) {
        let Some(segment) = Segment::parse(ip) else { return };
        self.tracker.note(self.now, &segment);
        if segment.dials() && !self.may_dial(ip, &segment, bytes) {
            return;
        }
        let before = if segment.rst { self.tcp.find(segment.to, segment.from) } else { None };
        self.tcp.receive(self.now, bytes.slice(..ip.bytes.len()));
        if let Some((handle, state)) = before.filter(|(_, state)| *state != State::Closed)
            && self.tcp.socket(handle).state() == State::Closed
        {
            let errno = if state == State::SynSent { Errno::ECONNREFUSED } else { Errno::ECONNRESET };
            self.bury(handle, errno);
        }
        self.flush_tcp();
    }

    /// Whether a SYN goes on to smoltcp; if nobody listens it is refused here.
    fn may_dial(&mut self, ip: &Ip<'_>, segment: &Segment, bytes: &Bytes) -> bool {
        match self.tcp.find(segment.to, segment.from) {
            Some((_, State::SynSent)) => return true,
            Some((handle, State::TimeWait)) => self.forget_orphan(handle),
            Some((_, State::Closed)) | None => {}
            // It came twice, or its answer was lost: that is sent again without being asked for.
            Some(_) => return false,
        }
        let Tcp { set, .. } = &self.tcp;
        let listener = self.sockets.values_mut().find_map(|socket| match socket {
            Socket::Stream(stream) if stream.listens_at(segment.to) => Some(&mut stream.phase),
            _ => None,
        });
        let Some(Phase::Listening(listener)) = listener else {
            let reset = packet::reset(ip, segment);
            reset.into_iter().for_each(|reset| drop(self.send_ip(reset, ip.src)));
            return false;
        };
        let idle = |handle: &SocketHandle| set.get::<tcp::Socket<'static>>(*handle).state() == State::Listen;
        let room = listener.waiting.iter().any(idle);
        if !room && listener.held.len() < HELD && !listener.held.contains(bytes) {
            listener.held.push_back(bytes.clone());
        }
        room
    }

    /// A TIME-WAIT whose peer dials again from the same port (RFC 9293, 3.6.1).
    fn forget_orphan(&mut self, handle: SocketHandle) {
        if let Some(place) = self.tcp.orphans.iter().position(|orphan| orphan.handle == handle) {
            self.tcp.orphans.remove(place);
            self.tcp.set.remove(handle);
        }
    }

    /// Notes why a connection is over.
    fn bury(&mut self, handle: SocketHandle, errno: Errno) {
        for socket in self.sockets.values_mut() {
            let Socket::Stream(stream) = socket else { continue };
            match &mut stream.phase {
                Phase::Connecting(connection, _) if connection.handle == handle => {
                    stream.error = Some(errno);
                    stream.phase = Phase::Failed;
                    self.tcp.set.remove(handle);
                }
                Phase::Connected(connection) if connection.handle == handle => {
                    connection.dead = true;
                    stream.error = Some(errno);
                }
                Phase::Listening(listener) => {
                    let queued = listener.queue.iter_mut().find(|queued| queued.handle == handle);
                    queued.into_iter().for_each(|queued| queued.dead = true);
                }
                _ => {}
            }
        }
    }

    /// A dial that cannot get there.
    pub(super) fn fail_dial(&mut self, from: SocketAddr, to: SocketAddr, errno: Errno) {
        if let Some((handle, State::SynSent)) = self.tcp.find(from, to) {
            self.bury(handle, errno);
        }
    }

    /// Lets segments out, and sees what has become of connections.
    pub(super) fn poll_tcp(&mut self) {
        let Tcp { engine, set, .. } = &mut self.tcp;
        engine.poll(self.now, set);
        self.flush_tcp();
        self.settle_streams();
        for packet in self.take_held() {
            if let Some(ip) = Ip::parse(&packet) {
                self.receive_tcp(&ip, &packet);
            }
        }
        self.tcp.settle_orphans(self.now, self.config.profile.data_timeout);
        let Tcp { engine, set, .. } = &mut self.tcp;
        engine.poll(self.now, set);
        self.flush_tcp();
    }

    fn flush_tcp(&mut self) {
        while let Some(packet) = self.tcp.engine.transmit() {
            let Some(ip) = Ip::parse(&packet[crate::packet::ETHERNET..]) else { continue };
            let to = ip.dst;
            if let Some(segment) = Segment::parse(&ip).filter(|_| ip.protocol == packet::protocol::TCP) {
                self.tracker.note(self.now, &segment);
            }
            // Without a way it is lost, as on a cable that is not plugged in.
            let _ = self.send_ip(packet, to);
        }
    }

    fn settle_streams(&mut self) {
        let now = self.now;
        let profile = self.config.profile;
        let (tcp, tracker) = (&mut self.tcp, &self.tracker);
        for socket in self.sockets.values_mut() {
            let Socket::Stream(stream) = socket else { continue };
            match std::mem::replace(&mut stream.phase, Phase::Failed) {
                Phase::Connecting(connection, until) => {
                    settle_dial(tcp, stream, connection, until, now, profile.connect_error)
                }
                Phase::Connected(mut connection) => {
                    let heard =
                        |of: &Connection| tracker.get(of.local, of.remote).map_or(now, |seen| seen.spoke(of.remote));
                    settle_connection(tcp, stream, &mut connection, (now, profile.data_timeout), heard);
                    stream.phase = Phase::Connected(connection);
                }
                Phase::Listening(mut listener) => {
                    settle_listener(tcp, stream, &mut listener);
                    stream.phase = Phase::Listening(listener);
                }
                phase => stream.phase = phase,
            }
        }
    }

    /// SYNs that were held and for which there is room now.
    fn take_held(&mut self) -> Vec<Bytes> {
        let Tcp { set, .. } = &self.tcp;
        let idle = |handle: &SocketHandle| set.get::<tcp::Socket<'static>>(*handle).state() == State::Listen;
        let listeners = self.sockets.values_mut().filter_map(|socket| match socket {
            Socket::Stream(Stream { phase: Phase::Listening(listener), .. }) => Some(listener),
            _ => None,
        });
        let taken = listeners.filter_map(|listener| {
            let room = listener.waiting.iter().filter(|handle| idle(handle)).count();
            let count = room.min(listener.held.len());
            (count > 0).then(|| listener.held.drain(..count).collect::<Vec<_>>())
        });
        taken.flatten().collect()
    }

    pub(super) fn tcp_deadline(&mut self) -> Option<Time> {
        let Tcp { engine, set, orphans, .. } = &mut self.tcp;
        let engine = engine.deadline(self.now, set);
        let patience = self.config.profile.data_timeout;
        let orphans = orphans.iter().flat_map(|orphan| [ORPHAN, patience].map(|long| orphan.since + long));
        let orphans = orphans.filter(|at| *at > self.now).min();
        let streams = self.sockets.values().filter_map(|socket| match socket {
            Socket::Stream(Stream { phase: Phase::Connecting(_, until), .. }) => Some(*until),
            Socket::Stream(Stream { phase: Phase::Connected(connection), .. }) => {
                connection.stuck.map(|since| since + patience)
            }
            _ => None,
        });
        streams.map(Some).fold(earlier(engine, orphans), earlier)
    }

    fn stream(&mut self, id: SocketId) -> Result<&mut Stream> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Stream(stream)) => Ok(stream),
            _ => Err(Errno::EBADF.into()),
        }
    }

    pub(super) fn bind_stream(&mut self, id: SocketId, address: SocketAddr) -> Result<()> {
        let stream = self.stream(id)?;
        if stream.bound.port() != 0 || !matches!(stream.phase, Phase::Fresh) {
            return Err(Errno::EINVAL.into());
        }
        let reuse = stream.options.reuse_address;
        let port = match address.port() {
            0 => self.ephemeral(|host, port| host.is_free(SocketAddr::new(address.ip(), port), false)),
            port => Some(port).filter(|port| self.is_free(SocketAddr::new(address.ip(), *port), reuse)),
        };
        let port = port.ok_or(Errno::EADDRINUSE)?;
        self.stream(id)?.bound = SocketAddr::new(address.ip(), port);
        Ok(())
    }

    /// Whether a stream may be bound there. Connections that have ended hold their port for a while, unless it is to
    /// be used again.
    fn is_free(&self, address: SocketAddr, reuse: bool) -> bool {
        let by_sockets = self.sockets.values().any(|socket| match socket {
            Socket::Stream(stream) => {
                let listens = matches!(stream.phase, Phase::Listening(_) | Phase::Fresh);
                (listens || !reuse) && overlap(stream.local(), address)
            }
            _ => false,
        });
        let by_orphans = self.tcp.orphans.iter().any(|orphan| overlap(orphan.local, address));
        !by_sockets && (reuse || !by_orphans)
    }

    pub(super) fn listen_stream(&mut self, id: SocketId, backlog: u32) -> Result<()> {
        if self.stream(id)?.bound.port() == 0 {
            let any = unspecified(self.stream(id)?.family);
            self.bind_stream(id, SocketAddr::new(any.ip().to_canonical(), 0))?;
        }
        let Some(Socket::Stream(stream)) = self.sockets.get_mut(&id) else { return Err(Errno::EBADF.into()) };
        let backlog = usize::try_from(backlog.clamp(1, 4096)).unwrap_or(1);
        match &mut stream.phase {
            Phase::Fresh => {
                let mut listener =
                    Listener { backlog, waiting: Vec::new(), queue: VecDeque::new(), held: VecDeque::new() };
                settle_listener(&mut self.tcp, stream, &mut listener);
                stream.phase = Phase::Listening(listener);
            }
            Phase::Listening(listener) => listener.backlog = backlog,
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(())
    }

    pub(super) fn accept_stream(&mut self, id: SocketId) -> Result<(SocketId, Address)> {
        let stream = self.stream(id)?;
        let Phase::Listening(listener) = &mut stream.phase else { return Err(Errno::EINVAL.into()) };
        let connection = listener.queue.pop_front().ok_or(Errno::EAGAIN)?;
        let mut accepted = Stream::new(stream.family, stream.buffers);
        accepted.options = stream.options.clone();
        accepted.bound = connection.local;
        // It was cut off while it waited: whoever reads it will know.
        accepted.error = connection.dead.then_some(Errno::ECONNRESET);
        let address = accepted.shown(connection.remote);
        accepted.phase = Phase::Connected(connection);
        Ok((self.insert(Socket::Stream(accepted)), address))
    }

    pub(super) fn connect_stream(&mut self, id: SocketId, to: SocketAddr) -> Result<()> {
        match self.stream(id)?.phase {
            Phase::Fresh | Phase::Failed => {}
            Phase::Connecting(..) => return Err(Errno::EALREADY.into()),
            Phase::Connected(_) | Phase::Listening(_) => return Err(Errno::EISCONN.into()),
        }
        let to = if to.ip().is_unspecified() { SocketAddr::new(loopback(to.ip()), to.port()) } else { to };
        let from = self.source_of_dial(id, to)?;
        let stream = self.stream(id)?;
        stream.error = None;
        let mut socket = engine::socket(stream.buffers);
        stream.options.apply(&mut socket);
        if to.port() == 0 || !self.tcp.engine.connect(&mut socket, from, to) {
            return Err(Errno::ECONNREFUSED.into());
        }
        let until = self.now + self.config.profile.connect_timeout;
        let handle = self.tcp.set.add(socket);
        let stream = self.stream(id)?;
        stream.bound = from;
        stream.phase = Phase::Connecting(Connection::new(handle, from, to), until);
        Err(Errno::EINPROGRESS.into())
    }

    fn source_of_dial(&mut self, id: SocketId, to: SocketAddr) -> Result<SocketAddr> {
        let no_route = Cause::from(self.config.profile.no_route);
        if to.ip().is_multicast() || self.addresses.is_broadcast(to.ip()) {
            return Err(Errno::ENETUNREACH.into());
        }
        let reached = self.addresses.is_own(to.ip()) || self.has_way(to.ip());
        let source = self.addresses.source_for(to.ip()).filter(|_| reached).ok_or(no_route)?;
        let bound = self.stream(id)?.bound;
        let ip = if bound.ip().is_unspecified() || bound.port() == 0 { source } else { bound.ip() };
        let port = match bound.port() {
            0 => self.ephemeral(|host, port| host.is_free(SocketAddr::new(ip, port), false)),
            port => Some(port),
        };
        let from = SocketAddr::new(ip, port.ok_or(Errno::EADDRNOTAVAIL)?);
        if self.tcp.find(from, to).is_some() { Err(Errno::EADDRINUSE.into()) } else { Ok(from) }
    }

    pub(super) fn send_stream(&mut self, id: SocketId, bytes: &[u8]) -> Result<usize> {
        let Some(Socket::Stream(stream)) = self.sockets.get_mut(&id) else { return Err(Errno::EBADF.into()) };
        if let Some(errno) = stream.error.take() {
            return Err(errno.into());
        }
        match &stream.phase {
            Phase::Connected(connection) if connection.mute || connection.dead => Err(Errno::EPIPE.into()),
            Phase::Connected(connection) => {
                let taken = self.tcp.socket_mut(connection.handle).send_slice(bytes).map_err(|_| Errno::EPIPE)?;
                if taken == 0 && !bytes.is_empty() { Err(Errno::EAGAIN.into()) } else { Ok(taken) }
            }
            Phase::Connecting(..) => Err(Errno::EAGAIN.into()),
            _ => Err(Errno::ENOTCONN.into()),
        }
    }

    pub(super) fn receive_stream(&mut self, id: SocketId, into: &mut [u8], peek: bool) -> Result<usize> {
        let Some(Socket::Stream(stream)) = self.sockets.get_mut(&id) else { return Err(Errno::EBADF.into()) };
        match &mut stream.phase {
            Phase::Connected(connection) if connection.deaf => Ok(0),
            Phase::Connected(connection) if connection.rest.len() > 0 => Ok(connection.rest.read(into, peek)),
            Phase::Connected(connection) => {
                let (ended, dead) = (connection.ended, connection.dead);
                let socket = self.tcp.set.get_mut::<tcp::Socket<'static>>(connection.handle);
                let got = if peek { socket.peek_slice(into) } else { socket.recv_slice(into) };
                match got {
                    Ok(count) if count > 0 => Ok(count),
                    _ if ended => Ok(0),
                    _ if dead => stream.error.take().map_or(Ok(0), |errno| Err(errno.into())),
                    _ => Err(Errno::EAGAIN.into()),
                }
            }
            Phase::Connecting(..) => Err(Errno::EAGAIN.into()),
            Phase::Failed => Err(stream.error.take().unwrap_or(Errno::ENOTCONN).into()),
            Phase::Fresh | Phase::Listening(_) => Err(Errno::ENOTCONN.into()),
        }
    }

    pub(super) fn shutdown_stream(&mut self, id: SocketId, how: Shutdown) -> Result<()> {
        let Some(Socket::Stream(stream)) = self.sockets.get_mut(&id) else { return Err(Errno::EBADF.into()) };
        let Phase::Connected(connection) = &mut stream.phase else { return Err(Errno::ENOTCONN.into()) };
        if how != Shutdown::Write {
            connection.deaf = true;
        }
        if how != Shutdown::Read && !connection.mute {
            connection.mute = true;
            self.tcp.set.close(connection.handle);
        }
        Ok(())
    }

    pub(super) fn close_stream(&mut self, stream: Stream) {
        let cut = stream.options.linger == Some(Duration::ZERO);
        let now = self.now;
        match stream.phase {
            Phase::Fresh | Phase::Failed => {}
            // smoltcp would tell the peer, which knows nothing of it.
            Phase::Connecting(connection, _) => self.tcp.set.remove(connection.handle),
            Phase::Connected(connection) => self.tcp.orphan(&connection, now, cut),
            Phase::Listening(listener) => {
                for handle in listener.waiting {
                    let socket = self.tcp.socket(handle);
                    match (socket.local_endpoint(), socket.remote_endpoint()) {
                        (Some(local), Some(remote)) => {
                            let (local, remote) = (engine::address(local), engine::address(remote));
                            self.tcp.orphan(&Connection::new(handle, local, remote), now, true);
                        }
                        _ => self.tcp.set.remove(handle),
                    }
                }
                listener.queue.iter().for_each(|connection| self.tcp.orphan(connection, now, true));
            }
        }
    }

    /// Applies the options of a stream to its connection.
    pub(super) fn apply_options(&mut self, id: SocketId) {
        let Some(Socket::Stream(stream)) = self.sockets.get(&id) else { return };
        if let Some(handle) = stream.connection().map(|connection| connection.handle) {
            stream.options.apply(self.tcp.set.get_mut(handle));
        }
    }
}

/// Whether one that its program has closed has bytes or its end to say yet, as far as the peer has told.
fn speaks(socket: &tcp::Socket<'static>) -> bool {
    !matches!(socket.state(), State::Closed | State::FinWait2 | State::TimeWait)
}

fn loopback(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    }
}

fn settle_dial(tcp: &mut Tcp, stream: &mut Stream, connection: Connection, until: Time, now: Time, error: Errno) {
    let socket = tcp.socket(connection.handle);
    match socket.state() {
        State::SynSent | State::SynReceived if now < until => stream.phase = Phase::Connecting(connection, until),
        State::SynSent | State::SynReceived | State::Closed => {
            tcp.set.remove(connection.handle);
            stream.error = Some(error);
            stream.phase = Phase::Failed;
        }
        _ => stream.phase = Phase::Connected(connection),
    }
}

/// `heard` gives the time at which the peer has last said something.
fn settle_connection(
    tcp: &mut Tcp,
    stream: &mut Stream,
    connection: &mut Connection,
    (now, patience): (Time, Duration),
    heard: impl Fn(&Connection) -> Time,
) {
    let socket = tcp.socket_mut(connection.handle);
    let state = socket.state();
    connection.rest.keep(socket);
    connection.ended |= matches!(state, State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
    connection.stuck = match connection.stuck {
        _ if connection.dead || socket.send_queue() == 0 => None,
        since => Some(since.unwrap_or(now).max(heard(connection))),
    };
    let hopeless = connection.stuck.is_some_and(|since| now >= since + patience);
    if hopeless {
        socket.abort();
    }
    let died = state == State::Closed && !(connection.ended && connection.mute);
    if (hopeless || died) && !connection.dead {
        (connection.dead, connection.stuck) = (true, None);
        stream.error = Some(Errno::ETIMEDOUT);
    }
}

/// Moves connections that have been made to the queue, and keeps as many sockets listening as it has room for.
fn settle_listener(tcp: &mut Tcp, stream: &Stream, listener: &mut Listener) {
    let (mut waiting, mut idle) = (Vec::new(), Vec::new());
    for handle in listener.waiting.drain(..) {
        let socket = tcp.set.get_mut::<tcp::Socket<'static>>(handle);
        match (socket.state(), socket.local_endpoint(), socket.remote_endpoint()) {
            (State::Listen, ..) => idle.push(handle),
            (State::SynReceived, ..) => waiting.push(handle),
            (State::Closed, ..) | (_, None, _) | (_, _, None) => tcp.set.remove(handle),
            (_, Some(local), Some(remote)) => {
                socket.set_timeout(None);
                let (local, remote) = (engine::address(local), engine::address(remote));
                listener.queue.push_back(Connection::new(handle, local, remote));
            }
        }
    }
    let room = listener.backlog.saturating_sub(listener.queue.len());
    let wanted = room.min(LISTENING).saturating_sub(waiting.len());
    while idle.len() < wanted {
        idle.push(tcp.listen(stream));
    }
    while idle.len() > wanted {
        idle.pop().into_iter().for_each(|handle| tcp.set.remove(handle));
    }
    listener.waiting = waiting;
    listener.waiting.extend(idle);
}
