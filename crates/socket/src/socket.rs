//! A socket: its life, its connection, its modes, and the calls of the BSD family (`send`, `recv`), which fail with
//! `EAGAIN` where they would have to wait. The stream family is in `stream`, buffers are in `file`.

use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[cfg(feature = "os")]
use crate::OsStack;
use crate::error::{Cause, Error, Operation, Result, Subject};
use crate::net::Step;
use crate::{Address, Errno, Family, Net, Ready, SockOpt, SockOptName, Stack, Type, Watch};

type Outcome<T> = std::result::Result<T, Cause>;

/// No limit, as the timeout is kept.
const FOREVER: u64 = u64::MAX;

/// How long until something is tried again for which no stack can wait: room in a Unix socket's backlog, or in the
/// queue of the peer that an unconnected Unix datagram is for. Linux calls such a socket ready.
const RETRY: Duration = Duration::from_millis(5);

/// How often a socket may be called ready and not be, before `RETRY` comes between: once happens when several threads
/// wait for the same thing.
const FALSE_READY_MAX: u32 = 3;

/// A socket. A clone is another handle to the same one; it closes when the last handle goes, or at
/// [`close`](Socket::close).
///
/// **Modes.** It is blocking at first. [`settimeout`](Socket::settimeout) makes it timed: a call in which nothing
/// moves for that long fails with `ETIMEDOUT`, never earlier. Zero makes it non-blocking: a call that would have to
/// wait fails with `EAGAIN`, a connect with `EINPROGRESS`; `read`, `readinto`, `readline` and `write` give `None`
/// instead. A call tries first and waits only when it has to, so that one that is ready costs one call of the stack.
///
/// **Waiting** can be ended from another thread, by [`Interrupt`](crate::Interrupt) or by `close`. All calls fail with
/// `EBADF` when the socket is closed, also those that wait at that moment.
pub struct Socket<#[cfg(feature = "os")] S: Stack = OsStack, #[cfg(not(feature = "os"))] S: Stack> {
    shared: Arc<Shared<S>>,
}

struct Shared<S: Stack> {
    net: Net<S>,
    family: Family,
    kind: Type,
    /// The lock is held for as long as it takes to copy the pointer: a call that waits must not keep `close` waiting.
    handle: Mutex<Option<Arc<S::Handle>>>,
    /// Nanoseconds; 0 is non-blocking.
    timeout: AtomicU64,
    /// The stream's end has been read: it stays so, whatever the peer sends by way of RST afterwards.
    ended: AtomicBool,
}

/// How to receive; see [`Socket::recv_with`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecvFlags {
    /// Leave it where it is: the next call receives it again (`MSG_PEEK`).
    pub peek: bool,
    /// Do not wait, whatever the socket's mode (`MSG_DONTWAIT`).
    pub dont_wait: bool,
}

impl<S: Stack> Socket<S> {
    pub(crate) fn new(net: Net<S>, family: Family, kind: Type, handle: S::Handle) -> Socket<S> {
        let handle = Mutex::new(Some(Arc::new(handle)));
        let (timeout, ended) = (AtomicU64::new(FOREVER), AtomicBool::new(false));
        Socket { shared: Arc::new(Shared { net, family, kind, handle, timeout, ended }) }
    }

    /// The network that it belongs to.
    pub fn net(&self) -> &Net<S> {
        &self.shared.net
    }

    /// Its family of addresses.
    pub fn family(&self) -> Family {
        self.shared.family
    }

    /// Its type.
    pub fn kind(&self) -> Type {
        self.shared.kind
    }

    /// A number that no other open socket of the stack has; the system's descriptor on `OsStack`.
    pub fn fileno(&self) -> Result<i64> {
        self.call(Operation::Fileno, |stack, handle| Ok(stack.number(handle)))
    }

    /// How long a call may wait without anything moving: `None` for ever, zero not at all; a reading or writing
    /// loop's clock starts again with every piece. More than 584 years is for ever. It counts from the next call.
    pub fn settimeout(&self, timeout: Option<Duration>) {
        let nanoseconds = timeout.map_or(FOREVER, |limit| u64::try_from(limit.as_nanos()).unwrap_or(FOREVER));
        self.shared.timeout.store(nanoseconds, Ordering::Relaxed);
    }

