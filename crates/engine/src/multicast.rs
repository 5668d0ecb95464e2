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
    hear_own_groups_only(socket, is_v4);
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

/// Without this, Linux has a socket hear the groups that any program of the machine takes part in. Kernels that do not
/// know the option go on doing so: an endpoint is not to fail for that.
#[cfg(target_os = "linux")]
fn hear_own_groups_only(socket: &Socket, is_v4: bool) {
    let _ = socket.set_multicast_all_v4(false); // also of a dual-stack socket
    if !is_v4 {
        let _ = socket.set_multicast_all_v6(false);
    }
}

#[cfg(not(target_os = "linux"))]
fn hear_own_groups_only(_: &Socket, _: bool) {}

/// Takes part in `group` on `interface`.
pub(crate) fn join(socket: SockRef<'_>, group: IpAddr, interface: &Interface) -> Result<(), Failure> {
    check(&socket, group).map_err(|error| failed(Operation::Join, group, interface, error))?;
    let done = match group {
        IpAddr::V4(group) => by_v4(interface).and_then(|on| socket.join_multicast_v4_n(&group, &on)),
        IpAddr::V6(group) => by_v6(interface).and_then(|on| socket.join_multicast_v6(&group, on)),
    };
    done.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Reason::error(error.kind(), "it takes part there already", "已在该接口加入"),
        _ => error,
    })
    .map_err(|error| failed(Operation::Join, group, interface, error))
}

/// Takes part no longer.
pub(crate) fn leave(socket: SockRef<'_>, group: IpAddr, interface: &Interface) -> Result<(), Failure> {
    let done = match group {
        IpAddr::V4(group) => by_v4(interface).and_then(|on| socket.leave_multicast_v4_n(&group, &on)),
        IpAddr::V6(group) => by_v6(interface).and_then(|on| socket.leave_multicast_v6(&group, on)),
    };
    done.map_err(|error| failed(Operation::Leave, group, interface, error))
}

fn failed(operation: Operation, group: IpAddr, interface: &Interface, error: io::Error) -> Failure {
    Failure::new(operation, format_args!("{group} ({interface})"), error)
}

/// What the system would say no to in words that help nobody.
fn check(socket: &SockRef<'_>, group: IpAddr) -> io::Result<()> {
    let invalid = |en, zh| Err(Reason::error(io::ErrorKind::InvalidInput, en, zh));
    if !group.is_multicast() {
        return invalid(
            "that is no group: groups are 224.0.0.0 to 239.255.255.255 and ff00::/8",
            "这不是组播地址：组播地址为 224.0.0.0 至 239.255.255.255 和 ff00::/8",
        );
    }
    let is_v4 = socket.domain().is_ok_and(|domain| domain == socket2::Domain::IPV4);
    if is_v4 && group.is_ipv6() {
        return invalid("the endpoint is of IPv4, the group of IPv6", "端点为 IPv4，组播地址为 IPv6");
    }
    Ok(())
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
    found.into_iter().next().ok_or_else(Reason::no_interface)
}
