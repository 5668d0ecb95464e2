//! The class `socket`: its methods as programs see them. What they do while they wait is in `calls`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crossbeam_utils::atomic::AtomicCell;
use parking_lot::Mutex;
use rustpython_vm::builtins::{PyFloat, PyInt, PyType};
use rustpython_vm::function::{ArgMemoryBuffer, FuncArgs, OptionalArg, PosArgs};
use rustpython_vm::types::{Constructor, DefaultConstructor, Initializer, Representable};
use rustpython_vm::{AsObject, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};
use socklab_socket::{Address, Errno, Error, Family, Protocol, RecvFlags, SockOpt, Type};

use super::calls::{Fail, Send, or_none, with_data};
use super::slots::Slot;
use super::{address, cpython, option};
use crate::board::board;
use crate::modules::asked::{self, Part};
use crate::net::{self, Socket};
use crate::profile::Sockets;
use crate::{memory, modules::errors};

/// Connections that wait to be accepted, unless told.
const BACKLOG: i64 = 2;

/// How long a blocking ESP32 goes on sending an empty datagram: until Ctrl-C.
const AGAIN: Duration = Duration::from_millis(100);

/// Methods that only CPython's sockets have.
const CPYTHON_ONLY: &[&str] = &[
    "__enter__",
    "__exit__",
    "connect_ex",
    "detach",
    "family",
    "getblocking",
    "getpeername",
    "getsockname",
    "getsockopt",
    "gettimeout",
    "proto",
    "recv_into",
    "recvfrom_into",
    "shutdown",
    "type",
];

/// Methods that only boards' sockets have.
const BOARDS_ONLY: &[&str] = &["read", "readinto", "readline", "write"];

/// A socket.
#[pyclass(module = "builtins", name = "socket")]
#[derive(PyPayload)]
pub(crate) struct Native {
    family: AtomicCell<Family>,
    kind: AtomicCell<Type>,
    protocol: AtomicI64,
    /// From `__init__` on, which a program's subclass may have its own arguments for. What every call looks at is not
    /// behind the lock.
    below: OnceLock<Socket>,
    condition: AtomicCell<Condition>,
    /// What the next call has to say: a dial in the background failed.
    postponed: AtomicCell<Option<Errno>>,
    state: Mutex<State>,
}

struct State {
    /// While it is open.
    slot: Option<Slot>,
    /// As the program set it.
    timeout: Option<Duration>,
    watch: Option<option::Watch>,
    /// Files over it that are open: they keep it open too.
    files: usize,
    /// It is to be closed with the last of them.
    closing: bool,
}

/// What a socket has been through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is not open, not any more or not yet.
    Closed,
    /// Nothing, or a bind.
    New,
    /// It listens.
    Listening,
    /// A dial is under way.
    Connecting,
    /// It has a peer, or had one.
    Connected,
    /// A dial failed: it is of no more use.
    Dead,
}

impl std::fmt::Debug for Native {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("socket").field("family", &self.family()).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// Takes from the class what this board's sockets do not have.
pub(super) fn leave_out(vm: &VirtualMachine, class: &Py<PyType>) {
    let (absent, fileno): (_, &[&str]) = match board().profile.sockets {
        Sockets::CPython => (BOARDS_ONLY, &[]),
        Sockets::Raw => (CPYTHON_ONLY, &["fileno"]),
        Sockets::Bsd | Sockets::Card => (CPYTHON_ONLY, &[]),
    };
    let mut attributes = class.attributes.write();
    for name in absent.iter().chain(fileno) {
        attributes.shift_remove(vm.ctx.intern_str(*name));
    }
}

impl DefaultConstructor for Native {}

impl Default for Native {
    fn default() -> Native {
        let timeout = cpython::default_timeout();
        Native {
            family: AtomicCell::new(Family::Inet),
            kind: AtomicCell::new(Type::Stream),
            protocol: AtomicI64::new(0),
            below: OnceLock::new(),
            condition: AtomicCell::new(Condition::Closed),
            postponed: AtomicCell::new(None),
            state: Mutex::new(State { slot: None, timeout, watch: None, files: 0, closing: false }),
        }
    }
}

impl Initializer for Native {
    type Args = FuncArgs;

