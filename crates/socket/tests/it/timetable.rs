//! Another stack: bytes come by a timetable, on a clock of its own. Hours pass at once, and what timeouts mean can be
//! told exactly.

use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use socklab_socket::{
    Address, Cause, Errno, Family, Info, Net, Protocol, Query, Ready, SockOpt, SockOptName, Socket, Stack, Type, Watch,
};

/// What is received when, the earliest last; no bytes are the end.
struct Timetable {
    start: Instant,
    now: AtomicU64,
    arrivals: Mutex<Vec<(u64, &'static [u8])>>,
}

type Outcome<T> = Result<T, Cause>;

fn unheard_of<T>() -> Outcome<T> {
    Err(Errno::EOPNOTSUPP.into())
}

impl Timetable {
    fn milliseconds(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn due(&self) -> Option<u64> {
        self.arrivals.lock().unwrap().last().map(|(time, _)| *time)
    }
}

impl Stack for Timetable {
    type Handle = ();
    type Lookup = ();

    fn open(&self, _: Family, _: Type, _: Protocol) -> Outcome<()> {
        Ok(())
    }
    fn receive(&self, (): &(), into: &mut [u8], peek: bool) -> Outcome<(usize, Option<Address>)> {
        let mut arrivals = self.arrivals.lock().unwrap();
        let Some((time, bytes)) = arrivals.last_mut() else { return Err(Errno::EAGAIN.into()) };
        if *time > self.milliseconds() {
            return Err(Errno::EAGAIN.into());
        }
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        if !peek {
            *bytes = &bytes[count..];
            if bytes.is_empty() {
                arrivals.pop();
            }
        }
        Ok((count, None))
    }
    /// Nothing else happens before the next arrival or the deadline: the clock goes there.
    fn wait(&self, watches: &mut [Watch<'_, ()>], deadline: Option<Instant>, _: u64) -> Outcome<()> {
        let limit = deadline.map_or(u64::MAX, |deadline| deadline.duration_since(self.start).as_millis() as u64);
        let next = self.due().unwrap_or(u64::MAX);
        assert!(limit.min(next) < u64::MAX, "it would wait for ever");
        self.now.fetch_max(limit.min(next), Ordering::Relaxed);
        for watch in watches.iter_mut().filter(|_| next <= limit) {
            watch.ready = Ready::IN;
        }
        Ok(())
    }
    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.milliseconds())
    }
    fn epoch(&self) -> u64 {
        0
    }
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }
    fn send(&self, (): &(), _: &[u8], _: Option<&Address>) -> Outcome<usize> {
        Err(Errno::EAGAIN.into())
    }
    fn connect(&self, (): &(), _: &Address) -> Outcome<()> {
        Err(Errno::EINPROGRESS.into())
    }
    fn bind(&self, (): &(), _: &Address) -> Outcome<()> {
        unheard_of()
    }
    fn listen(&self, (): &(), _: u32) -> Outcome<()> {
        unheard_of()
    }
    fn accept(&self, (): &()) -> Outcome<((), Address)> {
        Err(Errno::EAGAIN.into())
    }
    fn shutdown(&self, (): &(), _: Shutdown) -> Outcome<()> {
        unheard_of()
    }
    fn local_address(&self, (): &()) -> Outcome<Address> {
        unheard_of()
    }
    fn peer_address(&self, (): &()) -> Outcome<Address> {
        unheard_of()
    }
    fn set(&self, (): &(), _: &SockOpt) -> Outcome<()> {
        unheard_of()
    }
    fn get(&self, (): &(), _: SockOptName) -> Outcome<SockOpt> {
        unheard_of()
    }
    fn number(&self, (): &()) -> i64 {
        0
    }
    fn lookup(&self, _: &Query) -> Outcome<()> {
        unheard_of()
    }
    fn answer(&self, (): &mut ()) -> Option<Outcome<Vec<Info>>> {
        None
    }
}

/// A timed socket that receives these bytes at these milliseconds.
fn receives(timeout: u64, mut arrivals: Vec<(u64, &'static [u8])>) -> Socket<Timetable> {
    arrivals.reverse();
    let net = Net::new(Timetable { start: Instant::now(), now: 0.into(), arrivals: arrivals.into() });
    let socket = net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    socket.settimeout(Some(Duration::from_millis(timeout)));
    socket
}

fn now(socket: &Socket<Timetable>) -> u64 {
    socket.net().stack().milliseconds()
}

#[test]
fn every_call_waits_exactly_as_long_as_it_may() {
    const HOUR: u64 = 3_600_000;
    let socket = receives(HOUR, vec![]);
    let mut hours = 0;
    let mut late = |error: Option<socklab_socket::Error>| {
        hours += 1;
        assert!(error.unwrap().is_timed_out());
        assert_eq!(now(&socket), hours * HOUR);
    };
    late(socket.recv(1).err());
    late(socket.recvfrom(1).err());
    late(socket.read(None).err());
    late(socket.readinto(&mut [0; 2]).err());
    late(socket.readline(None).err());
    late(socket.send(b"x").err());
    late(socket.sendall(b"x").err());
    late(socket.write(b"x").err());
    late(socket.accept().err());
    late(socket.connect(([192, 0, 2, 1], 80)).err());
}

#[test]
fn a_timeout_is_a_limit_of_silence() {
    let socket = receives(1000, vec![(900, b"a"), (1800, b"b\nc"), (2700, b"d"), (3800, b"e")]);
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"ab\n");
    assert_eq!(socket.read(Some(2)).unwrap().unwrap(), b"cd");
    assert_eq!(now(&socket), 2700);
    let mut got = Vec::new();
    assert!(socket.read_onto(&mut got, None).unwrap_err().is_timed_out());
    assert_eq!((now(&socket), got.len()), (3700, 0));
    assert_eq!(socket.recv(9).unwrap(), b"e");
    assert_eq!(now(&socket), 3800);
}

#[test]
fn the_end_is_kept_by_the_socket() {
    let socket = receives(1000, vec![(5, b"x"), (10, b""), (20, b"not to be seen")]);
    assert_eq!(socket.read(None).unwrap().unwrap(), b"x");
    assert_eq!(socket.recv(9).unwrap(), b"");
    assert_eq!(now(&socket), 10);
}

#[test]
fn poll_keeps_time_too() {
    let socket = receives(0, vec![(700, b"x")]);
    let mut entries = [socklab_socket::Entry::new(&socket, Ready::IN)];
    let half = Some(Duration::from_millis(500));
    assert_eq!(socket.net().poll(&mut entries, half).unwrap(), 0);
    assert_eq!(now(&socket), 500);
    assert_eq!(socket.net().poll(&mut entries, half).unwrap(), 1);
    assert_eq!(now(&socket), 700);
}
