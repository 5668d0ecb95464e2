//! What the frames of a network tell of its TCP connections: what each side sent, what of it again, and what became of
//! it. A frame is seen where its way ends, so what was dropped counts as sent, and as lost.
//!
//! A segment is told by its numbers alone, not by its time: with every frame at hand, one that fills a hole was
//! overtaken, and one of which every byte was seen has been sent again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::record::{Frame, Timestamp};

/// Connections that are counted in one segment of a capture; what comes beyond is not.
const CONNECTIONS: usize = 100_000;
/// Holes that are remembered of one direction: more than frames that overtake each other leave.
const HOLES: usize = 64;

const ETHERNET: usize = 14;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// What one side of a connection has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Segments of any kind, but no copies.
    pub segments: u64,
    /// Bytes of their payload.
    pub bytes: u64,
    /// Segments of which something had been sent before. Probes of a connection (RFC 9293, 3.8.4 and 3.8.6.1) are none.
    pub retransmitted: u64,
    /// Segments that came after one that they precede.
    pub out_of_order: u64,
    /// Copies of segments, which the network made.
    pub duplicates: u64,
    /// Segments and copies that did not arrive: dropped, or damaged so that their checksum is wrong.
    pub lost: u64,
}

/// A connection, as its frames show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The two ends: first the one that dialled, if that was seen, or else the one that was seen first.
    pub ends: [SocketAddr; 2],
    /// The times of its first and its last frame.
    pub span: (Timestamp, Timestamp),
    /// What each end has sent.
    pub sent: [Sent; 2],
    /// Whether its start was seen.
    pub(crate) is_opened: bool,
}

impl Sent {
    fn add(&mut self, later: Sent) {
        self.segments += later.segments;
        self.bytes += later.bytes;
        self.retransmitted += later.retransmitted;
        self.out_of_order += later.out_of_order;
        self.duplicates += later.duplicates;
        self.lost += later.lost;
    }
}

/// Adds the connections of what came later to those of what came before.
pub(crate) fn merge(connections: &mut Vec<Connection>, later: Vec<Connection>) {
    for mut new in later {
        let same = |known: &&mut Connection| {
            !new.is_opened && (known.ends == new.ends || known.ends == [new.ends[1], new.ends[0]])
        };
        match connections.iter_mut().rev().find(same) {
            None => connections.push(new),
            Some(known) => {
                if known.ends != new.ends {
                    new.sent.reverse();
                }
                known.span.1 = new.span.1;
                known.sent.iter_mut().zip(new.sent).for_each(|(known, new)| known.add(new));
            }
        }
    }
}

/// How far one side has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// The number after the last that was seen.
    next: Option<u32>,
    /// What was not seen before it.
    holes: Vec<(u32, u32)>,
    /// It takes nothing at present.
    is_full: bool,
    /// Where a byte stood that was sent alone and arrived, if nothing was sent since. It may have asked for room, and
    /// then comes again with what follows it.
    alone: Option<u32>,
}

/// What a segment is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    New,
    Again,
    Late,
    Probe,
}

impl Progress {
    /// Takes in the numbers `start` to `end`, which go round (RFC 9293, 3.4).
    fn take(&mut self, start: u32, end: u32, is_alone: bool) -> Kind {
        let asked = self.alone.take().filter(|asked| *asked == start && !is_alone);
        let next = asked.unwrap_or(*self.next.get_or_insert(start));
        self.alone = is_alone.then_some(start);
        let ahead = |number: u32| number.wrapping_sub(next) as i32;
        if ahead(end) > 0 {
            self.next = Some(end);
        }
        match ahead(start) {
            0 => Kind::New,
            1.. => {
                if self.holes.len() == HOLES {
                    self.holes.remove(0);
                }
                self.holes.push((next, start));
                Kind::New
            }
            _ if self.fill(start, end) => Kind::Late,
            _ => Kind::Again,
        }
    }

