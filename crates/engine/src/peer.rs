//! A peer as the engine keeps it: who it is, what it has done, what waits to be sent to it.
//! How its bytes travel belongs in `stream` and `datagram`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use bytes::Bytes;
use socklab_capture::encoder::FlowId;
use socklab_capture::{Address, PeerId, Timestamp};
use tokio::sync::Notify;

use crate::watch::Mark;

/// How many bytes may wait for a peer that does not take them. One message of any size is let in when nothing waits.
pub const QUEUE_LIMIT: usize = 1 << 20;

/// How many messages may wait, however short: each costs memory of its own.
const QUEUE_MESSAGES: usize = 16 * 1024;

/// Ways to end a conversation, or half of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Send what waits, then say that no more will come (TCP's FIN); go on receiving.
    HalfClose,
    /// Send what waits, say that no more will come, take in what the peer still sends, and close.
    Close,
    /// Drop everything and tear the connection down (TCP's RST).
    Reset,
}

/// How far a conversation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerState {
    /// Both may speak.
    #[default]
    Open,
    /// We have said that no more will come, or will when what waits is sent; the peer may go on.
    HalfClosed,
    /// The peer has said that no more will come; we may go on.
    Finished,
    /// It is being closed: what waits is sent, and what still comes is taken in.
    Closing,
}

/// What became of bytes meant for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They wait in the peer's queue, which the socket empties; the log says `sent` when the system took them.
    Queued,
    /// Not taken: so many bytes wait already for this peer, which does not read.
    Full {
        /// Bytes that wait.
        waiting: usize,
    },
    /// Not taken: the peer is gone, or nothing more may be sent to it.
    Gone,
}

/// What waits to be sent.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) queue: VecDeque<Bytes>,
    pub(crate) bytes: usize,
    pub(crate) closed: bool,
}

/// One remote party. Shared by the task that drives it and whoever commands it.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) remote: Address,
    pub(crate) local: Address,
    pub(crate) flow: FlowId,
    pub(crate) since: Timestamp,
    pub(crate) last_seen: Cell<Timestamp>,
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
    pub(crate) records: Cell<u64>,
    pub(crate) outbox: RefCell<Outbox>,
    /// Bytes that were thrown away because nothing more could be sent.
    pub(crate) unsent: Cell<usize>,
    pub(crate) ending: Cell<Option<Ending>>,
    /// Whether the peer has said that no more will come.
    finished: Cell<bool>,
    /// Whether it is our own socket, heard of by itself.
    pub(crate) is_own: Cell<bool>,
    /// The socket's descriptor while it is open, for asking the system about it.
    pub(crate) descriptor: Cell<Option<i32>>,
    pub(crate) mark: Mark,
    /// Rung when the queue has room again; made only when somebody waits.
    room: RefCell<Option<Rc<Notify>>>,
    waker: RefCell<Option<Waker>>,
}

impl Peer {
    pub(crate) fn new(id: PeerId, local: Address, remote: Address, flow: FlowId, at: Timestamp, mark: Mark) -> Self {
        mark.set(id);
        Peer {
            id,
            remote,
            local,
            flow,
            since: at,
            last_seen: Cell::new(at),
            received: Cell::new(0),
            sent: Cell::new(0),
            records: Cell::new(0),
            outbox: RefCell::default(),
            unsent: Cell::new(0),
            ending: Cell::new(None),
            finished: Cell::new(false),
            is_own: Cell::new(false),
            descriptor: Cell::new(None),
            mark,
            room: RefCell::default(),
            waker: RefCell::default(),
        }
    }

    /// Whether anything may still be sent to it.
    pub(crate) fn takes_more(&self) -> bool {
        !self.outbox.borrow().closed && self.ending.get().is_none()
    }

    /// Queues bytes for the peer.
    pub(crate) fn enqueue(&self, bytes: Bytes) -> Outcome {
        if !self.takes_more() {
            return Outcome::Gone;
        }
        let mut outbox = self.outbox.borrow_mut();
        let too_long = outbox.bytes > 0 && outbox.bytes + bytes.len() > QUEUE_LIMIT;
        if too_long || outbox.queue.len() >= QUEUE_MESSAGES {
            return Outcome::Full { waiting: outbox.bytes };
        }
        outbox.bytes += bytes.len();
        outbox.queue.push_back(bytes);
        drop(outbox);
        self.mark.set(self.id);
        self.wake();
        Outcome::Queued
    }

    /// As [`enqueue`](Self::enqueue), but waits for room where there is none.
    pub(crate) async fn enqueue_when_room(&self, bytes: Bytes) -> Outcome {
        loop {
            let room = Rc::clone(self.room.borrow_mut().get_or_insert_default());
            let notified = room.notified();
            match self.enqueue(bytes.clone()) {
                Outcome::Full { .. } => notified.await,
                outcome => return outcome,
            }
        }
    }

    /// Takes `count` bytes off the queue's front.
    pub(crate) fn dequeue(&self, count: usize) {
        let mut outbox = self.outbox.borrow_mut();
        outbox.bytes -= count;
        if let Some(front) = outbox.queue.front_mut() {
            let _ = front.split_to(count);
            if front.is_empty() {
                outbox.queue.pop_front();
            }
        }
        if outbox.queue.is_empty() {
            outbox.queue = VecDeque::new(); // an idle peer holds no buffer
        }
        drop(outbox);
        self.tell_room();
    }

    /// Throws away what waits, and lets nothing more in.
    pub(crate) fn close_outbox(&self) {
        let mut outbox = self.outbox.borrow_mut();
        outbox.closed = true;
        outbox.queue = VecDeque::new();
        self.unsent.set(self.unsent.get() + std::mem::take(&mut outbox.bytes));
        drop(outbox);
        self.mark.set(self.id);
        self.tell_room();
    }

    fn tell_room(&self) {
        if let Some(room) = &*self.room.borrow() {
            room.notify_waiters();
        }
    }

    /// Asks for an end; a harder one overrules a softer one.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.set(self.ending.get().max(Some(ending)));
        self.mark.set(self.id);
        self.wake();
    }

    /// It has said that no more will come.
    pub(crate) fn has_finished(&self) {
        self.finished.set(true);
        self.mark.set(self.id);
    }

    /// Whether it has said so.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    pub(crate) fn state(&self) -> PeerState {
        match self.ending.get() {
            Some(Ending::Close | Ending::Reset) => PeerState::Closing,
            Some(Ending::HalfClose) => PeerState::HalfClosed,
            None if self.finished.get() => PeerState::Finished,
            None => PeerState::Open,
        }
    }

    pub(crate) fn count_received(&self, bytes: usize, at: Timestamp) {
        self.received.set(self.received.get() + bytes as u64);
        self.records.set(self.records.get() + 1);
        self.last_seen.set(at);
        self.mark.received(bytes);
        self.mark.set(self.id);
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        self.records.set(self.records.get() + 1);
        self.mark.sent(bytes);
        self.mark.set(self.id);
    }

    /// Remembers whom to wake when there is something to do.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
