//! Who holds a port that is wanted, where the system can tell.

use crate::failure::Holder;

/// The process that listens on TCP or is bound to UDP `port`.
pub fn of_port(port: u16) -> Option<Holder> {
    let process = listeners::get_all().ok()?.into_iter().find(|listener| listener.socket.port() == port)?.process;
    Some(Holder { port, process: process.pid, name: process.name })
}
