//! Families, types and addresses as the system has them.

use std::net::SocketAddr;

use rustix::net::SocketAddrAny;
use socket2::SockAddr;

use crate::{Address, Cause, Errno, Family, Type, UnixName};

pub(super) fn domain(family: Family) -> socket2::Domain {
    match family {
        Family::Inet => socket2::Domain::IPV4,
        Family::Inet6 => socket2::Domain::IPV6,
        Family::Unix => socket2::Domain::UNIX,
    }
}

pub(super) fn kind(kind: Type) -> socket2::Type {
    match kind {
        Type::Stream => socket2::Type::STREAM,
        Type::Datagram => socket2::Type::DGRAM,
        Type::Raw => socket2::Type::RAW,
    }
}

pub(super) fn to_system(address: &Address) -> Result<SockAddr, Cause> {
    match address {
        Address::Ip(address) => Ok((*address).into()),
        Address::Unix(UnixName::Path(path)) => Ok(SockAddr::unix(path)?),
        Address::Unix(UnixName::Abstract(name)) => abstract_name(name),
        Address::Unix(UnixName::Unnamed) => Err(Errno::EINVAL.into()),
    }
}

/// Linux knows such a name by the NUL at its beginning.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(name: &[u8]) -> Result<SockAddr, Cause> {
    use std::os::unix::ffi::OsStrExt;
    let path = [b"\0", name].concat();
    Ok(SockAddr::unix(std::ffi::OsStr::from_bytes(&path))?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_name(_: &[u8]) -> Result<SockAddr, Cause> {
    Err(Cause::with_detail(Errno::EINVAL, "only Linux has abstract names"))
}

pub(super) fn from_system(address: &SockAddr) -> Address {
    match address.as_socket() {
        Some(address) => Address::Ip(address),
        None => Address::Unix(unix_name(address)),
    }
}

fn unix_name(address: &SockAddr) -> UnixName {
    #[cfg(unix)]
    {
        if let Some(path) = address.as_pathname() {
            return UnixName::Path(path.into());
        }
        if let Some(name) = address.as_abstract_namespace() {
            return UnixName::Abstract(name.into());
        }
    }
    let _ = address;
    UnixName::Unnamed
}

/// A datagram's sender; `None` for a family that is none of ours.
pub(super) fn from_rustix(address: SocketAddrAny) -> Option<Address> {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return Some(Address::Ip(address));
    }
    #[cfg(unix)]
    if let Ok(name) = rustix::net::SocketAddrUnix::try_from(address) {
        return Some(Address::Unix(rustix_name(&name)));
    }
    None
}

#[cfg(unix)]
fn rustix_name(name: &rustix::net::SocketAddrUnix) -> UnixName {
    use std::os::unix::ffi::OsStrExt;
    if let Some(path) = name.path() {
        return UnixName::Path(std::ffi::OsStr::from_bytes(path.to_bytes()).into());
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = name.abstract_name() {
        return UnixName::Abstract(name.into());
    }
    UnixName::Unnamed
}
