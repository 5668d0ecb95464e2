//! Sockets from URLs: resolving, creating, setting options, binding. What happens on them afterwards belongs
//! in `listen`, `dial` and `datagram`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

#[cfg(unix)]
use socket2::SockAddr;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
#[cfg(unix)]
use socklab_capture::Address;
use socklab_capture::Transport;

use crate::failure::{Failure, Operation, Reason};
use crate::holder;
use crate::hub::Hub;
#[cfg(unix)]
use crate::url::UnixName;
use crate::url::{Host, HostPort, Options};

/// The addresses that a host and port stand for, in the order in which they are to be tried.
pub(crate) async fn resolve(place: &HostPort) -> Result<Vec<SocketAddr>, Failure> {
    let port = place.port;
    Ok(match &place.host {
        Host::Any => vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()],
        Host::Ip(ip) => vec![(*ip, port).into()],
        Host::Zoned(ip, zone) => vec![SocketAddrV6::new(*ip, port, 0, zone_index(zone)?).into()],
        Host::Name(name) => {
            let found = tokio::net::lookup_host((name.as_str(), port)).await;
            found.map_err(|error| Failure::new(Operation::Resolve, name, Reason::of_lookup(&error)))?.collect()
        }
    })
}

/// The same, with the names of the virtual network.
pub(crate) async fn resolve_beside(hub: &Hub, place: &HostPort) -> Result<Vec<SocketAddr>, Failure> {
    let of_board = match &place.host {
        Host::Name(name) => hub.lan().and_then(|lan| lan.board_named(name)),
        _ => None,
    };
    match of_board {
        // The name is nobody else's business.
        Some(none) if none.is_empty() => Err(Failure::new(Operation::Resolve, &place.host, Reason::no_address_yet())),
        Some(addresses) => Ok(addresses.into_iter().map(|ip| (ip, place.port).into()).collect()),
        None => resolve(place).await,
    }
}

fn zone_index(zone: &str) -> Result<u32, Failure> {
    let known = if_addrs::get_if_addrs().unwrap_or_default();
    let by_name = known.iter().find(|interface| interface.name == zone).and_then(|interface| interface.index);
    by_name
        .or_else(|| zone.parse().ok())
        .ok_or_else(|| Failure::new(Operation::FindInterface, zone, Reason::no_interface()))
}

/// A socket for `place`, made by `bind` from the first of its addresses that works.
pub(crate) async fn first_bound(
    operation: Operation,
    place: &HostPort,
    bind: impl Fn(SocketAddr, bool) -> Result<Socket, Failure>,
) -> Result<Socket, Failure> {
    let dual_stack = place.host == Host::Any;
    let mut failure = None;
    for address in resolve(place).await? {
        match bind(address, dual_stack) {
            Ok(socket) => return Ok(socket),
            // The two families of `*` share the port: where it is taken, the other family is no way out.
            Err(error) if dual_stack && error.error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => failure = Some(error),
        }
    }
    let nothing = || Failure::new(operation, place, io::Error::from(io::ErrorKind::AddrNotAvailable));
    Err(failure.unwrap_or_else(nothing))
}

/// A TCP socket that listens.
pub(crate) fn listen_tcp(address: SocketAddr, dual_stack: bool, options: &Options) -> Result<Socket, Failure> {
    let failed = |error| bind_failure(Operation::Listen, address, dual_stack, error);
    let socket = new_socket(address, dual_stack, Type::STREAM, Protocol::TCP).map_err(failed)?;
    set_common(&socket, address, options)?;
    // On Windows the option means another thing: that two may listen on one port at a time.
    if cfg!(unix) {
        socket.set_reuse_address(options.reuse()).map_err(failed)?;
    }
    socket.bind(&address.into()).map_err(failed)?;
    socket.listen(backlog(options)).map_err(failed)?;
    Ok(socket)
}

fn backlog(options: &Options) -> i32 {
    i32::try_from(options.backlog()).unwrap_or(i32::MAX)
}

