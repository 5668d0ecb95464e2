//! How far a connection is, and what is mended of it: segments that smoltcp sends are corrected before others see them,
//! and segments from others before smoltcp does.
//!
//! *Numbers.* An acknowledgement without payload has the number of the next byte to send (RFC 9293, 3.10.7.4), as far as
//! the peer has offered room for it: a peer takes any other for a segment that is not in its window, and does not read it.
//! For smoltcp, the next byte to send is the oldest that is not acknowledged as soon as its retransmission timer has
//! fired, and one beyond the window if the peer's window has shrunk, if only because its scale rounds it down (RFC 7323,
//! 2.4). When both sides say something in such numbers, neither hears the other again.
//!
//! *Its own window.* It refuses what lies beyond the window that it told last, rounded as that was. So less is told than it
//! will take: what was sent into one window is then in the next as well. The FIN behind what it refuses it would take: it
//! does not see it, or the stream would end without its last bytes. The window of its SYN it scales, which that is not:
//! what lies beyond it is hidden until the next window is told, or it would be more than there is room for.
//!
//! *The peer's window.* Bytes that are under way when the window closes are not sent again, and behind its FIN it asks in
//! an endless loop whether the window is open. So it sees no window that ends before what was offered before, and none
//! that is closed while something is under way or all is said.
//!
//! *Acknowledgements that come again* have it send a whole segment again, also beyond the window, and wait for ever for what
//! the peer has refused, or for a FIN. It does not see them where the window has no room for a segment, or only the FIN is
//! under way: time brings it again.

use smoltcp::wire::{TcpOption, TcpPacket, TcpSeqNumber};

use super::MTU;
use crate::packet::Segment;

/// Where a segment has its number, its flags, its window, and its checksum (RFC 9293, 3.1).
const SEQ: usize = 4;
const FLAGS: usize = 12;
const WINDOW: usize = 14;
const CHECKSUM: usize = 16;
/// The bit of the flags that is FIN.
const FIN: u16 = 1;
/// The largest scale of a window (RFC 7323, 2.3).
const SCALE: u8 = 14;

/// A word of a segment: where it is, and what.
type Word = (usize, u16);

/// How far a connection is.
#[derive(Default)]
pub(super) struct Progress {
    /// The number after the last byte that was sent.
    sent: Option<TcpSeqNumber>,
    /// The same, without bytes that only ask whether a window is open.
    flown: Option<TcpSeqNumber>,
    /// The number of the FIN that was sent.
    fin: Option<TcpSeqNumber>,
    /// What the peer has acknowledged, and where its window ends.
    heard: Option<(TcpSeqNumber, TcpSeqNumber)>,
    /// smoltcp has not taken the segment that said so: it sends again what that acknowledges.
    missed: bool,
    /// The furthest that a window has ended.
    edge: Option<TcpSeqNumber>,
    /// Where smoltcp takes it to end.
    shown: Option<TcpSeqNumber>,
    /// How the peer's windows are scaled.
    scale: u8,
    /// How its own are.
    own_scale: u8,
    /// Where smoltcp takes its own window to end.
    told: Option<TcpSeqNumber>,
    /// The window of its SYN, until another is told.
    greeting: Option<usize>,
}

impl Progress {
    /// A connection whose peer scales its windows so, as far as that is known.
    pub(super) fn new(scale: Option<u8>) -> Progress {
        Progress { scale: scale.unwrap_or(0), ..Progress::default() }
    }

