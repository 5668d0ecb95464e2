//! The addresses of this machine, and what each of them is good for: which one a device is to dial.

use std::io;
use std::net::IpAddr;

pub use if_addrs::Interface;

use crate::failure::Lang;

/// How useful an address is to somebody else's device, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The local network.
    Network,
    /// A network that exists inside this machine only: containers, virtual machines.
    Inside,
    /// A direct link without a network behind it.
    LinkLocal,
    /// This machine.
    Loopback,
}

impl Reach {
    fn of(interface: &Interface) -> Self {
        let name = interface.name.as_str();
        match interface.ip() {
            ip if ip.is_loopback() => Reach::Loopback,
            IpAddr::V4(ip) if ip.is_link_local() => Reach::LinkLocal,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Reach::LinkLocal,
            _ if ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "vEthernet", "lxc", "cni"]
                .iter()
                .any(|inside| name.starts_with(inside)) =>
            {
                Reach::Inside
            }
            _ => Reach::Network,
        }
    }

    /// Who can dial it.
    pub fn text(self, lang: Lang) -> &'static str {
        match self {
            Reach::Network => lang.pick("devices in this network", "同一网络中的设备"),
            Reach::Inside => lang.pick("containers and virtual machines here only", "仅本机的容器和虚拟机"),
            Reach::LinkLocal => lang.pick("devices on this very link", "仅直连的设备"),
            Reach::Loopback => lang.pick("programs on this machine only", "仅本机的程序"),
        }
    }

    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Reach::Network => "network",
            Reach::Inside => "inside",
            Reach::LinkLocal => "link_local",
            Reach::Loopback => "loopback",
        }
    }
}

/// All addresses, the most useful first.
///
/// # Errors
/// The system does not tell.
pub fn addresses() -> io::Result<Vec<(Interface, Reach)>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut addresses: Vec<_> = interfaces.into_iter().map(|interface| (Reach::of(&interface), interface)).collect();
    addresses.sort_by_key(|(reach, interface)| (*reach, interface.ip().is_ipv6(), interface.name.clone()));
    Ok(addresses.into_iter().map(|(reach, interface)| (interface, reach)).collect())
}
