//! Frames of the network into captures: that of the run, and those of whoever follows it from outside. Each frame goes
//! there once: where its way ends, or where it is spread. What a capture is belongs in the crate `capture`.
//!
//! The network waits for none of them: what a capture has no room for is left out of it, and counted there. Frames in a
//! few words, for a diagram, are kept in `recent`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use socklab_capture::encoder::{Buffer, Encoder, Provenance, SegmentLimits};
use socklab_capture::run::run_name;
use socklab_capture::{Frame, LinkId, Timestamp, Way};
use socklab_lan::{Direction, Interface, Mac, Marks, PortId, Time, Verdict};
use tokio::sync::{Notify, mpsc};

use super::recent::{FrameRow, Recent};
use super::{Network, Port};
use crate::recorder::{PROGRAM, Recorder, now};

/// Bytes that may wait for one who follows: 64 ms of a gigabit link.
const WAITING: usize = 8 << 20;

/// A frame at the end of its way.
pub(super) struct Ended<'a> {
    pub(super) at: Time,
    pub(super) link: (PortId, Interface),
    pub(super) direction: Direction,
    pub(super) verdict: Verdict,
    pub(super) bytes: &'a [u8],
}

/// The board at the end of a link.
struct End<'a> {
    name: &'a str,
    interface: Interface,
    mac: Mac,
    seed: u64,
}

impl End<'_> {
    fn add(&self, add: impl FnOnce(String, &str, [u8; 6]) -> LinkId) -> LinkId {
        let (name, mac) = match self.interface {
            Interface::Station => (self.name.to_owned(), self.mac),
            Interface::AccessPoint => (format!("{} ap", self.name), self.mac.access_point()),
        };
        let description = format!("link of {name} on the virtual network, seed {}", self.seed);
        add(name, &description, mac.0)
    }
}

/// Where frames go.
pub(super) struct Taps {
    /// Whether the run's capture has them.
    run: bool,
    /// What the links are called in it.
    links: RefCell<FxHashMap<(PortId, Interface), LinkId>>,
    followers: RefCell<Vec<Rc<Follower>>>,
    /// Those of the last moments, while somebody looks.
    recent: RefCell<Recent>,
    /// What the clock said when the network's time began, as seen from now.
    began: Cell<Timestamp>,
}

impl Taps {
    pub(super) fn new(run: bool) -> Self {
        let (links, followers, recent) = Default::default();
        Taps { run, links, followers, recent, began: Cell::new(now()) }
    }

    /// From now on the network's time is told by the clock as it is at this moment: somebody may have set it.
    pub(super) fn look_at_clock(&self, elapsed: Duration) {
        if self.is_open() {
            self.began.set(now().before(elapsed));
        }
    }

    /// A time of the network as the clock tells it.
    fn time_of(&self, at: Time) -> Timestamp {
        Timestamp(self.began.get().0.saturating_add(at.as_nanos()))
    }

    /// Tells all who follow that nothing more comes.
    pub(super) fn end(&self) {
        self.followers.borrow().iter().for_each(|follower| follower.end());
    }

    /// Whether anybody wants frames.
    pub(super) fn is_open(&self) -> bool {
        self.run || !self.followers.borrow().is_empty() || self.recent.borrow().is_open()
    }
}

impl Network {
    /// Puts a frame into every capture.
    pub(super) fn capture(&self, recorder: &Recorder, ended: &Ended<'_>) {
        let ports = self.ports.borrow();
        let (port, interface) = ended.link;
        let Some(end) = ports.get(&port).map(|port| self.end(port, interface)) else { return };
        let note = note(ended.verdict);
        let (dropped, marks) = match ended.verdict {
            Verdict::Delivered(marks) => (false, marks),
            Verdict::Dropped(_) => (true, Marks::default()),
        };
        let frame = |link| Frame {
            at: self.taps.time_of(ended.at),
            link,
            way: if ended.direction == Direction::Up { Way::Out } else { Way::In },
            dropped,
            copy: marks.duplicate,
            damaged: marks.corrupted,
            note: &note,
            bytes: ended.bytes,
        };
        if self.taps.run {
            let mut links = self.taps.links.borrow_mut();
            let add = |name, description: &str, mac| recorder.add_link(name, description, mac);
            let link = *links.entry(ended.link).or_insert_with(|| end.add(add));
            recorder.frame(&frame(link));
        }
        self.taps.followers.borrow().iter().for_each(|follower| follower.take(ended.link, &end, frame));
        self.remember(ended, end.name);
    }

    /// Keeps a frame for a diagram, if anybody looks at one.
    fn remember(&self, ended: &Ended<'_>, board: &str) {
        let mut recent = self.taps.recent.borrow_mut();
        if recent.closes() {
            drop(recent);
            return self.lan.borrow_mut().watch(self.taps.is_open());
        }
        if recent.is_open() {
            let row = FrameRow {
                number: 0,
                at: self.taps.time_of(ended.at),
                board: board.to_owned(),
                direction: ended.direction,
                verdict: ended.verdict,
                brief: socklab_lan::brief(ended.bytes),
                length: ended.bytes.len(),
                segment: socklab_lan::segment(ended.bytes),
                again: false,
            };
            recent.add(ended.link.0, row);
        }
    }

    /// Frames of the last moments, from this number on; those to come are kept too.
    pub(crate) fn frames(&self, from: u64) -> Vec<FrameRow> {
        let rows = self.taps.recent.borrow_mut().ask(from);
        self.lan.borrow_mut().watch(true);
        rows
    }

