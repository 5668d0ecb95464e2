//! Datagrams taken from the system: many at a time, with the kernel's time of arrival,
//! where the system can do that (Linux); one at a time elsewhere.

use std::io;

use socklab_capture::{Address, Timestamp};

use crate::datagram::Socket;

/// One datagram that came in.
pub(crate) struct Datagram<'a> {
    pub(crate) from: Address,
    pub(crate) bytes: &'a [u8],
    /// When the kernel had it.
    pub(crate) at: Option<Timestamp>,
}

/// The longest datagram there is, and as much again: Unix sockets know no such bound.
const LONGEST: usize = 128 * 1024;

#[cfg(target_os = "linux")]
pub(crate) use linux::{Batch, prepare};
#[cfg(not(target_os = "linux"))]
pub(crate) use plain::{Batch, prepare};

#[cfg(unix)]
fn receive_unix(
    unix: &tokio::net::UnixDatagram,
    buffer: &mut [u8],
    mut each: impl FnMut(Datagram<'_>),
) -> io::Result<()> {
    let (length, from) = unix.try_recv_from(buffer)?;
    let from = crate::open::unix_address(&from);
    each(Datagram { from, bytes: &buffer[..length], at: None });
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::IoSliceMut;
    use std::net::SocketAddr;
    use std::os::fd::AsRawFd;

    use nix::sys::socket::sockopt::ReceiveTimestampns;
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, setsockopt,
    };
    use tokio::net::UdpSocket;

    use super::*;

    /// How many datagrams one call takes.
    const BATCH: usize = 64;

    /// Asks for the times of arrival.
    pub(crate) fn prepare(socket: &socket2::Socket) -> io::Result<()> {
        setsockopt(socket, ReceiveTimestampns, &true)?;
        Ok(())
    }

    /// The buffers that datagrams are received into. Pages that no datagram was long enough to touch cost nothing.
    pub(crate) struct Batch {
        buffer: Vec<u8>,
        headers: MultiHeaders<SockaddrStorage>,
    }

    impl Batch {
        pub(crate) fn new() -> Self {
            let control = nix::cmsg_space!(nix::sys::time::TimeSpec);
            Batch { buffer: vec![0; BATCH * LONGEST], headers: MultiHeaders::preallocate(BATCH, Some(control)) }
        }

        /// Hands what is there to `each`; `WouldBlock` where that is nothing.
        pub(crate) fn receive(&mut self, socket: &Socket, each: impl FnMut(Datagram<'_>)) -> io::Result<()> {
            match socket {
                Socket::Udp(udp) => self.receive_udp(udp, each),
                Socket::Unix(unix) => receive_unix(unix, &mut self.buffer, each),
            }
        }

        fn receive_udp(&mut self, udp: &UdpSocket, mut each: impl FnMut(Datagram<'_>)) -> io::Result<()> {
            let mut slices: Vec<_> = self.buffer.chunks_mut(LONGEST).map(|chunk| [IoSliceMut::new(chunk)]).collect();
            let headers = &mut self.headers;
            udp.try_io(tokio::io::Interest::READABLE, || {
                let flags = MsgFlags::MSG_DONTWAIT;
                let results = recvmmsg(udp.as_raw_fd(), headers, slices.iter_mut(), flags, None)?;
                for message in results {
                    if let Some(datagram) = datagram(&message) {
                        each(datagram);
                    }
                }
                Ok(())
            })
        }
    }

    fn datagram<'a>(message: &'a RecvMsg<'_, '_, SockaddrStorage>) -> Option<Datagram<'a>> {
        let mut at = None;
        for control in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::ScmTimestampns(time) = control {
                at = Some(Timestamp(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64));
            }
        }
        let from = crate::stream::inet(to_std(message.address.as_ref()?)?);
        Some(Datagram { from, bytes: message.iovs().next().unwrap_or_default(), at })
    }

    fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::from((v4.ip(), v4.port())));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| std::net::SocketAddrV6::from(*v6).into()))
    }
}

#[cfg(not(target_os = "linux"))]
mod plain {
    use super::*;

    /// Nothing to ask for.
    pub(crate) fn prepare(_: &socket2::Socket) -> io::Result<()> {
        Ok(())
    }

    /// The buffer that a datagram is received into.
    pub(crate) struct Batch {
        buffer: Vec<u8>,
    }

    impl Batch {
        pub(crate) fn new() -> Self {
            Batch { buffer: vec![0; LONGEST] }
        }

        /// Hands what is there to `each`; `WouldBlock` where that is nothing.
        pub(crate) fn receive(&mut self, socket: &Socket, mut each: impl FnMut(Datagram<'_>)) -> io::Result<()> {
            match socket {
                Socket::Udp(udp) => {
                    let (length, from) = udp.try_recv_from(&mut self.buffer)?;
                    let from = crate::stream::inet(from);
                    each(Datagram { from, bytes: &self.buffer[..length], at: None });
                    Ok(())
                }
                #[cfg(unix)]
                Socket::Unix(unix) => receive_unix(unix, &mut self.buffer, each),
            }
        }
    }
}
