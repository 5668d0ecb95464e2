//! Whose network the board's sockets are on: this machine's, or the virtual one. One type for both, decided at the
//! board's start, so that everything above has one kind of socket.

use std::net::Shutdown;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use socklab_lan::{LanLookup, LanSocket, LanStack};
use socklab_socket::{
    Address, Cause, Errno, Family, Info, OsLookup, OsSocket, OsStack, Protocol, Query, Ready, SockOpt, SockOptName,
    Stack, Type, Watch,
};

use super::wire::Wire;

type Result<T> = std::result::Result<T, Cause>;

/// A board's network. A clone is another handle to the same.
#[derive(Clone)]
pub(crate) enum BoardStack {
    Host(OsStack),
    /// With the end of its cable.
    Lan(LanStack, Arc<Wire>),
}

pub(crate) enum BoardSocket {
    Host(OsSocket),
    Lan(LanSocket),
}

pub(crate) enum BoardLookup {
    Host(OsLookup),
    Lan(LanLookup),
}

/// The call on the network that the socket is of: there is only one.
macro_rules! on {
    ($stack:expr, $socket:expr, |$network:ident, $own:ident| $call:expr) => {
        match ($stack, $socket) {
            (BoardStack::Host($network), BoardSocket::Host($own)) => $call,
            (BoardStack::Lan($network, _), BoardSocket::Lan($own)) => $call,
            _ => Err(Errno::EBADF.into()),
        }
    };
}

impl BoardSocket {
    fn host(&self) -> Option<&OsSocket> {
        if let BoardSocket::Host(own) = self { Some(own) } else { None }
    }

    fn lan(&self) -> Option<&LanSocket> {
        if let BoardSocket::Lan(own) = self { Some(own) } else { None }
    }
}

impl BoardStack {
    pub(crate) fn lan(&self) -> Option<&LanStack> {
        match self {
            BoardStack::Host(_) => None,
            BoardStack::Lan(lan, _) => Some(lan),
        }
    }
}

impl Stack for BoardStack {
    type Handle = BoardSocket;
    type Lookup = BoardLookup;

    fn open(&self, family: Family, kind: Type, protocol: Protocol) -> Result<BoardSocket> {
        match self {
            BoardStack::Host(host) => host.open(family, kind, protocol).map(BoardSocket::Host),
            BoardStack::Lan(lan, _) => lan.open(family, kind, protocol).map(BoardSocket::Lan),
        }
    }

    fn bind(&self, socket: &BoardSocket, address: &Address) -> Result<()> {
        on!(self, socket, |network, own| network.bind(own, address))
    }

    fn listen(&self, socket: &BoardSocket, backlog: u32) -> Result<()> {
        on!(self, socket, |network, own| network.listen(own, backlog))
    }

    fn accept(&self, socket: &BoardSocket) -> Result<(BoardSocket, Address)> {
        match (self, socket) {
            (BoardStack::Host(host), BoardSocket::Host(own)) => {
                host.accept(own).map(|(accepted, from)| (BoardSocket::Host(accepted), from))
            }
            (BoardStack::Lan(lan, _), BoardSocket::Lan(own)) => {
                lan.accept(own).map(|(accepted, from)| (BoardSocket::Lan(accepted), from))
            }
            _ => Err(Errno::EBADF.into()),
        }
    }

    fn connect(&self, socket: &BoardSocket, address: &Address) -> Result<()> {
        on!(self, socket, |network, own| network.connect(own, address))
    }

    fn send(&self, socket: &BoardSocket, bytes: &[u8], to: Option<&Address>) -> Result<usize> {
        match self {
            BoardStack::Lan(_, wire) => wire.during(|| on!(self, socket, |network, own| network.send(own, bytes, to))),
            BoardStack::Host(_) => on!(self, socket, |network, own| network.send(own, bytes, to)),
        }
    }

    fn receive(&self, socket: &BoardSocket, into: &mut [u8], peek: bool) -> Result<(usize, Option<Address>)> {
        on!(self, socket, |network, own| network.receive(own, into, peek))
    }

    fn shutdown(&self, socket: &BoardSocket, how: Shutdown) -> Result<()> {
        on!(self, socket, |network, own| network.shutdown(own, how))
    }

    fn local_address(&self, socket: &BoardSocket) -> Result<Address> {
        on!(self, socket, |network, own| network.local_address(own))
    }

    fn peer_address(&self, socket: &BoardSocket) -> Result<Address> {
        on!(self, socket, |network, own| network.peer_address(own))
    }

    fn set(&self, socket: &BoardSocket, option: &SockOpt) -> Result<()> {
        on!(self, socket, |network, own| network.set(own, option))
    }

    fn get(&self, socket: &BoardSocket, name: SockOptName) -> Result<SockOpt> {
        on!(self, socket, |network, own| network.get(own, name))
    }

    fn number(&self, socket: &BoardSocket) -> i64 {
        let number: Result<i64> = on!(self, socket, |network, own| Ok(network.number(own)));
        number.unwrap_or(-1)
    }

    fn lookup(&self, query: &Query) -> Result<BoardLookup> {
        match self {
            BoardStack::Host(host) => host.lookup(query).map(BoardLookup::Host),
            BoardStack::Lan(lan, _) => lan.lookup(query).map(BoardLookup::Lan),
        }
    }

    fn answer(&self, lookup: &mut BoardLookup) -> Option<Result<Vec<Info>>> {
        match (self, lookup) {
            (BoardStack::Host(host), BoardLookup::Host(own)) => host.answer(own),
            (BoardStack::Lan(lan, _), BoardLookup::Lan(own)) => lan.answer(own),
            _ => Some(Err(Errno::EBADF.into())),
        }
    }

    fn wait(&self, watches: &mut [Watch<'_, BoardSocket>], deadline: Option<Instant>, since: u64) -> Result<()> {
        match self {
            BoardStack::Host(host) => wait_on(host, watches, deadline, since, BoardSocket::host),
            BoardStack::Lan(lan, _) => wait_on(lan, watches, deadline, since, BoardSocket::lan),
        }
    }

    fn epoch(&self) -> u64 {
        match self {
            BoardStack::Host(host) => host.epoch(),
            BoardStack::Lan(lan, _) => lan.epoch(),
        }
    }

    fn waker(&self) -> Waker {
        match self {
            BoardStack::Host(host) => host.waker(),
            BoardStack::Lan(lan, _) => lan.waker(),
        }
    }
}

/// Waits on one of the two, and tells what came of it.
fn wait_on<S: Stack>(
    stack: &S,
    watches: &mut [Watch<'_, BoardSocket>],
    deadline: Option<Instant>,
    since: u64,
    own: fn(&BoardSocket) -> Option<&S::Handle>,
) -> Result<()> {
    let mut owns = Vec::with_capacity(watches.len());
    for watch in &*watches {
        let socket = own(watch.socket).ok_or(Errno::EBADF)?;
        owns.push(Watch { socket, interest: watch.interest, ready: Ready::NONE });
    }
    stack.wait(&mut owns, deadline, since)?;
    for (watch, own) in watches.iter_mut().zip(owns) {
        watch.ready = own.ready;
    }
    Ok(())
}
