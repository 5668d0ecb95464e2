//! The DNS server (RFC 1035): the names of this network. What it does not know, it denies, or leaves to its embedder.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// How long an answer may be kept, in seconds: addresses of boards change.
const LIFETIME: u32 = 10;

/// What can be wrong with the DNS server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnsFault {
    /// Nothing.
    #[default]
    None,
    /// It does not answer.
    Off,
    /// Its answers come late.
    Slow(Duration),
    /// It knows no name.
    NxDomain,
    /// Every name has this address.
    Wrong(Ipv4Addr),
}

/// Names that are not of this network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownNames {
    /// There are none.
    #[default]
    Deny,
    /// The embedder is asked ([`Event::Asked`](crate::Event::Asked)).
    Ask,
}

/// What a question leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answer(Vec<u8>),
    /// Nobody here knows; these bytes are the question.
    Ask(String),
}

/// Answers a question. `known` gives the addresses of a name, and nothing for a name that there is not.
pub(crate) fn handle(
    question: &[u8],
    fault: DnsFault,
    unknown: UnknownNames,
    known: impl Fn(&str) -> Option<Vec<IpAddr>>,
) -> Option<Outcome> {
    let query = Packet::parse(question).ok().filter(|query| !query.has_flags(PacketFlag::RESPONSE))?;
    let name = query.questions.first()?.qname.to_string().to_ascii_lowercase();
    let found = match fault {
        DnsFault::Off => return None,
        DnsFault::NxDomain => None,
        DnsFault::Wrong(address) => Some(vec![address.into()]),
        DnsFault::None | DnsFault::Slow(_) => known(&name),
    };
    let local = name.ends_with(".lan") || name.ends_with(".internal") || name.ends_with(".arpa") || !name.contains('.');
    let asks = unknown == UnknownNames::Ask && found.is_none() && !local && fault != DnsFault::NxDomain;
    if asks { Some(Outcome::Ask(name)) } else { answer(question, found).map(Outcome::Answer) }
}

/// The answer to a question; without addresses there is no such name.
pub(crate) fn answer(question: &[u8], found: Option<Vec<IpAddr>>) -> Option<Vec<u8>> {
    let query = Packet::parse(question).ok()?;
    let asked = query.questions.first()?.clone();
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::AUTHORITATIVE_ANSWER);
    if query.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    if found.is_none() {
        *reply.rcode_mut() = RCODE::NameError;
    }
    let data = found.into_iter().flatten().filter_map(|address| match address {
        IpAddr::V4(v4) if wants(asked.qtype, TYPE::A) => Some(RData::A(A { address: v4.into() })),
        IpAddr::V6(v6) if wants(asked.qtype, TYPE::AAAA) => Some(RData::AAAA(AAAA { address: v6.into() })),
        _ => None,
    });
    let name = asked.qname.clone();
    reply.answers.extend(data.map(|data| ResourceRecord::new(name.clone(), CLASS::IN, LIFETIME, data)));
    reply.questions.push(asked);
    reply.build_bytes_vec().ok()
}

fn wants(asked: QTYPE, kind: TYPE) -> bool {
    asked == QTYPE::TYPE(kind) || asked == QTYPE::ANY
}