    /// Whether the peer's window has room for so many bytes that it has not acknowledged.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.heard.zip(self.edge).is_none_or(|((acked, _), edge)| acked + bytes <= edge)
    }

    /// A segment from the peer, with ACK: what of it is changed for smoltcp; `None` if that is not to see it.
    pub(super) fn see(&mut self, segment: &Segment, bytes: &[u8]) -> Option<[Word; 2]> {
        if segment.syn && self.heard.is_none() {
            let scale = scale(bytes);
            self.scale = scale.unwrap_or(0);
            self.own_scale = scale.map_or(0, |_| self.own_scale); // both or none (RFC 7323, 2.2)
            self.told = self.greeting.map(|room| number(segment.seq) + 1 + room);
        }
        let end = number(segment.seq) + segment.length;
        let beyond = segment.length > 0 && self.told.is_some_and(|told| told < end);
        if self.has_heard(segment) || beyond && self.greeting.is_some() {
            return None;
        }
        let window = self.hear(segment);
        let flags = word_at(bytes, FLAGS);
        let flags = if segment.fin && beyond { flags & !FIN } else { flags };
        Some([(FLAGS, flags), (WINDOW, window)])
    }

    /// A segment that smoltcp sends: what of it is changed for the peer.
    pub(super) fn send(&mut self, segment: &Segment, bytes: &[u8]) -> [Word; 3] {
        let (mut seq, mut window) = (number(segment.seq), segment.window);
        if segment.syn {
            self.own_scale = scale(bytes).unwrap_or(0);
            let room = usize::from(window);
            (self.greeting, self.told) = (Some(room), segment.ack.then(|| number(segment.ack_number) + room));
        } else {
            if segment.ack {
                self.tell(segment);
            }
            if segment.length > 0 || segment.fin {
                self.say(segment);
            } else if let (Some(sent), Some((_, window)), true) = (self.sent, self.heard, segment.ack) {
                seq = sent.min(window);
            }
            if self.own_scale > 0 {
                window = window.saturating_sub(1);
            }
        }
        let [a, b, c, d] = seq.0.to_be_bytes();
        [(SEQ, u16::from_be_bytes([a, b])), (SEQ + 2, u16::from_be_bytes([c, d])), (WINDOW, window)]
    }

    /// Its own window, as it is told.
    fn tell(&mut self, segment: &Segment) {
        let told = number(segment.ack_number) + (usize::from(segment.window) << self.own_scale);
        // What it tells with a byte that only asks something, it forgets.
        let asks = segment.length == 1 && self.greeting.is_none();
        self.told = Some(self.told.filter(|_| asks).map_or(told, |last| last.min(told)));
        self.greeting = None;
    }

    /// What is to be acknowledged.
    fn say(&mut self, segment: &Segment) {
        let seq = number(segment.seq);
        let end = seq + segment.length + usize::from(segment.fin);
        self.missed |= self.heard.is_some_and(|(acked, _)| seq < acked);
        self.sent = Some(self.sent.map_or(end, |sent| sent.max(end)));
        let asks = segment.length == 1 && self.shown.is_some_and(|shown| shown <= seq);
        if !asks {
            self.flown = Some(self.flown.map_or(end, |flown| flown.max(end)));
        }
        if segment.fin {
            self.fin = Some(end - 1);
        }
    }

    /// What the segment acknowledges, and where it says that the window ends.
    fn told_by(&self, segment: &Segment) -> (TcpSeqNumber, TcpSeqNumber) {
        let acked = number(segment.ack_number);
        let scale = if segment.syn { 0 } else { self.scale };
        (acked, acked + (usize::from(segment.window) << scale))
    }

    /// Whether it says only what was said, where smoltcp is not to hear it again.
    fn has_heard(&self, segment: &Segment) -> bool {
        let (acked, window) = self.told_by(segment);
        let says_more = segment.length > 0 || segment.syn || segment.fin || segment.rst;
        let waits = self.sent.is_some_and(|sent| acked < sent);
        let is_said = self.heard.is_some_and(|(last, _)| last == acked) && self.edge.is_some_and(|edge| window <= edge);
        !says_more && !self.missed && waits && is_said && (window - acked < MTU || self.fin == Some(acked))
    }

    /// Gives the window that smoltcp is to see.
    fn hear(&mut self, segment: &Segment) -> u16 {
        let (acked, window) = self.told_by(segment);
        // An older one was overtaken; one for what was never sent is a lie.
        let is_sent = self.sent.is_none_or(|sent| acked <= sent);
        if segment.rst || !is_sent || self.heard.is_some_and(|(last, _)| acked < last) {
            return segment.window;
        }
        (self.heard, self.missed) = (Some((acked, window)), false);
        let edge = self.edge.map_or(window, |edge| edge.max(window));
        self.edge = Some(edge);
        if segment.syn {
            return segment.window;
        }
        let under_way = self.flown.is_some_and(|flown| acked < flown);
        let over = self.fin.is_some_and(|fin| fin < acked);
        // Numbers that are too far apart cannot be subtracted.
        let room = if acked < edge { (edge - acked) >> self.scale } else { 0 };
        let room = u16::try_from(room).unwrap_or(u16::MAX);
        let window = room.max(segment.window).max(u16::from(under_way || over));
        self.shown = Some(acked + (usize::from(window) << self.scale));
        window
    }
}

fn number(seq: u32) -> TcpSeqNumber {
    TcpSeqNumber(seq as i32)
}

/// How whoever sends this SYN scales its windows, if it does. smoltcp always agrees.
pub(super) fn scale(segment: &[u8]) -> Option<u8> {
    let packet = TcpPacket::new_checked(segment).ok()?;
    let mut options = packet.options();
    while let Ok((rest, option)) = TcpOption::parse(options) {
        match option {
            TcpOption::WindowScale(scale) => return Some(scale.min(SCALE)),
            TcpOption::EndOfList => break,
            _ => options = rest,
        }
    }
    None
}

pub(super) fn word_at(segment: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([segment[at], segment[at + 1]])
}

/// Changes words of a segment, and its checksum by what that changes (RFC 1624, 3).
pub(super) fn rewrite(segment: &mut [u8], words: &[Word]) {
    let mut sum = u32::from(!word_at(segment, CHECKSUM));
    for (at, new) in words {
        sum += u32::from(!word_at(segment, *at)) + u32::from(*new);
        segment[*at..*at + 2].copy_from_slice(&new.to_be_bytes());
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
