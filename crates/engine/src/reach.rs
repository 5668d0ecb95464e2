//! The addresses of this machine, and what each of them is good for: which one a device is to dial, and what would stop
//! it.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::Path;

pub use if_addrs::Interface;

use crate::failure::{Failure, Holder, Lang, Operation};
use crate::holder;

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

/// The address of an interface as an endpoint's URL and a program have it, without brackets: one that is good on its link
/// only names the interface.
pub fn written(interface: &Interface) -> String {
    match interface.ip() {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => format!("{ip}%{}", interface.name),
        ip => ip.to_string(),
    }
}

/// What would stop a device that dials this port, as far as it can be told, a line each without a full stop.
pub fn obstacles(port: u16, lang: Lang) -> Vec<String> {
    let others = |holder: &Holder| holder.process != std::process::id();
    let taken = holder::of_port(port).filter(others).map(|holder| match lang {
        Lang::En => format!("port {port} is held by process {} ({})", holder.process, holder.name),
        Lang::Zh => format!("端口 {port} 被进程 {}（{}）占用", holder.process, holder.name),
    });
    let forbidden = || match TcpListener::bind(("127.0.0.1", port)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Some(Failure::new(Operation::Listen, port, error).text(lang))
        }
        _ => None,
    };
    taken.or_else(forbidden).into_iter().chain(firewall(port, lang)).collect()
}

/// Firewalls that say where they are. Their rules can only be read with privileges, so this is a hint.
fn firewall(port: u16, lang: Lang) -> Option<String> {
    let ufw = || {
        std::fs::read_to_string("/etc/ufw/ufw.conf")
            .is_ok_and(|conf| conf.lines().any(|line| line.trim() == "ENABLED=yes"))
    };
    let (name, command) = if cfg!(windows) {
        (
            "Windows Defender",
            format!(
                "netsh advfirewall firewall add rule name=socklab dir=in action=allow protocol=TCP localport={port}"
            ),
        )
    } else if ufw() {
        ("ufw", format!("sudo ufw allow {port}"))
    } else if Path::new("/run/firewalld").exists() {
        ("firewalld", format!("sudo firewall-cmd --add-port={port}/tcp --add-port={port}/udp"))
    } else {
        return None;
    };
    Some(match lang {
        Lang::En => format!("a firewall ({name}) is on; if the device gets no answer: {command}"),
        Lang::Zh => format!("防火墙（{name}）已开启；若设备连不上，请运行：{command}"),
    })
}
