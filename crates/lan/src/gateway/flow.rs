//! TCP at the gateway: each connection is a flow of its own, found by its two ends, with one smoltcp socket in a set of
//! one. Thousands cost no scan. A board's first SYN is held until somebody has said who answers it.
//!
//! Bytes are not kept here beyond TCP's own buffers: what is not read closes the board's window, what the board does
//! not take is not accepted from outside.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{self, State};
use smoltcp::wire::IpListenEndpoint;

use crate::engine::{self, Buffers, Congestion, Engine, MTU, Rest, Sockets};
use crate::host::state_name;
use crate::packet::{self, Ip, Segment};
use crate::{FlowId, PortId, Time};

const BUFFERS: Buffers = Buffers { receive: 64 * 1024, send: 64 * 1024, congestion: Congestion::Cubic };

/// How many there may be, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows of all boards: each has 128 KiB of buffers. Those in TIME-WAIT make room for others.
    pub flows: usize,
    /// Flows of one board.
    pub per_board: usize,
    /// Flows of one board that are not yet open: who only knocks must not fill the table.
    pub half_open: usize,
    /// How long a dial is held for an answer.
    pub held: Duration,
    /// How long a board may acknowledge nothing.
    pub patience: Duration,
    /// How long a flow may be silent.
    pub idle: Duration,
    /// How long a board's datagrams from one port are remembered as one flow after the last.
    pub datagrams_idle: Duration,
    /// Such flows of one board.
    pub datagram_flows: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            flows: 8192,
            per_board: 2048,
            half_open: 64,
            held: Duration::from_secs(30),
            patience: Duration::from_secs(300),
            idle: Duration::from_secs(12 * 3600),
            datagrams_idle: Duration::from_secs(120),
            datagram_flows: 256,
        }
    }
}

/// What happens to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The connection is made.
    Opened,
    /// There is something to read, or the end, where there was nothing when it was last read.
    Readable,
    /// There is room to write where there was too little.
    Writable,
    /// It is over.
    Over(Ending),
}

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both sides have said their last.
    Finished,
    /// The board cut it off.
    Reset,
    /// The board refused it.
    Refused,
    /// The board did not answer.
    TimedOut,
    /// The board gave up before its dial was answered.
    Cancelled,
    /// The board is no longer on the network.
    Gone,
}

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet: [`Happened::Readable`] will come.
    Nothing,
    /// The board has said its last.
    End,
}

/// How a dial is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody listens: at once, by RST.
    Reset,
    /// Nobody answers: the board's own patience decides.
    Silence,
    /// There is no way to that host: by ICMP.
    Unreachable,
}

/// Why a flow could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// There is none of that number, or it is over.
    #[error("no such flow")]
    Unknown,
    /// Nothing can be written: it was finished.
    #[error("the flow was finished")]
    Finished,
    /// No board has the address.
    #[error("no board has that address")]
    NoBoard,
    /// There are as many flows as there may be.
    #[error("too many flows")]
    TooMany,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Held,
    Dialling,
    Open,
    /// Its end has been told; TCP may still have something to say.
    Over,
}

struct Flow {
    sockets: Sockets,
    handle: SocketHandle,
    board: SocketAddr,
    outside: SocketAddr,
    port: PortId,
    stage: Stage,
    inbound: bool,
    since: Time,
    heard: Time,
    due: Option<Time>,
    reset: bool,
    silenced: bool,
    wants_read: bool,
    wants_write: bool,
    /// Nobody reads it any more.
    abandoned: bool,
    rest: Rest,
    /// Since when something waits to be acknowledged and the board has said nothing.
    stuck: Option<Time>,
}

/// All flows.
pub(crate) struct Flows {
    engine: Engine,
    limits: Limits,
    all: BTreeMap<FlowId, Flow>,
    by_ends: HashMap<(SocketAddr, SocketAddr), FlowId>,
    due: BTreeSet<(Time, FlowId)>,
    touched: BTreeSet<FlowId>,
    next: u64,
    next_port: u16,
}

