//! The DHCP client (RFC 2131, 4.4): from no address to a lease, and from a lease to the next. Before it takes an
//! address it asks whether somebody has it (RFC 5227, 2.1), and declines what is taken.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::{DHCP_MAX_DNS_SERVER_COUNT, DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr};

use super::{Addressing, Host, Ipv4Config};
use crate::gateway::{DhcpOutcome, DhcpServer, Lease, Plan};
use crate::packet::{self, Arp, HOPS, Udp};
use crate::time::earlier;
use crate::{Interface, Mac, Time};

pub(super) const CLIENT_PORT: u16 = 68;
pub(super) const SERVER_PORT: u16 = 67;

/// The first pause before a question is asked again; each is twice as long as the one before, up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LAST_PAUSE: Duration = Duration::from_secs(64);
/// How often an offer is asked for before everything begins anew.
const REQUESTS: u32 = 4;
/// How long a host listens whether an address is taken (RFC 5227 wants seconds; lwIP takes half of one).
const PROBE: Duration = Duration::from_millis(200);
/// How long it waits after it has declined one (RFC 2131, 3.1.5).
const AFTER_DECLINE: Duration = Duration::from_secs(10);
/// The host name (RFC 2132, 3.14), and how much of it is said.
const OPTION_HOSTNAME: u8 = 12;
const NAME_MOST: usize = 63;

/// How far a host is with DHCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpState {
    /// It does not ask.
    Off,
    /// It looks for a server.
    Selecting,
    /// It has asked for what a server offered.
    Requesting,
    /// It listens whether somebody has the address already.
    Probing,
    /// It has a lease.
    Bound,
    /// It asks for more time.
    Renewing,
}

/// The board gives addresses itself.
#[derive(Default)]
pub(super) struct Service {
    server: DhcpServer,
}

impl Service {
    pub(super) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.server.leases()
    }
}

#[derive(Clone, Debug)]
struct Held {
    config: Ipv4Config,
    server: Ipv4Addr,
    renew: Time,
    rebind: Time,
    until: Time,
}

pub(super) struct Client {
    state: DhcpState,
    transaction: u32,
    began: Time,
    /// When to ask again, and how often it has been asked.
    retry: Time,
    tries: u32,
    offer: Option<(Ipv4Addr, Ipv4Addr)>,
    lease: Option<Held>,
}

impl Client {
    pub(super) fn new(transaction: u32) -> Client {
        let (began, retry) = (Time::ZERO, Time::ZERO);
        Client { state: DhcpState::Off, transaction, began, retry, tries: 0, offer: None, lease: None }
    }

    pub(super) fn state(&self) -> DhcpState {
        self.state
    }

    pub(super) fn stop(&mut self) {
        self.state = DhcpState::Off;
    }

    pub(super) fn expects_offers(&self) -> bool {
        self.state != DhcpState::Off
    }

    fn enter(&mut self, state: DhcpState, at: Time) {
        (self.state, self.retry, self.tries) = (state, at, 0);
    }

    fn pause(&self) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.tries.min(8)).min(LAST_PAUSE)
    }

    fn deadline(&self) -> Option<Time> {
        match (self.state, &self.lease) {
            (DhcpState::Off, _) => None,
            (DhcpState::Bound, Some(lease)) => Some(lease.renew),
            (DhcpState::Renewing, Some(lease)) => Some(self.retry.min(lease.until)),
            _ => Some(self.retry),
        }
    }
}

impl Host {
    /// Looks for an address; the one of the last lease is asked for first.
    pub(super) fn start_dhcp(&mut self) {
        self.dhcp.transaction = self.dhcp.transaction.wrapping_add(1);
        self.dhcp.began = self.now;
        self.dhcp.offer = None;
        self.dhcp.enter(DhcpState::Selecting, self.now);
    }

    pub(super) fn dhcp_deadline(&self) -> Option<Time> {
        earlier(self.dhcp.deadline(), None)
    }

    pub(super) fn poll_dhcp(&mut self) {
        let due = self.dhcp.deadline().is_some_and(|deadline| deadline <= self.now);
        match self.dhcp.state {
            _ if !due => {}
            DhcpState::Off => {}
            DhcpState::Selecting => self.discover(),
            DhcpState::Requesting if self.dhcp.tries >= REQUESTS => self.start_dhcp(),
            DhcpState::Requesting => self.request_offer(),
            DhcpState::Probing => self.take_lease(),
            DhcpState::Bound => self.dhcp.enter(DhcpState::Renewing, self.now),
            DhcpState::Renewing => self.renew(),
        }
        // What has just begun is due.
        if due && self.dhcp.state == DhcpState::Renewing && self.dhcp.tries == 0 {
            self.renew();
        }
    }

