//! Socket options: by the board's numbers, of which the firmware looks at few, and by Linux's in CPython's dialect.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustpython_vm::builtins::{PyInt, PyTuple};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyRef, PyResult, VirtualMachine};
use socklab_socket::{Errno, Ready, SockOpt, SockOptName};

use super::Native;
use crate::board::board;
use crate::modules::schedule;
use crate::net::{self, Entry, Net, Socket};
use crate::profile::{Sockets, Wifi};

/// The number of the option whose value is called when there is something to read; it has no name.
const CALLBACK: i64 = 20;

/// `setsockopt(level, name, value)`. The firmware does not look at the level.
pub(super) fn set(
    socket: &PyRef<Native>,
    level: &PyObject,
    name: i64,
    value: PyObjectRef,
    vm: &VirtualMachine,
) -> PyResult<()> {
    let below = socket.socket(vm)?;
    if board().profile.sockets == Sockets::CPython {
        return apply(vm, below, of_linux(vm, int(vm, level)?, name, &value)?);
    }
    let is = |wanted| board().profile.socket_constant(wanted).map(i64::from) == Some(name);
    match () {
        () if name == CALLBACK => watch(socket, value, vm),
        () if is("SO_REUSEADDR") => apply(vm, below, SockOpt::ReuseAddress(int(vm, &value)? != 0)),
        () if is("SO_BROADCAST") => apply(vm, below, SockOpt::Broadcast(int(vm, &value)? != 0)),
        () if is("IP_ADD_MEMBERSHIP") || is("IP_DROP_MEMBERSHIP") => {
            let (group, interface) = membership(vm, &value)?;
            let drops = is("IP_DROP_MEMBERSHIP");
            let (join, leave) = (SockOpt::JoinV4 { group, interface }, SockOpt::LeaveV4 { group, interface });
            apply(vm, below, if drops { leave } else { join })
        }
        () if is("TCP_NODELAY") => apply(vm, below, SockOpt::NoDelay(int(vm, &value)? != 0)),
        // The names of the board's interfaces are not those of this machine, which has one for them all.
        () if is("SO_BINDTODEVICE") => value.str(vm).map(drop),
        () => not_implemented(vm),
    }
}

fn apply(vm: &VirtualMachine, socket: &Socket, option: SockOpt) -> PyResult<()> {
    socket.setsockopt(option).map_err(|error| net::raised_by(vm, &error))
}

/// What the firmware prints about an option that it does not know. The Hi3861's and CanMV's say nothing.
fn not_implemented(vm: &VirtualMachine) -> PyResult<()> {
    let text: &[u8] = match (board().profile.sockets, board().profile.wifi) {
        (_, Some(Wifi::Waffle)) | (Sockets::Card, _) => return Ok(()),
        (Sockets::Raw, _) => b"Warning: lwip.setsockopt() not implemented\r\n",
        _ => b"Warning: lwip.setsockopt() option not implemented\r\n",
    };
    board().output(vm, text)
}

/// Group and interface, four bytes each.
fn membership(vm: &VirtualMachine, value: &PyObject) -> PyResult<(Ipv4Addr, Ipv4Addr)> {
    let eight = value.try_bytes_like(vm, |bytes| <[u8; 8]>::try_from(bytes).ok());
    let eight = eight.map_err(|_| vm.new_type_error("object with buffer protocol required"))?;
    let [a, b, c, d, e, f, g, h] = eight.ok_or_else(|| vm.new_value_error(""))?;
    Ok((Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h)))
}

fn int(vm: &VirtualMachine, value: &PyObject) -> PyResult<i64> {
    match value.downcast_ref::<PyInt>() {
        Some(value) => value.try_to_primitive(vm),
        None => Err(vm.new_type_error(format!("can't convert {} to int", value.class().name()))),
    }
}

// ---- the callback

/// A callback that is called while there is something to read. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Watch {
    callback: PyObjectRef,
    alive: Arc<AtomicBool>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Relaxed);
    }
}

fn watch(socket: &PyRef<Native>, callback: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
    if vm.is_none(&callback) {
        socket.replace_watch(None);
        return Ok(());
    }
    let alive = Arc::new(AtomicBool::new(true));
    socket.replace_watch(Some(Watch { callback: callback.clone(), alive: alive.clone() }));
    arm(socket, callback, alive, vm);
    Ok(())
}