/// What came of a segment.
pub(crate) enum Taken {
    /// It belonged to a flow, or was dropped.
    Yes,
    /// Somebody is to answer it.
    Dialled(FlowId),
    /// It was refused, because there are too many flows: this sentence says of what.
    Limited(&'static str),
}

/// A flow at one moment. Its text is a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// Its number.
    pub id: FlowId,
    /// The board's end.
    pub board: SocketAddr,
    /// The other end.
    pub outside: SocketAddr,
    /// Whether it was dialled from outside.
    pub inbound: bool,
    /// Its state (RFC 9293, 3.3.2), or `held`.
    pub state: &'static str,
    /// Bytes from the board that wait to be read.
    pub unread: usize,
    /// Bytes for the board that it has not acknowledged.
    pub unsent: usize,
}

impl Flow {
    fn socket(&self) -> &tcp::Socket<'static> {
        self.sockets.get(self.handle)
    }

    fn socket_mut(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn is_half_open(&self) -> bool {
        matches!(self.stage, Stage::Held | Stage::Dialling)
    }

    /// Bytes that wait to be read.
    fn unread(&self) -> usize {
        self.rest.len() + self.socket().recv_queue()
    }

    /// Whether the board has said its last.
    fn ended(&self) -> bool {
        matches!(self.socket().state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait)
    }
}

impl Flows {
    pub(crate) fn new(seed: u64, limits: Limits) -> Flows {
        let mut engine = Engine::new(seed, MTU);
        engine.serve_all_addresses();
        Flows {
            engine,
            limits,
            all: BTreeMap::new(),
            by_ends: HashMap::new(),
            due: BTreeSet::new(),
            touched: BTreeSet::new(),
            next: 1,
            next_port: (seed % 16384) as u16,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn next_id(&mut self) -> FlowId {
        self.next += 1;
        FlowId(self.next - 1)
    }

    /// A segment from a board to somebody who is none. `out` gets what is sent at once.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        port: PortId,
        ip: &Ip<'_>,
        bytes: Bytes,
        out: &mut Vec<Vec<u8>>,
    ) -> Taken {
        let Some(segment) = Segment::parse(ip) else { return Taken::Yes };
        let ends = (segment.from, segment.to);
        if let Some(id) = self.by_ends.get(&ends).copied() {
            if !(segment.dials() && self.state(id) == Some(State::TimeWait)) {
                self.feed(now, id, segment.rst, bytes, out);
                return Taken::Yes;
            }
            self.remove(id);
        }
        if !segment.dials() {
            out.extend(packet::reset(ip, &segment).filter(|_| !segment.rst));
            return Taken::Yes;
        }
        if let Err(reason) = self.make_room(port) {
            out.extend(packet::reset(ip, &segment));
            return Taken::Limited(reason);
        }
        self.hold(now, port, ends, bytes).map_or(Taken::Yes, Taken::Dialled)
    }

    fn state(&self, id: FlowId) -> Option<State> {
        self.all.get(&id).map(|flow| flow.socket().state())
    }

    fn feed(&mut self, now: Time, id: FlowId, reset: bool, bytes: Bytes, out: &mut Vec<Vec<u8>>) {
        let Some(flow) = self.all.get_mut(&id) else { return };
        let before = flow.socket().state();
        // A dial that is refused by silence hears nothing more.
        if flow.silenced {
            return;
        }
        flow.heard = now;
        self.engine.receive(now, bytes, &mut flow.sockets);
        flow.reset |=
            reset && before != State::Closed && matches!(flow.socket().state(), State::Closed | State::Listen);
        out.extend(std::iter::from_fn(|| self.engine.transmit()));
        self.touched.insert(id);
    }

    /// Room for one more flow of this board, if there may be one.
    fn make_room(&mut self, port: PortId) -> Result<(), &'static str> {
        let theirs = self.all.iter().filter(|(_, flow)| flow.port == port);
        let waits = |flow: &Flow| flow.is_half_open() && !flow.silenced;
        if theirs.clone().filter(|(_, flow)| waits(flow)).count() >= self.limits.half_open {
            return Err("too many dials of this board wait for an answer");
        }
        if theirs.clone().filter(|(_, flow)| flow.stage != Stage::Over).count() >= self.limits.per_board {
            // A dial refused in silence is kept for its next tries alone, which nobody need answer again.
            let silenced = theirs.clone().find(|(_, flow)| flow.silenced).map(|(id, _)| *id);
            self.remove(silenced.ok_or("this board has as many connections as it may have")?);
        }
        if self.all.len() >= self.limits.flows {
            let over =
                |flow: &Flow| flow.stage == Stage::Over || flow.silenced || flow.socket().state() == State::TimeWait;
            let victim = self.all.iter().find(|(_, flow)| over(flow)).map(|(id, _)| *id);
            self.remove(victim.ok_or("as many connections are open as there may be")?);
        }
        Ok(())
    }