    /// Whether something of it was missing.
    fn fill(&mut self, start: u32, end: u32) -> bool {
        let before = |one: u32, other: u32| (one.wrapping_sub(other) as i32) < 0;
        let (mut left, mut filled) = (Vec::new(), false);
        for (from, to) in std::mem::take(&mut self.holes) {
            if !before(start, to) || !before(from, end) {
                left.push((from, to));
                continue;
            }
            filled = true;
            left.extend(before(from, start).then_some((from, start)));
            left.extend(before(end, to).then_some((end, to)));
        }
        self.holes = left;
        filled
    }
}

/// Follows connections through the frames of a capture.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    connections: Vec<(Connection, [Progress; 2])>,
    /// The last connection between two ends, the lesser first.
    current: FxHashMap<(SocketAddr, SocketAddr), usize>,
}

impl Tracker {
    /// Takes in a frame, if it is a segment of TCP.
    pub(crate) fn add(&mut self, frame: &Frame<'_>) {
        let Some(segment) = Segment::parse(frame.bytes) else { return };
        let is_garbled = frame.damaged && !segment.is_intact();
        let lost = frame.dropped || is_garbled;
        // Whose it is may be what is damaged.
        let place = if is_garbled { self.known(&segment) } else { self.place(&segment, frame) };
        let Some(place) = place else { return };
        let (connection, progress) = &mut self.connections[place];
        let side = usize::from(connection.ends[0] != segment.from);
        let sent = &mut connection.sent[side];
        connection.span.1 = frame.at;
        sent.lost += u64::from(lost);
        if frame.copy {
            sent.duplicates += 1;
            return;
        }
        sent.segments += 1;
        sent.bytes += segment.payload as u64;
        if is_garbled {
            return; // so may its numbers
        }
        match segment.kind(progress, side, lost) {
            Kind::New | Kind::Probe => {}
            Kind::Again => sent.retransmitted += 1,
            Kind::Late => sent.out_of_order += 1,
        }
        progress[side].is_full = segment.window == 0 && segment.flags & SYN == 0;
    }

    fn known(&self, segment: &Segment<'_>) -> Option<usize> {
        self.current.get(&segment.key()).copied()
    }

    /// Where the segment's connection is kept; `None` where there are too many.
    fn place(&mut self, segment: &Segment<'_>, frame: &Frame<'_>) -> Option<usize> {
        let dials = segment.flags & (SYN | ACK) == SYN;
        let known = self.known(segment);
        // The same ends again: it begins with another number.
        let is_new = |place: usize| {
            let (connection, progress) = &self.connections[place];
            let side = usize::from(connection.ends[0] != segment.from);
            dials && progress[side].next.is_some_and(|next| next != segment.seq.wrapping_add(1))
        };
        if let Some(place) = known.filter(|place| !is_new(*place)) {
            return Some(place);
        }
        if self.connections.len() == CONNECTIONS {
            return None;
        }
        let answers = segment.flags & (SYN | ACK) == SYN | ACK;
        let ends = if answers { [segment.to, segment.from] } else { [segment.from, segment.to] };
        let connection = Connection { ends, span: (frame.at, frame.at), sent: Default::default(), is_opened: dials };
        self.connections.push((connection, Default::default()));
        self.current.insert(segment.key(), self.connections.len() - 1);
        Some(self.connections.len() - 1)
    }

    pub(crate) fn finish(self) -> Vec<Connection> {
        self.connections.into_iter().map(|(connection, _)| connection).collect()
    }
}

