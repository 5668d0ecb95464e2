//! An engine in a temporary folder, and ways to wait for what it records. Every call that can block has the same
//! deadline, and whoever waits in vain says for what.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use socklab_capture::cursor::{Cursor, Next};
use socklab_capture::{Address, EndpointId, PeerId};
use socklab_engine::url::{EndpointUrl, Place};
use socklab_engine::{Command, Config, EndpointStatus, Engine, Farewell, Remote, Reply, Store, Sync, Trouble};

/// Longer than anything here takes on a busy machine: a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Does something that may wait for ever, and gives up on it at the deadline.
#[track_caller]
pub(crate) fn in_time<T: Send + 'static>(what: impl Display, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(act()));
    match done.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("waited {PATIENCE:?} for {what}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{what} failed"),
    }
}

/// Has a command done.
#[track_caller]
pub(crate) fn call(remote: &Remote, command: Command) -> Option<Reply> {
    let remote = remote.clone();
    in_time("the reply to a command", move || remote.call(command))
}

/// Connects, with the deadline on every call.
#[track_caller]
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    with_deadline(TcpStream::connect_timeout(&address, PATIENCE).expect("connects"))
}

/// A connection that has to be refused.
#[track_caller]
pub(crate) fn assert_refused(address: SocketAddr) {
    let refused = TcpStream::connect_timeout(&address, PATIENCE).expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Takes a connection, with the deadline on every call.
#[track_caller]
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let listener = listener.try_clone().expect("clones");
    with_deadline(in_time("a connection", move || listener.accept()).expect("accepts").0)
}

fn with_deadline(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("settable");
    stream.set_write_timeout(Some(PATIENCE)).expect("settable");
    stream
}

/// A socket for datagrams, with the deadline on every call.
pub(crate) fn udp() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("binds");
    socket.set_read_timeout(Some(PATIENCE)).expect("settable");
    socket.set_write_timeout(Some(PATIENCE)).expect("settable");
    socket
}

/// An address where nobody listens, and nobody else will: on Linux at a loopback address of this process's own.
pub(crate) fn free_place() -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let own = if cfg!(target_os = "linux") { Ipv4Addr::new(127, a | 0x80, b, c) } else { Ipv4Addr::LOCALHOST };
    TcpListener::bind((own, 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) peer: Option<PeerId>,
    pub(crate) address: Address,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Lab {
    pub(crate) engine: Engine,
    cursor: Cursor,
    pub(crate) seen: Vec<Seen>,
    _folder: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let captures = folder.path().join("captures");
        let store = Store::Disk { captures, retention: Default::default(), sync: Sync::None };
        let config = Config {
            store,
            run: "test".into(),
            reader: true,
            lang: socklab_engine::Lang::En,
            registers: false,
            lan: None,
            control: None,
        };
        let heard = |trouble: Trouble| match trouble {
            Trouble::Refused { .. } | Trouble::Dropped { .. } => {} // the log has it
            trouble => panic!("{trouble:?}"),
        };
        let (engine, cursor) = Engine::start(config, heard).expect("starts");
        Lab { engine, cursor: cursor.expect("asked for"), seen: Vec::new(), _folder: folder }
    }

    #[track_caller]
    pub(crate) fn call(&self, command: Command) -> Reply {
        call(&self.engine.remote(), command).expect("the engine lives")
    }

    pub(crate) fn try_open(&self, url: &str) -> Reply {
        self.call(Command::Open(url.parse().expect("a URL")))
    }

    pub(crate) fn open(&self, url: &str) -> (EndpointId, EndpointUrl) {
        match self.try_open(url) {
            Reply::Opened(id, url) => (id, url),
            other => panic!("{url}: {other:?}"),
        }
    }

    /// Opens a server or datagram socket on loopback, and gives its address.
    pub(crate) fn open_inet(&self, url: &str) -> (EndpointId, SocketAddr) {
        let (id, url) = self.open(url);
        match url.place {
            Place::TcpListen(at) | Place::Udp(at) => {
                (id, format!("127.0.0.1:{}", at.port).parse().expect("an address"))
            }
            other => panic!("{other}"),
        }
    }

    pub(crate) fn status(&self) -> Vec<EndpointStatus> {
        match self.call(Command::Status) {
            Reply::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// Reads the log on until a record fits.
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        self.wait_until(what, |seen| seen.last().is_some_and(&fits));
        self.seen.last().expect("one fits").clone()
    }

    /// Reads the log on until all that was read fits.
    pub(crate) fn wait_until(&mut self, what: &str, fits: impl Fn(&[Seen]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.cursor.next().expect("reads") {
                Next::Record(record) => {
                    let seen = Seen {
                        peer: record.peer,
                        kind: record.event.kind(),
                        text: record.event.text().unwrap_or_default().into(),
                        bytes: record.event.payload().to_vec(),
                        address: record.address,
                    };
                    self.seen.push(seen);
                    if fits(&self.seen) {
                        return;
                    }
                }
                Next::Frame(..) => unreachable!("nobody asked for frames"),
                Next::Wait => self.cursor.wait(Duration::from_millis(100)),
                Next::End => panic!("the log ended without {what}: {:#?}", self.seen),
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}: {:#?}", self.seen);
        }
    }

    /// Reads what a peer sent, until it is so many bytes.
    pub(crate) fn wait_for_bytes(&mut self, count: usize) {
        let mut total: usize =
            self.seen.iter().filter(|seen| seen.kind == "received").map(|seen| seen.bytes.len()).sum();
        while total < count {
            total += self.wait_for("bytes", |seen| seen.kind == "received").bytes.len();
        }
        assert_eq!(total, count);
    }

    /// Ends the engine and reads the log to its end.
    pub(crate) fn finish(mut self) -> (Farewell, Vec<Seen>) {
        let Lab { engine, ref mut cursor, ref mut seen, .. } = self;
        let farewell = in_time("the engine to end", move || engine.shut_down(Duration::from_secs(2)));
        while let Next::Record(record) = cursor.next().expect("reads") {
            let text = record.event.text().unwrap_or_default().into();
            let (kind, bytes) = (record.event.kind(), record.event.payload().to_vec());
            seen.push(Seen { peer: record.peer, kind, text, bytes, address: record.address });
        }
        (farewell, std::mem::take(seen))
    }
}

/// What one peer sent, all of it.
pub(crate) fn received_from(seen: &[Seen], address: SocketAddr) -> Vec<u8> {
    let from = |seen: &&Seen| seen.kind == "received" && seen.address == Address::Inet(address);
    seen.iter().filter(from).flat_map(|seen| seen.bytes.clone()).collect()
}

/// Bytes that no two peers have in common, the same each time.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// Whether it is the note or failure that says this.
pub(crate) fn says<'a>(words: &'a str) -> impl Fn(&Seen) -> bool + 'a {
    move |seen| seen.text.contains(words)
}