/// Has the callback scheduled as soon as there is something to read, by a thread that waits for that.
fn arm(socket: &PyRef<Native>, callback: PyObjectRef, alive: Arc<AtomicBool>, vm: &VirtualMachine) {
    let Some(below) = socket.polled().cloned() else { return };
    let both = vm.ctx.new_tuple(vec![socket.clone().into(), callback]).into();
    let token = schedule::prepare(vm.new_function("on_readable", on_readable).into(), both);
    thread::spawn(move || {
        // A network of its own: what wakes the program is not meant for this thread.
        let net = Net::new(board().network.net().stack().clone());
        let found = net.poll(&mut [Entry::new(&below, Ready::IN)], None);
        while found.is_ok() && alive.load(Ordering::Relaxed) && !below.is_closed() && !board().schedule(token) {
            // The program has too much to call already; nothing tells when it has less.
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Calls the program's callback, if it is still the one, and waits for more to read.
fn on_readable(both: PyRef<PyTuple>, vm: &VirtualMachine) -> PyResult<()> {
    let [socket, callback] = both.as_slice() else { return Ok(()) };
    let Some(native) = socket.clone().downcast::<Native>().ok() else { return Ok(()) };
    let is_it = |watch: Option<&Watch>| watch.filter(|watch| watch.callback.is(callback)).map(|w| w.alive.clone());
    if native.with_watch(is_it).is_none() {
        return Ok(());
    }
    let result = callback.call((socket.clone(),), vm);
    if let Some(alive) = native.with_watch(is_it) {
        arm(&native, callback.clone(), alive, vm);
    }
    result.map(drop)
}

// ---- CPython

/// An option by Linux's numbers.
fn of_linux(vm: &VirtualMachine, level: i64, name: i64, value: &PyObject) -> PyResult<SockOpt> {
    let number = || match value.downcast_ref::<PyInt>() {
        Some(number) => number.try_to_primitive(vm),
        None => {
            value.try_bytes_like(vm, |bytes| bytes.first_chunk().map_or(0, |four| i64::from(i32::from_ne_bytes(*four))))
        }
    };
    let size = || Ok(usize::try_from(number()?).unwrap_or(0));
    let hops = || Ok(u32::try_from(number()?).unwrap_or(u32::MAX));
    Ok(match (level, name) {
        (1, 2) => SockOpt::ReuseAddress(number()? != 0),
        (1, 6) => SockOpt::Broadcast(number()? != 0),
        (1, 7) => SockOpt::SendBuffer(size()?),
        (1, 8) => SockOpt::ReceiveBuffer(size()?),
        (1, 9) => SockOpt::KeepAlive(number()? != 0),
        (1, 13) => linger(vm, value)?,
        (6, 1) => SockOpt::NoDelay(number()? != 0),
        (0, 2) => SockOpt::TimeToLive(hops()?),
        (0, 33) => SockOpt::MulticastTtlV4(hops()?),
        (0, 34) => SockOpt::MulticastLoopV4(number()? != 0),
        (0, 35 | 36) => {
            let (group, interface) = membership(vm, value)?;
            if name == 35 { SockOpt::JoinV4 { group, interface } } else { SockOpt::LeaveV4 { group, interface } }
        }
        (41, 26) => SockOpt::V6Only(number()? != 0),
        _ => return Err(net::os_error(vm, Errno::ENOPROTOOPT)),
    })
}

/// `struct.pack('ii', on, seconds)`.
fn linger(vm: &VirtualMachine, value: &PyObject) -> PyResult<SockOpt> {
    let eight = value.try_bytes_like(vm, |bytes| <[u8; 8]>::try_from(bytes).ok())?;
    let [a, b, c, d, e, f, g, h] = eight.ok_or_else(|| net::os_error(vm, Errno::EINVAL))?;
    let on = i32::from_ne_bytes([a, b, c, d]) != 0;
    let seconds = u64::try_from(i32::from_ne_bytes([e, f, g, h])).unwrap_or(0);
    Ok(SockOpt::Linger(on.then(|| Duration::from_secs(seconds))))
}

/// `getsockopt(level, name[, size])`; with a size it gives bytes.
pub(super) fn get(socket: &Native, level: i64, name: i64, size: Option<usize>, vm: &VirtualMachine) -> PyResult {
    let known = match (level, name) {
        (1, 2) => SockOptName::ReuseAddress,
        (1, 3) => return Ok(vm.ctx.new_int(super::address::kind_number(socket.kind())).into()),
        (1, 4) => SockOptName::Error,
        (1, 6) => SockOptName::Broadcast,
        (1, 7) => SockOptName::SendBuffer,
        (1, 8) => SockOptName::ReceiveBuffer,
        (1, 9) => SockOptName::KeepAlive,
        (1, 13) => SockOptName::Linger,
        (6, 1) => SockOptName::NoDelay,
        (0, 2) => SockOptName::TimeToLive,
        (0, 33) => SockOptName::MulticastTtlV4,
        (0, 34) => SockOptName::MulticastLoopV4,
        (41, 26) => SockOptName::V6Only,
        _ => return Err(net::os_error(vm, Errno::ENOPROTOOPT)),
    };
    let option = socket.socket(vm)?.getsockopt(known).map_err(|error| net::raised_by(vm, &error))?;
    let words = words(&option);
    match size {
        Some(size) => {
            let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            bytes.truncate(size);
            Ok(vm.ctx.new_bytes(bytes).into())
        }
        None => Ok(vm.ctx.new_int(words.first().copied().unwrap_or(0)).into()),
    }
}

/// An option's value as Linux has it.
fn words(option: &SockOpt) -> Vec<i32> {
    let int = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    match option {
        SockOpt::ReuseAddress(on)
        | SockOpt::Broadcast(on)
        | SockOpt::KeepAlive(on)
        | SockOpt::NoDelay(on)
        | SockOpt::V6Only(on)
        | SockOpt::MulticastLoopV4(on) => vec![i32::from(*on)],
        SockOpt::ReceiveBuffer(bytes) | SockOpt::SendBuffer(bytes) => vec![int(*bytes)],
        SockOpt::TimeToLive(hops) | SockOpt::MulticastTtlV4(hops) => vec![int(*hops as usize)],
        SockOpt::Error(errno) => vec![errno.map_or(0, Errno::linux)],
        SockOpt::Linger(None) => vec![0, 0],
        SockOpt::Linger(Some(time)) => vec![1, int(time.as_secs() as usize)],
        _ => vec![0],
    }
}