/// A segment of TCP.
#[derive(Debug)]
struct Segment<'a> {
    from: SocketAddr,
    to: SocketAddr,
    seq: u32,
    flags: u8,
    window: u16,
    /// Bytes of payload.
    payload: usize,
    /// All of it.
    bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Its two ends, the lesser first.
    fn key(&self) -> (SocketAddr, SocketAddr) {
        (self.from.min(self.to), self.from.max(self.to))
    }

    /// `None` for any other frame, and for a part of a packet.
    fn parse(frame: &'a [u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET..)?;
        let (from, to, bytes) = match frame.get(12..14)? {
            [0x08, 0x00] => ipv4(packet)?,
            [0x86, 0xDD] => ipv6(packet)?,
            _ => return None,
        };
        let header = bytes.first_chunk::<20>()?;
        let two = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let payload = bytes.len().checked_sub(usize::from(header[12] >> 4) * 4)?;
        let (from, to) = (SocketAddr::new(from, two(0)), SocketAddr::new(to, two(2)));
        Some(Segment { from, to, seq, flags: header[13], window: two(14), payload, bytes })
    }

    /// What it is to what was seen of both sides, and takes it in.
    fn kind(&self, progress: &mut [Progress; 2], side: usize, lost: bool) -> Kind {
        let end = self.seq.wrapping_add(self.payload as u32 + (self.flags & (SYN | FIN)).count_ones());
        let asks = self.payload <= 1 && self.flags & (SYN | FIN) == 0;
        let next = progress[side].next;
        let keeps_alive = asks && next == Some(self.seq.wrapping_add(1));
        let asks_for_room = asks && next == Some(self.seq) && progress[1 - side].is_full;
        if end == self.seq || keeps_alive || asks_for_room {
            return Kind::Probe;
        }
        progress[side].take(self.seq, end, asks && !lost)
    }

    /// Whether its checksum is right (RFC 9293, 3.1).
    fn is_intact(&self) -> bool {
        let mut pseudo = Vec::with_capacity(40);
        for end in [self.from, self.to] {
            match end.ip() {
                IpAddr::V4(ip) => pseudo.extend_from_slice(&ip.octets()),
                IpAddr::V6(ip) => pseudo.extend_from_slice(&ip.octets()),
            }
        }
        pseudo.extend_from_slice(&(self.bytes.len() as u32).to_be_bytes());
        pseudo.extend_from_slice(&[0, 0, 0, TCP]);
        is_whole(sum(&pseudo) + sum(self.bytes))
    }
}

/// Whether a checksum and what it is of make this sum (RFC 1071).
fn is_whole(sum: u32) -> bool {
    let once = (sum >> 16) + (sum & 0xFFFF);
    (once >> 16) + (once & 0xFFFF) == 0xFFFF
}

/// The number of TCP among the protocols of IP.
const TCP: u8 = 6;

/// Of at most 64 KiB, so that it does not overflow.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |byte| u32::from(*byte))).sum()
}

/// Sender, receiver and what is carried, if it is a whole segment of TCP; with a damaged header, it is nobody's.
fn ipv4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = packet.first_chunk::<20>()?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let is_part = u16::from_be_bytes([header[6], header[7]]) & 0x3FFF != 0;
    let front = packet.get(..usize::from(header[0] & 0xF) * 4)?;
    if header[9] != TCP || is_part || !is_whole(sum(front)) {
        return None;
    }
    let payload = packet.get(usize::from(header[0] & 15) * 4..length)?;
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]).into();
    Some((address(12), address(16), payload))
}

