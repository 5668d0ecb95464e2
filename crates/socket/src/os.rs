//! The system's own network: non-blocking sockets by `socket2`, waiting by poll(2). Options are in `option`, what is
//! rung to end a wait in `bell`, look-ups in `lookup`, addresses in `address`.

mod address;
mod bell;
mod lookup;
mod option;

use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, recv, recvfrom};

use crate::policy::Verdict;
use crate::{
    Address, Cause, Errno, Family, Info, Kind, LookupFailure, Protocol, Query, Ready, SockOpt, SockOptName, Stack,
    Type, Watch,
};
use bell::Belfry;
use lookup::{Lookup, Lookups};

type Result<T> = std::result::Result<T, Cause>;

/// Asked before a socket dials or sends to an address.
type Policy = Arc<dyn Fn(&SocketAddr) -> Verdict + Send + Sync>;

/// The longest single wait: some systems count milliseconds in 31 bits. Whoever waits longer waits again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The system's own network, on Linux, macOS and Windows. A clone is another handle to the same.
#[derive(Clone)]
pub struct OsStack {
    policy: Option<Policy>,
    lookups: Arc<Lookups>,
    belfry: Arc<Belfry>,
}

/// A socket of the system.
pub struct OsSocket {
    socket: socket2::Socket,
    family: Family,
    kind: Type,
    /// Where this socket was last allowed to send to: a policy may be dear, and datagrams many.
    allowed: Mutex<Option<SocketAddr>>,
}

/// A look-up under way, on a thread of its own.
pub struct OsLookup(Lookup);

impl OsStack {
    /// Everything that this process may do.
    pub fn new() -> OsStack {
        let belfry = Arc::new(Belfry::default());
        OsStack { policy: None, lookups: Arc::new(Lookups::default()), belfry }
    }

    /// Sockets dial and send only where the policy allows; elsewhere these calls fail with [`Kind::NotAllowed`] and
    /// its reason. [`policy::this_machine`](crate::policy::this_machine) is one. It is asked for the address that the
    /// packets go to: not for names, for `bind`, or for peers that connect to us. IPv4 that is dialled through IPv6
    /// comes as IPv4. A datagram socket asks again when the address is not the last one. Unix sockets are not asked.
    pub fn with_policy(self, allow: impl Fn(&SocketAddr) -> Verdict + Send + Sync + 'static) -> OsStack {
        OsStack { policy: Some(Arc::new(allow)), ..self }
    }

    /// Names are looked up by this function instead of the system's `getaddrinfo`. It may block: it runs on a thread of
    /// its own. [`Query::answers`] makes its answer.
    pub fn with_resolver(
        self,
        resolve: impl Fn(&Query) -> std::result::Result<Vec<Info>, LookupFailure> + Send + Sync + 'static,
    ) -> OsStack {
        OsStack { lookups: Arc::new(Lookups::new(resolve)), ..self }
    }

    /// Whether this socket may send there.
    fn permit(&self, socket: &OsSocket, address: &Address) -> Result<()> {
        let (Some(policy), Address::Ip(address)) = (&self.policy, address) else { return Ok(()) };
        let mut allowed = socket.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        if *allowed == Some(*address) {
            return Ok(());
        }
        match policy(&SocketAddr::new(address.ip().to_canonical(), address.port())) {
            Verdict::Allow => *allowed = Some(*address),
            Verdict::Refuse(reason) => return Err(Cause::with_detail(Kind::NotAllowed, reason)),
        }
        Ok(())
    }
}

impl Default for OsStack {
    fn default() -> OsStack {
        OsStack::new()
    }
}

impl OsSocket {
    fn new(socket: socket2::Socket, family: Family, kind: Type) -> Result<OsSocket> {
        socket.set_nonblocking(true)?;
        Ok(OsSocket { socket, family, kind, allowed: Mutex::new(None) })
    }
}

impl Stack for OsStack {
    type Handle = OsSocket;
    type Lookup = OsLookup;

    fn open(&self, family: Family, kind: Type, protocol: Protocol) -> Result<OsSocket> {
        let number = protocol.number();
        let protocol = (number != 0).then(|| socket2::Protocol::from(i32::from(number)));
        let socket = socket2::Socket::new(address::domain(family), address::kind(kind), protocol)
            .map_err(|error| explain_raw(error.into(), kind))?;
        if family == Family::Inet6 && kind != Type::Raw {
            // Windows and some Linux installations differ from RFC 3493 here; OpenBSD refuses, and stays as it is.
            let _ = socket.set_only_v6(false);
        }
        OsSocket::new(socket, family, kind)
    }

    fn bind(&self, socket: &OsSocket, address: &Address) -> Result<()> {
        Ok(socket.socket.bind(&address::to_system(address)?)?)
    }

    fn listen(&self, socket: &OsSocket, backlog: u32) -> Result<()> {
        Ok(socket.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?)
    }

    fn accept(&self, socket: &OsSocket) -> Result<(OsSocket, Address)> {
        let (accepted, address) = socket.socket.accept()?;
        Ok((OsSocket::new(accepted, socket.family, socket.kind)?, address::from_system(&address)))
    }

    fn connect(&self, socket: &OsSocket, address: &Address) -> Result<()> {
        // Linux lets the first of two such calls pass when the connection was made in the background.
        if socket.kind == Type::Stream && socket.socket.peer_addr().is_ok() {
            return Err(Errno::EISCONN.into());
        }
        self.permit(socket, address)?;
        socket.socket.connect(&address::to_system(address)?).map_err(|error| {
            let cause = Cause::from(error);
            // Winsock says of a connect what others say of a receive.
            if cfg!(windows) && cause.is(Errno::EAGAIN) { Errno::EINPROGRESS.into() } else { cause }
        })
    }

