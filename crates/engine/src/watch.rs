//! What has changed since somebody looked last, so that whoever shows the state of an engine need not ask after every
//! peer. There is one who looks. What an engine is like at one moment is put together in `obey`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use socklab_capture::PeerId;
use tokio::sync::Notify;

/// A list of peers that have changed, and a bell. Where nobody looks, nothing is kept.
#[derive(Default)]
pub(crate) struct Watch {
    is_on: bool,
    has_rung: Cell<bool>,
    bell: Notify,
    peers: RefCell<Vec<PeerId>>,
}

impl Watch {
    pub(crate) fn new(is_on: bool) -> Self {
        Watch { is_on, ..Watch::default() }
    }

    /// Something has changed. Called for every record: costs a look at two flags where it has been told already.
    pub(crate) fn ring(&self) {
        if self.is_on && !self.has_rung.replace(true) {
            self.bell.notify_one();
        }
    }

    fn add(&self, peer: PeerId) {
        self.peers.borrow_mut().push(peer);
        self.ring();
    }

    /// Waits until something has changed that was not [taken](Self::take) yet.
    pub(crate) async fn changed(&self) {
        while !self.has_rung.get() {
            self.bell.notified().await;
        }
    }

    /// The peers that have changed, or are gone, since this was asked last; each may be named twice.
    pub(crate) fn take(&self) -> Vec<PeerId> {
        self.has_rung.set(false);
        self.peers.take()
    }
}

/// What all peers of an endpoint have done together, those that are gone included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes that came.
    pub received: u64,
    /// Bytes that the system took from us.
    pub sent: u64,
    /// Records of bytes that came.
    pub received_records: u64,
    /// Records of bytes that the system took.
    pub sent_records: u64,
}

impl Tally {
    /// Adds what others have done.
    pub fn add(&mut self, other: Tally) {
        self.received += other.received;
        self.sent += other.sent;
        self.received_records += other.received_records;
        self.sent_records += other.sent_records;
    }
}

/// A peer's line to whoever looks, and to the tally of its endpoint.
pub(crate) struct Mark {
    watch: Rc<Watch>,
    tally: Rc<Cell<Tally>>,
    is_listed: Cell<bool>,
}

impl Mark {
    pub(crate) fn new(watch: Rc<Watch>, tally: Rc<Cell<Tally>>) -> Self {
        Mark { watch, tally, is_listed: Cell::new(false) }
    }

    /// The peer has changed.
    pub(crate) fn set(&self, peer: PeerId) {
        if self.watch.is_on && !self.is_listed.replace(true) {
            self.watch.add(peer);
        }
    }

    /// It was looked at.
    pub(crate) fn clear(&self) {
        self.is_listed.set(false);
    }

    /// Bytes of one record came.
    pub(crate) fn received(&self, bytes: usize) {
        let mut tally = self.tally.get();
        tally.received += bytes as u64;
        tally.received_records += 1;
        self.tally.set(tally);
    }

    /// Bytes of one record were taken.
    pub(crate) fn sent(&self, bytes: usize) {
        let mut tally = self.tally.get();
        tally.sent += bytes as u64;
        tally.sent_records += 1;
        self.tally.set(tally);
    }
}
