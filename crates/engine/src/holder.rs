//! Who holds a port that is wanted, where the system can tell.

use listeners::Protocol;
use socklab_capture::Transport;

use crate::failure::Holder;

/// The process that listens on TCP port `port`.
pub fn of_port(port: u16) -> Option<Holder> {
    of(Transport::Stream, port)
}

/// The process that has TCP or UDP port `port`.
pub(crate) fn of(transport: Transport, port: u16) -> Option<Holder> {
    let protocol = match transport {
        Transport::Stream => Protocol::TCP,
        Transport::Datagram => Protocol::UDP,
    };
    let mut known = listeners::get_all().ok()?.into_iter();
    let process = known.find(|known| known.socket.port() == port && known.protocol == protocol)?.process;
    Some(Holder { port, process: process.pid, name: process.name })
}