    fn discover(&mut self) {
        let last = self.dhcp.lease.as_ref().map(|lease| lease.config.address);
        self.say(DhcpMessageType::Discover, |message| message.requested_ip = last);
        self.asked();
    }

    fn request_offer(&mut self) {
        let Some((address, server)) = self.dhcp.offer else { return self.start_dhcp() };
        self.say(DhcpMessageType::Request, |message| {
            message.requested_ip = Some(address);
            message.server_identifier = Some(server);
        });
        self.asked();
    }

    fn asked(&mut self) {
        self.dhcp.retry = self.now + self.dhcp.pause();
        self.dhcp.tries += 1;
    }

    /// Asks the server for more time, and after a while every server (RFC 2131, 4.4.5).
    fn renew(&mut self) {
        let Some(lease) = self.dhcp.lease.clone() else { return self.start_dhcp() };
        if self.now >= lease.until {
            self.set_ipv4(None);
            return self.start_dhcp();
        }
        let to = if self.now < lease.rebind { lease.server } else { Ipv4Addr::BROADCAST };
        let own = lease.config.address;
        self.say_to(DhcpMessageType::Request, own, to, |message| message.client_ip = own);
        let next = if self.now < lease.rebind { lease.rebind } else { lease.until };
        self.dhcp.retry = self.now + ((next - self.now) / 2).max(Duration::from_secs(60));
        self.dhcp.tries += 1;
    }

