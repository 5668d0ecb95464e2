//! smoltcp's sockets, and how far each connection is: its acknowledgements get the number that they should have.
//!
//! An acknowledgement without payload has the number of the next byte to send (RFC 9293, 3.10.7.4), as far as the peer
//! has offered room for it: a peer takes any other for a segment that is not in its window, and does not read it. For
//! smoltcp, the next byte to send is the oldest that is not acknowledged as soon as its retransmission timer has fired,
//! and one beyond the window if the peer's window has shrunk, if only because its scale rounds it down (RFC 7323, 2.4).
//! When both sides say something in such numbers, neither hears the other again.
//!
//! And it refuses what lies beyond the window that it told last, rounded as that was. So less is told than it will take:
//! what was sent into one window is then in the next as well.
//!
//! The last FIN waits until the peer's window has room for everything before it: in LAST-ACK, smoltcp does not hear that
//! a window opens.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp};
use smoltcp::wire::{TcpOption, TcpPacket, TcpSeqNumber};

use super::address;
use crate::packet::{ETHERNET, Ip, Tcp};

/// Connections that may have ended without being looked for.
const SPARE: usize = 16;
/// Where a segment has its number, its window, and its checksum (RFC 9293, 3.1).
const SEQ: usize = 4;
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
    /// Whether its own are.
    scaled: bool,
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

    /// A packet for one of them.
    pub(super) fn note(&mut self, packet: &[u8]) {
        let Some(ip) = Ip::parse(packet) else { return };
        let Some(segment) = Tcp::parse(&ip) else { return };
        let key = (segment.to, segment.from);
        if segment.dials() {
            self.begin(key, scale(ip.payload));
        }
        if let Some(progress) = self.progress.get_mut(&key).filter(|_| segment.ack) {
            if segment.syn {
                progress.scale = scale(ip.payload);
            }
            progress.hear(&segment);
        }
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
            progress.scaled = scale(ip.payload) > 0;
            return;
        }
        let (mut seq, mut window) = (number(segment.seq), segment.window);
        if segment.length > 0 || segment.fin {
            let end = seq + segment.length + usize::from(segment.fin);
            progress.sent = Some(progress.sent.map_or(end, |sent| sent.max(end)));
        } else if let (Some(sent), Some((_, window)), true) = (progress.sent, progress.heard, segment.ack) {
            seq = sent.min(window);
        }
        if progress.scaled {
            window = window.saturating_sub(1);
        }
        if (seq, window) != (number(segment.seq), segment.window) {
            let start = packet.len() - ip.payload.len();
            rewrite(&mut packet[start..], seq, window);
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
    fn hear(&mut self, segment: &Tcp) {
        let acked = number(segment.ack_number);
        // An older one was overtaken.
        if self.heard.is_none_or(|(last, _)| last <= acked) {
            let scale = if segment.syn { 0 } else { self.scale };
            self.heard = Some((acked, acked + (usize::from(segment.window) << scale)));
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

/// Changes a segment, and its checksum by what that changes (RFC 1624, 3).
fn rewrite(segment: &mut [u8], seq: TcpSeqNumber, window: u16) {
    let word = |bytes: &[u8], at: usize| u32::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let [a, b, c, d] = seq.0.to_be_bytes();
    let mut sum = 0xffff - word(segment, CHECKSUM);
    for (at, new) in [(SEQ, [a, b]), (SEQ + 2, [c, d]), (WINDOW, window.to_be_bytes())] {
        sum += 0xffff - word(segment, at) + word(&new, 0);
        segment[at..at + 2].copy_from_slice(&new);
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
