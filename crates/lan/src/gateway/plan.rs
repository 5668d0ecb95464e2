//! Who has which address on the network, before anybody has come: values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::Mac;
use crate::host::Ipv4Config;
use crate::packet;

/// The hardware address of the gateway, which answers for everybody who is no board.
pub(crate) const GATEWAY_MAC: Mac = Mac([0x02, 0x53, 0x4c, 0x47, 0x57, 0x01]);

/// The addresses of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The gateway: router, DHCP server, DNS server.
    pub gateway: Ipv4Addr,
    /// Bits of the network's prefix, 8 to 30.
    pub prefix: u8,
    /// The assistant's computer: `pc.lan`.
    pub pc: Ipv4Addr,
    /// The machine that all this runs on: `host.internal`.
    pub host: Ipv4Addr,
    /// The first address that DHCP gives, and the last.
    pub leases: (Ipv4Addr, Ipv4Addr),
    /// How long a lease is, in whole seconds.
    pub lease_time: Duration,
    /// The /64 in which boards make addresses of their own.
    pub prefix6: Ipv6Addr,
}

impl Default for Plan {
    /// 192.168.1.0/24, with the assistant at .115.
    fn default() -> Plan {
        Plan {
            gateway: Ipv4Addr::new(192, 168, 1, 1),
            prefix: 24,
            pc: Ipv4Addr::new(192, 168, 1, 115),
            host: Ipv4Addr::new(192, 168, 1, 254),
            leases: (Ipv4Addr::new(192, 168, 1, 20), Ipv4Addr::new(192, 168, 1, 250)),
            lease_time: Duration::from_secs(24 * 3600),
            prefix6: Ipv6Addr::new(0xfd53, 0x6f63, 0x6b6c, 1, 0, 0, 0, 0),
        }
    }
}

impl Plan {
    fn network(&self) -> Ipv4Config {
        Ipv4Config { address: self.gateway, prefix: self.prefix, gateway: None, dns: Vec::new() }
    }

    /// The mask that goes with the prefix.
    pub fn mask(&self) -> Ipv4Addr {
        self.network().mask()
    }

    /// The address by which everybody in the network is meant.
    pub fn broadcast(&self) -> Ipv4Addr {
        self.network().broadcast()
    }

    /// The assistant's address in the /64: its IPv4 address makes the end of it.
    pub fn pc6(&self) -> Ipv6Addr {
        self.with_end(self.pc)
    }

    /// The gateway's address in the /64.
    pub fn gateway6(&self) -> Ipv6Addr {
        self.with_end(self.gateway)
    }

    fn with_end(&self, address: Ipv4Addr) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(self.prefix6) | u128::from(u32::from(address)))
    }

    /// The address by which the gateway speaks as a router.
    pub(crate) fn router(&self) -> Ipv6Addr {
        packet::in_prefix(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), GATEWAY_MAC)
    }

    /// Whether a host of this network could have the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => {
                let ends = [self.broadcast(), Ipv4Addr::from(u32::from(self.gateway) & u32::from(self.mask()))];
                self.network().has(v4) && !ends.contains(&v4)
            }
            IpAddr::V6(v6) => v6.segments()[..4] == self.prefix6.segments()[..4] && v6 != self.prefix6,
        }
    }

    /// Whether it belongs to those who are always there.
    pub fn is_reserved(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => [self.gateway, self.pc, self.host].contains(&v4),
            IpAddr::V6(v6) => [self.gateway6(), self.pc6(), self.router()].contains(&v6),
        }
    }

    /// Whether it means many of this network.
    pub(crate) fn is_for_many(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4 == self.broadcast(),
            IpAddr::V6(v6) => v6.is_multicast(),
        }
    }
}
