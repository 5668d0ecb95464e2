//! The DHCP server (RFC 2131, 4.3): who has which address until when. A board gets the address that it had.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};

use super::plan::Plan;
use crate::{Mac, Time};

/// How long an address that was declined is left alone.
const DECLINED: Duration = Duration::from_secs(600);
/// How long an offer stands.
const OFFERED: Duration = Duration::from_secs(60);
/// Leases that are remembered; a board that makes hardware addresses up gets no more.
const LEASES: usize = 1024;
const OPTION_HOSTNAME: u8 = 12;

/// What can be wrong with the DHCP server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DhcpFault {
    /// Nothing.
    #[default]
    None,
    /// It does not answer.
    Off,
    /// Its answers come late.
    Slow(Duration),
    /// It refuses what is asked for.
    Nak,
    /// It has no addresses left.
    Exhausted,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who has it.
    pub mac: Mac,
    /// The address.
    pub address: Ipv4Addr,
    /// Until when.
    pub until: Time,
    /// What the board calls itself.
    pub name: String,
    /// Whether the board has taken it; otherwise it was only offered.
    pub taken: bool,
}

/// The server's book.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) fault: DhcpFault,
    leases: BTreeMap<Mac, Lease>,
    fixed: BTreeMap<Mac, Ipv4Addr>,
    /// What each gets where it may have any: the first that came, the first, whoever asks first.
    meant: BTreeMap<Mac, Ipv4Addr>,
    declined: BTreeMap<Ipv4Addr, Time>,
}

/// What a message leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answer(Answer),
    /// The board has given this address back.
    Released(Ipv4Addr),
}

/// An answer: its bytes, and to whom it goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) to: Ipv4Addr,
    pub(crate) mac: Mac,
    pub(crate) after: Duration,
    /// What the board may use from now on.
    pub(crate) leased: Option<Lease>,
}

enum Reply {
    Offer(Ipv4Addr),
    Ack(Ipv4Addr),
    Inform,
    Nak,
}