    fn end<'a>(&self, port: &'a Port, interface: Interface) -> End<'a> {
        End { name: &port.name, interface, mac: port.mac, seed: self.settings.seed }
    }

    /// Follows the network's frames from now on.
    pub(crate) fn follow(self: &Rc<Self>) -> Following {
        let follower = Rc::new(Follower::new());
        let ports = self.ports.borrow();
        let mut all: Vec<_> = ports.iter().collect();
        all.sort_unstable_by_key(|(id, _)| **id);
        for (id, port) in all {
            follower.link((*id, Interface::Station), &self.end(port, Interface::Station));
        }
        self.taps.followers.borrow_mut().push(Rc::clone(&follower));
        self.lan.borrow_mut().watch(true);
        Following { network: Rc::clone(self), follower }
    }

    /// Tells all who follow that nothing more comes, and lets them have what is there, for at most `patience`.
    pub(crate) async fn end_following(&self, patience: Duration) {
        self.taps.end();
        let gone = async {
            while !self.taps.followers.borrow().is_empty() {
                self.unfollowed.notified().await;
            }
        };
        let _ = tokio::time::timeout(patience, gone).await; // who does not read has had its time
    }
}

/// What the network did to a frame, in a few words.
fn note(verdict: Verdict) -> String {
    match verdict {
        Verdict::Delivered(marks) if marks == Marks::default() => String::new(), // most by far
        Verdict::Delivered(marks) => marks.to_string().trim_start().to_owned(),
        Verdict::Dropped(reason) => format!("dropped: {reason}"),
    }
}

/// A capture for one who follows. It is one segment, however long.
struct Follower {
    encoder: RefCell<Encoder>,
    links: RefCell<FxHashMap<(PortId, Interface), LinkId>>,
    /// Frames were left out that it has not been told of.
    lacks: Cell<bool>,
    is_over: Cell<bool>,
    more: Notify,
}

impl Follower {
    fn new() -> Self {
        let run = run_name(now(), std::process::id());
        let limits = SegmentLimits { bytes: u64::MAX, age: Duration::MAX };
        let encoder = Encoder::new(Provenance { program: PROGRAM.into(), run }, limits, now());
        Follower {
            encoder: RefCell::new(encoder),
            links: RefCell::default(),
            lacks: Cell::new(false),
            is_over: Cell::new(false),
            more: Notify::new(),
        }
    }

    /// What the link is in its capture.
    fn link(&self, link: (PortId, Interface), end: &End<'_>) -> LinkId {
        let add = |name, description: &str, mac| self.encoder.borrow_mut().add_link(name, description, mac);
        *self.links.borrow_mut().entry(link).or_insert_with(|| end.add(add))
    }

    fn take<'a>(&self, link: (PortId, Interface), end: &End<'_>, frame: impl Fn(LinkId) -> Frame<'a>) {
        let link = self.link(link, end);
        let mut encoder = self.encoder.borrow_mut();
        if encoder.buffered() < WAITING {
            encoder.frame(&frame(link));
        } else {
            encoder.leave_out_frame(link);
            self.lacks.set(true);
        }
        self.more.notify_one();
    }

    fn end(&self) {
        self.is_over.set(true);
        self.more.notify_one();
    }

    /// What has come since the last look.
    fn taken(&self) -> Option<Vec<u8>> {
        let mut encoder = self.encoder.borrow_mut();
        if self.lacks.take() {
            encoder.state_missing(now());
        }
        encoder.seal(now(), Buffer::default()).map(|chunk| chunk.into_bytes())
    }
}

/// One who follows; dropping it ends that.
pub(crate) struct Following {
    network: Rc<Network>,
    follower: Rc<Follower>,
}

impl Following {
    /// The next bytes of its capture, in pcapng; `None` when the network has ended.
    pub(crate) async fn next(&self) -> Option<Vec<u8>> {
        loop {
            if let Some(bytes) = self.follower.taken() {
                return Some(bytes);
            }
            if self.follower.is_over.get() {
                return None;
            }
            self.follower.more.notified().await;
        }
    }

    /// Carries the capture to who takes it, until one of both has had enough.
    pub(crate) async fn carry(&self, pieces: &mpsc::Sender<Vec<u8>>) {
        let carried = async {
            while let Some(bytes) = self.next().await {
                if pieces.send(bytes).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = carried => {}
            () = pieces.closed() => {}
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let network = &self.network;
        network.taps.followers.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.follower));
        network.lan.borrow_mut().watch(network.taps.is_open());
        network.unfollowed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use socklab_capture::cursor;
    use socklab_capture::run::Run;

    use super::*;

    #[test]
    fn who_does_not_read_has_less_and_is_told_how_much() {
        let (follower, port) = (Follower::new(), (PortId(1), Interface::Station));
        let end = End { name: "esp32", interface: Interface::Station, mac: Mac::local(1), seed: 7 };
        let bytes = [7; 1500];
        let frame = |link| {
            let (at, way, note) = (now(), Way::Out, "");
            Frame { at, link, way, dropped: false, copy: false, damaged: false, note, bytes: &bytes }
        };
        (0..10_000).for_each(|_| follower.take(port, &end, frame));
        let mut capture = follower.taken().expect("what it has kept");
        assert!((WAITING..WAITING + (16 << 10)).contains(&capture.len()), "{}", capture.len());
        assert!(follower.taken().is_none());
        follower.take(port, &end, frame);
        capture.extend(follower.taken().expect("one more"));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("followed.pcapng");
        std::fs::write(&file, capture).expect("written");
        let link = &cursor::totals(&Run::at(file)).expect("a capture").links[0];
        assert_eq!(link.frames + link.left_out, 10_001);
        assert!(link.left_out > 1000 && link.description.contains("seed 7"), "{link:?}");
    }
}
