//! What a network has to give so that sockets can run on it: calls that never wait, and one call that does. Timeouts,
//! loops and interrupts are in `Socket`, once for all stacks.

use std::net::Shutdown;
use std::task::Waker;
use std::time::Instant;

use crate::{Address, Cause, Family, Info, Protocol, Query, Ready, SockOpt, SockOptName, Type};

/// A socket, and what is asked about it while waiting.
#[derive(Debug)]
pub struct Watch<'a, H> {
    /// The socket.
    pub socket: &'a H,
    /// [`Ready::IN`], [`Ready::OUT`], both or none.
    pub interest: Ready,
    /// The answer, which [`Stack::wait`] fills in: what of `interest` is so, and `ERR`, `HUP` or `NVAL` unasked.
    pub ready: Ready,
}

/// A network: the system's own (`OsStack`), or one that is played.
///
/// All sockets are non-blocking: a call that would have to wait fails with `EAGAIN`, a connect with `EINPROGRESS`.
/// Dropping the handle closes the socket at once. Errors are those that POSIX names for the call.
pub trait Stack: Send + Sync + 'static {
    /// A socket. Several threads may use it at the same time; what they do then happens in some order.
    type Handle: Send + Sync;
    /// A look-up under way. Dropping it gives it up.
    type Lookup: Send;

    /// A new socket.
    fn open(&self, family: Family, kind: Type, protocol: Protocol) -> Result<Self::Handle, Cause>;
    /// Gives it a local address.
    fn bind(&self, socket: &Self::Handle, address: &Address) -> Result<(), Cause>;
    /// Lets peers connect, `backlog` of which may wait for `accept`; a stack may have its own limits for that.
    fn listen(&self, socket: &Self::Handle, backlog: u32) -> Result<(), Cause>;
    /// The next connection and where it comes from.
    fn accept(&self, socket: &Self::Handle) -> Result<(Self::Handle, Address), Cause>;
    /// Starts to connect; the outcome is readiness for [`Ready::OUT`], and then [`SockOptName::Error`]. `EAGAIN` says
    /// that it has not begun, and that only trying again will tell (a Unix socket's full backlog).
    fn connect(&self, socket: &Self::Handle, address: &Address) -> Result<(), Cause>;
    /// Takes as many bytes as there is room for, or one datagram; `to` is for a datagram only.
    fn send(&self, socket: &Self::Handle, bytes: &[u8], to: Option<&Address>) -> Result<usize, Cause>;
    /// Gives what there is, or one datagram, whose excess is lost; 0 at the end of a stream. With `peek` it stays
    /// where it is. The address is that of a datagram's sender; streams have none.
    fn receive(&self, socket: &Self::Handle, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>), Cause>;
    /// Ends one direction, or both.
    fn shutdown(&self, socket: &Self::Handle, how: Shutdown) -> Result<(), Cause>;
    /// Where the socket is.
    fn local_address(&self, socket: &Self::Handle) -> Result<Address, Cause>;
    /// Where its peer is; `ENOTCONN` without one.
    fn peer_address(&self, socket: &Self::Handle) -> Result<Address, Cause>;
    /// Sets an option.
    fn set(&self, socket: &Self::Handle, option: &SockOpt) -> Result<(), Cause>;
    /// Reads one.
    fn get(&self, socket: &Self::Handle, name: SockOptName) -> Result<SockOpt, Cause>;
    /// A number that no other open socket of the stack has.
    fn number(&self, socket: &Self::Handle) -> i64;

    /// Starts to look a name up. Its end moves the [`epoch`](Stack::epoch).
    fn lookup(&self, query: &Query) -> Result<Self::Lookup, Cause>;
    /// The answer, once it is there. It is asked for no more after that.
    fn answer(&self, lookup: &mut Self::Lookup) -> Option<Result<Vec<Info>, Cause>>;

    /// Waits until one of the sockets is ready, the deadline has come, or the epoch is no longer `since`. It may also
    /// return for no reason. A deadline in the past asks without waiting.
    fn wait(&self, watches: &mut [Watch<'_, Self::Handle>], deadline: Option<Instant>, since: u64)
    -> Result<(), Cause>;
    /// Counts the wakings.
    fn epoch(&self) -> u64;
    /// Moves the epoch, and so ends every wait under way, from any thread.
    fn waker(&self) -> Waker;
    /// The stack's time, for deadlines.
    fn now(&self) -> Instant {
        Instant::now()
    }
}