    fn init(zelf: PyRef<Native>, args: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        let [family, kind, protocol] = arguments(&args, vm)?;
        let made = || vm.new_runtime_error("this socket is made already");
        if zelf.below.get().is_some() {
            return Err(made());
        }
        let slot = free_slot(vm)?;
        let family = match family {
            10 if board().profile.socket_constant("AF_INET6") == Some(10) => Family::Inet6,
            2 => Family::Inet,
            _ => return Err(net::os_error(vm, Errno::EAFNOSUPPORT)),
        };
        let kind = match kind {
            1 => Type::Stream,
            2 => Type::Datagram,
            3 => Type::Raw,
            _ => return Err(net::os_error(vm, Errno::EINVAL)),
        };
        let number = u8::try_from(protocol).map_err(|_| net::os_error(vm, Errno::EPROTONOSUPPORT))?;
        let socket = board()
            .network
            .ready_net(vm)?
            .socket(family, kind, Protocol::from(number))
            .map_err(|error| net::raised_by(vm, &error))?;
        if kind == Type::Datagram && board().profile.sockets != Sockets::CPython {
            // lwIP lets datagrams go to a broadcast address unasked.
            let _ = socket.setsockopt(SockOpt::Broadcast(true));
        }
        // Another thread may have been quicker.
        zelf.open(socket, slot, protocol).then_some(()).ok_or_else(made)
    }
}

/// Family, type and protocol; boards take no keywords.
fn arguments(args: &FuncArgs, vm: &VirtualMachine) -> PyResult<[i64; 3]> {
    let cpython = board().profile.sockets == Sockets::CPython;
    let mut numbers = [2, 1, 0];
    if !cpython && !args.kwargs.is_empty() {
        return Err(vm.new_type_error("function doesn't take keyword arguments"));
    }
    if args.args.len() > numbers.len() + usize::from(cpython) {
        let given = args.args.len();
        return Err(vm.new_type_error(format!("function expected at most 3 arguments, got {given}")));
    }
    for (place, (number, name)) in numbers.iter_mut().zip(["family", "type", "proto"]).enumerate() {
        let Some(given) = args.args.get(place).or_else(|| args.kwargs.get(name)) else { continue };
        let given_int = given.downcast_ref::<PyInt>().map(|given| given.try_to_primitive(vm));
        match given_int {
            // CPython's "unless told".
            Some(Ok(-1)) if cpython => {}
            Some(given) => *number = given?,
            None => return Err(vm.new_type_error(format!("can't convert {} to int", given.class().name()))),
        }
    }
    Ok(numbers)
}

/// A place for one more socket, after a look for those that nobody can reach any more.
fn free_slot(vm: &VirtualMachine) -> PyResult<Slot> {
    if let Some(slot) = Slot::take() {
        return Ok(slot);
    }
    rustpython_vm::gc_state::gc_state().collect_force(2);
    Slot::take().ok_or_else(|| errors::named(vm, board().profile.quirks.most_sockets.1))
}

impl Representable for Native {
    fn repr_str(zelf: &Py<Native>, vm: &VirtualMachine) -> PyResult<String> {
        match board().profile.sockets {
            Sockets::CPython => Ok(cpython::repr(zelf, vm)),
            _ => Ok("<socket>".to_owned()),
        }
    }
}

impl Native {
    /// A socket that is open.
    fn over(socket: Socket, slot: Slot, protocol: i64) -> Native {
        let native = Native::default();
        native.open(socket, slot, protocol);
        native
    }

    /// Says whether it was not open before, ever.
    fn open(&self, socket: Socket, slot: Slot, protocol: i64) -> bool {
        // All waiting is done above.
        socket.setblocking(false);
        let (family, kind) = (socket.family(), socket.kind());
        if self.below.set(socket).is_err() {
            return false;
        }
        self.family.store(family);
        self.kind.store(kind);
        self.protocol.store(protocol, Ordering::Relaxed);
        self.state.lock().slot = Some(slot);
        self.condition.store(Condition::New);
        true
    }

