//! What is remembered of each party of the log from one record to the next: how its address is written, and the
//! characters that have only half come. Bounded, however many parties there are.

use std::num::NonZeroU32;

use rustc_hash::FxHashMap;

use crate::record::{Address, EndpointId, Event, Record, Side};
use crate::text::{Decoder, Encoding};

/// So many parties are remembered; with two decoders each, they take less than 8 MiB.
const MOST: usize = 4096;

/// An endpoint, or one of its peers.
type Key = (EndpointId, Option<NonZeroU32>);

fn key(record: &Record<'_>) -> Key {
    (record.endpoint, record.peer.map(|peer| peer.number))
}

/// Whether a party does nothing more after this.
pub(crate) fn is_last(event: &Event<'_>) -> bool {
    matches!(event, Event::Closed(_) | Event::Reset(_))
}

/// The bytes that travelled, if any did, and who sent them.
pub(crate) fn payload<'a>(event: &Event<'a>) -> Option<(Side, &'a [u8])> {
    match *event {
        Event::Received(bytes) => Some((Side::Peer, bytes)),
        Event::Sent(bytes) => Some((Side::Local, bytes)),
        _ => None,
    }
}

/// A party of the log.
#[derive(Debug)]
pub(crate) struct Party {
    id: String,
    address: Address,
    written: String,
    /// Those of the bytes that we sent, and that the peer sent.
    decoders: [Option<Decoder>; 2],
    /// Counts the records shown, so that the oldest can be told.
    used: u64,
}

impl Party {
    /// `e1`, or of a peer `e1.3`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its address, written as all of [`Parties`] are.
    pub(crate) fn address(&self) -> &str {
        &self.written
    }

    /// The decoder of what `sender` sends.
    fn decoder(&mut self, sender: Side, encoding: Encoding) -> &mut Decoder {
        self.decoders[sender as usize].get_or_insert_with(|| Decoder::new(encoding))
    }

    /// Adds the text of what `record` carries, sent by `sender`; of a datagram all of it.
    pub(crate) fn decode(
        &mut self,
        record: &Record<'_>,
        (sender, bytes): (Side, &[u8]),
        encoding: Encoding,
        out: &mut String,
    ) {
        let decoder = self.decoder(sender, encoding);
        decoder.decode(bytes, out);
        if record.is_datagram {
            decoder.finish(out);
        }
    }

    /// As [`decode`](Self::decode), for programs to read.
    pub(crate) fn decode_plain(
        &mut self,
        record: &Record<'_>,
        (sender, bytes): (Side, &[u8]),
        encoding: Encoding,
        out: &mut String,
    ) {
        let decoder = self.decoder(sender, encoding);
        decoder.decode_plain(bytes, out);
        if record.is_datagram {
            decoder.finish_plain(out);
        }
    }

    /// Adds the escapes of what still waits for the rest of its character, to come no more.
    pub(crate) fn finish(&mut self, sender: Side, out: &mut String) {
        if let Some(decoder) = &mut self.decoders[sender as usize] {
            decoder.finish(out);
        }
    }

    /// Less for those that can better be forgotten: nothing is lost by it, and they have been quiet for long.
    fn worth(&self) -> (bool, u64) {
        let waits = self.decoders.iter().flatten().any(|decoder| !decoder.is_settled());
        (waits, self.used)
    }
}

/// The parties of a log.
#[derive(Debug)]
pub(crate) struct Parties {
    known: FxHashMap<Key, Party>,
    write: fn(&Address) -> String,
    shown: u64,
}

impl Parties {
    /// Nobody yet; `write` says how addresses are written.
    pub(crate) fn new(write: fn(&Address) -> String) -> Self {
        Parties { known: FxHashMap::default(), write, shown: 0 }
    }

    /// The party that `record` tells of.
    pub(crate) fn of(&mut self, record: &Record<'_>) -> &mut Party {
        self.shown += 1;
        let party = self.known.entry(key(record)).or_insert_with(|| Party {
            id: record.peer.map_or_else(|| record.endpoint.to_string(), |peer| peer.to_string()),
            address: record.address.clone(),
            written: (self.write)(&record.address),
            decoders: [None, None],
            used: 0,
        });
        party.used = self.shown;
        if party.address != record.address {
            party.address.clone_from(&record.address);
            party.written = (self.write)(&record.address);
        }
        party
    }

