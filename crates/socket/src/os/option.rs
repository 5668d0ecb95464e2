//! Socket options as the system has them.

use std::io;

use socket2::Socket;

use crate::{Cause, Errno, SockOpt, SockOptName};

pub(super) fn set(socket: &Socket, option: &SockOpt) -> Result<(), Cause> {
    match option {
        SockOpt::ReuseAddress(on) => socket.set_reuse_address(*on),
        SockOpt::Broadcast(on) => socket.set_broadcast(*on),
        SockOpt::KeepAlive(on) => socket.set_keepalive(*on),
        SockOpt::Linger(time) => socket.set_linger(*time),
        SockOpt::NoDelay(on) => socket.set_tcp_nodelay(*on),
        SockOpt::ReceiveBuffer(bytes) => socket.set_recv_buffer_size(*bytes),
        SockOpt::SendBuffer(bytes) => socket.set_send_buffer_size(*bytes),
        SockOpt::TimeToLive(hops) => socket.set_ttl_v4(*hops),
        SockOpt::V6Only(on) => socket.set_only_v6(*on),
        SockOpt::BindToDevice(name) => return bind_device(socket, name.as_deref()),
        SockOpt::Error(_) => return Err(Errno::ENOPROTOOPT.into()),
        multicast => return set_multicast(socket, multicast),
    }
    .map_err(Cause::from)
}

fn set_multicast(socket: &Socket, option: &SockOpt) -> Result<(), Cause> {
    match option {
        SockOpt::JoinV4 { group, interface } => socket.join_multicast_v4(group, interface),
        SockOpt::LeaveV4 { group, interface } => socket.leave_multicast_v4(group, interface),
        SockOpt::JoinV6 { group, interface } => socket.join_multicast_v6(group, *interface),
        SockOpt::LeaveV6 { group, interface } => socket.leave_multicast_v6(group, *interface),
        SockOpt::MulticastTtlV4(hops) => socket.set_multicast_ttl_v4(*hops),
        SockOpt::MulticastLoopV4(on) => socket.set_multicast_loop_v4(*on),
        SockOpt::MulticastInterfaceV4(address) => socket.set_multicast_if_v4(address),
        SockOpt::MulticastHopsV6(hops) => socket.set_multicast_hops_v6(*hops),
        SockOpt::MulticastLoopV6(on) => socket.set_multicast_loop_v6(*on),
        SockOpt::MulticastInterfaceV6(index) => socket.set_multicast_if_v6(*index),
        _ => return Err(Errno::ENOPROTOOPT.into()),
    }
    .map_err(Cause::from)
}

pub(super) fn get(socket: &Socket, name: SockOptName) -> Result<SockOpt, Cause> {
    Ok(match name {
        SockOptName::ReuseAddress => SockOpt::ReuseAddress(socket.reuse_address()?),
        SockOptName::Broadcast => SockOpt::Broadcast(socket.broadcast()?),
        SockOptName::KeepAlive => SockOpt::KeepAlive(socket.keepalive()?),
        SockOptName::Linger => SockOpt::Linger(socket.linger()?),
        SockOptName::NoDelay => SockOpt::NoDelay(socket.tcp_nodelay()?),
        SockOptName::ReceiveBuffer => SockOpt::ReceiveBuffer(socket.recv_buffer_size()?),
        SockOptName::SendBuffer => SockOpt::SendBuffer(socket.send_buffer_size()?),
        SockOptName::Error => SockOpt::Error(pending(socket.take_error()?)),
        SockOptName::TimeToLive => SockOpt::TimeToLive(socket.ttl_v4()?),
        SockOptName::V6Only => SockOpt::V6Only(socket.only_v6()?),
        SockOptName::BindToDevice => SockOpt::BindToDevice(device(socket)?),
        SockOptName::MulticastTtlV4 => SockOpt::MulticastTtlV4(socket.multicast_ttl_v4()?),
        SockOptName::MulticastLoopV4 => SockOpt::MulticastLoopV4(socket.multicast_loop_v4()?),
        SockOptName::MulticastInterfaceV4 => SockOpt::MulticastInterfaceV4(socket.multicast_if_v4()?),
        SockOptName::MulticastHopsV6 => SockOpt::MulticastHopsV6(socket.multicast_hops_v6()?),
        SockOptName::MulticastLoopV6 => SockOpt::MulticastLoopV6(socket.multicast_loop_v6()?),
        SockOptName::MulticastInterfaceV6 => SockOpt::MulticastInterfaceV6(socket.multicast_if_v6()?),
        SockOptName::JoinV4 | SockOptName::LeaveV4 | SockOptName::JoinV6 | SockOptName::LeaveV6 => {
            return Err(Errno::ENOPROTOOPT.into());
        }
    })
}

/// A pending error without a name here is still one.
fn pending(error: Option<io::Error>) -> Option<Errno> {
    error.map(|error| error.raw_os_error().and_then(Errno::from_system).unwrap_or(Errno::EIO))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_device(socket: &Socket, name: Option<&str>) -> Result<(), Cause> {
    Ok(socket.bind_device(name.map(str::as_bytes))?)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn device(socket: &Socket) -> io::Result<Option<String>> {
    Ok(socket.device()?.map(|name| String::from_utf8_lossy(&name).into_owned()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_device(_: &Socket, _: Option<&str>) -> Result<(), Cause> {
    Err(Cause::with_detail(Errno::ENOPROTOOPT, "only Linux binds sockets to an interface by name"))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn device(_: &Socket) -> Result<Option<String>, Cause> {
    Err(Errno::ENOPROTOOPT.into())
}