    pub(super) fn family(&self) -> Family {
        self.family.load()
    }

    pub(super) fn kind(&self) -> Type {
        self.kind.load()
    }

    /// A file over it is opened.
    pub(super) fn file_opened(&self) {
        self.state.lock().files += 1;
    }

    /// One is closed, and with the last of them the socket, if its own `close` was called before.
    pub(super) fn file_closed(&self) {
        let closing = {
            let mut state = self.state.lock();
            state.files = state.files.saturating_sub(1);
            state.closing && state.files == 0
        };
        if closing {
            self.close();
        }
    }

    /// What is below; EBADF once it is closed, and what a dial in the background left to say.
    pub(super) fn socket(&self, vm: &VirtualMachine) -> PyResult<&Socket> {
        let below = self.polled().ok_or_else(|| net::os_error(vm, Errno::EBADF))?;
        match self.postponed.load().and_then(|_| self.postponed.take()) {
            Some(errno) => Err(net::os_error(vm, errno)),
            None => Ok(below),
        }
    }

    /// What is below while it is open, for whoever only polls it.
    pub(crate) fn polled(&self) -> Option<&Socket> {
        self.below.get().filter(|_| self.condition() != Condition::Closed)
    }

    /// Whether a dial in the background has failed, which the system has forgotten.
    pub(crate) fn has_failed(&self) -> bool {
        self.postponed.load().is_some()
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.state.lock().timeout
    }

    pub(super) fn set_timeout(&self, timeout: Option<Duration>) {
        self.state.lock().timeout = timeout;
    }

    pub(super) fn condition(&self) -> Condition {
        self.condition.load()
    }

    /// What it becomes, unless another thread has closed it.
    pub(super) fn become_(&self, condition: Condition) {
        let _ = self.condition.fetch_update(|before| (before != Condition::Closed).then_some(condition));
    }

    pub(super) fn postpone(&self, errno: Errno) {
        self.postponed.store(Some(errno));
    }

    pub(super) fn protocol(&self) -> i64 {
        self.protocol.load(Ordering::Relaxed)
    }

    pub(crate) fn number(&self) -> i64 {
        self.state.lock().slot.as_ref().map_or(-1, Slot::number)
    }

    /// Exchanges the callback for one that is called when there is something to read.
    pub(super) fn replace_watch(&self, watch: Option<option::Watch>) {
        // Dropped outside of the lock: it may hold the last reference to anything.
        let before = std::mem::replace(&mut self.state.lock().watch, watch);
        drop(before);
    }

    pub(super) fn with_watch<R>(&self, look: impl FnOnce(Option<&option::Watch>) -> R) -> R {
        look(self.state.lock().watch.as_ref())
    }

    /// Streams send only to a peer: Linux says EPIPE where boards say ENOTCONN.
    pub(super) fn check_connection(&self, vm: &VirtualMachine) -> PyResult<()> {
        let lonely = matches!(self.condition(), Condition::New | Condition::Listening);
        if self.kind() == Type::Stream && lonely && board().profile.sockets != Sockets::CPython {
            self.socket(vm)?;
            return Err(net::os_error(vm, Errno::ENOTCONN));
        }
        self.check_not_dead(vm)
    }

    /// After a failed dial, lwIP's socket is none.
    pub(super) fn check_not_dead(&self, vm: &VirtualMachine) -> PyResult<()> {
        if self.condition() == Condition::Dead && board().profile.sockets != Sockets::CPython {
            self.socket(vm)?;
            return Err(net::os_error(vm, Errno::ENOTCONN));
        }
        Ok(())
    }

    pub(super) fn flags(&self, flags: OptionalArg<i32>) -> RecvFlags {
        let flags = flags.unwrap_or(0);
        let has = |name| board().profile.socket_constant(name).is_some_and(|flag| flags & flag != 0);
        RecvFlags { peek: has("MSG_PEEK"), dont_wait: has("MSG_DONTWAIT") }
    }

