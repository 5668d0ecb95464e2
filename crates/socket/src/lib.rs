//! The socket API as one object, over any network stack.
//!
//! A [`Net`] opens sockets, looks names up and polls. A [`Socket`] does what POSIX sockets do, blocking, timed or
//! non-blocking, and every call that waits can be interrupted from another thread. The stack below is the system's
//! own, `OsStack`, or any other that implements [`Stack`]; what waiting, timeouts and loops mean is decided here,
//! once for all of them. `OsStack` comes with the feature `os`, which is on by default; without it, nothing here asks the
//! system for anything.
//!
//! # TCP
//!
//! ```
//! use std::net::Ipv4Addr;
//! use socklab_socket::{Family, Net, Protocol, Type};
//!
//! # fn main() -> Result<(), socklab_socket::Error> {
//! let net = Net::default();
//! let server = net.socket(Family::Inet, Type::Stream, Protocol::Usual)?;
//! server.bind((Ipv4Addr::LOCALHOST, 0))?;
//! server.listen(1)?;
//! let address = server.local_address()?;
//!
//! let echo = std::thread::spawn(move || {
//!     let (peer, _) = server.accept()?;
//!     loop {
//!         let bytes = peer.recv(1024)?;
//!         if bytes.is_empty() {
//!             return Ok::<_, socklab_socket::Error>(());
//!         }
//!         peer.sendall(&bytes)?;
//!     }
//! });
//!
//! let client = net.socket(Family::Inet, Type::Stream, Protocol::Usual)?;
//! client.connect(address)?;
//! client.sendall(b"hello\n")?;
//! assert_eq!(client.readline(None)?.as_deref(), Some(&b"hello\n"[..]));
//! client.close();
//! echo.join().expect("the server's thread")?;
//! # Ok(())
//! # }
//! ```
//!
//! # UDP, poll and timeouts
//!
//! ```
//! use std::{net::Ipv4Addr, time::Duration};
//! use socklab_socket::{Entry, Family, Net, Protocol, Ready, Type};
//!
//! # fn main() -> Result<(), socklab_socket::Error> {
//! let net = Net::default();
//! let a = net.socket(Family::Inet, Type::Datagram, Protocol::Usual)?;
//! let b = net.socket(Family::Inet, Type::Datagram, Protocol::Usual)?;
//! a.bind((Ipv4Addr::LOCALHOST, 0))?;
//! b.bind((Ipv4Addr::LOCALHOST, 0))?;
//!
//! b.settimeout(Some(Duration::from_millis(1)));
//! assert!(b.recvfrom(1500).is_err_and(|error| error.is_timed_out()));
//!
//! a.sendto(b"ping", b.local_address()?)?;
//! let mut entries = [Entry::new(&a, Ready::IN), Entry::new(&b, Ready::IN)];
//! assert_eq!(net.poll(&mut entries, None)?, 1);
//! assert_eq!(entries[1].ready, Ready::IN);
//! let (bytes, sender) = b.recvfrom(1500)?;
//! assert_eq!((bytes, sender), (b"ping".to_vec(), Some(a.local_address()?)));
//! # Ok(())
//! # }
//! ```
//!
//! # Interrupting
//!
//! ```
//! use std::net::Ipv4Addr;
//! use socklab_socket::{Family, Net, Protocol, Type};
//!
//! # fn main() -> Result<(), socklab_socket::Error> {
//! let net = Net::default();
//! let server = net.socket(Family::Inet, Type::Stream, Protocol::Usual)?;
//! server.bind((Ipv4Addr::LOCALHOST, 0))?;
//! server.listen(1)?;
//! let interrupt = net.interrupt();
//! let other = std::thread::spawn(move || interrupt.raise());
//! assert!(server.accept().is_err_and(|error| error.is_interrupted()));
//! # other.join().expect("the other thread");
//! # Ok(())
//! # }
//! ```

mod address;
mod errno;
mod error;
mod file;
mod interrupt;
mod lookup;
mod net;
mod option;
#[cfg(feature = "os")]
mod os;
#[cfg(feature = "os")]
pub mod policy;
mod poll;
mod ready;
mod socket;
mod stack;
mod stream;

pub use address::{Address, Family, Protocol, Type, UnixName};
pub use errno::Errno;
pub use error::{Cause, Error, Kind, Operation, Result, Subject};
pub use file::File;
pub use interrupt::Interrupt;
pub use lookup::{Info, LookupFailure, Query};
pub use net::Net;
pub use option::{SockOpt, SockOptName};
#[cfg(feature = "os")]
pub use os::{OsLookup, OsSocket, OsStack};
pub use poll::{Entry, Selected};
pub use ready::Ready;
pub use socket::{RecvFlags, Socket};
pub use stack::{Stack, Watch};