    fn say(&mut self, kind: DhcpMessageType, fill: impl FnOnce(&mut DhcpRepr<'_>)) {
        self.say_to(kind, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, fill);
    }

    fn say_to(&mut self, kind: DhcpMessageType, from: Ipv4Addr, to: Ipv4Addr, fill: impl FnOnce(&mut DhcpRepr<'_>)) {
        let name = self.config.name.clone();
        let name = name.as_bytes().get(..name.len().min(NAME_MOST)).unwrap_or_default();
        let hostname = [DhcpOption { kind: OPTION_HOSTNAME, data: name }];
        let mut message = DhcpRepr {
            message_type: kind,
            transaction_id: self.dhcp.transaction,
            secs: u16::try_from((self.now - self.dhcp.began).as_secs()).unwrap_or(u16::MAX),
            client_hardware_address: self.mac().to_smoltcp(),
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: false,
            requested_ip: None,
            client_identifier: Some(self.mac().to_smoltcp()),
            server_identifier: None,
            parameter_request_list: Some(&[1, 3, 6, 51, 54]),
            dns_servers: None,
            max_size: Some(1500),
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: if name.is_empty() { &[] } else { &hostname },
        };
        fill(&mut message);
        let mut bytes = vec![0; message.buffer_len()];
        if message.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).is_ok() {
            let (from, to) = (SocketAddr::new(from.into(), CLIENT_PORT), SocketAddr::new(to.into(), SERVER_PORT));
            let packet = packet::udp(from, to, HOPS, &bytes);
            packet.into_iter().for_each(|packet| drop(self.send_by(Interface::Station, packet, to.ip())));
        }
    }

    /// Whether a datagram was for the DHCP client.
    pub(super) fn dhcp_takes(&mut self, datagram: &Udp<'_>) -> bool {
        if !self.dhcp.expects_offers() || datagram.from.port() != SERVER_PORT {
            return false;
        }
        let Ok(packet) = DhcpPacket::new_checked(datagram.payload) else { return true };
        if let Ok(message) = DhcpRepr::parse(&packet)
            && message.transaction_id == self.dhcp.transaction
            && message.client_hardware_address == self.mac().to_smoltcp()
        {
            self.hear(&message, datagram.from.ip());
        }
        true
    }

    fn hear(&mut self, message: &DhcpRepr<'_>, from: IpAddr) {
        let IpAddr::V4(from) = from else { return };
        let server = message.server_identifier.unwrap_or(from);
        match (self.dhcp.state, message.message_type) {
            (DhcpState::Selecting, DhcpMessageType::Offer) => {
                self.dhcp.offer = Some((message.your_ip, server));
                self.dhcp.enter(DhcpState::Requesting, self.now);
                self.request_offer();
            }
            (DhcpState::Requesting | DhcpState::Renewing, DhcpMessageType::Ack) => self.hear_ack(message, server),
            (DhcpState::Requesting | DhcpState::Renewing, DhcpMessageType::Nak) => {
                self.dhcp.lease = None;
                self.set_ipv4(None);
                self.start_dhcp();
                // A server that always refuses must not be asked without a pause.
                self.dhcp.retry = self.now + FIRST_PAUSE;
            }
            _ => {}
        }
    }

    fn hear_ack(&mut self, message: &DhcpRepr<'_>, server: Ipv4Addr) {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let lasts = message.lease_duration.map_or(Duration::from_secs(3600), seconds);
        let prefix = message.subnet_mask.map_or(24, |mask| u32::from(mask).leading_ones() as u8);
        let dns = message.dns_servers.iter().flatten().take(DHCP_MAX_DNS_SERVER_COUNT).copied().collect();
        let config = Ipv4Config { address: message.your_ip, prefix, gateway: message.router, dns };
        let known = self.addresses.v4.as_ref() == Some(&config);
        self.dhcp.lease = Some(Held {
            config,
            server,
            renew: self.now + message.renew_duration.map_or(lasts / 2, seconds),
            rebind: self.now + message.rebind_duration.map_or(lasts / 8 * 7, seconds),
            until: self.now + lasts,
        });
        if known {
            return self.dhcp.enter(DhcpState::Bound, self.now);
        }
        self.dhcp.enter(DhcpState::Probing, self.now + PROBE);
        let probe = Arp { request: true, sender: (self.mac(), Ipv4Addr::UNSPECIFIED), target: message.your_ip };
        self.put(Interface::Station, probe.frame(Mac::BROADCAST));
    }

    /// Nobody else has it.
    fn take_lease(&mut self) {
        self.dhcp.enter(DhcpState::Bound, self.now);
        let config = self.dhcp.lease.as_ref().map(|lease| lease.config.clone());
        self.set_ipv4(config);
    }

    /// Somebody has the address that this host is about to take, or wants it too (RFC 5227, 2.1.1).
    pub(super) fn dhcp_hears_arp(&mut self, arp: &Arp) {
        let Some(lease) = self.dhcp.lease.as_ref().filter(|_| self.dhcp.state == DhcpState::Probing) else { return };
        let (address, server) = (lease.config.address, lease.server);
        let probes = arp.sender.1.is_unspecified() && arp.target == address;
        if arp.sender.0 == self.mac() || !(arp.sender.1 == address || probes) {
            return;
        }
        self.say(DhcpMessageType::Decline, |message| {
            message.requested_ip = Some(address);
            message.server_identifier = Some(server);
        });
        self.dhcp.lease = None;
        self.start_dhcp();
        self.dhcp.retry = self.now + AFTER_DECLINE;
    }

    /// Whether a datagram was for the board's own DHCP server.
    pub(super) fn serves_dhcp(&mut self, datagram: &Udp<'_>) -> bool {
        let (Some(service), Some(v4)) = (&mut self.serves, &self.addresses.own) else { return false };
        let (network, own) = (u32::from(v4.address) & u32::from(v4.mask()), v4.address);
        let leases = (Ipv4Addr::from(network + 2), Ipv4Addr::from(u32::from(v4.broadcast()) - 1));
        let plan = Plan { gateway: own, prefix: v4.prefix, pc: own, host: own, leases, ..Plan::default() };
        let neighbours = &self.neighbours[Interface::AccessPoint as usize];
        let held = |address: Ipv4Addr| neighbours.get(self.now, address.into());
        if let Some(DhcpOutcome::Answer(answer)) = service.server.handle(self.now, &plan, datagram.payload, held) {
            let (from, to) = ((own, SERVER_PORT).into(), (answer.to, CLIENT_PORT).into());
            let packet = packet::udp(from, to, HOPS, &answer.bytes);
            packet.into_iter().for_each(|packet| self.put_packet(Interface::AccessPoint, packet, answer.mac));
        }
        true
    }

    /// Gives the address back, as a program does that says so (RFC 2131, 4.4.6).
    pub fn release(&mut self, now: Time) {
        self.at(now);
        if let Some(lease) = self.dhcp.lease.take() {
            let own = lease.config.address;
            self.say_to(DhcpMessageType::Release, own, lease.server, |message| {
                message.client_ip = own;
                message.server_identifier = Some(lease.server);
            });
            self.poll(now);
        }
        self.dhcp.stop();
        if self.config.addressing == Addressing::Dhcp {
            self.set_ipv4(None);
        }
    }
}
