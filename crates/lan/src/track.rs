//! What TCP segments tell about their connections to whoever sees them go by: how far each side is, and what was sent
//! again. smoltcp counts nothing; here is what makes weak radio visible, so that no program is blamed for it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::Time;
use crate::packet::Segment;

/// Connections that are remembered; the one heard longest ago goes.
const CONNECTIONS: usize = 1024;

/// What one side of a connection has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Segments, of any kind.
    pub segments: u64,
    /// Bytes of payload, those that were sent again included.
    pub bytes: u64,
    /// Segments whose first number had been sent before, whether or not new ones followed: data, SYN and FIN.
    pub retransmitted: u64,
    /// Segments that came before one that they follow: it was lost or overtaken on its way here.
    pub early: u64,
    /// The last window that it offered, as in the header: without the scale.
    pub window: u16,
}

/// How far one side of a connection is, as its segments show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach {
    /// The number after its SYN.
    dialled: Option<u32>,
    next: Option<u32>,
    /// The byte before this was a question, whether there is room again.
    asked: Option<u32>,
    /// What it has acknowledged.
    acked: Option<u32>,
    /// It said last that it has no room.
    is_full: bool,
}

/// Where a segment is among those of its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It takes up no numbers, follows the last, or asks whether the other end lives or has room.
    Next,
    /// Its first byte was sent before.
    Again,
    /// What comes before it was not seen.
    Early,
}

impl Reach {
    /// Places the side's next segment, as far as the other side is.
    pub fn note(&mut self, segment: &Segment, other: &Reach) -> Place {
        let (start, end) = (segment.seq, segment.end());
        self.is_full = segment.window == 0;
        self.acked = segment.ack.then_some(segment.ack_number).or(self.acked);
        if start == end {
            return Place::Next;
        }
        // Sequence numbers go round (RFC 9293, 3.4).
        let ahead = |number: u32, of: u32| number.wrapping_sub(of) as i32;
        if segment.syn {
            if self.dialled.or(self.next).is_some_and(|known| known != end) {
                // Another connection between the same two.
                *self = Reach { acked: self.acked, is_full: self.is_full, ..Reach::default() };
            }
            self.dialled = Some(end);
        }
        let next = *self.next.get_or_insert(start);
        // One byte before the next asks whether the other end lives (RFC 9293, 3.8.4), or has room (3.8.6.1); what follows
        // that begins with the same byte.
        let is_byte = segment.length == 1 && !segment.syn && !segment.fin;
        let is_known = other.acked.is_some_and(|acked| ahead(acked, end) >= 0);
        let is_question = end == next && is_byte && (other.is_full || is_known)
            || ahead(next, start) == 1 && self.asked == Some(next);
        self.asked = (other.is_full && is_byte).then_some(end);
        if ahead(end, next) > 0 {
            self.next = Some(end);
        }
        match ahead(start, next) {
            behind if behind < 0 && !is_question => Place::Again,
            beyond if beyond > 0 => Place::Early,
            _ => Place::Next,
        }
    }
}

/// How far a connection is, as its segments show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// One side has asked.
    Dialled,
    /// Both have agreed.
    Open,
    /// One side has said its last.
    HalfClosed,
    /// Both have.
    Closed,
    /// One side has cut it off, or refused it.
    Reset,
}

/// A connection that was seen.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The two ends: first the one that dialled.
    pub ends: [SocketAddr; 2],
    /// What each of them has sent.
    pub sent: [Sent; 2],
    /// How far it is.
    pub stage: Stage,
    /// When its last segment went by.
    pub heard: Time,
    spoke: [Time; 2],
    reach: [Reach; 2],
    finished: [bool; 2],
}

/// The connections that were seen.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    connections: BTreeMap<(SocketAddr, SocketAddr), Connection>,
}

impl Tracker {
    pub(crate) fn note(&mut self, now: Time, segment: &Segment) {
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        let known = self.connections.get(&key);
        let over = known.is_some_and(|known| matches!(known.stage, Stage::Closed | Stage::Reset));
        if known.is_none() || over && segment.dials() {
            self.begin(now, key, segment);
        }
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.note(now, segment);
        }
    }

    fn begin(&mut self, now: Time, key: (SocketAddr, SocketAddr), segment: &Segment) {
        if self.connections.len() >= CONNECTIONS {
            let oldest = self.connections.iter().min_by_key(|(_, seen)| seen.heard).map(|(key, _)| *key);
            oldest.map(|oldest| self.connections.remove(&oldest));
        }
        // Whoever answers a dial did not make it.
        let ends = if segment.syn && segment.ack { [segment.to, segment.from] } else { [segment.from, segment.to] };
        let (sent, reach, finished) = Default::default();
        let spoke = [now; 2];
        self.connections
            .insert(key, Connection { ends, sent, stage: Stage::Dialled, heard: now, spoke, reach, finished });
    }

    pub(crate) fn get(&self, one: SocketAddr, other: SocketAddr) -> Option<&Connection> {
        self.connections.get(&(one.min(other), one.max(other)))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }
}