    /// How many bytes a program asks for.
    fn room(count: isize, vm: &VirtualMachine) -> PyResult<usize> {
        let count = usize::try_from(count).map_err(|_| vm.new_value_error("negative buffersize in recv"))?;
        memory::check(count, vm).map(|()| count)
    }

    /// The sender of a datagram; of a stream, its peer.
    fn sender(&self, vm: &VirtualMachine, sender: Option<Address>) -> PyObjectRef {
        let sender = sender.or_else(|| match board().profile.sockets {
            Sockets::CPython => None,
            _ => self.polled()?.peer_address().ok(),
        });
        sender.and_then(|sender| sender.ip()).map_or_else(|| vm.ctx.none(), |sender| address::tuple(vm, &sender))
    }

    pub(super) fn send_to(&self, vm: &VirtualMachine, data: &PyObject, to: &PyObject) -> PyResult<usize> {
        let to = address::numeric(vm, to, self.family())?;
        address::check_way(vm, &to)?;
        let sent = self.attempt(vm, socklab_socket::Ready::OUT, true, |socket| {
            with_data(data, vm, |bytes| socket.sendto(bytes, to))
        });
        sent.map_err(|fail| fail.raise(vm))
    }

    /// An ESP32 sends an empty datagram again and again, since "0 bytes sent" is no success to it. Here it goes out
    /// once, and the call waits for as long as that would take.
    fn empty_datagram(&self, vm: &VirtualMachine) -> PyResult<usize> {
        board().network.remark("an ESP32 never ends sending an empty datagram", "ESP32 发送空数据报时不会结束");
        let fail = self.nothing_sent();
        let mut left = self.timeout();
        while left != Some(Duration::ZERO) {
            let pause = left.map_or(AGAIN, |left| left.min(AGAIN));
            board().wait(vm, std::time::Instant::now().checked_add(pause), |_| None::<()>)?;
            left = left.map(|left| left - pause);
        }
        Err(match fail {
            Fail::Again | Fail::Late => net::timed_out(vm),
            fail => fail.raise(vm),
        })
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // Also for a thread that watches it.
        if let Some(below) = self.below.get() {
            below.close();
        }
    }
}

#[pyclass(with(Constructor, Initializer, Representable), flags(BASETYPE, HAS_WEAKREF))]
impl Native {
    #[pymethod]
    pub(super) fn close(&self) {
        let ended = {
            let mut state = self.state.lock();
            if state.files > 0 {
                state.closing = true;
                return;
            }
            self.condition.store(Condition::Closed);
            (state.slot.take(), state.watch.take())
        };
        if let Some(below) = self.below.get() {
            below.close();
        }
        // Outside of the lock: the watch may hold the last reference to anything.
        drop(ended);
    }

    #[pymethod]
    fn bind(&self, address: PosArgs<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        let address = one_address(address, vm)?;
        let socket = self.socket(vm)?;
        let place = address::place(vm, &address, self.family())?;
        socket.bind(place).map_err(|error| {
            if error.errno() == Some(Errno::EACCES) {
                let port = place.port();
                board().network.remark(
                    format!("this machine lets nobody but its administrator have port {port}"),
                    format!("本机只允许管理员使用端口 {port}"),
                );
            }
            net::raised_by(vm, &error)
        })
    }

