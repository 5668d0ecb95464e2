//! Names: questions to the host's DNS server (RFC 1035), asked again for as long as lwIP would, and `localhost`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use socklab_socket::{Cause, Family, Info, LookupFailure, Query};

use super::{Host, Result};
use crate::Time;
use crate::packet::{self, HOPS, Udp};

const DNS_PORT: u16 = 53;
/// How long after a question it is asked again, and how many times it is asked (lwIP: DNS_MAX_RETRIES is 4).
const PAUSE: Duration = Duration::from_secs(1);
const TRIES: u32 = 4;
/// Look-ups under way at a time.
const LOOKUPS: usize = 64;

/// A look-up under way. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub u64);

pub(super) struct Lookups {
    all: BTreeMap<LookupId, Lookup>,
    next: u64,
    seed: u64,
    /// How many have had an answer.
    answered: u64,
}

struct Lookup {
    query: Query,
    /// The questions' numbers; no other look-up has the same.
    id: u16,
    port: u16,
    server: Option<IpAddr>,
    tries: u32,
    at: Time,
    waits: Vec<Family>,
    found: Vec<IpAddr>,
    failure: LookupFailure,
    answer: Option<Result<Vec<Info>>>,
}

impl Lookups {
    pub(super) fn new(seed: u64) -> Lookups {
        Lookups { all: BTreeMap::new(), next: 1, seed, answered: 0 }
    }

    pub(super) fn take(&mut self, id: LookupId) -> Option<Result<Vec<Info>>> {
        let known = match self.all.get_mut(&id) {
            Some(lookup) => lookup.answer.take()?,
            None => Err(Cause::from(LookupFailure::System)),
        };
        self.all.remove(&id);
        Some(known)
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    pub(super) fn forget(&mut self, id: LookupId) {
        self.all.remove(&id);
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.all.values().filter(|lookup| lookup.answer.is_none()).map(|lookup| lookup.at).min()
    }

    /// Whether a datagram was an answer to one of them.
    pub(super) fn takes(&mut self, datagram: &Udp<'_>) -> bool {
        let mine = |lookup: &&mut Lookup| {
            datagram.from.port() == DNS_PORT
                && lookup.port == datagram.to.port()
                && lookup.server == Some(datagram.from.ip())
        };
        let Some(lookup) = self.all.values_mut().find(mine) else { return false };
        if let Ok(packet) = Packet::parse(datagram.payload) {
            lookup.hear(&packet);
            self.answered += u64::from(lookup.answer.is_some());
        }
        true
    }
}

impl Lookup {
    fn hear(&mut self, packet: &Packet<'_>) {
        let asked = packet.questions.first().map(|question| (question.qname.to_string(), question.qtype));
        let Some((name, kind)) = asked else { return };
        let family = if kind == QTYPE::TYPE(TYPE::AAAA) { Family::Inet6 } else { Family::Inet };
        let expected = self.answer.is_none() && self.waits.contains(&family);
        if packet.id() != self.id || !expected || !name.eq_ignore_ascii_case(self.query.host.trim_end_matches('.')) {
            return;
        }
        self.failure = match packet.rcode() {
            RCODE::NoError => LookupFailure::NoData,
            RCODE::NameError => LookupFailure::NoName,
            RCODE::ServerFailure => LookupFailure::Again,
            _ => LookupFailure::Fail,
        };
        self.found.extend(packet.answers.iter().filter_map(|record| match &record.rdata {
            RData::A(a) => Some(IpAddr::from(Ipv4Addr::from(a.address))),
            RData::AAAA(aaaa) => Some(IpAddr::from(Ipv6Addr::from(aaaa.address))),
            _ => None,
        }));
        self.waits.retain(|waited| *waited != family);
        if self.waits.is_empty() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        // IPv4 first: boards have no other.
        self.found.sort_by_key(IpAddr::is_ipv6);
        let answers = match self.found.is_empty() {
            true => Err(self.failure),
            false => self.query.answers(std::mem::take(&mut self.found)),
        };
        self.answer = Some(answers.map_err(Cause::from));
    }

    fn fail(&mut self, failure: LookupFailure) {
        self.failure = failure;
        self.finish();
    }

    fn question(&self, family: Family) -> Option<Vec<u8>> {
        let kind = if family == Family::Inet6 { TYPE::AAAA } else { TYPE::A };
        let mut packet = Packet::new_query(self.id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(self.query.host.trim_end_matches('.')).ok()?;
        packet.questions.push(Question::new(name, kind.into(), QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().ok()
    }
}

impl Host {
    pub(super) fn start_lookup(&mut self, query: &Query) -> LookupId {
        let id = LookupId(self.lookups.next);
        self.lookups.next += 1;
        let number = self.lookups.seed.wrapping_add(id.0.wrapping_mul(0x9e37_79b9));
        let port = self.ephemeral(|_, _| true).unwrap_or(super::EPHEMERAL);
        let waits = match query.family {
            None if self.addresses.globals.is_empty() => vec![Family::Inet],
            None => vec![Family::Inet, Family::Inet6],
            Some(family) => vec![family],
        };
        let mut lookup = Lookup {
            query: query.clone(),
            id: number as u16,
            port,
            server: None,
            tries: 0,
            at: self.now,
            waits,
            found: Vec::new(),
            failure: LookupFailure::Again,
            answer: None,
        };
        self.answer_at_once(&mut lookup);
        self.lookups.all.insert(id, lookup);
        id
    }

    /// What needs no server, or has none.
    fn answer_at_once(&mut self, lookup: &mut Lookup) {
        let host = lookup.query.host.clone();
        if let Ok(address) = host.parse::<IpAddr>() {
            lookup.found.push(address);
            return lookup.finish();
        }
        if host.eq_ignore_ascii_case("localhost") {
            lookup.found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return lookup.finish();
        }
        lookup.server = self.addresses.v4.as_ref().and_then(|v4| v4.dns.first()).map(|server| (*server).into());
        if lookup.server.is_none() {
            return lookup.fail(LookupFailure::Again);
        }
        if lookup.question(Family::Inet).is_none() || lookup.query.family == Some(Family::Unix) {
            return lookup.fail(LookupFailure::NoName);
        }
        if self.lookups.all.len() >= LOOKUPS {
            lookup.fail(LookupFailure::Again);
        }
    }

    pub(super) fn poll_lookups(&mut self) {
        let now = self.now;
        let mut questions = Vec::new();
        for lookup in self.lookups.all.values_mut() {
            if lookup.answer.is_some() || lookup.at > now {
                continue;
            }
            if lookup.tries >= TRIES {
                lookup.fail(LookupFailure::Again);
                self.lookups.answered += 1;
                continue;
            }
            lookup.tries += 1;
            lookup.at = now + PAUSE;
            let Some(server) = lookup.server else { continue };
            let asked = lookup.waits.iter().filter_map(|family| lookup.question(*family));
            questions.extend(asked.map(|question| (lookup.port, server, question)));
        }
        for (port, server, question) in questions {
            let Some(source) = self.addresses.source_for(server) else { continue };
            let (from, to) = (SocketAddr::new(source, port), SocketAddr::new(server, DNS_PORT));
            let packet = packet::udp(from, to, HOPS, &question);
            packet.into_iter().for_each(|packet| drop(self.send_ip(packet, server)));
        }
    }
}