impl Connection {
    /// What the end at this address has sent.
    pub fn sent_by(&self, end: SocketAddr) -> Sent {
        self.sent[usize::from(self.ends[0] != end)]
    }

    /// When the end at this address has last said something.
    pub(crate) fn spoke(&self, end: SocketAddr) -> Time {
        self.spoke[usize::from(self.ends[0] != end)]
    }

    fn note(&mut self, now: Time, segment: &Segment) {
        self.heard = now;
        let side = usize::from(self.ends[0] != segment.from);
        self.spoke[side] = now;
        let other = self.reach[1 - side];
        let place = self.reach[side].note(segment, &other);
        let sent = &mut self.sent[side];
        sent.segments += 1;
        sent.bytes += segment.length as u64;
        sent.window = segment.window;
        sent.retransmitted += u64::from(place == Place::Again);
        sent.early += u64::from(place == Place::Early);
        self.finished[side] |= segment.fin;
        self.stage = self.stage_after(segment);
    }

    fn stage_after(&self, segment: &Segment) -> Stage {
        match (segment.rst, self.finished) {
            (true, _) => Stage::Reset,
            _ if self.stage == Stage::Reset => Stage::Reset,
            (_, [true, true]) => Stage::Closed,
            (_, [false, false]) if segment.ack && !segment.syn => Stage::Open,
            (_, [false, false]) => self.stage,
            _ => Stage::HalfClosed,
        }
    }
}

impl Stage {
    /// In English.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Stage::Dialled => "dialled",
            Stage::Open => "open",
            Stage::HalfClosed => "half-closed",
            Stage::Closed => "closed",
            Stage::Reset => "reset",
        }
    }

    /// In Chinese.
    pub(crate) fn zh(self) -> &'static str {
        match self {
            Stage::Dialled => "正在连接",
            Stage::Open => "已连接",
            Stage::HalfClosed => "一端已结束",
            Stage::Closed => "已关闭",
            Stage::Reset => "被强制断开",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_ends_and_bytes_are_placed_and_questions_are_no_repeats() {
        use Place::{Again, Early, Next};
        let ends = (([192, 168, 1, 20], 49152).into(), ([192, 168, 1, 115], 10000).into());
        let segment = |flags: &str, seq, length, ack_number, window| {
            let ((from, to), syn, fin) = (ends, flags == "syn", flags == "fin");
            Segment { from, to, syn, ack: !syn, fin, rst: false, seq, ack_number, window, length }
        };
        let mut reach = Reach::default();
        for (step, (flags, seq, length, (acked, room), place)) in [
            ("syn", u32::MAX, 0, (0, 9), Next),
            ("syn", u32::MAX, 0, (0, 9), Again),
            ("", 0, 10, (0, 9), Next),
            ("syn", u32::MAX, 0, (0, 9), Again), // on a long way round
            ("", 10, 10, (10, 9), Next),
            ("", 30, 10, (20, 9), Early),
            ("", 20, 10, (20, 9), Again),
            ("", 40, 0, (40, 9), Next),
            ("", 40, 1, (40, 0), Next),
            ("", 40, 1, (40, 0), Next),  // is there room?
            ("", 40, 20, (40, 9), Next), // there is
            ("", 40, 20, (40, 9), Again),
            ("", 60, 1, (60, 9), Next),
            ("", 60, 1, (60, 9), Again),
            ("", 60, 1, (61, 9), Next), // is anybody there?
            ("fin", 61, 0, (61, 9), Next),
            ("fin", 61, 0, (61, 9), Again),
            ("syn", 7000, 0, (61, 9), Next),
            ("", 7001, 3, (7001, 9), Next),
        ]
        .into_iter()
        .enumerate()
        {
            let mut other = Reach::default();
            other.note(&segment("", 1, 0, acked, room), &reach);
            assert_eq!(reach.note(&segment(flags, seq, length, 0, 9), &other), place, "step {step}");
        }
    }
}
