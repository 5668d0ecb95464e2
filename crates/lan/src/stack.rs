//! Sockets of `socklab_socket` on a host of the network: a lock around the host, and the one place where anything
//! waits. Frames come and go through the embedder, which also gives the clock.

use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socklab_socket::{Address, Cause, Family, Info, Protocol, Query, Ready, SockOpt, SockOptName, Stack, Type, Watch};

use crate::host::{Host, LookupId, SocketId};
use crate::{Interface, Time};

type Result<T> = std::result::Result<T, Cause>;

/// Takes frames for the network, in order. It is called with the stack's lock held: it must not wait, nor call the
/// stack. A queue that somebody else empties is right.
pub type Transmit = Box<dyn Fn(Bytes) + Send>;

/// Gives the time; it never goes back.
pub type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

/// A host as a network for sockets. A clone is another handle to the same.
///
/// Whoever embeds it hands frames in with [`LanStack::deliver`], and has one thread in [`LanStack::run`], without which
/// nothing is sent again and nothing times out.
#[derive(Clone)]
pub struct LanStack {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something may have become ready, or the epoch has moved.
    changed: Condvar,
    /// The host wants to be polled earlier than the thread in `run` knows, or that is to end.
    alarm: Condvar,
    clock: Clock,
    start: Instant,
}

struct State {
    host: Host,
    transmit: Transmit,
    epoch: u64,
    /// How many look-ups had an answer when that was last seen.
    answered: u64,
    /// Until when the thread in `run` sleeps.
    wakes_at: Time,
    stopped: bool,
}

/// A socket of the host. Dropping it closes it.
pub struct LanSocket {
    id: SocketId,
    stack: LanStack,
}

/// A look-up under way. Dropping it gives it up.
pub struct LanLookup {
    id: LookupId,
    stack: LanStack,
}

impl LanStack {
    /// Sockets on this host, whose frames go to `transmit`. The host's time is 0 now.
    pub fn new(host: Host, transmit: Transmit, clock: Clock) -> LanStack {
        let start = clock();
        let state = State { host, transmit, epoch: 0, answered: 0, wakes_at: Time::NEVER, stopped: false };
        let (changed, alarm) = Default::default();
        LanStack { shared: Arc::new(Shared { state: Mutex::new(state), changed, alarm, clock, start }) }
    }

    /// Frames from the network, in order, at one of the host's interfaces.
    pub fn deliver(&self, interface: Interface, frames: impl IntoIterator<Item = Bytes>) {
        self.with(|host| {
            let now = host.now();
            frames.into_iter().for_each(|frame| host.handle_frame(now, interface, frame));
        });
    }

    /// Does something with the host: brings its link up, changes its address, looks at it. What it leads to is sent.
    pub fn with<R>(&self, act: impl FnOnce(&mut Host) -> R) -> R {
        let mut state = self.shared.lock();
        let result = self.shared.act(&mut state, act);
        self.shared.changed.notify_all();
        result
    }

    /// Lets the host act whenever something is due, until [`LanStack::stop`].
    pub fn run(&self) {
        let mut state = self.shared.lock();
        while !state.stopped {
            self.shared.act(&mut state, |_| ());
            self.shared.changed.notify_all();
            let due = state.host.deadline();
            state.wakes_at = due.unwrap_or(Time::NEVER);
            // Whoever stops it has done so with the lock held, or will ring.
            state = match due {
                Some(due) => self.shared.wait_for(&self.shared.alarm, state, due - self.shared.now()),
                None => self.shared.alarm.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Waits until this is so of the host, at most until then; false if it is not.
    pub fn await_that(&self, until: Option<Instant>, is_so: impl Fn(&Host) -> bool) -> bool {
        let mut state = self.shared.lock();
        while !is_so(&state.host) {
            state = match until.map(|until| until.saturating_duration_since((self.shared.clock)())) {
                None => self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => self.shared.wait_for(&self.shared.changed, state, left),
            };
        }
        true
    }

    /// Ends [`LanStack::run`].
    pub fn stop(&self) {
        self.shared.lock().stopped = true;
        self.shared.alarm.notify_all();
    }

    /// A call that never waits.
    fn call<R>(&self, act: impl FnOnce(&mut Host) -> R) -> R {
        self.shared.act(&mut self.shared.lock(), act)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time::ZERO + (self.clock)().saturating_duration_since(self.start)
    }

    /// Does something with the host, at this moment, and sends what it leads to.
    fn act<R>(&self, state: &mut State, act: impl FnOnce(&mut Host) -> R) -> R {
        let now = self.now();
        let result = act(state.host.at(now));
        state.host.poll(now);
        while let Some(frame) = state.host.poll_transmit() {
            (state.transmit)(frame);
        }
        let answered = state.host.answered();
        if state.answered != answered {
            state.answered = answered;
            state.epoch += 1;
            self.changed.notify_all();
        }
        if state.host.deadline().is_some_and(|due| due < state.wakes_at) {
            self.alarm.notify_all();
        }
        result
    }

    fn wait_for<'a>(&self, on: &Condvar, state: MutexGuard<'a, State>, span: Duration) -> MutexGuard<'a, State> {
        on.wait_timeout(state, span).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Shared>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Shared>) {
        self.lock().epoch += 1;
        self.changed.notify_all();
    }
}

impl Drop for LanSocket {
    fn drop(&mut self) {
        self.stack.call(|host| host.close(self.id));
    }
}

impl Drop for LanLookup {
    fn drop(&mut self) {
        self.stack.call(|host| host.forget(self.id));
    }
}

impl Stack for LanStack {
    type Handle = LanSocket;
    type Lookup = LanLookup;