    /// Makes room for what `record` tells of, and gives the parties that had to go for it: seldom any.
    pub(crate) fn make_room(&mut self, record: &Record<'_>) -> Vec<Party> {
        if self.known.len() < MOST || self.known.contains_key(&key(record)) {
            return Vec::new();
        }
        // Half of them at once, so that the search for them does not count.
        let mut worths: Vec<_> = self.known.values().map(Party::worth).collect();
        let (_, &mut limit, _) = worths.select_nth_unstable(MOST / 2);
        in_order(self.known.extract_if(|_, party| party.worth() <= limit))
    }

    /// Forgets the party of `record`, if this was its last.
    pub(crate) fn let_go(&mut self, record: &Record<'_>) {
        if is_last(&record.event) {
            self.known.remove(&key(record));
        }
    }

    /// Forgets all of them.
    pub(crate) fn drain(&mut self) -> Vec<Party> {
        in_order(self.known.drain())
    }
}

/// The one that was quiet for the longest time first.
fn in_order(parties: impl Iterator<Item = (Key, Party)>) -> Vec<Party> {
    let mut parties: Vec<_> = parties.map(|(_, party)| party).collect();
    parties.sort_unstable_by_key(|party| party.used);
    parties
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{PeerId, Timestamp};

    fn record(number: u32, event: Event<'static>) -> Record<'static> {
        let endpoint = EndpointId::from_index(0).expect("first");
        let peer = NonZeroU32::new(number).map(|number| PeerId { endpoint, number });
        let address = Address::Inet(([127, 0, 0, 1], number as u16).into());
        Record { seq: 1, at: Timestamp(0), endpoint, peer, address, is_datagram: false, event }
    }

    fn receive(parties: &mut Parties, number: u32, bytes: &'static [u8]) -> Vec<Party> {
        let record = record(number, Event::Received(bytes));
        let gone = parties.make_room(&record);
        let mut out = String::new();
        parties.of(&record).decode(&record, (Side::Peer, bytes), Encoding::default(), &mut out);
        gone
    }

    #[test]
    fn those_that_left_are_forgotten() {
        let mut parties = Parties::new(Address::to_string);
        for number in 1..100 {
            receive(&mut parties, number, b"\xe4");
            let (closed, mut tail) = (record(number, Event::Closed(Side::Peer)), String::new());
            parties.of(&closed).finish(Side::Peer, &mut tail);
            assert_eq!((&*tail, parties.known.len()), ("\\xe4", 1));
            parties.let_go(&record(number, Event::Connected));
            assert_eq!(parties.known.len(), 1);
            parties.let_go(&closed);
            assert_eq!(parties.known.len(), 0);
        }
    }

    #[test]
    fn the_oldest_that_wait_for_nothing_go_first() {
        let mut parties = Parties::new(Address::to_string);
        let most = MOST as u32;
        for number in 1..=most {
            let bytes: &[u8] = if number % 4 == 0 { b"\xe4" } else { b"a" };
            assert!(receive(&mut parties, number, bytes).is_empty());
        }
        assert!(receive(&mut parties, 1, b"a").is_empty());
        let gone = receive(&mut parties, most + 1, b"a");
        assert_eq!(gone.len(), MOST / 2 + 1);
        assert_eq!((gone[0].id(), gone[1].id(), gone[2].id(), gone[3].id()), ("e1.2", "e1.3", "e1.5", "e1.6"));
        assert_eq!(parties.known.len(), MOST / 2);
    }

    #[test]
    fn memory_is_bounded_though_all_wait() {
        let mut parties = Parties::new(Address::to_string);
        let mut gone = 0;
        for number in 1..=3 * MOST as u32 {
            gone += receive(&mut parties, number, b"\xe4").len();
            assert!(parties.known.len() <= MOST);
        }
        assert_eq!(gone + parties.drain().len(), 3 * MOST);
    }

    #[test]
    fn a_new_address_is_seen() {
        let mut parties = Parties::new(Address::to_string);
        let mut told = record(1, Event::Connected);
        assert_eq!(parties.of(&told).address(), "127.0.0.1:1");
        told.address = Address::Unix("@x".into());
        assert_eq!(parties.of(&told).address(), "unix:@x");
    }
}
