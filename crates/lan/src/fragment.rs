//! Puts the pieces of IPv4 datagrams together again. What is incomplete is bounded, by sender and in all, and does not
//! stay: a board that sends only first halves costs nobody else theirs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::Time;
use crate::packet::{ETHERNET, Fragment, Ip};

/// How long pieces wait for the others (RFC 1122, 3.3.2 wants at least 60 s; Linux waits for 30 s).
const PATIENCE: Duration = Duration::from_secs(30);
/// Datagrams of one sender that may be incomplete at a time.
const PER_SENDER: usize = 4;
/// Datagrams that may be incomplete at a time: 64 KiB each.
const IN_ALL: usize = 256;

/// Which datagram a piece belongs to (RFC 791, 2.3).
type Key = (IpAddr, IpAddr, u8, u16);

/// Datagrams of which some pieces have come.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    pieces: BTreeMap<Key, Pieces>,
}

#[derive(Debug)]
struct Pieces {
    until: Time,
    bytes: Vec<u8>,
    /// Which of `bytes` have come: starts and ends, in order, none touching another.
    have: Vec<(usize, usize)>,
    length: Option<usize>,
}

impl Reassembly {
    /// Takes a piece, and gives the whole packet when it was the last that was missing.
    pub(crate) fn add(&mut self, now: Time, ip: &Ip<'_>) -> Option<Vec<u8>> {
        let fragment = ip.fragment?;
        let key = (ip.src, ip.dst, ip.protocol, fragment.id);
        self.make_room(now, &key);
        let pieces = self.pieces.entry(key).or_insert_with(|| Pieces::new(now + PATIENCE));
        if !pieces.add(fragment, ip.payload) {
            self.pieces.remove(&key);
            return None;
        }
        pieces.is_whole().then(|| self.pieces.remove(&key))??.into_packet(ip)
    }

    /// Drops what has waited too long, and the oldest of who has too many.
    fn make_room(&mut self, now: Time, key: &Key) {
        self.pieces.retain(|_, pieces| pieces.until > now);
        if self.pieces.contains_key(key) {
            return;
        }
        let (mine, my_oldest) = self.oldest(|sender| sender == key.0);
        let (all, oldest) = self.oldest(|_| true);
        let victim = if mine >= PER_SENDER { my_oldest } else { oldest.filter(|_| all >= IN_ALL) };
        if let Some(victim) = victim {
            self.pieces.remove(&victim);
        }
    }

    /// How many datagrams of some senders are incomplete, and which has been for longest.
    fn oldest(&self, of: impl Fn(IpAddr) -> bool) -> (usize, Option<Key>) {
        let theirs = self.pieces.iter().filter(|(key, _)| of(key.0));
        let oldest = theirs.clone().min_by_key(|(_, pieces)| pieces.until).map(|(key, _)| *key);
        (theirs.count(), oldest)
    }
}

impl Pieces {
    fn new(until: Time) -> Pieces {
        Pieces { until, bytes: Vec::new(), have: Vec::new(), length: None }
    }

    /// False for a piece that cannot be part of a datagram.
    fn add(&mut self, fragment: Fragment, payload: &[u8]) -> bool {
        let end = fragment.offset + payload.len();
        if !fragment.more && *self.length.get_or_insert(end) != end {
            return false;
        }
        let limit = self.length.unwrap_or(usize::from(u16::MAX));
        if payload.is_empty() || end.max(self.bytes.len()) > limit.min(usize::from(u16::MAX)) {
            return false;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[fragment.offset..end].copy_from_slice(payload);
        self.note(fragment.offset, end);
        true
    }

    fn note(&mut self, start: usize, end: usize) {
        let (touching, mut others): (Vec<_>, Vec<_>) =
            self.have.drain(..).partition(|(from, to)| *from <= end && start <= *to);
        let merged = touching.iter().fold((start, end), |(a, b), (from, to)| (a.min(*from), b.max(*to)));
        others.push(merged);
        others.sort_unstable();
        self.have = others;
    }

    fn is_whole(&self) -> bool {
        matches!((self.have.as_slice(), self.length), ([(0, end)], Some(length)) if *end == length)
    }

    fn into_packet(self, ip: &Ip<'_>) -> Option<Vec<u8>> {
        let fill = |bytes: &mut [u8]| bytes.copy_from_slice(&self.bytes);
        // Longer ones than a packet can be are refused on the way.
        (self.bytes.len() + 20 <= usize::from(u16::MAX)).then_some(())?;
        let packet = crate::packet::ip(ip.src, ip.dst, ip.protocol, ip.hops, self.bytes.len(), fill)?;
        Some(packet[ETHERNET..].to_vec())
    }
}
