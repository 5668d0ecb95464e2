//! Where sockets of the system's stack may dial.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// What a policy says about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Dial it.
    Allow,
    /// Do not, for this reason: lower case, no full stop. It becomes the error's detail.
    Refuse(Cow<'static, str>),
}

/// Loopback and the addresses that this machine has at the moment, and nothing else: no multicast, no broadcast. An
/// unspecified address, which systems take for loopback, is allowed.
pub fn this_machine(address: &SocketAddr) -> Verdict {
    let host = address.ip().to_canonical();
    if host.is_loopback() || host.is_unspecified() || is_own(host) {
        return Verdict::Allow;
    }
    Verdict::Refuse("only this machine may be dialled".into())
}

/// Where the system cannot tell what addresses it has, none is taken for its own.
fn is_own(host: IpAddr) -> bool {
    if_addrs::get_if_addrs().is_ok_and(|interfaces| interfaces.iter().any(|interface| interface.ip() == host))
}
