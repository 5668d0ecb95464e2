//! smoltcp's sockets, and how far each connection is: its acknowledgements get the number that they should have.
//!
//! An acknowledgement without payload has the number of the next byte to send (RFC 9293, 3.10.7.4), as far as the peer
//! has offered room for it: a peer takes any other for a segment that is not in its window, and does not read it. For
//! smoltcp, the next byte to send is the oldest that is not acknowledged as soon as its retransmission timer has fired,
//! and one beyond the window if the peer's window has shrunk, if only because its scale rounds it down (RFC 7323, 2.4).
//! When both sides say something in such numbers, neither hears the other again.
//!
//! And it refuses what lies beyond the window that it told last, rounded as that was. So less is told than it will take:
//! what was sent into one window is then in the next as well. The FIN behind what it refuses it would take: it does not
//! see it, or the stream would end without its last bytes.
//!
//! Acknowledgements that come again have it send a whole segment again, also beyond the window; then it waits for ever for
//! what the peer has refused. It does not see them while the window has no room for a segment: time brings it again.
//!
//! The last FIN waits until the peer's window has room for everything before it: in LAST-ACK, smoltcp does not hear that
//! a window opens.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp};
use smoltcp::wire::{TcpOption, TcpPacket, TcpSeqNumber};

use super::{MTU, address};
use crate::packet::{ETHERNET, Ip, Tcp};

/// Connections that may have ended without being looked for.
const SPARE: usize = 16;
/// Where a segment has its number, its flags, its window, and its checksum (RFC 9293, 3.1).
const SEQ: usize = 4;
const FLAGS: usize = 12;
const WINDOW: usize = 14;
const CHECKSUM: usize = 16;
/// The largest scale of a window (RFC 7323, 2.3).
const SCALE: u8 = 14;

/// A set of sockets.
pub(crate) struct Sockets {
    set: SocketSet<'static>,
    /// By its own end and its peer's.
    progress: HashMap<(SocketAddr, SocketAddr), Progress>,
    /// Those that are to say their last when there is room for what comes before it.
    closing: Vec<SocketHandle>,
}

/// How far a connection is.
#[derive(Default)]
struct Progress {
    /// The number after the last byte that was sent.
    sent: Option<TcpSeqNumber>,
    /// What the peer has acknowledged, and where its window ends.
    heard: Option<(TcpSeqNumber, TcpSeqNumber)>,
    /// How the peer's windows are scaled.
    scale: u8,
    /// How its own are.
    own_scale: u8,
    /// Where smoltcp takes its own window to end.
    told: Option<TcpSeqNumber>,
}

impl Sockets {
    pub(crate) fn new() -> Sockets {
        Sockets { set: SocketSet::new(Vec::with_capacity(1)), progress: HashMap::new(), closing: Vec::new() }
    }

    /// Says the last, after all that was written.
    pub(crate) fn close(&mut self, handle: SocketHandle) {
        self.closing.push(handle);
        self.finish();
    }

    /// Whether the last is still to be said.
    pub(crate) fn is_closing(&self, handle: SocketHandle) -> bool {
        self.closing.contains(&handle)
    }

    /// Lets go of one at once.
    pub(crate) fn remove(&mut self, handle: SocketHandle) {
        self.closing.retain(|closing| *closing != handle);
        self.set.remove(handle);
    }

    pub(super) fn finish(&mut self) {
        let Sockets { set, closing, progress } = self;
        closing.retain(|handle| {
            let socket = set.get_mut::<tcp::Socket<'static>>(*handle);
            let heard = ends(socket).and_then(|key| progress.get(&key)?.heard);
            let room = heard.is_none_or(|(acked, window)| acked + socket.send_queue() <= window);
            let waits = socket.state() == tcp::State::CloseWait && !room;
            if !waits {
                socket.close();
            }
            waits
        });
    }

    /// A packet for one of them; gives it as smoltcp is to see it, if it is. Its checksum may be wrong yet.
    pub(super) fn note(&mut self, packet: Bytes) -> Option<Bytes> {
        let Some(ip) = Ip::parse(&packet) else { return Some(packet) };
        let Some(segment) = Tcp::parse(&ip) else { return Some(packet) };
        let key = (segment.to, segment.from);
        if segment.dials() && !self.is_under_way(key) {
            self.begin(key, scale(ip.payload));
        }
        let Some(progress) = self.progress.get_mut(&key).filter(|_| segment.ack) else { return Some(packet) };
        if segment.syn && progress.heard.is_none() {
            progress.scale = scale(ip.payload);
        }
        if progress.has_heard(&segment) {
            return None;
        }
        progress.hear(&segment);
        let end = number(segment.seq) + segment.length;
        if segment.fin && segment.length > 0 && progress.told.is_some_and(|told| told < end) {
            let start = ip.bytes.len() - ip.payload.len();
            let mut packet = packet[..ip.bytes.len()].to_vec();
            let flags = u16::from_be_bytes([packet[start + FLAGS], packet[start + FLAGS + 1]]) & !1;
            rewrite(&mut packet[start..], &[(FLAGS, flags)]);
            return Some(packet.into());
        }
        Some(packet)
    }