/// The same for IPv6 without extension headers, which none of ours has with TCP.
fn ipv6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = packet.first_chunk::<40>()?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = packet.get(40..40 + length).filter(|_| header[6] == TCP)?;
    let address = |at: usize| Some(IpAddr::from(Ipv6Addr::from(*header.get(at..)?.first_chunk::<16>()?)));
    Some((address(8)?, address(24)?, payload))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::encoder::Peer;
    use crate::packet::{Ends, PSH, Segment as Drawn, write_headers};
    use crate::record::{Address, EndpointId, LinkId, PeerId, Side, Transport, Way};

    /// A frame between two boards; the dialling one is `Side::Peer`.
    fn frame(sender: Side, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let end = |last| Address::Inet(([192, 168, 1, last], 80).into());
        let id = PeerId { endpoint: EndpointId::from_index(0).expect("first"), number: NonZeroU32::MIN };
        let (local, remote) = (end(1), end(2));
        let peer = Peer { id, transport: Transport::Stream, opened_by: Side::Peer, local, remote };
        let ends = Ends::new(id.endpoint, 1, &peer.local, &peer.remote);
        let mut out = Vec::new();
        write_headers(&mut out, &ends, sender, Some(Drawn { seq, ack: 1, flags }), payload.len());
        out.extend_from_slice(payload);
        out
    }

    fn seen(bytes: &[u8]) -> Frame<'_> {
        let link = LinkId::from_index(0).expect("first");
        let (at, way, note) = (Timestamp(1), Way::Out, "");
        Frame { at, link, way, dropped: false, copy: false, damaged: false, note, bytes }
    }

    /// What is counted of these from the one that dials: number, flags, length.
    fn counted(segments: &[(u32, u8, usize)]) -> Sent {
        let mut tracker = Tracker::default();
        for (seq, flags, length) in segments {
            tracker.add(&seen(&frame(Side::Peer, *seq, *flags, &vec![7; *length])));
        }
        let connections = tracker.finish();
        assert_eq!(connections.len(), 1);
        connections[0].sent[0]
    }

    #[test]
    fn what_is_sent_again_is_told_from_what_was_overtaken() {
        let start = u32::MAX - 5; // the numbers go round
        let at = |n: u32| start.wrapping_add(n);
        let sent = counted(&[(start, SYN, 0), (start, SYN, 0), (at(1), PSH | ACK, 10), (at(1), PSH | ACK, 10)]);
        assert_eq!((sent.segments, sent.bytes, sent.retransmitted, sent.out_of_order), (4, 20, 2, 0));
        let late = [(at(1), ACK, 10), (at(21), ACK, 10), (at(11), ACK, 5), (at(16), ACK, 5), (at(16), ACK, 5)];
        let sent = counted(&late);
        assert_eq!((sent.retransmitted, sent.out_of_order), (1, 2));
        let sent = counted(&[(at(1), ACK, 10), (at(6), ACK, 10), (at(16), FIN | ACK, 0), (at(16), FIN | ACK, 0)]);
        assert_eq!((sent.retransmitted, sent.out_of_order), (2, 0), "partly new is partly old");
    }

    #[test]
    fn a_probe_is_not_sent_again() {
        let sent = counted(&[(100, ACK, 10), (109, ACK, 0), (109, ACK, 1), (110, ACK, 5)]);
        assert_eq!(sent.retransmitted, 0);
        assert_eq!(counted(&[(100, ACK, 10), (108, ACK, 2)]).retransmitted, 1);
        assert_eq!(counted(&[(100, ACK, 10), (110, ACK, 1), (110, ACK, 9), (119, ACK, 1)]).retransmitted, 0);
        assert_eq!(counted(&[(110, ACK, 1), (111, ACK, 9), (110, ACK, 9)]).retransmitted, 1, "it was no question");
    }

    #[test]
    fn what_the_network_did_is_not_blamed_on_the_sender() {
        let bytes = frame(Side::Peer, 100, ACK | PSH, b"hello");
        let mut tracker = Tracker::default();
        tracker.add(&seen(&bytes));
        tracker.add(&Frame { copy: true, ..seen(&bytes) });
        tracker.add(&Frame { dropped: true, ..seen(&frame(Side::Peer, 105, ACK, b"lost")) });
        tracker.add(&Frame { damaged: true, ..seen(&frame(Side::Peer, 50, ACK, b"noise")) });
        tracker.add(&seen(&frame(Side::Peer, 105, ACK, b"lost")));
        let mut astray = frame(Side::Peer, 105, ACK, b"astray");
        let end = astray.len() - b"astray".len();
        astray[end - 20] ^= 1; // of its port
        tracker.add(&Frame { damaged: true, ..seen(&astray) });
        let connections = tracker.finish();
        assert_eq!(connections.len(), 1, "none is made of noise");
        let sent = connections[0].sent[0];
        let expected = Sent { segments: 4, bytes: 18, retransmitted: 1, out_of_order: 0, duplicates: 1, lost: 2 };
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_checksum_tells_whether_damage_arrives() {
        // 192.168.1.2:80 > 192.168.1.1:80, summed by hand: the drawn header has the pseudo header's sum only.
        let mut bytes = frame(Side::Peer, 100, ACK, b"ab");
        let segment = ETHERNET + 20;
        bytes[segment + 16..segment + 18].copy_from_slice(&[0, 0]);
        let parsed = Segment::parse(&bytes).expect("TCP");
        assert!(!parsed.is_intact());
        let pseudo = sum(&[192, 168, 1, 2, 192, 168, 1, 1, 0, 22, 0, 6]) + sum(&bytes[segment..]);
        let folded = !((pseudo >> 16) + (pseudo & 0xFFFF)) as u16;
        bytes[segment + 16..segment + 18].copy_from_slice(&folded.to_be_bytes());
        assert!(Segment::parse(&bytes).expect("TCP").is_intact());
    }

    #[test]
    fn the_same_ends_may_have_several_connections() {
        let mut tracker = Tracker::default();
        for seq in [100, 100, 5000] {
            tracker.add(&seen(&frame(Side::Peer, seq, SYN, b"")));
            tracker.add(&seen(&frame(Side::Local, seq + 7, SYN | ACK, b"")));
        }
        let connections = tracker.finish();
        assert_eq!(connections.len(), 2);
        assert_eq!(connections[0].sent.map(|sent| (sent.segments, sent.retransmitted)), [(2, 1), (2, 1)]);
        assert_eq!(connections[0].ends.map(|end| end.to_string()), ["192.168.1.2:80", "192.168.1.1:80"]);
    }

    #[test]
    fn a_connection_goes_on_in_the_next_segment() {
        let part = |sender, opened: bool| {
            let mut tracker = Tracker::default();
            tracker.add(&seen(&frame(sender, 100, if opened { SYN } else { ACK }, b"x")));
            tracker.finish()
        };
        let mut all = part(Side::Peer, true);
        merge(&mut all, part(Side::Local, false));
        assert_eq!(all.iter().map(|one| one.sent.map(|sent| sent.segments)).collect::<Vec<_>>(), [[1, 1]]);
        merge(&mut all, part(Side::Peer, true));
        assert_eq!(all.len(), 2, "it was opened anew");
    }

    proptest! {
        #[test]
        fn any_frame_is_taken_without_panic(mut frames: Vec<Vec<u8>>, cuts: Vec<usize>, copy: bool, damaged: bool) {
            frames.extend(cuts.iter().map(|cut| {
                let mut whole = frame(Side::Peer, 1, ACK, b"payload");
                whole.truncate(*cut % 70);
                whole
            }));
            let mut tracker = Tracker::default();
            frames.iter().for_each(|bytes| tracker.add(&Frame { copy, damaged, ..seen(bytes) }));
            tracker.finish();
        }

        #[test]
        fn every_byte_sent_once_in_any_order_is_never_sent_again(order in Just((0..20u32).collect::<Vec<_>>()).prop_shuffle()) {
            let first = (0, ACK, 4);
            let rest = order.iter().map(|place| (4 + place * 4, ACK, 4));
            let sent = counted(&std::iter::once(first).chain(rest).collect::<Vec<_>>());
            prop_assert_eq!(sent.retransmitted, 0);
            let late = (0..20).filter(|n| order[..*n].iter().any(|before| *before > order[*n])).count();
            prop_assert_eq!(sent.out_of_order, late as u64);
        }
    }
}