    #[pymethod]
    fn listen(&self, backlog: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<()> {
        let socket = self.socket(vm)?;
        let unless_told = if board().profile.sockets == Sockets::CPython { 128 } else { BACKLOG };
        let backlog = u32::try_from(backlog.unwrap_or(unless_told).max(0)).unwrap_or(u32::MAX);
        socket.listen(backlog).map_err(|error| net::raised_by(vm, &error))?;
        self.become_(Condition::Listening);
        Ok(())
    }

    #[pymethod]
    fn accept(&self, vm: &VirtualMachine) -> PyResult<(PyRef<Native>, PyObjectRef)> {
        let accepted = self.attempt(vm, socklab_socket::Ready::IN, true, |socket| Ok(socket.accept()));
        let (socket, peer) = accepted.map_err(|fail| fail.raise(vm))?;
        let accepted = Native::over(socket, free_slot(vm)?, self.protocol());
        accepted.become_(Condition::Connected);
        if board().profile.quirks.accept_inherits_timeout {
            accepted.set_timeout(self.timeout());
        }
        let peer = peer.ip().map_or_else(|| vm.ctx.none(), |peer| address::tuple(vm, &peer));
        Ok((accepted.into_ref(&vm.ctx), peer))
    }

    #[pymethod]
    pub(super) fn connect(&self, address: PosArgs<PyObjectRef>, vm: &VirtualMachine) -> PyResult<()> {
        let address = one_address(address, vm)?;
        let place = address::place(vm, &address, self.family())?;
        self.check_not_dead(vm)?;
        address::check_way(vm, &place)?;
        self.dial(vm, place.into())
    }

    #[pymethod]
    fn send(&self, data: PyObjectRef, _flags: OptionalArg<i32>, vm: &VirtualMachine) -> PyResult<usize> {
        let profile = board().profile;
        let how = if profile.sockets == Sockets::Bsd && self.kind() == Type::Stream { Send::All } else { Send::Some };
        let sent = self.push(vm, &data, Part::ALL, how).map_err(|fail| fail.raise(vm))?;
        if sent == 0 && profile.quirks.empty_send_raises && with_data(&data, vm, <[u8]>::is_empty)? {
            return Err(self.nothing_sent().raise(vm));
        }
        Ok(sent)
    }

    /// CanMV's says how much it sent.
    #[pymethod]
    fn sendall(&self, data: PyObjectRef, _flags: OptionalArg<i32>, vm: &VirtualMachine) -> PyResult {
        let dialect = board().profile.sockets;
        if self.kind() == Type::Datagram && dialect == Sockets::Raw {
            return Err(vm.new_exception_empty(vm.ctx.exceptions.not_implemented_error.to_owned()));
        }
        let length = with_data(&data, vm, <[u8]>::len)?;
        let how = if self.kind() == Type::Stream { Send::All } else { Send::Some };
        let sent = self.push(vm, &data, Part::ALL, how).map_err(|fail| fail.raise(vm))?;
        if length == 0 && board().profile.quirks.empty_send_raises {
            return Err(self.nothing_sent().raise(vm));
        }
        match sent < length {
            true if dialect == Sockets::Raw && self.timeout() == Some(Duration::ZERO) => Err(Fail::Again.raise(vm)),
            true => Err(net::timed_out(vm)),
            false if dialect == Sockets::Card => Ok(vm.ctx.new_int(sent).into()),
            false => Ok(vm.ctx.none()),
        }
    }

    /// `sendto(data, address)`; CPython also takes flags before the address.
    #[pymethod]
    fn sendto(&self, data: PyObjectRef, to: PyObjectRef, after: OptionalArg, vm: &VirtualMachine) -> PyResult<usize> {
        let to = after.unwrap_or(to);
        let sent = self.send_to(vm, &data, &to)?;
        if sent == 0 && self.kind() == Type::Datagram && board().profile.quirks.empty_send_raises {
            return self.empty_datagram(vm);
        }
        Ok(sent)
    }

    #[pymethod]
    fn recv(&self, count: isize, flags: OptionalArg<i32>, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
        let count = Native::room(count, vm)?;
        if board().profile.quirks.recv_fills && self.kind() == Type::Stream {
            return self.read_all(vm, count).map_err(|fail| fail.raise(vm));
        }
        let got = self.pull(vm, count, self.flags(flags)).map_err(|fail| fail.raise(vm))?;
        Ok(got.0)
    }

    #[pymethod]
    fn recvfrom(
        &self,
        count: isize,
        flags: OptionalArg<i32>,
        vm: &VirtualMachine,
    ) -> PyResult<(PyObjectRef, PyObjectRef)> {
        let got = self.pull(vm, Native::room(count, vm)?, self.flags(flags));
        let (bytes, sender) = got.map_err(|fail| fail.raise(vm))?;
        Ok((vm.ctx.new_bytes(bytes).into(), self.sender(vm, sender)))
    }

    #[pymethod]
    fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        let bytes = or_none(self.read_all(vm, asked::most(count)), vm)?;
        Ok(bytes.map(|bytes| vm.ctx.new_bytes(bytes).into()))
    }