impl Server {
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }

    /// This hardware gets this address, and nobody else does.
    pub(crate) fn fix(&mut self, mac: Mac, address: Ipv4Addr) {
        self.fixed.insert(mac, address);
    }

    /// The board with this hardware is no more.
    pub(crate) fn forget(&mut self, mac: Mac) {
        self.leases.remove(&mac);
        self.fixed.remove(&mac);
        self.meant.remove(&mac);
    }

    /// A board has come that may have any address.
    pub(crate) fn expect(&mut self, plan: &Plan, mac: Mac) {
        let all: BTreeSet<_> = self.meant.values().chain(self.fixed.values()).collect();
        let free = |address: &Ipv4Addr| !all.contains(address) && !plan.is_reserved((*address).into());
        if let Some(first) = pool(plan).find(free) {
            self.meant.insert(mac, first);
        }
    }

    /// Answers a message. `held` says who has an address without a lease.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        plan: &Plan,
        bytes: &[u8],
        held: impl Fn(Ipv4Addr) -> Option<Mac>,
    ) -> Option<Outcome> {
        let packet = DhcpPacket::new_checked(bytes).ok()?;
        let message = DhcpRepr::parse(&packet).ok()?;
        let mac = Mac(message.client_hardware_address.0);
        if !mac.is_unicast() || self.fault == DhcpFault::Off {
            return None;
        }
        let name = packet.options().find(|option| option.kind == OPTION_HOSTNAME).map(|option| clean(option.data));
        let reply = match message.message_type {
            DhcpMessageType::Discover => self.discover(now, plan, &message, &held),
            DhcpMessageType::Request => self.request(now, plan, &message, &held),
            DhcpMessageType::Inform => Some(Reply::Inform),
            DhcpMessageType::Decline => return self.decline(now, mac, message.requested_ip).map(Outcome::Released),
            DhcpMessageType::Release => return self.release(now, mac).map(Outcome::Released),
            _ => None,
        }?;
        if let (Some(name), Some(lease)) = (name, self.leases.get_mut(&mac)) {
            lease.name = name;
        }
        self.answer(plan, &message, reply).map(Outcome::Answer)
    }

    fn discover(
        &mut self,
        now: Time,
        plan: &Plan,
        message: &DhcpRepr<'_>,
        held: &dyn Fn(Ipv4Addr) -> Option<Mac>,
    ) -> Option<Reply> {
        if self.fault == DhcpFault::Exhausted {
            return None;
        }
        let mac = Mac(message.client_hardware_address.0);
        let address = self.choose(now, plan, mac, message.requested_ip, held)?;
        self.note(mac, address, now + OFFERED, false)?;
        Some(Reply::Offer(address))
    }

    /// The four cases of RFC 2131, 4.3.2.
    fn request(
        &mut self,
        now: Time,
        plan: &Plan,
        message: &DhcpRepr<'_>,
        held: &dyn Fn(Ipv4Addr) -> Option<Mac>,
    ) -> Option<Reply> {
        let mac = Mac(message.client_hardware_address.0);
        if message.server_identifier.is_some_and(|server| server != plan.gateway) {
            // It took another server's offer.
            self.leases.remove(&mac);
            return None;
        }
        if self.fault == DhcpFault::Nak {
            return Some(Reply::Nak);
        }
        let own = Some(message.client_ip).filter(|own| !own.is_unspecified());
        let Some(wanted) = message.requested_ip.or(own) else { return Some(Reply::Nak) };
        let offered = self.leases.get(&mac).is_some_and(|lease| lease.address == wanted);
        if !offered && (message.server_identifier.is_some() || !self.is_free(now, plan, mac, wanted, held)) {
            return Some(Reply::Nak);
        }
        self.note(mac, wanted, now + plan.lease_time, true)?;
        Some(Reply::Ack(wanted))
    }

    fn choose(
        &self,
        now: Time,
        plan: &Plan,
        mac: Mac,
        wanted: Option<Ipv4Addr>,
        held: &dyn Fn(Ipv4Addr) -> Option<Mac>,
    ) -> Option<Ipv4Addr> {
        let fixed = self.fixed.get(&mac).copied();
        let had = self.leases.get(&mac).map(|lease| lease.address);
        let meant = self.meant.get(&mac).copied();
        let first = [fixed, had, wanted.filter(|_| fixed.is_none()), meant].into_iter().flatten();
        let all: BTreeSet<_> = self.meant.values().collect();
        let nobodys = pool(plan).filter(|address| !all.contains(address));
        first.chain(nobodys).chain(pool(plan)).find(|address| self.is_free(now, plan, mac, *address, held))
    }

    fn is_free(
        &self,
        now: Time,
        plan: &Plan,
        mac: Mac,
        address: Ipv4Addr,
        held: &dyn Fn(Ipv4Addr) -> Option<Mac>,
    ) -> bool {
        let fixed = self.fixed.get(&mac) == Some(&address);
        let theirs = self.fixed.iter().any(|(owner, fixed)| *owner != mac && *fixed == address);
        let leased =
            self.leases.values().any(|lease| lease.mac != mac && lease.address == address && lease.until > now);
        let declined = self.declined.get(&address).is_some_and(|until| *until > now);
        let in_pool = plan.leases.0 <= address && address <= plan.leases.1 || fixed;
        let reserved = plan.is_reserved(address.into()) || !plan.contains(address.into());
        in_pool && !reserved && !theirs && !leased && !declined && held(address).is_none_or(|holder| holder == mac)
    }

    fn note(&mut self, mac: Mac, address: Ipv4Addr, until: Time, taken: bool) -> Option<()> {
        if self.leases.len() >= LEASES && !self.leases.contains_key(&mac) {
            let oldest = self.leases.values().filter(|lease| !lease.taken).min_by_key(|lease| lease.until);
            let oldest = oldest.map(|lease| lease.mac)?;
            self.leases.remove(&oldest);
        }
        let known = self.leases.remove(&mac);
        let name = known.as_ref().map(|lease| lease.name.clone()).unwrap_or_default();
        // An offer does not shorten what the board has.
        let keeps = known.filter(|lease| lease.taken && lease.address == address && !taken);
        let (until, taken) = keeps.map_or((until, taken), |lease| (lease.until.max(until), true));
        self.leases.insert(mac, Lease { mac, address, until, name, taken });
        Some(())
    }

    /// Gives the address that it had, and will not have.
    fn decline(&mut self, now: Time, mac: Mac, address: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let mine = self.leases.remove(&mac).map(|lease| lease.address)?;
        if address == Some(mine) {
            self.declined.retain(|_, until| *until > now);
            self.declined.insert(mine, now + DECLINED);
        }
        Some(mine)
    }

    /// The address is free, and the board is remembered for it.
    fn release(&mut self, now: Time, mac: Mac) -> Option<Ipv4Addr> {
        let lease = self.leases.get_mut(&mac)?;
        (lease.until, lease.taken) = (now, false);
        Some(lease.address)
    }

    fn answer(&self, plan: &Plan, message: &DhcpRepr<'_>, reply: Reply) -> Option<Answer> {
        let mac = Mac(message.client_hardware_address.0);
        let (kind, address) = match reply {
            Reply::Offer(address) => (DhcpMessageType::Offer, address),
            Reply::Ack(address) => (DhcpMessageType::Ack, address),
            Reply::Inform => (DhcpMessageType::Ack, Ipv4Addr::UNSPECIFIED),
            Reply::Nak => (DhcpMessageType::Nak, Ipv4Addr::UNSPECIFIED),
        };
        let bytes = self.emit(plan, message, kind, address)?;
        // RFC 2131, 4.1: a host that has an address hears by it, another by the one that it gets, or by broadcast.
        let (to, mac) = match (kind, message.client_ip.is_unspecified()) {
            (DhcpMessageType::Nak, _) => (Ipv4Addr::BROADCAST, Mac::BROADCAST),
            (_, false) => (message.client_ip, mac),
            (_, true) if message.broadcast => (Ipv4Addr::BROADCAST, Mac::BROADCAST),
            (_, true) => (address, mac),
        };
        let after = if let DhcpFault::Slow(delay) = self.fault { delay } else { Duration::ZERO };
        let owner = Mac(message.client_hardware_address.0);
        let leased = self.leases.get(&owner).filter(|_| matches!(reply, Reply::Ack(_))).cloned();
        Some(Answer { bytes, to, mac, after, leased })
    }

    fn emit(&self, plan: &Plan, message: &DhcpRepr<'_>, kind: DhcpMessageType, address: Ipv4Addr) -> Option<Vec<u8>> {
        let grants = kind != DhcpMessageType::Nak;
        let lease = u32::try_from(plan.lease_time.as_secs()).unwrap_or(u32::MAX);
        let dns = std::iter::once(plan.gateway).collect();
        let reply = DhcpRepr {
            message_type: kind,
            transaction_id: message.transaction_id,
            secs: 0,
            client_hardware_address: message.client_hardware_address,
            client_ip: if grants { message.client_ip } else { Ipv4Addr::UNSPECIFIED },
            your_ip: address,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: grants.then_some(plan.gateway),
            subnet_mask: grants.then(|| plan.mask()),
            relay_agent_ip: message.relay_agent_ip,
            broadcast: message.broadcast,
            requested_ip: None,
            client_identifier: message.client_identifier,
            server_identifier: Some(plan.gateway),
            parameter_request_list: None,
            dns_servers: grants.then_some(dns),
            max_size: None,
            lease_duration: (grants && !address.is_unspecified()).then_some(lease),
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let mut bytes = vec![0; reply.buffer_len()];
        reply.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).ok()?;
        Some(bytes)
    }
}

fn pool(plan: &Plan) -> impl Iterator<Item = Ipv4Addr> + use<> {
    (u32::from(plan.leases.0)..=u32::from(plan.leases.1)).map(Ipv4Addr::from)
}

/// The hardware for which a message asks.
pub(crate) fn client(bytes: &[u8]) -> Option<Mac> {
    let packet = DhcpPacket::new_checked(bytes).ok()?;
    // Only its length was checked, and addresses may be longer than those of Ethernet.
    (packet.hardware_len() == 6).then(|| Mac(packet.client_hardware_address().0))
}

/// What a board calls itself, as far as it can be shown.
fn clean(name: &[u8]) -> String {
    let good = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.iter().map(|byte| char::from(*byte)).filter(good).take(63).collect()
}