    fn send(&self, socket: &OsSocket, bytes: &[u8], to: Option<&Address>) -> Result<usize> {
        let Some(address) = to else {
            return rustix::net::send(&socket.socket, bytes, no_signal()).map_err(named);
        };
        self.permit(socket, address)?;
        let flags = no_signal().bits() as i32;
        Ok(socket.socket.send_to_with_flags(bytes, &address::to_system(address)?, flags)?)
    }

    fn receive(&self, socket: &OsSocket, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>)> {
        let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
        let room = into.len();
        let got = if socket.kind == Type::Stream {
            recv(&socket.socket, &mut *into, flags).map(|(got, _)| (got, None))
        } else {
            recvfrom(&socket.socket, &mut *into, flags).map(|(got, _, sender)| (got, sender))
        };
        match got {
            Ok((got, sender)) => Ok((got, sender.and_then(address::from_rustix))),
            // Winsock's way to say that a datagram was longer.
            Err(error) if cfg!(windows) && error == rustix::io::Errno::MSGSIZE => Ok((room, None)),
            Err(error) => Err(named(error)),
        }
    }

    fn shutdown(&self, socket: &OsSocket, how: Shutdown) -> Result<()> {
        Ok(socket.socket.shutdown(how)?)
    }

    fn local_address(&self, socket: &OsSocket) -> Result<Address> {
        Ok(address::from_system(&socket.socket.local_addr()?))
    }

    fn peer_address(&self, socket: &OsSocket) -> Result<Address> {
        Ok(address::from_system(&socket.socket.peer_addr()?))
    }

    fn set(&self, socket: &OsSocket, option: &SockOpt) -> Result<()> {
        option::set(&socket.socket, option)
    }

    fn get(&self, socket: &OsSocket, name: SockOptName) -> Result<SockOpt> {
        option::get(&socket.socket, name)
    }

    #[cfg(unix)]
    fn number(&self, socket: &OsSocket) -> i64 {
        std::os::fd::AsRawFd::as_raw_fd(&socket.socket).into()
    }

    #[cfg(windows)]
    fn number(&self, socket: &OsSocket) -> i64 {
        std::os::windows::io::AsRawSocket::as_raw_socket(&socket.socket) as i64
    }

    fn lookup(&self, query: &Query) -> Result<OsLookup> {
        Ok(OsLookup(self.lookups.start(query, self.waker())?))
    }

    fn answer(&self, lookup: &mut OsLookup) -> Option<Result<Vec<Info>>> {
        lookup.0.answer()
    }

    fn wait(&self, watches: &mut [Watch<'_, OsSocket>], deadline: Option<Instant>, since: u64) -> Result<()> {
        let bell = self.belfry.hang(since)?;
        if self.belfry.epoch() != since {
            return Ok(());
        }
        let mut descriptors: Vec<PollFd<'_>> =
            watches.iter().map(|watch| PollFd::new(&watch.socket.socket, asked(watch.interest))).collect();
        descriptors.push(PollFd::new(bell.rope(), PollFlags::IN));
        match poll(&mut descriptors, span(deadline).as_ref()) {
            // A signal: whoever waits looks at what it waits for, and comes back.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(named(error)),
        }
        let found: Vec<Ready> = descriptors.iter().map(|descriptor| told(descriptor.revents())).collect();
        drop(descriptors);
        for (watch, ready) in watches.iter_mut().zip(found) {
            watch.ready = ready;
        }
        Ok(())
    }

    fn epoch(&self) -> u64 {
        self.belfry.epoch()
    }

    fn waker(&self) -> Waker {
        self.belfry.clone().into()
    }
}

/// How long until the deadline, in the way that poll(2) takes it.
fn span(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
    // Both are far below their limits.
    Some(Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ })
}

fn asked(interest: Ready) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.contains(Ready::IN));
    flags.set(PollFlags::OUT, interest.contains(Ready::OUT));
    flags
}

fn told(flags: PollFlags) -> Ready {
    const MEANINGS: [(PollFlags, Ready); 5] = [
        (PollFlags::IN, Ready::IN),
        (PollFlags::OUT, Ready::OUT),
        (PollFlags::ERR, Ready::ERR),
        (PollFlags::HUP, Ready::HUP),
        (PollFlags::NVAL, Ready::NVAL),
    ];
    let set = MEANINGS.iter().filter(|(flag, _)| flags.contains(*flag));
    set.fold(Ready::NONE, |all, (_, meaning)| all | *meaning)
}

/// Writing to a closed connection is an error, not a signal that ends the process. macOS has an option for that, which
/// socket2 sets, and Windows has no signals.
fn no_signal() -> SendFlags {
    #[cfg(not(any(windows, target_vendor = "apple")))]
    return SendFlags::NOSIGNAL;
    #[cfg(any(windows, target_vendor = "apple"))]
    return SendFlags::empty();
}

fn named(error: rustix::io::Errno) -> Cause {
    std::io::Error::from(error).into()
}

fn explain_raw(cause: Cause, kind: Type) -> Cause {
    match cause.kind {
        Kind::Errno(errno @ (Errno::EPERM | Errno::EACCES)) if kind == Type::Raw => {
            let privilege = if cfg!(target_os = "linux") { "root or CAP_NET_RAW" } else { "an administrator" };
            Cause::with_detail(errno, format!("raw sockets need {privilege}"))
        }
        _ => cause,
    }
}
