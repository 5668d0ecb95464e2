//! What TCP segments tell about their connections to whoever sees them go by: how far each side is, and what was sent
//! again. smoltcp counts nothing; here is what makes weak radio visible, so that no program is blamed for it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::Time;
use crate::packet::Tcp;

/// Connections that are remembered; the one heard longest ago goes.
const CONNECTIONS: usize = 1024;

/// What one side of a connection has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Segments, of any kind.
    pub segments: u64,
    /// Bytes of payload, those that were sent again included.
    pub bytes: u64,
    /// Segments that began with bytes that had been sent before, whether or not new ones followed them.
    pub retransmitted: u64,
    /// Segments that came before one that they follow: it was lost or overtaken on its way here.
    pub early: u64,
    /// The last window that it offered, as in the header: without the scale.
    pub window: u16,
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
    next: [Option<u32>; 2],
    /// The byte before this was a question, whether there is room again.
    asked: [Option<u32>; 2],
    finished: [bool; 2],
}

/// The connections that were seen.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    connections: BTreeMap<(SocketAddr, SocketAddr), Connection>,
}

impl Tracker {
    pub(crate) fn note(&mut self, now: Time, segment: &Tcp) {
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

    fn begin(&mut self, now: Time, key: (SocketAddr, SocketAddr), segment: &Tcp) {
        if self.connections.len() >= CONNECTIONS {
            let oldest = self.connections.iter().min_by_key(|(_, seen)| seen.heard).map(|(key, _)| *key);
            oldest.map(|oldest| self.connections.remove(&oldest));
        }
        // Whoever answers a dial did not make it.
        let ends = if segment.syn && segment.ack { [segment.to, segment.from] } else { [segment.from, segment.to] };
        let (sent, next, asked, finished) = Default::default();
        let spoke = [now; 2];
        self.connections
            .insert(key, Connection { ends, sent, stage: Stage::Dialled, heard: now, spoke, next, asked, finished });
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

    fn note(&mut self, now: Time, segment: &Tcp) {
        self.heard = now;
        let side = usize::from(self.ends[0] != segment.from);
        self.spoke[side] = now;
        let sent = &mut self.sent[side];
        sent.segments += 1;
        sent.bytes += segment.length as u64;
        sent.window = segment.window;
        if segment.syn {
            self.next[side] = self.next[side].filter(|_| segment.length == 0);
        }
        let end = segment.seq.wrapping_add(segment.length as u32 + u32::from(segment.syn) + u32::from(segment.fin));
        if end != segment.seq {
            self.advance(side, segment.seq, end);
        }
        self.finished[side] |= segment.fin;
        self.stage = self.stage_after(segment);
    }

    fn advance(&mut self, side: usize, start: u32, end: u32) {
        let next = *self.next[side].get_or_insert(start);
        let is_full = self.sent[1 - side].segments > 0 && self.sent[1 - side].window == 0;
        let sent = &mut self.sent[side];
        // Sequence numbers go round (RFC 9293, 3.4).
        let ahead = |number: u32| number.wrapping_sub(next) as i32;
        // One byte before the next asks whether the other end lives (RFC 9293, 3.8.4), or has room (3.8.6.1); what follows
        // that begins with the same byte.
        let alone = start.wrapping_add(1) == end;
        let probe = end == next && alone || start.wrapping_add(1) == next && self.asked[side] == Some(next);
        self.asked[side] = (is_full && alone).then_some(end);
        sent.retransmitted += u64::from(ahead(start) < 0 && !probe);
        sent.early += u64::from(ahead(start) > 0);
        if ahead(end) > 0 {
            self.next[side] = Some(end);
        }
    }

    fn stage_after(&self, segment: &Tcp) -> Stage {
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
