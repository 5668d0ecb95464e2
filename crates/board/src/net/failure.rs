//! The exception that an error of the network is on this board: its number, and on a Linux computer CPython's class
//! and text.

use rustpython_vm::VirtualMachine;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyTypeRef};
use socklab_socket::{Errno, Error, Kind, LookupFailure};

use super::{RAISED, remark_refusal};
use crate::board::{board, interrupted};
use crate::modules::errors;
use crate::modules::socket::gaierror;
use crate::profile::Sockets;

/// The exception for an error of a socket; what a callback raised meanwhile, as it was raised.
pub(crate) fn raised_by(vm: &VirtualMachine, error: &Error) -> PyBaseExceptionRef {
    match error.kind() {
        Kind::Interrupted => RAISED.take().unwrap_or_else(|| interrupted(vm)),
        Kind::Lookup(failure) => of_lookup(vm, failure),
        Kind::NotAllowed => {
            remark_refusal(error);
            os_error(vm, Errno::EHOSTUNREACH)
        }
        _ => os_error(vm, error.errno().unwrap_or(Errno::EIO)),
    }
}

/// The same by name.
pub(crate) fn os_error(vm: &VirtualMachine, errno: Errno) -> PyBaseExceptionRef {
    if board().profile.sockets != Sockets::CPython {
        return errors::named(vm, on_this_board(errno).name());
    }
    let (number, text) = (vm.ctx.new_int(errno.linux()).into(), vm.ctx.new_str(words(errno)).into());
    vm.invoke_exception(class(vm, errno), vec![number, text]).unwrap_or_else(|raised| raised)
}

/// A wait that was longer than the socket's timeout.
pub(crate) fn timed_out(vm: &VirtualMachine) -> PyBaseExceptionRef {
    if board().profile.sockets != Sockets::CPython {
        return os_error(vm, Errno::ETIMEDOUT);
    }
    let text = vm.ctx.new_str("timed out").into();
    vm.invoke_exception(vm.ctx.exceptions.timeout_error.to_owned(), vec![text]).unwrap_or_else(|raised| raised)
}

/// A name that has no address.
pub(crate) fn of_lookup(vm: &VirtualMachine, failure: LookupFailure) -> PyBaseExceptionRef {
    let profile = board().profile;
    match profile.sockets {
        Sockets::CPython => gaierror(vm, failure),
        _ if board().network.is_up() => errors::numbered(vm, profile.quirks.unknown_name),
        _ => errors::numbered(vm, LookupFailure::NoName.linux()),
    }
}

/// What this board calls an error of the host's network.
fn on_this_board(errno: Errno) -> Errno {
    match errno {
        Errno::ECONNREFUSED if board().profile.quirks.refused_is_reset => Errno::ECONNRESET,
        Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::ENETDOWN => Errno::EHOSTUNREACH,
        // lwIP knows no broken pipes: a connection that is gone was reset.
        Errno::EPIPE => Errno::ECONNRESET,
        errno => errno,
    }
}

/// CPython's subclass of OSError.
fn class(vm: &VirtualMachine, errno: Errno) -> PyTypeRef {
    let zoo = &vm.ctx.exceptions;
    match errno {
        Errno::EAGAIN | Errno::EINPROGRESS | Errno::EALREADY => zoo.blocking_io_error,
        Errno::ECONNREFUSED => zoo.connection_refused_error,
        Errno::ECONNRESET => zoo.connection_reset_error,
        Errno::ECONNABORTED => zoo.connection_aborted_error,
        Errno::EPIPE => zoo.broken_pipe_error,
        Errno::ETIMEDOUT => zoo.timeout_error,
        Errno::EACCES | Errno::EPERM => zoo.permission_error,
        _ => zoo.os_error,
    }
    .to_owned()
}

/// What Linux says.
fn words(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN => "Resource temporarily unavailable",
        Errno::EINPROGRESS => "Operation now in progress",
        Errno::EALREADY => "Operation already in progress",
        Errno::EISCONN => "Transport endpoint is already connected",
        Errno::ENOTCONN => "Transport endpoint is not connected",
        Errno::ECONNREFUSED => "Connection refused",
        Errno::ECONNRESET => "Connection reset by peer",
        Errno::ECONNABORTED => "Software caused connection abort",
        Errno::EPIPE => "Broken pipe",
        Errno::ETIMEDOUT => "Connection timed out",
        Errno::EHOSTUNREACH => "No route to host",
        Errno::ENETUNREACH => "Network is unreachable",
        Errno::EADDRINUSE => "Address already in use",
        Errno::EADDRNOTAVAIL => "Cannot assign requested address",
        Errno::EAFNOSUPPORT => "Address family not supported by protocol",
        Errno::EPROTONOSUPPORT => "Protocol not supported",
        Errno::EOPNOTSUPP => "Operation not supported",
        Errno::ENOPROTOOPT => "Protocol not available",
        Errno::EDESTADDRREQ => "Destination address required",
        Errno::EMSGSIZE => "Message too long",
        Errno::ENOTSOCK => "Socket operation on non-socket",
        Errno::EBADF => "Bad file descriptor",
        Errno::EINVAL => "Invalid argument",
        Errno::EACCES => "Permission denied",
        Errno::EPERM => "Operation not permitted",
        Errno::EMFILE => "Too many open files",
        other => other.cause(),
    }
}
