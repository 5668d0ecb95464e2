//! Multicast groups: joining and leaving them on chosen interfaces, and how far what is sent to them goes.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use socket2::{InterfaceIndexOrAddress, SockRef, Socket};

use crate::failure::{Failure, Operation, Reason};
use crate::url::{HostPort, Interface, Options};

/// Joins what the URL says, and sets where and how far multicast goes out.
pub(crate) fn set_up(socket: &Socket, place: &HostPort, options: &Options) -> Result<(), Failure> {
    let failed = |name| move |error| Failure::new(Operation::SetOption(name), place, error);
    let is_v4 = socket.domain().is_ok_and(|domain| domain == socket2::Domain::IPV4);
    if let Some(ttl) = options.ttl.map(u32::from) {
        if is_v4 { socket.set_multicast_ttl_v4(ttl) } else { socket.set_multicast_hops_v6(ttl) }
            .map_err(failed("ttl"))?;
    }
    let looped = options.loopback();
    if is_v4 { socket.set_multicast_loop_v4(looped) } else { socket.set_multicast_loop_v6(looped) }
        .map_err(failed("loop"))?;
    let Some(group) = place.multicast_group() else { return Ok(()) };
    for interface in &options.join {
        join(socket.into(), group, interface)?;
    }
    match options.join.first() {
        Some(interface) => send_on(socket, is_v4, interface).map_err(failed("interface")),
        None => Ok(()),
    }
}

/// Takes part in `group` on `interface`.
pub(crate) fn join(socket: SockRef<'_>, group: IpAddr, interface: &Interface) -> Result<(), Failure> {
    let done = match group {
        IpAddr::V4(group) => by_v4(interface).and_then(|on| socket.join_multicast_v4_n(&group, &on)),
        IpAddr::V6(group) => by_v6(interface).and_then(|on| socket.join_multicast_v6(&group, on)),
    };
    done.map_err(|error| Failure::new(Operation::Join, format_args!("{group} ({interface})"), error))
}

/// Takes part no longer.
pub(crate) fn leave(socket: SockRef<'_>, group: IpAddr, interface: &Interface) -> Result<(), Failure> {
    let done = match group {
        IpAddr::V4(group) => by_v4(interface).and_then(|on| socket.leave_multicast_v4_n(&group, &on)),
        IpAddr::V6(group) => by_v6(interface).and_then(|on| socket.leave_multicast_v6(&group, on)),
    };
    done.map_err(|error| Failure::new(Operation::Leave, format_args!("{group} ({interface})"), error))
}

fn send_on(socket: &Socket, is_v4: bool, interface: &Interface) -> io::Result<()> {
    match interface {
        Interface::Any => Ok(()),
        _ if is_v4 => socket.set_multicast_if_v4(&address_of(interface)?),
        _ => socket.set_multicast_if_v6(by_v6(interface)?),
    }
}

fn by_v4(interface: &Interface) -> io::Result<InterfaceIndexOrAddress> {
    Ok(match interface {
        Interface::Any => InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED),
        Interface::Address(address) => InterfaceIndexOrAddress::Address(*address),
        Interface::Index(index) => InterfaceIndexOrAddress::Index(index.get()),
        Interface::Name(_) => InterfaceIndexOrAddress::Index(find(interface)?.index.unwrap_or_default()),
    })
}

fn by_v6(interface: &Interface) -> io::Result<u32> {
    match interface {
        Interface::Any => Ok(0),
        Interface::Index(index) => Ok(index.get()),
        _ => Ok(find(interface)?.index.unwrap_or_default()),
    }
}

fn address_of(interface: &Interface) -> io::Result<Ipv4Addr> {
    match interface {
        Interface::Address(address) => Ok(*address),
        _ => match find(interface)?.addr {
            if_addrs::IfAddr::V4(v4) => Ok(v4.ip),
            if_addrs::IfAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        },
    }
}

/// The interface's entry, the one with an IPv4 address if it has several.
fn find(wanted: &Interface) -> io::Result<if_addrs::Interface> {
    let fits = |known: &if_addrs::Interface| match wanted {
        Interface::Any => false,
        Interface::Index(index) => known.index == Some(index.get()),
        Interface::Address(address) => known.ip() == IpAddr::V4(*address),
        Interface::Name(name) => known.name == *name,
    };
    let mut found: Vec<_> = if_addrs::get_if_addrs()?.into_iter().filter(fits).collect();
    found.sort_by_key(|known| known.ip().is_ipv6());
    found.into_iter().next().ok_or_else(|| Reason::no_interface())
}