    fn hold(&mut self, now: Time, port: PortId, ends: (SocketAddr, SocketAddr), bytes: Bytes) -> Option<FlowId> {
        let mut socket = engine::socket(BUFFERS);
        socket.set_nagle_enabled(false);
        socket.pause_synack(true);
        let at = IpListenEndpoint { addr: Some(ends.1.ip().into()), port: ends.1.port() };
        socket.listen(at).ok()?;
        let id = self.insert(now, port, ends, socket, Stage::Held);
        let flow = self.all.get_mut(&id)?;
        self.engine.receive(now, bytes, &mut flow.sockets);
        if flow.socket().state() == State::SynReceived {
            self.touched.insert(id);
            return Some(id);
        }
        // Its checksum was wrong.
        self.remove(id);
        None
    }

    fn insert(
        &mut self,
        now: Time,
        port: PortId,
        ends: (SocketAddr, SocketAddr),
        socket: tcp::Socket<'static>,
        stage: Stage,
    ) -> FlowId {
        let id = self.next_id();
        let (sockets, handle) = engine::set_of(socket);
        let (board, outside) = ends;
        self.by_ends.insert(ends, id);
        let flow = Flow {
            sockets,
            handle,
            board,
            outside,
            port,
            stage,
            inbound: stage == Stage::Dialling,
            since: now,
            heard: now,
            due: None,
            reset: false,
            silenced: false,
            wants_read: true,
            wants_write: false,
            abandoned: false,
            rest: Rest::default(),
            stuck: None,
        };
        self.all.insert(id, flow);
        id
    }

    fn remove(&mut self, id: FlowId) {
        if let Some(flow) = self.all.remove(&id) {
            self.by_ends.remove(&(flow.board, flow.outside));
            flow.due.map(|due| self.due.remove(&(due, id)));
        }
    }

    /// Dials a board from an address outside; port 0 is any. Gives also the address that it is from.
    pub(crate) fn connect(
        &mut self,
        now: Time,
        port: PortId,
        board: SocketAddr,
        from: SocketAddr,
    ) -> Result<(FlowId, SocketAddr), FlowError> {
        self.make_room(port).map_err(|_| FlowError::TooMany)?;
        let from = if from.port() == 0 { self.free_port(board, from).ok_or(FlowError::TooMany)? } else { from };
        if self.by_ends.contains_key(&(board, from)) {
            return Err(FlowError::TooMany);
        }
        let mut socket = engine::socket(BUFFERS);
        socket.set_nagle_enabled(false);
        if !self.engine.connect(&mut socket, from, board) {
            return Err(FlowError::NoBoard);
        }
        let id = self.insert(now, port, (board, from), socket, Stage::Dialling);
        self.touched.insert(id);
        Ok((id, from))
    }

    fn free_port(&mut self, board: SocketAddr, from: SocketAddr) -> Option<SocketAddr> {
        for _ in 0..16384 {
            self.next_port = (self.next_port + 1) % 16384;
            let from = SocketAddr::new(from.ip(), 49152 + self.next_port);
            if !self.by_ends.contains_key(&(board, from)) {
                return Some(from);
            }
        }
        None
    }

    fn open(&mut self, id: FlowId) -> Result<&mut Flow, FlowError> {
        let flow = self.all.get_mut(&id).filter(|flow| flow.stage != Stage::Over).ok_or(FlowError::Unknown)?;
        self.touched.insert(id);
        Ok(flow)
    }

    /// Answers a held dial.
    pub(crate) fn accept(&mut self, id: FlowId) -> Result<(), FlowError> {
        self.open(id)?.socket_mut().pause_synack(false);
        Ok(())
    }

    /// Refuses a held dial; gives its two ends.
    pub(crate) fn refuse(&mut self, id: FlowId, how: Refusal) -> Result<(SocketAddr, SocketAddr), FlowError> {
        let flow = self.open(id)?;
        if how == Refusal::Reset {
            flow.socket_mut().abort();
            flow.stage = Stage::Over;
        } else {
            flow.silenced = true;
        }
        Ok((flow.board, flow.outside))
    }

