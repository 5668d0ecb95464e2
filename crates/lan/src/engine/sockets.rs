//! A set of smoltcp's sockets. What they hear and say goes through `progress`, which mends it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, tcp};
use smoltcp::wire::TcpPacket;

use super::address;
use super::progress::{Progress, rewrite, scale, word_at};
use crate::packet::{ETHERNET, Ip, Segment};

/// Connections that may have ended without being looked for.
const SPARE: usize = 16;

/// A set of sockets.
pub(crate) struct Sockets {
    set: SocketSet<'static>,
    /// By its own end and its peer's.
    progress: HashMap<(SocketAddr, SocketAddr), Progress>,
    /// Those that are to say their last when there is room for what comes before it.
    closing: Vec<SocketHandle>,
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
            let room =
                ends(socket).and_then(|key| progress.get(&key)).is_none_or(|it| it.has_room(socket.send_queue()));
            let waits = socket.state() == tcp::State::CloseWait && !room;
            if !waits {
                socket.close();
            }
            waits
        });
    }

    /// A packet for one of them; gives it as smoltcp is to see it, if it is.
    pub(super) fn note(&mut self, packet: Bytes) -> Option<Bytes> {
        let Some(ip) = Ip::parse(&packet) else { return Some(packet) };
        let Some(segment) = Segment::parse(&ip) else { return Some(packet) };
        // Nothing is learnt from what is damaged.
        if !TcpPacket::new_unchecked(ip.payload).verify_checksum(&ip.src.into(), &ip.dst.into()) {
            return None;
        }
        let key = (segment.to, segment.from);
        if segment.dials() && !self.is_under_way(key) {
            self.begin(key, scale(ip.payload));
        }
        let Some(progress) = self.progress.get_mut(&key).filter(|_| segment.ack) else { return Some(packet) };
        let words = progress.see(&segment, ip.payload)?;
        if words.iter().all(|(at, word)| word_at(ip.payload, *at) == *word) {
            return Some(packet);
        }
        let (start, end) = (ip.bytes.len() - ip.payload.len(), ip.bytes.len());
        let mut packet = packet[..end].to_vec();
        rewrite(&mut packet[start..], &words);
        Some(packet.into())
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
        let Some(segment) = Segment::parse(&ip) else { return };
        let key = (segment.from, segment.to);
        if segment.dials() {
            self.begin(key, None);
        }
        let Some(progress) = self.progress.get_mut(&key) else { return };
        let words = progress.send(&segment, ip.payload);
        let start = packet.len() - ip.payload.len();
        rewrite(&mut packet[start..], &words);
    }

    fn begin(&mut self, key: (SocketAddr, SocketAddr), scale: Option<u8>) {
        if self.progress.len() > self.set.iter().count() + SPARE {
            self.forget();
        }
        self.progress.insert(key, Progress::new(scale));
    }

    /// Lets go of connections that are no more.
    fn forget(&mut self) {
        // No other kind of socket is built in.
        let live: HashSet<_> = self.set.iter().filter_map(|(_, Socket::Tcp(socket))| ends(socket)).collect();
        self.progress.retain(|key, _| live.contains(key));
    }
}

fn ends(socket: &tcp::Socket<'static>) -> Option<(SocketAddr, SocketAddr)> {
    Some((address(socket.local_endpoint()?), address(socket.remote_endpoint()?)))
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