    /// Blocking is `settimeout(None)`, non-blocking `settimeout(Some(0))`.
    pub fn setblocking(&self, blocking: bool) {
        self.settimeout(if blocking { None } else { Some(Duration::ZERO) });
    }

    /// As set by [`settimeout`](Socket::settimeout).
    pub fn timeout(&self) -> Option<Duration> {
        match self.shared.timeout.load(Ordering::Relaxed) {
            FOREVER => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Gives it a local address; port 0 lets the stack choose, [`local_address`](Socket::local_address) says which.
    /// Fails with `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES` (ports below 1024), `EINVAL` if it has one.
    pub fn bind(&self, address: impl Into<Address>) -> Result<()> {
        let address = address.into();
        let outcome = self.handle().and_then(|handle| {
            self.fits(&address)?;
            self.stack().bind(&handle, &address)
        });
        outcome.map_err(|cause| Error::new(Operation::Bind, cause).about(Subject::Address(address)))
    }

    /// Lets peers connect; `backlog` of them may wait to be accepted (0 is at least one, and systems have a largest:
    /// 4096 on Linux). Fails with `EOPNOTSUPP` unless it is a stream.
    pub fn listen(&self, backlog: u32) -> Result<()> {
        self.call(Operation::Listen, |stack, handle| stack.listen(handle, backlog))
    }

    /// The next connection, blocking whatever this socket's mode, and where it comes from. `EINVAL` if it does not
    /// listen; `ECONNABORTED` if the peer was gone again.
    pub fn accept(&self) -> Result<(Socket<S>, Address)> {
        let accepted = self.patiently(Ready::IN, true, |stack, handle| stack.accept(handle));
        let (handle, address) = accepted.map_err(|cause| Error::new(Operation::Accept, cause))?;
        Ok((Socket::new(self.net().clone(), self.family(), self.kind(), handle), address))
    }

    /// Connects. A datagram socket is only told where to send to and whom to hear.
    ///
    /// Non-blocking, it fails with `EINPROGRESS`; the outcome is there when it is ready for [`Ready::OUT`], as
    /// [`SockOpt::Error`]. Timed out (`ETIMEDOUT`) or interrupted, it goes on in the same way (POSIX `connect`), and a
    /// second call meets `EALREADY` or `EISCONN`. Otherwise `ECONNREFUSED`, `EHOSTUNREACH` and the like, after which
    /// the socket is of no more use: what a second attempt does, POSIX leaves open.
    pub fn connect(&self, address: impl Into<Address>) -> Result<()> {
        let address = address.into();
        let outcome = self.handle().and_then(|handle| {
            self.fits(&address)?;
            self.connect_by(&handle, &address)
        });
        outcome.map_err(|cause| Error::new(Operation::Connect, cause).about(Subject::Address(address)))
    }

    fn connect_by(&self, handle: &S::Handle, address: &Address) -> Outcome<()> {
        let waits = self.timeout() != Some(Duration::ZERO);
        let deadline = self.net().deadline(self.timeout());
        loop {
            match self.stack().connect(handle, address) {
                Err(cause) if cause.is(Errno::EINPROGRESS) && waits => break,
                Err(cause) if cause.is(Errno::EAGAIN) && waits => self.nap(deadline)?,
                outcome => return outcome,
            }
        }
        self.await_ready(handle, Ready::OUT, deadline)?;
        match self.stack().get(handle, SockOptName::Error)? {
            SockOpt::Error(Some(errno)) => Err(errno.into()),
            _ => Ok(()),
        }
    }

    /// Lets a moment pass, interruptibly.
    fn nap(&self, deadline: Option<Instant>) -> Outcome<()> {
        let now = self.stack().now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(Errno::ETIMEDOUT.into());
        }
        let retry = now + RETRY;
        let until = deadline.map_or(retry, |deadline| deadline.min(retry));
        while self.net().step(&mut [], Some(until), &mut || self.is_closed())? != Step::TimedOut {
            self.handle()?;
        }
        Ok(())
    }

    /// Sends what there is room for, at least one byte, and says how many; a datagram whole or not at all. Fails with
    /// `ENOTCONN` or `EPIPE` without a connection, `ECONNRESET`, `EMSGSIZE`, `EDESTADDRREQ`. No signal is raised.
    pub fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.send_some(bytes, None).map_err(|cause| Error::new(Operation::Send, cause))
    }