    pub(crate) fn read(&mut self, id: FlowId, into: &mut [u8]) -> Result<Read, FlowError> {
        let flow = self.open(id)?;
        let ended = flow.ended();
        if flow.rest.len() > 0 {
            return Ok(Read::Bytes(flow.rest.read(into, false)));
        }
        let read = match flow.socket_mut().recv_slice(into) {
            Ok(count) if count > 0 => Read::Bytes(count),
            _ if ended && !into.is_empty() => Read::End,
            _ => Read::Nothing,
        };
        flow.wants_read = read == Read::Nothing;
        Ok(read)
    }

    pub(crate) fn write(&mut self, id: FlowId, bytes: &[u8]) -> Result<usize, FlowError> {
        let flow = self.open(id)?;
        if flow.stage != Stage::Open {
            flow.wants_write = true;
            return Ok(0);
        }
        if flow.sockets.is_closing(flow.handle) {
            return Err(FlowError::Finished);
        }
        let taken = flow.socket_mut().send_slice(bytes).map_err(|_| FlowError::Finished)?;
        flow.wants_write = taken < bytes.len();
        Ok(taken)
    }

    /// Says the last to the board; it may go on.
    pub(crate) fn finish(&mut self, id: FlowId) -> Result<(), FlowError> {
        let flow = self.open(id)?;
        flow.sockets.close(flow.handle);
        Ok(())
    }

    /// Nobody reads any more: what the board says from now on cuts the connection off.
    pub(crate) fn close(&mut self, id: FlowId) -> Result<(), FlowError> {
        let flow = self.open(id)?;
        flow.abandoned = true;
        if flow.socket().recv_queue() > 0 {
            flow.socket_mut().abort()
        } else {
            flow.sockets.close(flow.handle)
        }
        flow.stage = Stage::Over;
        Ok(())
    }

    /// Cuts it off.
    pub(crate) fn reset(&mut self, id: FlowId) -> Result<(), FlowError> {
        let flow = self.open(id)?;
        flow.socket_mut().abort();
        flow.stage = Stage::Over;
        Ok(())
    }

    /// What a board has left behind that is no longer there.
    pub(crate) fn forget(&mut self, port: PortId) -> Vec<FlowId> {
        let all: Vec<FlowId> = self.all.iter().filter(|(_, flow)| flow.port == port).map(|(id, _)| *id).collect();
        let told = |id: &FlowId| self.all.get(id).is_some_and(|flow| flow.stage != Stage::Over);
        let open = all.iter().copied().filter(told).collect();
        all.into_iter().for_each(|id| self.remove(id));
        open
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let touched = (!self.touched.is_empty()).then_some(Time::ZERO);
        touched.or(self.due.first().map(|(due, _)| *due))
    }

