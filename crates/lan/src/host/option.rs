//! Socket options: what a host keeps of them, and what they do to its sockets.

use std::net::IpAddr;
use std::time::Duration;

use smoltcp::socket::tcp;
use socklab_socket::{Errno, SockOpt, SockOptName};

use super::{Host, Result, Socket, SocketId};
use crate::packet::HOPS;

/// How long a connection is silent before its peer is asked whether it lives (RFC 9293, 3.8.4: two hours).
const KEEP_ALIVE: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(7200);

/// The bounds of a buffer that a program asks for, in bytes.
const LEAST_BUFFER: usize = 2048;
const MOST_BUFFER: usize = 4 << 20;

/// What is set on a socket.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) reuse_address: bool,
    pub(super) broadcast: bool,
    pub(super) keep_alive: bool,
    pub(super) linger: Option<Duration>,
    pub(super) no_delay: bool,
    pub(super) v6_only: bool,
    pub(super) multicast_loop: bool,
    hops: u8,
    multicast_hops: u8,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            reuse_address: false,
            broadcast: false,
            keep_alive: false,
            linger: None,
            no_delay: false,
            v6_only: false,
            multicast_loop: true,
            hops: HOPS,
            multicast_hops: 1,
        }
    }
}

impl Options {
    /// The hop limit of what goes to this address.
    pub(super) fn hops(&self, to: IpAddr) -> u8 {
        if to.is_multicast() { self.multicast_hops } else { self.hops }
    }

    pub(super) fn apply(&self, socket: &mut tcp::Socket<'_>) {
        socket.set_nagle_enabled(!self.no_delay);
        socket.set_keep_alive(self.keep_alive.then_some(KEEP_ALIVE));
        socket.set_hop_limit(Some(self.hops.max(1)));
    }

    fn set(&mut self, option: &SockOpt) -> Result<()> {
        match option {
            SockOpt::ReuseAddress(on) => self.reuse_address = *on,
            SockOpt::Broadcast(on) => self.broadcast = *on,
            SockOpt::KeepAlive(on) => self.keep_alive = *on,
            SockOpt::Linger(time) => self.linger = time.map(|time| Duration::from_secs(time.as_secs())),
            SockOpt::NoDelay(on) => self.no_delay = *on,
            SockOpt::V6Only(on) => self.v6_only = *on,
            SockOpt::TimeToLive(hops) => self.hops = one_of(1, *hops)?,
            SockOpt::MulticastTtlV4(hops) | SockOpt::MulticastHopsV6(hops) => self.multicast_hops = one_of(0, *hops)?,
            SockOpt::MulticastLoopV4(on) | SockOpt::MulticastLoopV6(on) => self.multicast_loop = *on,
            // There is one interface, whatever it is called.
            SockOpt::BindToDevice(_) | SockOpt::MulticastInterfaceV4(_) | SockOpt::MulticastInterfaceV6(_) => {}
            _ => return Err(Errno::ENOPROTOOPT.into()),
        }
        Ok(())
    }

    fn get(&self, name: SockOptName) -> Result<SockOpt> {
        Ok(match name {
            SockOptName::ReuseAddress => SockOpt::ReuseAddress(self.reuse_address),
            SockOptName::Broadcast => SockOpt::Broadcast(self.broadcast),
            SockOptName::KeepAlive => SockOpt::KeepAlive(self.keep_alive),
            SockOptName::Linger => SockOpt::Linger(self.linger),
            SockOptName::NoDelay => SockOpt::NoDelay(self.no_delay),
            SockOptName::V6Only => SockOpt::V6Only(self.v6_only),
            SockOptName::TimeToLive => SockOpt::TimeToLive(self.hops.into()),
            SockOptName::MulticastTtlV4 => SockOpt::MulticastTtlV4(self.multicast_hops.into()),
            SockOptName::MulticastHopsV6 => SockOpt::MulticastHopsV6(self.multicast_hops.into()),
            SockOptName::MulticastLoopV4 => SockOpt::MulticastLoopV4(self.multicast_loop),
            SockOptName::MulticastLoopV6 => SockOpt::MulticastLoopV6(self.multicast_loop),
            SockOptName::BindToDevice => SockOpt::BindToDevice(None),
            _ => return Err(Errno::ENOPROTOOPT.into()),
        })
    }
}

