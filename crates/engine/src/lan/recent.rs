//! Frames that went by lately, in a few words each, for a diagram: the newest only, and while somebody asks for them.
//! They come from where those of captures do: see `frames`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use socklab_capture::Timestamp;
use socklab_lan::{Direction, Place, PortId, Reach, Segment, Verdict};

/// So many are kept.
const KEPT: usize = 5000;

/// Nobody has asked for so long: nobody looks any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// Streams whose numbers are remembered; then all are forgotten.
const STREAMS: usize = 4096;

/// A frame at the end of its way.
#[derive(Clone, Debug)]
pub struct FrameRow {
    /// Counts them, from 1, since somebody began to look.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The board at whose link it was.
    pub board: String,
    /// From the board, or to it.
    pub direction: Direction,
    /// What became of it.
    pub verdict: Verdict,
    /// It, in a few words.
    pub brief: String,
    /// Its length in bytes.
    pub length: usize,
    /// The segment in it, if it is TCP.
    pub segment: Option<Segment>,
    /// Whether the segment's first byte had been sent before.
    pub again: bool,
}

/// Those that are kept.
#[derive(Debug, Default)]
pub(super) struct Recent {
    rows: VecDeque<FrameRow>,
    next: u64,
    asked: Option<Instant>,
    /// How far each side of each connection is, at each link.
    sides: FxHashMap<(PortId, SocketAddr, SocketAddr), Reach>,
}

impl Recent {
    /// Somebody looks: those from `from` on that are still there.
    pub(super) fn ask(&mut self, from: u64) -> Vec<FrameRow> {
        self.asked = Some(Instant::now());
        self.rows.iter().skip_while(|row| row.number < from).cloned().collect()
    }

    /// Whether anybody looks, or has until now.
    pub(super) fn is_open(&self) -> bool {
        self.asked.is_some()
    }

    /// Closes where nobody has asked for long; true if that was now.
    pub(super) fn closes(&mut self) -> bool {
        let is_over = self.asked.is_some_and(|asked| asked.elapsed() >= PATIENCE);
        if is_over {
            self.asked = None;
            self.sides.clear();
        }
        is_over
    }

    /// Adds one; its number and whether it was sent before are found here.
    pub(super) fn add(&mut self, port: PortId, mut row: FrameRow) {
        self.next += 1;
        row.number = self.next;
        row.again = row.segment.is_some_and(|segment| self.is_again(port, &segment));
        if self.rows.len() == KEPT {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }

    fn is_again(&mut self, port: PortId, segment: &Segment) -> bool {
        if self.sides.len() >= STREAMS {
            self.sides.clear();
        }
        let other = self.sides.get(&(port, segment.to, segment.from)).copied().unwrap_or_default();
        self.sides.entry((port, segment.from, segment.to)).or_default().note(segment, &other) == Place::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(syn: bool, seq: u32, length: usize) -> FrameRow {
        let (from, to) = (([192, 168, 1, 20], 49152).into(), ([192, 168, 1, 115], 10000).into());
        let segment =
            Segment { from, to, syn, ack: !syn, fin: false, rst: false, seq, ack_number: 0, window: 0, length };
        FrameRow {
            number: 0,
            at: Timestamp(0),
            board: "esp32".into(),
            direction: Direction::Up,
            verdict: Verdict::Delivered(Default::default()),
            brief: String::new(),
            length: 60,
            segment: Some(segment),
            again: false,
        }
    }

    #[test]
    fn what_is_sent_again_is_marked_and_the_oldest_go() {
        let mut frames = Recent::default();
        let port = PortId(0);
        for (syn, seq, length) in [
            (true, 9, 0),
            (false, 10, 5),
            (false, 10, 5),
            (false, 15, 0),
            (false, 15, 5),
            (false, 15, 9), // with more behind what was lost
            (false, 24, 1),
            (true, 700, 0),
            (true, 700, 0),
        ] {
            frames.add(port, row(syn, seq, length));
        }
        let again: Vec<_> = frames.ask(1).iter().map(|row| row.again).collect();
        assert_eq!(again, [false, false, true, false, false, true, false, false, true]);
        assert!(frames.is_open() && !frames.closes());
        (0..KEPT).for_each(|_| frames.add(port, row(false, 0, 0)));
        let kept = frames.ask(0);
        assert_eq!((kept.len(), kept[0].number), (KEPT, 10));
        assert_eq!(frames.ask(kept[KEPT - 1].number).len(), 1);
    }
}
