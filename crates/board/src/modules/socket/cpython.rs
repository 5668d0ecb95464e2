//! What only CPython's module `socket` has: functions, exceptions and defaults. A Linux
//! computer is a "board" too, whose programs are written for CPython.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use rustpython_vm::builtins::{PyBaseException, PyBaseExceptionRef, PyModule, PyStr, PyStrRef, PyTypeRef, PyWeak};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, Py, PyObjectRef, PyRef, PyResult, VirtualMachine};
use socklab_socket::{Errno, Family, LookupFailure};

use super::class::seconds;
use super::{Native, address};
use crate::board::board;
use crate::{import, net};

/// The class of a look-up's failures.
static GAIERROR: Mutex<Option<PyTypeRef>> = Mutex::new(None);
static DEFAULT: Mutex<Option<Duration>> = Mutex::new(None);

/// What `setdefaulttimeout` set.
pub(super) fn default_timeout() -> Option<Duration> {
    *DEFAULT.lock()
}

/// Puts CPython's names into the module.
pub(super) fn furnish(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
    *DEFAULT.lock() = None;
    let os_error = vm.ctx.exceptions.os_error.to_owned();
    let gaierror = vm.ctx.new_exception_type("socket", "gaierror", Some(vec![os_error.clone()]));
    *GAIERROR.lock() = Some(gaierror.clone());
    module.set_attr("gaierror", gaierror, vm)?;
    module.set_attr("error", os_error, vm)?;
    module.set_attr("timeout", vm.ctx.exceptions.timeout_error.to_owned(), vm)?;
    module.set_attr("has_ipv6", vm.ctx.new_bool(true), vm)?;
    module.set_attr("SocketType", module.get_attr("socket", vm)?, vm)?;
    let functions = [
        vm.new_function("_file_opened", |socket: PyRef<Native>| socket.file_opened()),
        vm.new_function("_file_closed", |socket: PyRef<Native>| socket.file_closed()),
        vm.new_function("getdefaulttimeout", || default_timeout().map(|timeout| timeout.as_secs_f64())),
        vm.new_function("setdefaulttimeout", set_default_timeout),
        vm.new_function("_by_number", by_number),
        vm.new_function("gethostname", || board().profile.machine.to_owned()),
        vm.new_function("gethostbyname", gethostbyname),
        vm.new_function("inet_aton", inet_aton),
        vm.new_function("inet_ntoa", inet_ntoa),
        vm.new_function("inet_pton", inet_pton),
        vm.new_function("inet_ntop", inet_ntop),
        vm.new_function("htons", u16::to_be),
        vm.new_function("ntohs", u16::from_be),
        vm.new_function("htonl", u32::to_be),
        vm.new_function("ntohl", u32::from_be),
    ];
    for function in functions {
        let name = function.as_object().get_attr("__name__", vm)?.str(vm)?;
        module.set_attr(&*name, function, vm)?;
    }
    Ok(())
}

/// `gaierror(-2, 'Name or service not known')`.
pub(crate) fn gaierror(vm: &VirtualMachine, failure: LookupFailure) -> PyBaseExceptionRef {
    let words = match failure {
        LookupFailure::NoName => "Name or service not known",
        LookupFailure::Again => "Temporary failure in name resolution",
        LookupFailure::NoData => "No address associated with hostname",
        other => other.cause(),
    };
    let class = GAIERROR.lock().clone().unwrap_or_else(|| vm.ctx.exceptions.os_error.to_owned());
    let args = vec![vm.ctx.new_int(failure.linux()).into(), vm.ctx.new_str(words).into()];
    vm.invoke_exception(class, args).unwrap_or_else(|raised| raised)
}

/// `<socket.socket fd=3, family=2, type=1, proto=0, laddr=('127.0.0.1', 80)>`.
pub(super) fn repr(socket: &Native, vm: &VirtualMachine) -> String {
    let (number, family) = (socket.number(), if socket.family() == Family::Inet6 { 10 } else { 2 });
    let mut text = format!("<socket.socket fd={number}, family={family}, type={}", address::kind_number(socket.kind()));
    text.push_str(&format!(", proto={}", socket.protocol()));
    let ends = socket.polled().map(|below| [("laddr", below.local_address()), ("raddr", below.peer_address())]);
    for (name, end) in ends.into_iter().flatten() {
        let shown = end.ok().and_then(|end| end.ip()).map(|end| address::tuple(vm, &end));
        if let Some(shown) = shown.and_then(|shown| shown.repr(vm).ok()) {
            text.push_str(&format!(", {name}={shown}"));
        }
    }
    text.push('>');
    text
}

