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
pub(crate) use linux::{Batch, bounced, has_error, prepare};
#[cfg(not(target_os = "linux"))]
pub(crate) use plain::{Batch, bounced, has_error, prepare};

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

    use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr, ReceiveTimestampns};
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, recvmsg, setsockopt,
    };
    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    use super::*;

    /// How many datagrams one call takes.
    const BATCH: usize = 64;

    /// Asks for the times of arrival, and for what comes back undelivered.
    pub(crate) fn prepare(socket: &socket2::Socket) -> io::Result<()> {
        setsockopt(socket, ReceiveTimestampns, &true)?;
        setsockopt(socket, Ipv4RecvErr, &true)?;
        if socket.domain()? == socket2::Domain::IPV6 {
            setsockopt(socket, Ipv6RecvErr, &true)?;
        }
        Ok(())
    }

    /// Hands the datagrams to `each` that an ICMP message says were not delivered: where to, and why. False where
    /// there are none.
    pub(crate) fn bounced(socket: &Socket, mut each: impl FnMut(Address, io::Error)) -> bool {
        let Socket::Udp(udp) = socket else { return false };
        let mut any = false;
        // A send meets with an error before tokio has heard of it.
        while let Ok(bounced) = next_bounced(udp) {
            // One that the system itself refused is here too, and is no reason to try it again.
            if let Some((to, error)) = bounced {
                any = true;
                each(to, error);
            }
        }
        let _ = udp.try_io(Interest::ERROR, || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into())); // no more
        any
    }

    /// Whether the socket has been woken for more than datagrams.
    pub(crate) fn has_error(socket: &Socket) -> bool {
        matches!(socket, Socket::Udp(udp) if udp.try_io(Interest::ERROR, || Ok(())).is_ok())
    }

    /// The next of the socket's error queue (ip(7), `IP_RECVERR`), if it is an ICMP message.
    fn next_bounced(udp: &UdpSocket) -> io::Result<Option<(Address, io::Error)>> {
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, (libc::sock_extended_err, libc::sockaddr_in6));
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(udp.as_raw_fd(), &mut [], Some(&mut control), flags)?;
        let to = message.address.as_ref().and_then(to_std).map(crate::stream::inet);
        let error = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                // What the send itself said is not said again.
                matches!(error.ee_origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6)
                    .then(|| io::Error::from_raw_os_error(error.ee_errno as i32))
            }
            _ => None,
        });
        Ok(to.zip(error))
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
            udp.try_io(Interest::READABLE, || {
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

    /// Others do not say it, or of no datagram in particular.
    pub(crate) fn bounced(_: &Socket, _: impl FnMut(Address, io::Error)) -> bool {
        false
    }

    /// They wake it for datagrams only.
    pub(crate) fn has_error(_: &Socket) -> bool {
        false
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