/// A TCP socket that is to connect to `target`.
pub(crate) async fn dial_tcp(target: SocketAddr, options: &Options) -> Result<Socket, Failure> {
    let failed = |error| Failure::new(Operation::Connect, target, error);
    let socket = new_socket(target, false, Type::STREAM, Protocol::TCP).map_err(failed)?;
    set_common(&socket, target, options)?;
    if let Some(source) = &options.bind {
        let sources = resolve(source).await?;
        let fitting = sources.into_iter().find(|source| source.is_ipv4() == target.is_ipv4());
        let none = || Failure::new(Operation::Bind, source, io::Error::from(io::ErrorKind::AddrNotAvailable));
        let source = fitting.ok_or_else(none)?;
        if cfg!(unix) {
            socket.set_reuse_address(true).map_err(failed)?;
        }
        socket.bind(&source.into()).map_err(|error| bind_failure(Operation::Bind, source, false, error))?;
    }
    Ok(socket)
}

/// A bound UDP socket.
pub(crate) fn bind_udp(address: SocketAddr, dual_stack: bool, options: &Options) -> Result<Socket, Failure> {
    let failed = |error| bind_failure(Operation::BindDatagram, address, dual_stack, error);
    let socket = new_socket(address, dual_stack, Type::DGRAM, Protocol::UDP).map_err(failed)?;
    set_common(&socket, address, options)?;
    if options.rcvbuf.is_none() {
        // Datagrams have no other place to wait while we are busy; what the system does not allow it cuts down.
        let _ = socket.set_recv_buffer_size(DATAGRAM_BUFFER);
    }
    socket.set_broadcast(options.broadcast()).map_err(failed)?;
    if !options.join.is_empty() && options.reuse() {
        socket.set_reuse_address(true).map_err(failed)?; // several programs may hear one group
    }
    socket.bind(&address.into()).map_err(failed)?;
    Ok(socket)
}

/// The receive buffer of a datagram socket, unless the URL says otherwise.
pub(crate) const DATAGRAM_BUFFER: usize = 4 << 20;

fn new_socket(address: SocketAddr, dual_stack: bool, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    Ok(socket)
}

fn set_common(socket: &Socket, address: SocketAddr, options: &Options) -> Result<(), Failure> {
    let failed = |name| move |error| Failure::new(Operation::SetOption(name), address, error);
    set_buffers(socket, &address, options)?;
    if let Some(ttl) = options.ttl {
        if address.is_ipv4() {
            socket.set_ttl_v4(u32::from(ttl)).map_err(failed("ttl"))?;
        } else {
            socket.set_unicast_hops_v6(u32::from(ttl)).map_err(failed("ttl"))?;
        }
    }
    if let Some(interface) = &options.interface {
        let place = format!("{address}: {interface}");
        let failed = |error| Failure::new(Operation::SetOption("interface"), place, error);
        bind_to_interface(socket, interface, address).map_err(failed)?;
    }
    Ok(())
}