    #[pymethod]
    fn readinto(
        &self,
        buffer: ArgMemoryBuffer,
        count: OptionalArg<usize>,
        vm: &VirtualMachine,
    ) -> PyResult<Option<usize>> {
        or_none(self.fill(vm, &buffer, asked::room(&buffer, count), false), vm)
    }

    #[pymethod]
    fn readline(&self, limit: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        let line = or_none(self.line(vm, asked::most(limit)), vm)?;
        Ok(line.map(|line| vm.ctx.new_bytes(line).into()))
    }

    /// `write(buf)`, `write(buf, length)`, `write(buf, offset, length)`.
    #[pymethod]
    fn write(
        &self,
        data: PyObjectRef,
        first: OptionalArg<usize>,
        second: OptionalArg<usize>,
        vm: &VirtualMachine,
    ) -> PyResult<Option<usize>> {
        let range = Part::of_arguments(first, second);
        let how = if self.kind() == Type::Stream { Send::All } else { Send::Some };
        let asked = with_data(&data, vm, |bytes| range.of(bytes).len())?;
        match or_none(self.push(vm, &data, range, how), vm)? {
            // Only a non-blocking stream writes less than all of it.
            Some(sent) if sent < asked && self.timeout() != Some(Duration::ZERO) => Err(Fail::Late.raise(vm)),
            sent => Ok(sent),
        }
    }

    #[pymethod]
    fn setsockopt(
        zelf: PyRef<Native>,
        level: PyObjectRef,
        name: i64,
        value: PyObjectRef,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        option::set(&zelf, &level, name, value, vm)
    }

    #[pymethod]
    fn settimeout(&self, timeout: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        self.set_timeout(seconds(&timeout, vm)?);
        Ok(())
    }

    #[pymethod]
    fn setblocking(&self, blocking: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let blocking = blocking.try_to_bool(vm)?;
        self.set_timeout(if blocking { None } else { Some(Duration::ZERO) });
        Ok(())
    }

    /// Boards give the socket itself: it is a stream already.
    #[pymethod]
    fn makefile(zelf: PyRef<Native>, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        match board().profile.sockets {
            Sockets::CPython => cpython::makefile(zelf, args, vm),
            _ => Ok(zelf.into()),
        }
    }

    #[pymethod]
    fn fileno(zelf: PyRef<Native>, vm: &VirtualMachine) -> PyResult<i64> {
        if board().profile.is_cpython() {
            cpython::remember(&zelf, vm)?;
        }
        Ok(zelf.number())
    }

    // ---- CPython only

    #[pymethod]
    fn __enter__(zelf: PyRef<Native>) -> PyRef<Native> {
        zelf
    }

    #[pymethod]
    fn __exit__(&self, _args: FuncArgs) {
        self.close();
    }

    #[pymethod]
    fn connect_ex(&self, address: PosArgs<PyObjectRef>, vm: &VirtualMachine) -> PyResult {
        cpython::outcome_number(self.connect(address, vm), vm)
    }

    /// The number stays with a socket here: what is detached is closed.
    #[pymethod]
    fn detach(&self) -> i64 {
        let number = self.number();
        self.close();
        number
    }

    #[pymethod]
    fn recv_into(
        &self,
        buffer: ArgMemoryBuffer,
        count: OptionalArg<usize>,
        _flags: OptionalArg<i32>,
        vm: &VirtualMachine,
    ) -> PyResult<usize> {
        let count = count.into_option().filter(|count| *count > 0).unwrap_or(usize::MAX).min(buffer.len());
        self.fill(vm, &buffer, count, true).map_err(|fail| fail.raise(vm))
    }