    fn open(&self, family: Family, kind: Type, protocol: Protocol) -> Result<LanSocket> {
        let id = self.call(|host| host.open(family, kind, protocol))?;
        Ok(LanSocket { id, stack: self.clone() })
    }

    fn bind(&self, socket: &LanSocket, address: &Address) -> Result<()> {
        self.call(|host| host.bind(socket.id, address))
    }

    fn listen(&self, socket: &LanSocket, backlog: u32) -> Result<()> {
        self.call(|host| host.listen(socket.id, backlog))
    }

    fn accept(&self, socket: &LanSocket) -> Result<(LanSocket, Address)> {
        let (id, address) = self.call(|host| host.accept(socket.id))?;
        Ok((LanSocket { id, stack: self.clone() }, address))
    }

    fn connect(&self, socket: &LanSocket, address: &Address) -> Result<()> {
        self.call(|host| host.connect(socket.id, address))
    }

    fn send(&self, socket: &LanSocket, bytes: &[u8], to: Option<&Address>) -> Result<usize> {
        self.call(|host| host.send(socket.id, bytes, to))
    }

    fn receive(&self, socket: &LanSocket, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>)> {
        self.call(|host| host.receive(socket.id, into, peek))
    }

    fn shutdown(&self, socket: &LanSocket, how: Shutdown) -> Result<()> {
        self.call(|host| host.shutdown(socket.id, how))
    }

    fn local_address(&self, socket: &LanSocket) -> Result<Address> {
        self.call(|host| host.local_address(socket.id))
    }

    fn peer_address(&self, socket: &LanSocket) -> Result<Address> {
        self.call(|host| host.peer_address(socket.id))
    }

    fn set(&self, socket: &LanSocket, option: &SockOpt) -> Result<()> {
        self.call(|host| host.set(socket.id, option))
    }

    fn get(&self, socket: &LanSocket, name: SockOptName) -> Result<SockOpt> {
        self.call(|host| host.get(socket.id, name))
    }

    fn number(&self, socket: &LanSocket) -> i64 {
        i64::try_from(socket.id.0).unwrap_or(i64::MAX)
    }

    fn lookup(&self, query: &Query) -> Result<LanLookup> {
        let id = self.call(|host| host.lookup(query));
        Ok(LanLookup { id, stack: self.clone() })
    }

    fn answer(&self, lookup: &mut LanLookup) -> Option<Result<Vec<Info>>> {
        self.call(|host| host.answer(lookup.id))
    }

    fn wait(&self, watches: &mut [Watch<'_, LanSocket>], deadline: Option<Instant>, since: u64) -> Result<()> {
        let deadline = deadline.map(|deadline| Time::ZERO + deadline.saturating_duration_since(self.shared.start));
        let mut state = self.shared.lock();
        loop {
            let mut any = false;
            for watch in watches.iter_mut() {
                let ready = state.host.ready(watch.socket.id);
                watch.ready = asked(ready, watch.interest);
                any |= !watch.ready.is_empty();
            }
            let now = self.shared.now();
            if any || state.epoch != since || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(());
            }
            state = match deadline {
                Some(deadline) => self.shared.wait_for(&self.shared.changed, state, deadline - now),
                None => self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn epoch(&self) -> u64 {
        self.shared.lock().epoch
    }

    fn waker(&self) -> Waker {
        self.shared.clone().into()
    }

    fn now(&self) -> Instant {
        (self.shared.clock)()
    }
}

/// What was asked about, and what is told unasked.
fn asked(ready: Ready, interest: Ready) -> Ready {
    let told = [Ready::IN, Ready::OUT].into_iter().filter(|flag| interest.contains(*flag));
    let flags = told.chain([Ready::ERR, Ready::HUP, Ready::NVAL]).filter(|flag| ready.contains(*flag));
    flags.fold(Ready::NONE, |all, flag| all | flag)
}
