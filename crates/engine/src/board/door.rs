//! A port of this machine at which something of a board's is served, until it is dropped. What is served there belongs in
//! `tcp` and `webrepl`.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::failure::{Failure, Operation};
use crate::holder;

/// The port. Dropping it ends its connections and closes it, before anything else is done.
#[derive(Debug)]
pub struct Door {
    at: SocketAddr,
    guests: Arc<Mutex<Guests>>,
    thread: Option<JoinHandle<()>>,
}

/// Those who have come and not left.
#[derive(Debug, Default)]
struct Guests {
    is_closed: bool,
    last: u64,
    streams: BTreeMap<u64, TcpStream>,
}

fn lock(guests: &Mutex<Guests>) -> MutexGuard<'_, Guests> {
    guests.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    /// Listens; `serve` has each connection to its end, in a thread of its own. Port 0 is any.
    pub(super) fn open(
        address: SocketAddr,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Result<Door, Failure> {
        let refused = |error| Failure {
            holder: holder::of_port(address.port()),
            ..Failure::new(Operation::Listen, address, error)
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        let at = listener.local_addr().map_err(refused)?;
        let guests = Arc::<Mutex<Guests>>::default();
        let (known, serve) = (Arc::clone(&guests), Arc::new(serve));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some((number, stream)) = admit(&known, stream) else { return };
                let (known, serve) = (Arc::clone(&known), Arc::clone(&serve));
                thread::spawn(move || {
                    serve(stream);
                    lock(&known).streams.remove(&number);
                });
            }
        });
        Ok(Door { at, guests, thread: Some(thread) })
    }

    /// Where it is.
    pub fn at(&self) -> SocketAddr {
        self.at
    }
}

/// `None` when the door is closed.
fn admit(guests: &Mutex<Guests>, stream: TcpStream) -> Option<(u64, TcpStream)> {
    let mut guests = lock(guests);
    if guests.is_closed {
        return None;
    }
    guests.last += 1;
    let number = guests.last;
    // One that cannot be had twice is served all the same, and ends by itself.
    guests.streams.extend(stream.try_clone().ok().map(|stream| (number, stream)));
    Some((number, stream))
}

impl Drop for Door {
    fn drop(&mut self) {
        let mut guests = lock(&self.guests);
        guests.is_closed = true;
        for stream in std::mem::take(&mut guests.streams).into_values() {
            let _ = stream.shutdown(Shutdown::Both); // it may have ended by itself
        }
        drop(guests);
        // Whoever waits for a connection is woken by one.
        let woken = wake(self.at);
        if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
            let _ = thread.join();
        }
    }
}

fn wake(at: SocketAddr) -> io::Result<TcpStream> {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    TcpStream::connect((ip, at.port()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_door_that_is_dropped_is_closed_and_its_guests_are_out() {
        let door = Door::open((Ipv4Addr::LOCALHOST, 0).into(), |mut stream| {
            let mut bytes = [0; 10];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                let _ = stream.write_all(&bytes[..count]);
            }
        });
        let door = door.expect("a port");
        let at = door.at();
        let mut guest = TcpStream::connect(at).expect("it listens");
        guest.write_all(b"hello").expect("it reads");
        let mut bytes = [0; 5];
        guest.read_exact(&mut bytes).expect("an echo");
        drop(door);
        assert_eq!(guest.read(&mut bytes).ok(), Some(0), "the end");
        assert_eq!(TcpStream::connect(at).expect_err("closed").kind(), io::ErrorKind::ConnectionRefused);
        let again = TcpListener::bind(at);
        assert!(again.is_ok(), "the port is free: {again:?}");
    }
}