    /// Sends all of it, or one datagram. When it fails, [`Error::done`] says how many bytes were taken before: also
    /// `EAGAIN` of a non-blocking socket can come after some.
    pub fn sendall(&self, bytes: &[u8]) -> Result<()> {
        let (done, cause) = self.push(bytes);
        cause.map_or(Ok(()), |cause| Err(Error::new(Operation::Send, cause).after(done)))
    }

    /// Sends one datagram to an address. On a stream that is connected, most stacks answer `EISCONN` or ignore the
    /// address.
    pub fn sendto(&self, bytes: &[u8], address: impl Into<Address>) -> Result<usize> {
        let address = address.into();
        let outcome = self.fits(&address).and_then(|()| self.send_some(bytes, Some(&address)));
        outcome.map_err(|cause| Error::new(Operation::Send, cause).about(Subject::Address(address)))
    }

    fn send_some(&self, bytes: &[u8], to: Option<&Address>) -> Outcome<usize> {
        self.patiently(Ready::OUT, true, |stack, handle| stack.send(handle, bytes, to))
    }

    /// Sends all of it; says how much was taken, and what went wrong if that is not all.
    pub(crate) fn push(&self, bytes: &[u8]) -> (usize, Option<Cause>) {
        let mut done = 0;
        loop {
            match self.send_some(&bytes[done..], None) {
                Ok(taken) => done += taken,
                Err(cause) => return (done, Some(cause)),
            }
            if done >= bytes.len() {
                return (done, None);
            }
            // A peer that always keeps up would otherwise make this deaf.
            if let Err(cause) = self.net().attend() {
                return (done, Some(cause));
            }
        }
    }