    #[pymethod]
    fn recvfrom_into(
        &self,
        buffer: ArgMemoryBuffer,
        count: OptionalArg<usize>,
        vm: &VirtualMachine,
    ) -> PyResult<(usize, PyObjectRef)> {
        let count = count.into_option().filter(|count| *count > 0).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.attempt(vm, socklab_socket::Ready::IN, true, |socket| {
            Ok(buffer.with_ref(|buffer| socket.recv_with(&mut buffer[..count], RecvFlags::default())))
        });
        let (got, sender) = got.map_err(|fail| fail.raise(vm))?;
        Ok((got, self.sender(vm, sender)))
    }

    #[pymethod]
    fn getsockname(&self, vm: &VirtualMachine) -> PyResult {
        self.end(vm, Socket::local_address)
    }

    #[pymethod]
    fn getpeername(&self, vm: &VirtualMachine) -> PyResult {
        self.end(vm, Socket::peer_address)
    }

    #[pymethod]
    fn shutdown(&self, how: i32, vm: &VirtualMachine) -> PyResult<()> {
        let how = match how {
            0 => std::net::Shutdown::Read,
            1 => std::net::Shutdown::Write,
            2 => std::net::Shutdown::Both,
            _ => return Err(net::os_error(vm, Errno::EINVAL)),
        };
        self.socket(vm)?.shutdown(how).map_err(|error| net::raised_by(vm, &error))
    }

    #[pymethod]
    fn getsockopt(&self, level: i64, name: i64, size: OptionalArg<usize>, vm: &VirtualMachine) -> PyResult {
        option::get(self, level, name, size.into_option(), vm)
    }

    #[pymethod]
    fn gettimeout(&self) -> Option<f64> {
        self.timeout().map(|timeout| timeout.as_secs_f64())
    }

    #[pymethod]
    fn getblocking(&self) -> bool {
        self.timeout() != Some(Duration::ZERO)
    }

    #[pygetset(name = "family")]
    fn family_number(&self) -> i64 {
        if self.family() == Family::Inet6 { 10 } else { 2 }
    }

    #[pygetset(name = "type")]
    fn kind_number(&self) -> i64 {
        address::kind_number(self.kind())
    }

    #[pygetset]
    fn proto(&self) -> i64 {
        self.protocol()
    }
}

impl Native {
    fn end(&self, vm: &VirtualMachine, end: impl FnOnce(&Socket) -> Result<Address, Error>) -> PyResult {
        let address = end(self.socket(vm)?).map_err(|error| net::raised_by(vm, &error))?;
        Ok(address.ip().map_or_else(|| vm.ctx.none(), |address| address::tuple(vm, &address)))
    }
}

/// A timeout as programs give it: seconds, or None.
pub(super) fn seconds(timeout: &PyObject, vm: &VirtualMachine) -> PyResult<Option<Duration>> {
    if vm.is_none(timeout) {
        return Ok(None);
    }
    let seconds = match (timeout.downcast_ref::<PyFloat>(), timeout.downcast_ref::<PyInt>()) {
        (Some(seconds), _) => seconds.to_f64(),
        (_, Some(seconds)) => seconds.try_to_primitive::<i64>(vm)? as f64,
        _ => return Err(vm.new_type_error(format!("can't convert {} to float", timeout.class().name()))),
    };
    if seconds < 0.0 && board().profile.sockets == Sockets::CPython {
        return Err(vm.new_value_error("Timeout value out of range"));
    }
    Ok(Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)))
}

/// The one argument of `connect` and `bind`. An address in two pieces is what beginners give.
fn one_address(arguments: PosArgs<PyObjectRef>, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
    let arguments = arguments.into_vec();
    let given = 1 + arguments.len();
    let one = <[PyObjectRef; 1]>::try_from(arguments);
    let wrong = || vm.new_type_error(format!("function takes 2 positional arguments but {given} were given"));
    one.map(|[address]| address).map_err(|_| wrong())
}