    /// Whether this is a connection whose first segment has come again.
    fn is_under_way(&self, key: (SocketAddr, SocketAddr)) -> bool {
        let over = [tcp::State::Closed, tcp::State::SynSent, tcp::State::TimeWait];
        // No other kind of socket is built in.
        self.set.iter().any(|(_, Socket::Tcp(socket))| ends(socket) == Some(key) && !over.contains(&socket.state()))
    }

    /// A packet that smoltcp wants to send for one of them, with room for an Ethernet header.
    pub(super) fn mend(&mut self, packet: &mut [u8]) {
        let Some(ip) = Ip::parse(&packet[ETHERNET..]) else { return };
        let Some(segment) = Tcp::parse(&ip) else { return };
        let key = (segment.from, segment.to);
        if segment.dials() {
            self.begin(key, 0);
        }
        let Some(progress) = self.progress.get_mut(&key) else { return };
        if segment.syn {
            progress.own_scale = scale(ip.payload);
            return;
        }
        let (mut seq, mut window) = (number(segment.seq), segment.window);
        if segment.ack {
            progress.told = Some(number(segment.ack_number) + (usize::from(window) << progress.own_scale));
        }
        if segment.length > 0 || segment.fin {
            let end = seq + segment.length + usize::from(segment.fin);
            progress.sent = Some(progress.sent.map_or(end, |sent| sent.max(end)));
        } else if let (Some(sent), Some((_, window)), true) = (progress.sent, progress.heard, segment.ack) {
            seq = sent.min(window);
        }
        if progress.own_scale > 0 {
            window = window.saturating_sub(1);
        }
        if (seq, window) != (number(segment.seq), segment.window) {
            let start = packet.len() - ip.payload.len();
            let [a, b, c, d] = seq.0.to_be_bytes();
            let words = [(SEQ, [a, b]), (SEQ + 2, [c, d])].map(|(at, word)| (at, u16::from_be_bytes(word)));
            rewrite(&mut packet[start..], &[words[0], words[1], (WINDOW, window)]);
        }
    }

    fn begin(&mut self, key: (SocketAddr, SocketAddr), scale: u8) {
        if self.progress.len() > self.set.iter().count() + SPARE {
            self.forget();
        }
        self.progress.insert(key, Progress { scale, ..Progress::default() });
    }

    /// Lets go of connections that are no more.
    fn forget(&mut self) {
        // No other kind of socket is built in.
        let live: HashSet<_> = self.set.iter().filter_map(|(_, Socket::Tcp(socket))| ends(socket)).collect();
        self.progress.retain(|key, _| live.contains(key));
    }
}

impl Progress {
    /// What the segment acknowledges, and where it says that the window ends.
    fn told_by(&self, segment: &Tcp) -> (TcpSeqNumber, TcpSeqNumber) {
        let acked = number(segment.ack_number);
        let scale = if segment.syn { 0 } else { self.scale };
        (acked, acked + (usize::from(segment.window) << scale))
    }

    /// Whether it says only what was said, of a window without room for a segment.
    fn has_heard(&self, segment: &Tcp) -> bool {
        let (acked, window) = self.told_by(segment);
        let says_more = segment.length > 0 || segment.syn || segment.fin || segment.rst;
        let waits = self.sent.is_some_and(|sent| acked < sent);
        !says_more && waits && self.heard == Some((acked, window)) && window - acked < MTU
    }

    fn hear(&mut self, segment: &Tcp) {
        let (acked, window) = self.told_by(segment);
        // An older one was overtaken; one for what was never sent is damaged.
        let is_sent = self.sent.is_none_or(|sent| acked <= sent);
        if is_sent && self.heard.is_none_or(|(last, _)| last <= acked) {
            self.heard = Some((acked, window));
        }
    }
}

fn ends(socket: &tcp::Socket<'static>) -> Option<(SocketAddr, SocketAddr)> {
    Some((address(socket.local_endpoint()?), address(socket.remote_endpoint()?)))
}

fn number(seq: u32) -> TcpSeqNumber {
    TcpSeqNumber(seq as i32)
}

/// How whoever sends this SYN scales its windows. smoltcp always agrees.
fn scale(segment: &[u8]) -> u8 {
    let Ok(packet) = TcpPacket::new_checked(segment) else { return 0 };
    let mut options = packet.options();
    while let Ok((rest, option)) = TcpOption::parse(options) {
        match option {
            TcpOption::WindowScale(scale) => return scale.min(SCALE),
            TcpOption::EndOfList => break,
            _ => options = rest,
        }
    }
    0
}

/// Changes words of a segment, and its checksum by what that changes (RFC 1624, 3).
fn rewrite(segment: &mut [u8], words: &[(usize, u16)]) {
    let word = |segment: &[u8], at: usize| u32::from(u16::from_be_bytes([segment[at], segment[at + 1]]));
    let mut sum = 0xffff - word(segment, CHECKSUM);
    for (at, new) in words {
        sum += 0xffff - word(segment, *at) + u32::from(*new);
        segment[*at..*at + 2].copy_from_slice(&new.to_be_bytes());
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&(0xffff - sum as u16).to_be_bytes());
}

impl Deref for Sockets {
    type Target = SocketSet<'static>;
    fn deref(&self) -> &SocketSet<'static> {
        &self.set
    }
}

impl DerefMut for Sockets {
    fn deref_mut(&mut self) -> &mut SocketSet<'static> {
        &mut self.set
    }
}
