//! Who is at which hardware address, and packets that wait to hear it (RFC 826; RFC 4861, 7.2). What is sent to ask is
//! the owner's business: this says when, and for whom.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::time::earlier;
use crate::{Mac, Time};

/// How often, and how many times, somebody is asked for (RFC 4861, 10: RETRANS_TIMER, MAX_MULTICAST_SOLICIT).
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIMES: u32 = 3;
/// How long an answer counts without being heard again.
const LIFETIME: Duration = Duration::from_secs(300);
/// Packets that wait for one neighbour; the oldest goes.
const WAITING: usize = 16;
/// Neighbours that are known or asked for; the one heard longest ago goes.
const NEIGHBOURS: usize = 1024;
/// Of these, addresses that one hardware address may have.
const PER_MAC: usize = 16;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    entries: BTreeMap<IpAddr, Entry>,
}

#[derive(Debug)]
struct Entry {
    mac: Option<Mac>,
    /// When it was last heard, or first asked for.
    heard: Time,
    asked: u32,
    ask_at: Time,
    waiting: Vec<Vec<u8>>,
}

/// What to do with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Send it there.
    Known(Mac, Vec<u8>),
    /// It is kept until the neighbour has answered.
    Kept,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask for this address.
    Ask(IpAddr),
    /// It did not answer; these packets waited for it.
    Silent(IpAddr, Vec<Vec<u8>>),
}

impl Neighbours {
    /// Notes where an address is, and gives the packets that waited for it.
    pub(crate) fn learn(&mut self, now: Time, address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.mac = Some(mac);
            entry.heard = now;
            entry.asked = 0;
            return std::mem::take(&mut entry.waiting);
        }
        if self.entries.values().filter(|entry| entry.mac == Some(mac)).count() < PER_MAC {
            self.insert(address, Entry { mac: Some(mac), heard: now, asked: 0, ask_at: now, waiting: Vec::new() });
        }
        Vec::new()
    }

    /// The same for one that is in the table already: somebody says what nobody has asked (RFC 826).
    pub(crate) fn update(&mut self, now: Time, address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
        if self.entries.contains_key(&address) { self.learn(now, address, mac) } else { Vec::new() }
    }

    fn insert(&mut self, address: IpAddr, entry: Entry) {
        if self.entries.len() >= NEIGHBOURS {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.heard).map(|(address, _)| *address);
            oldest.map(|oldest| self.entries.remove(&oldest));
        }
        self.entries.insert(address, entry);
    }

    /// Where an address is, if that is known.
    pub(crate) fn get(&self, now: Time, address: IpAddr) -> Option<Mac> {
        let entry = self.entries.get(&address)?;
        entry.mac.filter(|_| now < entry.heard + LIFETIME)
    }

    /// Finds the way for a packet, or keeps it and has the neighbour asked for.
    pub(crate) fn way(&mut self, now: Time, address: IpAddr, packet: Vec<u8>) -> Way {
        if let Some(mac) = self.get(now, address) {
            return Way::Known(mac, packet);
        }
        if !self.entries.contains_key(&address) {
            self.insert(address, Entry { mac: None, heard: now, asked: 0, ask_at: now, waiting: Vec::new() });
        }
        if let Some(entry) = self.entries.get_mut(&address) {
            if entry.mac.take().is_some() {
                (entry.asked, entry.ask_at) = (0, now);
            }
            if entry.waiting.len() >= WAITING {
                entry.waiting.remove(0);
            }
            entry.waiting.push(packet);
        }
        Way::Kept
    }

    /// What is due by now; call it until there is nothing.
    pub(crate) fn poll(&mut self, now: Time) -> Option<Due> {
        let due = |entry: &Entry| entry.mac.is_none() && !entry.waiting.is_empty() && entry.ask_at <= now;
        let (address, entry) = self.entries.iter_mut().find(|(_, entry)| due(entry))?;
        let address = *address;
        if entry.asked < ASK_TIMES {
            entry.asked += 1;
            entry.ask_at = now + ASK_EVERY;
            return Some(Due::Ask(address));
        }
        let waiting = self.entries.remove(&address).map(|entry| entry.waiting);
        Some(Due::Silent(address, waiting.unwrap_or_default()))
    }

    /// When `poll` has something next.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let asked = self.entries.values().filter(|entry| entry.mac.is_none() && !entry.waiting.is_empty());
        asked.map(|entry| entry.ask_at).fold(None, |first, at| earlier(first, Some(at)))
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Those whose hardware is known: address, hardware, when last heard.
    pub(crate) fn known(&self) -> impl Iterator<Item = (IpAddr, Mac, Time)> {
        self.entries.iter().filter_map(|(address, entry)| Some((*address, entry.mac?, entry.heard)))
    }
}