fn one_of(least: u32, hops: u32) -> Result<u8> {
    u8::try_from(hops).ok().filter(|hops| u32::from(*hops) >= least).ok_or_else(|| Errno::EINVAL.into())
}

impl Host {
    fn options(&mut self, id: SocketId) -> Result<&mut Options> {
        match self.sockets.get_mut(&id) {
            Some(Socket::Stream(stream)) => Ok(&mut stream.options),
            Some(Socket::Datagram(socket)) => Ok(&mut socket.options),
            Some(Socket::Raw(socket)) => Ok(&mut socket.options),
            None => Err(Errno::EBADF.into()),
        }
    }

    pub(super) fn set_option(&mut self, id: SocketId, option: &SockOpt) -> Result<()> {
        match option {
            SockOpt::JoinV4 { group, interface } => {
                self.check_interface((*interface).into())?;
                self.join_group(id, (*group).into())
            }
            SockOpt::LeaveV4 { group, .. } => self.leave_group(id, (*group).into()),
            SockOpt::JoinV6 { group, .. } => self.join_group(id, (*group).into()),
            SockOpt::LeaveV6 { group, .. } => self.leave_group(id, (*group).into()),
            SockOpt::ReceiveBuffer(bytes) => self.set_buffer(id, *bytes, |buffers| &mut buffers.receive),
            SockOpt::SendBuffer(bytes) => self.set_buffer(id, *bytes, |buffers| &mut buffers.send),
            other => {
                self.options(id)?.set(other)?;
                self.apply_options(id);
                Ok(())
            }
        }
    }

    fn check_interface(&self, address: IpAddr) -> Result<()> {
        let own = address.is_unspecified() || self.addresses.is_own(address);
        if own { Ok(()) } else { Err(Errno::ENODEV.into()) }
    }

    /// A stream's buffers are made when it dials or listens; what is set later counts for nothing.
    fn set_buffer(
        &mut self,
        id: SocketId,
        bytes: usize,
        which: impl FnOnce(&mut crate::engine::Buffers) -> &mut usize,
    ) -> Result<()> {
        if let Some(Socket::Stream(stream)) = self.sockets.get_mut(&id) {
            *which(&mut stream.buffers) = bytes.clamp(LEAST_BUFFER, MOST_BUFFER);
        }
        self.options(id).map(|_| ())
    }

    pub(super) fn get_option(&mut self, id: SocketId, name: SockOptName) -> Result<SockOpt> {
        let datagrams = self.config.profile.datagram_bytes;
        match (name, self.sockets.get_mut(&id)) {
            (_, None) => Err(Errno::EBADF.into()),
            (SockOptName::Error, Some(Socket::Stream(stream))) => Ok(SockOpt::Error(stream.take_error())),
            (SockOptName::Error, Some(Socket::Datagram(socket))) => Ok(SockOpt::Error(socket.take_error())),
            (SockOptName::Error, Some(Socket::Raw(_))) => Ok(SockOpt::Error(None)),
            (SockOptName::ReceiveBuffer, Some(Socket::Stream(stream))) => {
                Ok(SockOpt::ReceiveBuffer(stream.buffers.receive))
            }
            (SockOptName::SendBuffer, Some(Socket::Stream(stream))) => Ok(SockOpt::SendBuffer(stream.buffers.send)),
            (SockOptName::ReceiveBuffer, _) => Ok(SockOpt::ReceiveBuffer(datagrams)),
            (SockOptName::SendBuffer, _) => Ok(SockOpt::SendBuffer(datagrams)),
            (name, Some(_)) => self.options(id)?.get(name),
        }
    }
}