fn set_buffers(socket: &Socket, address: &dyn std::fmt::Display, options: &Options) -> Result<(), Failure> {
    if let Some(size) = options.rcvbuf {
        let failed = |error| Failure::new(Operation::SetOption("rcvbuf"), address, error);
        socket.set_recv_buffer_size(size).map_err(failed)?;
    }
    if let Some(size) = options.sndbuf {
        let failed = |error| Failure::new(Operation::SetOption("sndbuf"), address, error);
        socket.set_send_buffer_size(size).map_err(failed)?;
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_to_interface(socket: &Socket, name: &str, _: SocketAddr) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(target_vendor = "apple")]
fn bind_to_interface(socket: &Socket, name: &str, address: SocketAddr) -> io::Result<()> {
    let index = zone_index(name).map_err(|failure| failure.error)?.try_into().ok();
    if address.is_ipv4() { socket.bind_device_by_index_v4(index) } else { socket.bind_device_by_index_v6(index) }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn bind_to_interface(_: &Socket, _: &str, _: SocketAddr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a connection gets from its URL, whoever made it.
pub(crate) fn set_connection(socket: socket2::SockRef<'_>, options: &Options) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay())?;
    match options.keepalive {
        Some(idle) => socket.set_tcp_keepalive(&keepalive(idle)),
        None => Ok(()),
    }
}

/// Probes after `idle`, then three more, each after a third of it: a dead peer is found within twice the time.
fn keepalive(idle: Duration) -> TcpKeepalive {
    let every = (idle / 3).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(every);
    if cfg!(any(unix, windows)) { keepalive.with_retries(3) } else { keepalive }
}

fn bind_failure(operation: Operation, address: SocketAddr, dual_stack: bool, error: io::Error) -> Failure {
    let transport = if operation == Operation::BindDatagram { Transport::Datagram } else { Transport::Stream };
    let shown = if dual_stack { format!("*:{}", address.port()) } else { address.to_string() };
    let holder = (error.kind() == io::ErrorKind::AddrInUse).then(|| holder::of(transport, address.port())).flatten();
    Failure { holder, ..Failure::new(operation, shown, error) }
}

/// A Unix socket of `kind` with its options set, not yet bound.
#[cfg(unix)]
pub(crate) fn new_unix(kind: Type, name: &UnixName, options: &Options) -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::UNIX, kind, None);
    let socket = socket.map_err(|error| Failure::new(Operation::Bind, unix_shown(name), error))?;
    socket.set_nonblocking(true).map_err(|error| Failure::new(Operation::Bind, unix_shown(name), error))?;
    set_buffers(&socket, name, options)?;
    Ok(socket)
}

/// A Unix socket that listens. A socket file that nobody listens on any more is taken over.
#[cfg(unix)]
pub(crate) fn listen_unix(name: &UnixName, options: &Options) -> Result<Socket, Failure> {
    let failed = |error| Failure::new(Operation::Listen, unix_shown(name), error);
    let socket = new_unix(Type::STREAM, name, options)?;
    bind_unix(&socket, name, Type::STREAM, options.reuse()).map_err(failed)?;
    socket.listen(backlog(options)).map_err(failed)?;
    Ok(socket)
}

/// Binds, in the place of a dead socket file if need be.
#[cfg(unix)]
pub(crate) fn bind_unix(socket: &Socket, name: &UnixName, kind: Type, reuse: bool) -> io::Result<()> {
    let address = unix_sockaddr(name)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && reuse && is_dead(name, kind) => {
            if let Some(path) = name.path() {
                std::fs::remove_file(path)?;
            }
            socket.bind(&address)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_no_socket(name) => {
            Err(Reason::error(error.kind(), "there is a file of that name", "已有同名文件"))
        }
        result => result,
    }
}

/// Whether what has this name is of another kind.
#[cfg(unix)]
fn is_no_socket(name: &UnixName) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let metadata = name.path().map(std::fs::symlink_metadata);
    metadata.is_some_and(|metadata| metadata.is_ok_and(|metadata| !metadata.file_type().is_socket()))
}

/// Whether `name` is a socket file whose owner is gone. Any other file is somebody's.
#[cfg(unix)]
fn is_dead(name: &UnixName, kind: Type) -> bool {
    let Some(path) = name.path() else { return false };
    // Of the other kind: a server that lives is not to take the question for its client.
    let other = if kind == Type::STREAM { Type::DGRAM } else { Type::STREAM };
    let refused = || {
        let probe = Socket::new(Domain::UNIX, other, None)?;
        probe.set_nonblocking(true)?;
        probe.connect(&SockAddr::unix(path)?)
    };
    !is_no_socket(name) && refused().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// A socket's place in the file system, which outlives the socket unless somebody removes it.
#[cfg(unix)]
pub(crate) struct SocketFile(pub(crate) std::path::PathBuf);

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The name as the system takes it: `@` is a zero byte there, and no name at all lets it pick one.
#[cfg(unix)]
pub(crate) fn unix_sockaddr(name: &UnixName) -> io::Result<SockAddr> {
    match name.abstract_name() {
        Some(name) => SockAddr::unix(format!("\0{name}")),
        None => SockAddr::unix(name.as_str()),
    }
}

/// How messages name it.
#[cfg(unix)]
pub(crate) fn unix_shown(name: &UnixName) -> String {
    format!("unix:{name}")
}

/// The address of a Unix socket as people write it; bytes that are no UTF-8 are replaced.
#[cfg(unix)]
pub(crate) fn unix_address(address: &tokio::net::unix::SocketAddr) -> Address {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let abstract_name = || address.as_abstract_name().map(|name| format!("@{}", String::from_utf8_lossy(name)));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let abstract_name = || None;
    let path = address.as_pathname().map(|path| path.to_string_lossy().into_owned());
    Address::Unix(path.or_else(abstract_name).unwrap_or_default().into())
}

/// The unspecified address of a family.
pub(crate) fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