/// The errno of what a call raised; 0 when it did not.
pub(super) fn outcome_number(outcome: PyResult<()>, vm: &VirtualMachine) -> PyResult {
    let Err(raised) = outcome else { return Ok(vm.ctx.new_int(0).into()) };
    let number = |raised: &PyBaseException| raised.get_arg(0).filter(|first| first.downcast_ref::<PyStr>().is_none());
    match raised.fast_isinstance(vm.ctx.exceptions.os_error) {
        true => Ok(number(&raised).unwrap_or_else(|| vm.ctx.new_int(Errno::EAGAIN.linux()).into())),
        false => Err(raised),
    }
}

fn set_default_timeout(timeout: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    *DEFAULT.lock() = seconds(&timeout, vm)?;
    Ok(())
}

fn gethostbyname(name: PyStrRef, vm: &VirtualMachine) -> PyResult<String> {
    let pair = vm.ctx.new_tuple(vec![name.into(), vm.ctx.new_int(0).into()]);
    Ok(address::place(vm, pair.as_object(), Family::Inet)?.ip().to_string())
}

fn inet_aton(text: PyStrRef, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    let address: Option<Ipv4Addr> = text.to_string_lossy().parse().ok();
    let address = address.ok_or_else(|| bad_address(vm, "illegal IP address string passed to inet_aton"))?;
    Ok(address.octets().to_vec())
}

fn inet_ntoa(packed: PyObjectRef, vm: &VirtualMachine) -> PyResult<String> {
    inet_ntop(2, packed, vm)
}

fn inet_pton(family: i64, text: PyStrRef, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    let text = text.to_string_lossy();
    let bytes = match family {
        2 => text.parse::<Ipv4Addr>().ok().map(|address| address.octets().to_vec()),
        10 => text.parse::<Ipv6Addr>().ok().map(|address| address.octets().to_vec()),
        _ => return Err(net::os_error(vm, Errno::EAFNOSUPPORT)),
    };
    bytes.ok_or_else(|| bad_address(vm, "illegal IP address string passed to inet_pton"))
}

fn inet_ntop(family: i64, packed: PyObjectRef, vm: &VirtualMachine) -> PyResult<String> {
    let text = packed.try_bytes_like(vm, |bytes| match family {
        2 => <[u8; 4]>::try_from(bytes).ok().map(|four| Ipv4Addr::from(four).to_string()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).to_string()),
    })?;
    text.ok_or_else(|| vm.new_value_error("invalid length of packed IP address string"))
}

fn bad_address(vm: &VirtualMachine, text: &str) -> PyBaseExceptionRef {
    let text = vm.ctx.new_str(text).into();
    vm.invoke_exception(vm.ctx.exceptions.os_error.to_owned(), vec![text]).unwrap_or_else(|raised| raised)
}

/// `makefile(mode='r', buffering=None, *, encoding, errors, newline)`.
pub(super) fn makefile(socket: PyRef<Native>, mut args: FuncArgs, vm: &VirtualMachine) -> PyResult {
    args.prepend_arg(socket.into());
    import::module("_board_socket", vm)?.get_attr("makefile", vm)?.call(args, vm)
}

/// Sockets whose numbers were asked for, of which a selector knows no more.
static NUMBERED: Mutex<BTreeMap<i64, PyRef<PyWeak>>> = Mutex::new(BTreeMap::new());

/// Keeps a socket to be found by its number.
pub(super) fn remember(socket: &PyRef<Native>, vm: &VirtualMachine) -> PyResult<()> {
    if socket.number() >= 0 {
        let weak = socket.as_object().downgrade(None, vm)?;
        NUMBERED.lock().insert(socket.number(), weak);
    }
    Ok(())
}

/// The open socket of that number.
fn by_number(number: i64) -> Option<PyRef<Native>> {
    let found = NUMBERED.lock().get(&number).and_then(|weak| weak.upgrade())?;
    found.downcast::<Native>().ok().filter(|found| found.number() == number)
}
