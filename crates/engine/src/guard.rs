//! The one place that nothing here may dial: where this program itself is commanded. Whoever can have the workbench
//! connect somewhere (a page, a program on a board, an answer of a name server) is not to reach its control port
//! through it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::failure::Reason;

/// The control port, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlPort(pub(crate) Option<SocketAddr>);

impl ControlPort {
    /// To be asked before each dial, after its name was looked up. Every address of this machine counts, also those on
    /// which the control port is not bound: which those are, a connection would find out.
    ///
    /// # Errors
    /// `PermissionDenied`, and that it is the control port.
    pub(crate) fn check(self, dialled: SocketAddr) -> io::Result<()> {
        const EN: &str = "that is the workbench's own control port";
        const ZH: &str = "这是工作台自己的控制端口";
        let is_it = self.0.is_some_and(|control| control.port() == dialled.port() && is_own(dialled.ip()));
        if is_it { Err(Reason::error(io::ErrorKind::PermissionDenied, EN, ZH)) } else { Ok(()) }
    }
}

/// Whether a connection to this address ends at this machine. If the system does not tell, it might.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let has = |interfaces: Vec<if_addrs::Interface>| interfaces.iter().any(|interface| interface.ip() == address);
    address.is_loopback() || address.is_unspecified() || if_addrs::get_if_addrs().map_or(true, has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_port_is_known_under_all_its_names() {
        let guard = ControlPort(Some(([127, 0, 0, 1], 7625).into()));
        let check = |text: &str| guard.check(text.parse().expect("an address"));
        for own in
            ["127.0.0.1:7625", "127.1.2.3:7625", "0.0.0.0:7625", "[::1]:7625", "[::]:7625", "[::ffff:127.0.0.1]:7625"]
        {
            assert_eq!(check(own).expect_err(own).kind(), io::ErrorKind::PermissionDenied);
        }
        for other in ["127.0.0.1:7626", "192.0.2.1:7625"] {
            assert!(check(other).is_ok(), "{other}");
        }
        assert!(ControlPort(None).check(([127, 0, 0, 1], 7625).into()).is_ok());
    }
}
