//! What the tests share: a stack that counts what is asked of the system's, pairs of sockets, and a way to interrupt
//! a call once it waits.

use std::fmt::Debug;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Waker;
use std::time::{Duration, Instant};

use socklab_socket::{
    Address, Cause, Error, Family, Info, Net, OsLookup, OsSocket, OsStack, Protocol, Query, Result, SockOpt,
    SockOptName, Socket, Stack, Type, Watch,
};

/// The system's stack; it counts, and tells when somebody begins to wait.
pub(crate) struct Probe {
    os: OsStack,
    told: Mutex<Option<Sender<()>>>,
    pub(crate) sends: AtomicUsize,
    pub(crate) receives: AtomicUsize,
    pub(crate) waits: AtomicUsize,
}

type Outcome<T> = std::result::Result<T, Cause>;

impl Probe {
    pub(crate) fn over(os: OsStack) -> Net<Probe> {
        Net::new(Self::new(os))
    }

    pub(crate) fn new(os: OsStack) -> Probe {
        Probe { os, told: Mutex::default(), sends: 0.into(), receives: 0.into(), waits: 0.into() }
    }

    /// Something arrives here for each wait from now on; it is cut off when `silence` is called.
    pub(crate) fn waiting(&self) -> Receiver<()> {
        let (sender, receiver) = channel();
        *self.told.lock().unwrap() = Some(sender);
        receiver
    }

    pub(crate) fn silence(&self) {
        *self.told.lock().unwrap() = None;
    }
}

pub(crate) fn net() -> Net<Probe> {
    Probe::over(OsStack::new())
}

pub(crate) fn tcp(net: &Net<Probe>) -> Socket<Probe> {
    net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap()
}

pub(crate) fn udp(net: &Net<Probe>) -> Socket<Probe> {
    let socket = net.socket(Family::Inet, Type::Datagram, Protocol::Usual).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket
}

pub(crate) fn ip(socket: &Socket<Probe>) -> SocketAddr {
    socket.local_address().unwrap().ip().unwrap()
}

/// A socket that listens on loopback.
pub(crate) fn listener(net: &Net<Probe>, backlog: u32) -> Socket<Probe> {
    let socket = tcp(net);
    socket.bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.listen(backlog).unwrap();
    socket
}

/// An address where nobody listens, and what keeps others from it.
pub(crate) fn nobody(net: &Net<Probe>) -> (Socket<Probe>, SocketAddr) {
    let held = tcp(net);
    held.bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = ip(&held);
    (held, address)
}

/// A connection of ours to the standard library's.
pub(crate) fn pair(net: &Net<Probe>) -> (Socket<Probe>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = tcp(net);
    socket.connect(listener.local_addr().unwrap()).unwrap();
    (socket, listener.accept().unwrap().0)
}

/// A connection with both ends ours.
pub(crate) fn both(net: &Net<Probe>) -> (Socket<Probe>, Socket<Probe>) {
    let listener = listener(net, 1);
    let socket = tcp(net);
    socket.connect(ip(&listener)).unwrap();
    (socket, listener.accept().unwrap().0)
}

/// Cuts the connection off, so that the peer gets a reset.
pub(crate) fn reset(socket: &Socket<Probe>) {
    socket.setsockopt(SockOpt::Linger(Some(Duration::ZERO))).unwrap();
    socket.close();
}

/// Does something in another thread as soon as the call waits; gives the call's outcome.
pub(crate) fn once_waiting<T>(net: &Net<Probe>, act: impl FnOnce() + Send, call: impl FnOnce() -> T) -> T {
    let waiting = net.stack().waiting();
    std::thread::scope(|threads| {
        threads.spawn(move || waiting.recv().is_ok().then(act));
        let outcome = call();
        net.stack().silence();
        outcome
    })
}

/// The call must wait, and be interrupted.
pub(crate) fn interrupted<T: Debug>(net: &Net<Probe>, call: impl FnOnce() -> Result<T>) -> Error {
    let interrupt = net.interrupt();
    let error = once_waiting(net, move || interrupt.raise(), call).unwrap_err();
    assert!(error.is_interrupted(), "{error}");
    error
}

/// The call must fail with `ETIMEDOUT`, and not before its time.
pub(crate) fn timed_out<T: Debug>(limit: Duration, call: impl FnOnce() -> Result<T>) -> Error {
    let begin = Instant::now();
    let error = call().unwrap_err();
    assert!(begin.elapsed() >= limit);
    assert!(error.is_timed_out(), "{error}");
    error
}

impl Stack for Probe {
    type Handle = OsSocket;
    type Lookup = OsLookup;

    fn open(&self, family: Family, kind: Type, protocol: Protocol) -> Outcome<OsSocket> {
        self.os.open(family, kind, protocol)
    }
    fn bind(&self, socket: &OsSocket, address: &Address) -> Outcome<()> {
        self.os.bind(socket, address)
    }
    fn listen(&self, socket: &OsSocket, backlog: u32) -> Outcome<()> {
        self.os.listen(socket, backlog)
    }
    fn accept(&self, socket: &OsSocket) -> Outcome<(OsSocket, Address)> {
        self.os.accept(socket)
    }
    fn connect(&self, socket: &OsSocket, address: &Address) -> Outcome<()> {
        self.os.connect(socket, address)
    }
    fn send(&self, socket: &OsSocket, bytes: &[u8], to: Option<&Address>) -> Outcome<usize> {
        self.sends.fetch_add(1, Ordering::Relaxed);
        self.os.send(socket, bytes, to)
    }
    fn receive(&self, socket: &OsSocket, into: &mut [u8], peek: bool) -> Outcome<(usize, Option<Address>)> {
        self.receives.fetch_add(1, Ordering::Relaxed);
        self.os.receive(socket, into, peek)
    }
    fn shutdown(&self, socket: &OsSocket, how: Shutdown) -> Outcome<()> {
        self.os.shutdown(socket, how)
    }
    fn local_address(&self, socket: &OsSocket) -> Outcome<Address> {
        self.os.local_address(socket)
    }
    fn peer_address(&self, socket: &OsSocket) -> Outcome<Address> {
        self.os.peer_address(socket)
    }
    fn set(&self, socket: &OsSocket, option: &SockOpt) -> Outcome<()> {
        self.os.set(socket, option)
    }
    fn get(&self, socket: &OsSocket, name: SockOptName) -> Outcome<SockOpt> {
        self.os.get(socket, name)
    }
    fn number(&self, socket: &OsSocket) -> i64 {
        self.os.number(socket)
    }
    fn lookup(&self, query: &Query) -> Outcome<OsLookup> {
        self.os.lookup(query)
    }
    fn answer(&self, lookup: &mut OsLookup) -> Option<Outcome<Vec<Info>>> {
        self.os.answer(lookup)
    }
    fn wait(&self, watches: &mut [Watch<'_, OsSocket>], deadline: Option<Instant>, since: u64) -> Outcome<()> {
        self.waits.fetch_add(1, Ordering::Relaxed);
        if let Some(told) = &*self.told.lock().unwrap() {
            let _ = told.send(());
        }
        self.os.wait(watches, deadline, since)
    }
    fn epoch(&self) -> u64 {
        self.os.epoch()
    }
    fn waker(&self) -> Waker {
        self.os.waker()
    }
}
