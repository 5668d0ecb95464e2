//! The addresses of a host and the ways out of it: which are its own, which are beside it, and who leads to the rest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::time::earlier;
use crate::{Interface, Time};

/// Addresses that a host makes in prefixes that routers tell of.
const GLOBALS: usize = 2;

/// IPv4, as a board's `ifconfig` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4Config {
    /// Its own address.
    pub address: Ipv4Addr,
    /// Bits of the network's prefix, 0 to 32.
    pub prefix: u8,
    /// Who leads to other networks.
    pub gateway: Option<Ipv4Addr>,
    /// Who knows names.
    pub dns: Vec<Ipv4Addr>,
}

/// A prefix in which the host has made an address (RFC 4862, 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Global {
    pub(super) address: Ipv6Addr,
    pub(super) prefix: u8,
    pub(super) until: Time,
}

#[derive(Debug, Default)]
pub(super) struct Addresses {
    pub(super) v4: Option<Ipv4Config>,
    /// In the network that the host itself is the access point of.
    pub(super) own: Option<Ipv4Config>,
    /// The one before the link went down: connections wait for it to come back.
    pub(super) kept: Option<Ipv4Config>,
    pub(super) link_local: Option<Ipv6Addr>,
    pub(super) globals: Vec<Global>,
    pub(super) router: Option<(Ipv6Addr, Time)>,
}

impl Ipv4Config {
    /// The mask that goes with the prefix.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from(mask(self.prefix))
    }

    /// The address by which everybody in the network is meant.
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !mask(self.prefix))
    }

    pub(crate) fn has(&self, other: Ipv4Addr) -> bool {
        (u32::from(self.address) ^ u32::from(other)) & mask(self.prefix) == 0
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

fn shares(one: Ipv6Addr, other: Ipv6Addr, prefix: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
    (u128::from(one) ^ u128::from(other)) & mask == 0
}

impl Addresses {
    /// Those that connections may be from.
    pub(super) fn of_connections(&self) -> Vec<(IpAddr, u8)> {
        let kept = self.kept.iter().filter(|_| self.v4.is_none());
        self.all().into_iter().chain(kept.map(|v4| (IpAddr::V4(v4.address), v4.prefix))).collect()
    }

    /// All of them, with their prefixes, in the order in which a source is chosen.
    pub(super) fn all(&self) -> Vec<(IpAddr, u8)> {
        let v4 = self.all_v4().map(|(_, v4)| (IpAddr::V4(v4.address), v4.prefix));
        let globals = self.globals.iter().map(|global| (IpAddr::V6(global.address), global.prefix));
        let link_local = self.link_local.iter().map(|address| (IpAddr::V6(*address), 64));
        let loopback = [(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];
        v4.chain(globals).chain(link_local).chain(loopback).collect()
    }

    /// Whether packets for it stay here.
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.is_loopback() || self.all_v4().any(|(_, v4)| v4.address == address),
            IpAddr::V6(address) => {
                address.is_loopback()
                    || self.link_local == Some(address)
                    || self.globals.iter().any(|global| global.address == address)
            }
        }
    }

    /// Whether it means everybody in the network.
    pub(super) fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { return false };
        address.is_broadcast() || self.all_v4().any(|(_, v4)| v4.prefix < 31 && v4.broadcast() == address)
    }

    fn all_v4(&self) -> impl Iterator<Item = (Interface, &Ipv4Config)> {
        let station = self.v4.iter().map(|v4| (Interface::Station, v4));
        station.chain(self.own.iter().map(|v4| (Interface::AccessPoint, v4)))
    }

    /// Its IPv4 address on an interface.
    pub(super) fn v4_on(&self, interface: Interface) -> Option<&Ipv4Config> {
        match interface {
            Interface::Station => self.v4.as_ref(),
            Interface::AccessPoint => self.own.as_ref(),
        }
    }

    /// The interface by which packets for it leave: that of its network, or the first, as lwIP's default. Its own network
    /// knows IPv4 alone.
    pub(super) fn interface_for(&self, to: IpAddr) -> Interface {
        let IpAddr::V4(to) = to else { return Interface::Station };
        let beside = self.all_v4().find(|(_, v4)| v4.has(to));
        beside.or(self.all_v4().next()).map_or(Interface::Station, |(interface, _)| interface)
    }

    /// Who gets the packets for it on that interface; `None` if nobody would know what to do with them.
    pub(super) fn next_hop(&self, interface: Interface, to: IpAddr) -> Option<IpAddr> {
        match to {
            IpAddr::V4(to) => {
                let v4 = self.v4_on(interface)?;
                if v4.has(to) { Some(to.into()) } else { v4.gateway.map(IpAddr::from) }
            }
            IpAddr::V6(to) if to.is_unicast_link_local() => self.link_local.map(|_| to.into()),
            IpAddr::V6(to) => {
                let beside = self.globals.iter().any(|global| shares(global.address, to, global.prefix));
                if beside { Some(to.into()) } else { self.router.map(|(router, _)| router.into()) }
            }
        }
    }

    /// The address that packets for it are from (RFC 6724, 5, as far as there is a choice).
    pub(super) fn source_for(&self, to: IpAddr) -> Option<IpAddr> {
        match to {
            IpAddr::V4(to) if to.is_loopback() => Some(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V4(_) => self.v4_on(self.interface_for(to)).map(|v4| v4.address.into()),
            IpAddr::V6(to) if to.is_loopback() => Some(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V6(to) => {
                let near = to.is_unicast_link_local() || to.octets().starts_with(&[0xff, 0x02]);
                let same = self.globals.iter().find(|global| shares(global.address, to, global.prefix));
                let global = same.or(self.globals.first()).map(|global| global.address).filter(|_| !near);
                global.or(self.link_local).map(IpAddr::from)
            }
        }
    }

    /// Makes an address in a prefix, or lets it live on; says whether the addresses have changed.
    pub(super) fn note_prefix(&mut self, address: Ipv6Addr, prefix: u8, until: Time) -> bool {
        if let Some(known) = self.globals.iter_mut().find(|global| global.address == address) {
            known.until = until;
            return false;
        }
        let room = self.globals.len() < GLOBALS;
        if room {
            self.globals.push(Global { address, prefix, until });
        }
        room
    }

    /// Drops what has run out; says whether the addresses have changed.
    pub(super) fn expire(&mut self, now: Time) -> bool {
        let before = self.globals.len();
        self.globals.retain(|global| global.until > now);
        self.router = self.router.filter(|(_, until)| *until > now);
        self.globals.len() != before
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let globals = self.globals.iter().map(|global| Some(global.until));
        globals.fold(self.router.map(|(_, until)| until), earlier)
    }
}