    /// Receives at most `limit` bytes: what there is, as soon as there is any; of a datagram the beginning, and the
    /// excess is lost. Empty at a stream's end, for ever. Fails with `ENOTCONN` on a stream that was never connected,
    /// with `ECONNRESET` once.
    pub fn recv(&self, limit: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; limit];
        let count = self.recv_into(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// The same into the caller's buffer, without allocating; 0 at a stream's end. An empty buffer receives nothing of
    /// a stream, and takes a datagram away.
    pub fn recv_into(&self, into: &mut [u8]) -> Result<usize> {
        self.recv_with(into, RecvFlags::default()).map(|(count, _)| count)
    }

    /// One datagram and its sender; a stream has no senders.
    pub fn recvfrom(&self, limit: usize) -> Result<(Vec<u8>, Option<Address>)> {
        let mut bytes = vec![0; limit];
        let (count, sender) = self.recv_with(&mut bytes, RecvFlags::default())?;
        bytes.truncate(count);
        Ok((bytes, sender))
    }

    /// Receives into the caller's buffer, in the way that `flags` say; how many bytes, and a datagram's sender.
    pub fn recv_with(&self, into: &mut [u8], flags: RecvFlags) -> Result<(usize, Option<Address>)> {
        self.pull(into, flags).map_err(|cause| Error::new(Operation::Receive, cause))
    }

    pub(crate) fn pull(&self, into: &mut [u8], flags: RecvFlags) -> Outcome<(usize, Option<Address>)> {
        let stream = self.kind() == Type::Stream;
        if self.shared.ended.load(Ordering::Relaxed) || stream && into.is_empty() {
            return self.handle().map(|_| (0, None));
        }
        let got =
            self.patiently(Ready::IN, !flags.dont_wait, |stack, handle| stack.receive(handle, into, flags.peek))?;
        if stream && got.0 == 0 {
            self.shared.ended.store(true, Ordering::Relaxed);
        }
        Ok(got)
    }

    /// Ends one direction, or both: after `Write` the peer reads what was sent and then the end. `ENOTCONN` without a
    /// connection.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.call(Operation::Shutdown, |stack, handle| stack.shutdown(handle, how))?;
        // Linux then says of a datagram socket that it is ready, and of reading that it would have to wait.
        if how != Shutdown::Write && self.kind() != Type::Stream {
            self.shared.ended.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Where it is; unspecified address and port 0 before it is bound.
    pub fn local_address(&self) -> Result<Address> {
        self.call(Operation::LocalAddress, |stack, handle| stack.local_address(handle))
    }

    /// Where its peer is; `ENOTCONN` without one.
    pub fn peer_address(&self) -> Result<Address> {
        self.call(Operation::PeerAddress, |stack, handle| stack.peer_address(handle))
    }

    /// Sets an option; each says at [`SockOpt`] what it does and where it fails.
    pub fn setsockopt(&self, option: SockOpt) -> Result<()> {
        let outcome = self.handle().and_then(|handle| self.stack().set(&handle, &option));
        outcome.map_err(|cause| Error::new(Operation::SetOption, cause).about(Subject::Option(option.name())))
    }

    /// Reads an option. What cannot be read, memberships for example, fails with `ENOPROTOOPT`.
    pub fn getsockopt(&self, name: SockOptName) -> Result<SockOpt> {
        let outcome = self.handle().and_then(|handle| self.stack().get(&handle, name));
        outcome.map_err(|cause| Error::new(Operation::GetOption, cause).about(Subject::Option(name)))
    }

    /// Closes it, at once for the peer, and for all handles. Calls under way fail with `EBADF`. Closing again does
    /// nothing.
    pub fn close(&self) {
        let handle = self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Whoever has copied the handle may be waiting.
        if handle.is_some_and(|handle| Arc::strong_count(&handle) > 1) {
            self.stack().waker().wake();
        }
    }

    /// Whether [`close`](Socket::close) has been called.
    pub fn is_closed(&self) -> bool {
        self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// What the stack knows it by; `EBADF` once it is closed.
    pub(crate) fn handle(&self) -> Outcome<Arc<S::Handle>> {
        self.shared.handle.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Errno::EBADF.into())
    }

    fn stack(&self) -> &S {
        self.net().stack()
    }

    /// A call that never waits.
    fn call<T>(&self, operation: Operation, call: impl FnOnce(&S, &S::Handle) -> Outcome<T>) -> Result<T> {
        let outcome = self.handle().and_then(|handle| call(self.stack(), &handle));
        outcome.map_err(|cause| Error::new(operation, cause))
    }

    /// The address is one for this socket: not all systems look.
    fn fits(&self, address: &Address) -> Outcome<()> {
        if address.family() == self.family() { Ok(()) } else { Err(Errno::EAFNOSUPPORT.into()) }
    }

    /// A call that may have to wait: tries, and waits and tries again for as long as the mode lets it.
    fn patiently<T>(
        &self,
        interest: Ready,
        may_wait: bool,
        mut attempt: impl FnMut(&S, &S::Handle) -> Outcome<T>,
    ) -> Outcome<T> {
        let handle = self.handle()?;
        let mut deadline = None;
        let mut tries = 0;
        loop {
            match attempt(self.stack(), &handle) {
                Err(cause) if cause.is(Errno::EAGAIN) && may_wait => {}
                outcome => return outcome,
            }
            let timeout = self.timeout();
            if timeout == Some(Duration::ZERO) {
                return Err(Errno::EAGAIN.into());
            }
            // The clock is asked only by those who wait, and once.
            let until = *deadline.get_or_insert_with(|| self.net().deadline(timeout));
            if tries > FALSE_READY_MAX {
                self.nap(until)?;
            }
            tries += 1;
            self.await_ready(&handle, interest, until)?;
        }
    }

    /// Waits until the socket is ready; `ETIMEDOUT` when the deadline has come, `EBADF` when it has been closed.
    fn await_ready(&self, socket: &S::Handle, interest: Ready, deadline: Option<Instant>) -> Outcome<()> {
        loop {
            let mut watches = [Watch { socket, interest, ready: Ready::NONE }];
            match self.net().step(&mut watches, deadline, &mut || self.is_closed())? {
                Step::Ready => return Ok(()),
                Step::TimedOut => return Err(Errno::ETIMEDOUT.into()),
                Step::Woken if self.is_closed() => return Err(Errno::EBADF.into()),
                Step::Woken => {}
            }
        }
    }
}

impl<S: Stack> Clone for Socket<S> {
    fn clone(&self) -> Socket<S> {
        Socket { shared: self.shared.clone() }
    }
}

impl<S: Stack> fmt::Debug for Socket<S> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = self.is_closed();
        to.debug_struct("Socket")
            .field("family", &self.family())
            .field("kind", &self.kind())
            .field("closed", &closed)
            .finish()
    }
}