    /// Lets the flows act that have something to do.
    pub(crate) fn poll(&mut self, now: Time, out: &mut Vec<Vec<u8>>, events: &mut Vec<(FlowId, Happened)>) {
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, id));
            self.touched.insert(id);
        }
        for id in std::mem::take(&mut self.touched) {
            self.poll_one(now, id, out, events);
        }
    }

    fn poll_one(&mut self, now: Time, id: FlowId, out: &mut Vec<Vec<u8>>, events: &mut Vec<(FlowId, Happened)>) {
        let Flows { engine, all, limits, due, .. } = self;
        let Some(flow) = all.get_mut(&id) else { return };
        if !flow.silenced {
            engine.poll(now, &mut flow.sockets);
        }
        flow.settle(now, limits, |happened| events.push((id, happened)));
        if !flow.silenced {
            engine.poll(now, &mut flow.sockets);
        }
        out.extend(std::iter::from_fn(|| engine.transmit()));
        if flow.is_done(now, limits) {
            return self.remove(id);
        }
        // While a dial is held, smoltcp would like to answer it at once.
        let acts = !flow.silenced && flow.stage != Stage::Held;
        let next = engine.deadline(now, &flow.sockets).filter(|_| acts);
        let next = crate::time::earlier(next, Some(flow.patience_ends(limits)));
        if flow.due != next {
            flow.due.map(|old| due.remove(&(old, id)));
            next.map(|next| due.insert((next, id)));
            flow.due = next;
        } else {
            // It may have been taken out as due.
            next.map(|next| due.insert((next, id)));
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = FlowRow> {
        self.all.iter().map(|(id, flow)| FlowRow {
            id: *id,
            board: flow.board,
            outside: flow.outside,
            inbound: flow.inbound,
            state: if flow.stage == Stage::Held { "held" } else { state_name(flow.socket().state()) },
            unread: flow.unread(),
            unsent: flow.socket().send_queue(),
        })
    }
}

impl Flow {
    /// Sees what has become of it, and says so.
    fn settle(&mut self, now: Time, limits: &Limits, mut tell: impl FnMut(Happened)) {
        self.rest.keep(self.sockets.get_mut(self.handle));
        let state = self.socket().state();
        if self.is_half_open() && !matches!(state, State::SynSent | State::SynReceived | State::Closed | State::Listen)
        {
            self.stage = Stage::Open;
            tell(Happened::Opened);
        }
        self.note_progress(now);
        if self.stage != Stage::Over && now >= self.patience_ends(limits) {
            self.socket_mut().abort();
            return self.end(if self.reset { Ending::Reset } else { Ending::TimedOut }, tell);
        }
        match (self.stage, state) {
            (Stage::Held, State::Closed | State::Listen) => self.end(Ending::Cancelled, tell),
            (Stage::Dialling, State::Closed) if self.reset => self.end(Ending::Refused, tell),
            // What came before is still read.
            (Stage::Open, State::Closed) if self.reset && self.socket().recv_queue() == 0 => {
                self.end(Ending::Reset, tell);
            }
            (Stage::Dialling, State::Closed) => self.end(Ending::TimedOut, tell),
            (Stage::Open, State::Closed | State::TimeWait) if !self.reset && self.unread() == 0 => {
                self.end(Ending::Finished, tell);
            }
            (Stage::Open, _) => self.tell_readiness(tell),
            (Stage::Over, _) if self.socket().recv_queue() > 0 && state != State::Closed => self.socket_mut().abort(),
            _ => {}
        }
    }

    fn end(&mut self, ending: Ending, mut tell: impl FnMut(Happened)) {
        self.stage = Stage::Over;
        tell(Happened::Over(ending));
    }

    fn tell_readiness(&mut self, mut tell: impl FnMut(Happened)) {
        if self.wants_read && (self.unread() > 0 || self.ended()) {
            self.wants_read = false;
            tell(Happened::Readable);
        }
        if self.wants_write && self.socket().can_send() {
            self.wants_write = false;
            tell(Happened::Writable);
        }
    }

    fn note_progress(&mut self, now: Time) {
        self.stuck = match self.stuck {
            _ if self.socket().send_queue() == 0 => None,
            since => Some(since.unwrap_or(now).max(self.heard)),
        };
    }

    fn patience_ends(&self, limits: &Limits) -> Time {
        match (self.stage, self.stuck) {
            (Stage::Held, _) => self.since + limits.held,
            (Stage::Dialling, _) | (Stage::Over, None) => self.since.max(self.heard) + limits.patience,
            (_, Some(since)) => since + limits.patience,
            (Stage::Open, None) => self.heard + limits.idle,
        }
    }

    /// Nothing more will come of it. One that is over on our side waits for what TCP owes.
    fn is_done(&self, now: Time, limits: &Limits) -> bool {
        let socket = self.socket();
        let silent = socket.state() == State::Closed && socket.remote_endpoint().is_none();
        let late = now >= self.patience_ends(limits);
        self.stage == Stage::Over && (silent || late || self.silenced || socket.state() == State::Listen)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Ending::Finished => "finished",
            Ending::Reset => "cut off by the board",
            Ending::Refused => "refused by the board",
            Ending::TimedOut => "no answer",
            Ending::Cancelled => "given up by the board",
            Ending::Gone => "the board is gone",
        })
    }
}

impl fmt::Display for FlowRow {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowRow { id, board, outside, inbound, state, unread, unsent } = self;
        let (id, board, outside) = (id.to_string(), board.to_string(), outside.to_string());
        let arrow = if *inbound { "<-" } else { "->" };
        write!(to, "{id:<6} {board:<22} {arrow} {outside:<22} {state:<12} {unread:>6} {unsent:>6}")
    }
}
