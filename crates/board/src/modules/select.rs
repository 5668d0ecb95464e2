//! The module `select`: poll objects that keep what is registered, by object and not by number, and `select`.
//!
//! Sockets are waited for by the network, the console by the board, TLS at its socket for what it wants next; an object
//! with `ioctl` is a stream of its own making, which can only be asked again and again. `asyncio` waits for everything
//! in `ipoll`.

pub(crate) use select::module_def;

use std::time::{Duration, Instant};

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{PyObjectRef, PyRef, PyResult, VirtualMachine, pymodule};
use socklab_socket::{Errno, Ready};

use crate::board::board;
use crate::console;
use crate::modules::errors;
use crate::modules::socket::Native;
use crate::modules::tls::{Look, TlsSocket};
use crate::net::{self, Entry};

pub(crate) const IN: i64 = 1;
pub(crate) const OUT: i64 = 4;
const ERR: i64 = 8;
const HUP: i64 = 16;
const NVAL: i64 = 32;

/// MicroPython's request to a stream: what of this are you ready for?
const STREAM_POLL: i64 = 3;

/// How often a stream made in Python is asked.
const ASK: Duration = Duration::from_millis(1);

/// Something to wait for, and what was found.
struct Item {
    object: PyObjectRef,
    what: What,
    mask: i64,
    found: i64,
}

#[derive(Clone)]
enum What {
    Socket(PyRef<Native>),
    Tls(PyRef<TlsSocket>),
    Console,
    Stream,
}

/// The error of an object that is no stream.
pub(crate) fn no_stream(vm: &VirtualMachine) -> PyBaseExceptionRef {
    let text = vm.ctx.new_str("stream operation not supported").into();
    let os_error = vm.ctx.exceptions.os_error.to_owned();
    vm.invoke_exception(os_error, vec![text]).unwrap_or_else(|raised| raised)
}

/// What a stream of a program's own says that it is ready for.
fn ask_stream(stream: &PyObjectRef, mask: i64, vm: &VirtualMachine) -> PyResult<i64> {
    let ready: i64 = vm.call_method(stream, "ioctl", (STREAM_POLL, mask))?.try_into_value(vm)?;
    if ready < 0 {
        return Err(errors::numbered(vm, i32::try_from(-ready).unwrap_or(i32::MAX)));
    }
    Ok(ready)
}

impl Item {
    fn new(object: PyObjectRef, mask: i64, vm: &VirtualMachine) -> PyResult<Item> {
        let what = if let Some(socket) = object.downcast_ref::<Native>() {
            What::Socket(socket.to_owned())
        } else if let Some(socket) = object.downcast_ref::<TlsSocket>() {
            What::Tls(socket.to_owned())
        } else if console::is_console(&object) {
            What::Console
        } else if object.get_attr("ioctl", vm).is_ok() {
            What::Stream
        } else {
            return Err(no_stream(vm));
        };
        Ok(Item { object, what, mask, found: 0 })
    }

    /// Asks what can be asked without waiting; sockets say only what the system has forgotten.
    fn ask(&mut self, vm: &VirtualMachine) -> PyResult<()> {
        self.found = match &self.what {
            What::Socket(socket) => self.failed(socket),
            What::Tls(socket) => match (socket.look(self.mask), socket.below()) {
                (Look::Gone, _) => NVAL,
                (Look::Below(_, data), Ok(socket)) => self.failed(socket) | if data { IN } else { 0 },
                (Look::Below(IN, true), Err(_)) => IN,
                (Look::Below(mask, data), Err(stream)) => {
                    socket.found(self.mask, ask_stream(&stream, mask, vm)?) | if data { IN } else { 0 }
                }
            },
            What::Console => self.mask & (OUT | if board().has_input() { IN } else { 0 }),
            What::Stream => ask_stream(&self.object, self.mask, vm)?,
        };
        Ok(())
    }

    fn failed(&self, socket: &Native) -> i64 {
        if socket.has_failed() { ERR | HUP | self.mask & (IN | OUT) } else { 0 }
    }

    /// The socket that the system can be asked about, if there is one.
    fn socket(&self) -> Option<&Native> {
        match &self.what {
            What::Socket(socket) => Some(socket),
            What::Tls(socket) => socket.below().ok().map(|socket| -> &Native { socket }),
            What::Console | What::Stream => None,
        }
    }

    fn interest(&self) -> Ready {
        let mask = match &self.what {
            What::Tls(socket) => match socket.look(self.mask) {
                Look::Below(mask, _) => mask,
                Look::Gone => 0,
            },
            _ => self.mask,
        };
        let asked = |flag, ready| if mask & flag != 0 { ready } else { Ready::NONE };
        asked(IN, Ready::IN) | asked(OUT, Ready::OUT)
    }

    /// Takes what the system has found.
    fn find(&mut self, ready: Ready) {
        let found = numbers(ready);
        self.found |= match &self.what {
            What::Tls(socket) => socket.found(self.mask, found),
            _ => found,
        };
    }
}

/// Waits until something is found, or `until`.
fn wait(vm: &VirtualMachine, items: &mut [Item], until: Option<Instant>) -> PyResult<()> {
    loop {
        for item in items.iter_mut() {
            item.ask(vm)?;
        }
        wait_once(vm, items, until)?;
        let late = until.is_some_and(|until| Instant::now() >= until);
        if late || items.iter().any(|item| item.found != 0) {
            return Ok(());
        }
    }
}

fn wait_once(vm: &VirtualMachine, items: &mut [Item], until: Option<Instant>) -> PyResult<()> {
    let found = items.iter().any(|item| item.found != 0);
    let streams = items.iter().any(|item| match &item.what {
        What::Stream => true,
        What::Tls(socket) => socket.below().is_err(),
        What::Socket(_) | What::Console => false,
    });
    let typing = items.iter().any(|item| matches!(item.what, What::Console) && item.mask & IN != 0);
    let soon = Instant::now() + ASK;
    let until = match (found, streams) {
        (true, _) => Some(Instant::now()),
        (_, true) => Some(until.map_or(soon, |until| until.min(soon))),
        _ => until,
    };
    let sockets: Vec<(usize, Option<net::Socket>)> =
        items.iter().enumerate().filter_map(|(place, item)| Some((place, item.socket()?.polled().cloned()))).collect();
    let closed = sockets.iter().any(|(_, socket)| socket.is_none());
    let until = if closed { Some(Instant::now()) } else { until };
    let open = sockets.iter().filter_map(|(place, socket)| Some((*place, socket.as_ref()?)));
    let (places, mut entries): (Vec<usize>, Vec<Entry<'_>>) =
        open.map(|(place, socket)| (place, Entry::new(socket, items[place].interest()))).unzip();
    net::wait_all(vm, &mut entries, until, || typing && board().has_input())?;
    for (place, entry) in places.iter().zip(&entries) {
        items[*place].find(entry.ready);
    }
    for (place, _) in sockets.iter().filter(|(_, socket)| socket.is_none()) {
        items[*place].found = NVAL;
    }
    Ok(())
}

fn numbers(ready: Ready) -> i64 {
    let flags = [(Ready::IN, IN), (Ready::OUT, OUT), (Ready::ERR, ERR), (Ready::HUP, HUP), (Ready::NVAL, NVAL)];
    flags.iter().filter(|(flag, _)| ready.contains(*flag)).fold(0, |all, (_, number)| all | number)
}

fn enoent(vm: &VirtualMachine) -> PyBaseExceptionRef {
    net::os_error(vm, Errno::ENOENT)
}

#[pymodule]
mod select {
    use std::time::{Duration, Instant};

    use parking_lot::Mutex;
    use rustpython_vm::builtins::{PyFloat, PyInt, PyListRef, PyModule, PyTuple};
    use rustpython_vm::function::{OptionalArg, PyComparisonValue};
    use rustpython_vm::protocol::{PyIterReturn, PyMappingMethods, PySequenceMethods};
    use rustpython_vm::types::{
        AsMapping, AsSequence, Comparable, IterNext, Iterable, PyComparisonOp, Representable, SelfIter,
    };
    use rustpython_vm::{
        AsObject, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, atomic_func, pyclass,
    };
    use std::sync::LazyLock;

    use super::{ERR, HUP, IN, Item, NVAL, OUT, What, enoent, wait};
    use crate::board::board;
    use crate::modules::socket::Native;
    use crate::profile::Sockets;

    pub(crate) fn module_exec(vm: &VirtualMachine, module: &Py<PyModule>) -> PyResult<()> {
        __module_exec(vm, module);
        for (name, flag) in [("POLLIN", IN), ("POLLOUT", OUT), ("POLLERR", ERR), ("POLLHUP", HUP)] {
            module.set_attr(name, vm.ctx.new_int(flag), vm)?;
        }
        if is_cpython() {
            module.set_attr("POLLPRI", vm.ctx.new_int(2), vm)?;
            module.set_attr("POLLNVAL", vm.ctx.new_int(NVAL), vm)?;
            module.set_attr("error", vm.ctx.exceptions.os_error.to_owned(), vm)?;
        }
        Ok(())
    }

    fn is_cpython() -> bool {
        board().profile.sockets == Sockets::CPython
    }

    #[pyfunction]
    fn poll(vm: &VirtualMachine) -> PyRef<Poll> {
        Poll { registered: Mutex::default() }.into_ref(&vm.ctx)
    }

    /// `select(r, w, x[, timeout])`, the timeout in seconds.
    #[pyfunction]
    fn select(
        read: PyObjectRef,
        write: PyObjectRef,
        except: PyObjectRef,
        timeout: OptionalArg,
        vm: &VirtualMachine,
    ) -> PyResult<(PyListRef, PyListRef, PyListRef)> {
        let until = match timeout.into_option().filter(|timeout| !vm.is_none(timeout)) {
            Some(timeout) => {
                after(Duration::try_from_secs_f64(number(&timeout, vm)?.max(0.0)).unwrap_or(Duration::MAX))
            }
            None => None,
        };
        let mut items = Vec::new();
        let mut lengths = Vec::new();
        for (list, mask) in [(read, IN), (write, OUT), (except, 0)] {
            let objects: Vec<PyObjectRef> = list.try_to_value(vm)?;
            lengths.push(objects.len());
            for object in objects {
                items.push(Item::new(object, mask, vm)?);
            }
        }
        wait(vm, &mut items, until)?;
        let mut rest = items.into_iter();
        let [read, write, except] =
            [(0, IN | ERR | HUP | NVAL), (1, OUT | ERR | NVAL), (2, ERR | HUP | NVAL)].map(|(list, flags)| {
                let found = rest.by_ref().take(lengths[list]).filter(|item| item.found & flags != 0);
                vm.ctx.new_list(found.map(|item| item.object).collect())
            });
        Ok((read, write, except))
    }

    fn number(value: &PyObject, vm: &VirtualMachine) -> PyResult<f64> {
        match (value.downcast_ref::<PyFloat>(), value.downcast_ref::<PyInt>()) {
            (Some(value), _) => Ok(value.to_f64()),
            (_, Some(value)) => Ok(value.try_to_primitive::<i64>(vm)? as f64),
            _ => Err(vm.new_type_error(format!("can't convert {} to float", value.class().name()))),
        }
    }

    /// Beyond what the clock can say is for ever.
    fn after(time: Duration) -> Option<Instant> {
        Instant::now().checked_add(time)
    }

    /// Milliseconds; a negative number and None are for ever.
    fn until(timeout: OptionalArg, vm: &VirtualMachine) -> PyResult<Option<Instant>> {
        match timeout.into_option().filter(|timeout| !vm.is_none(timeout)) {
            Some(timeout) => {
                let ms = number(&timeout, vm)?;
                Ok(if ms < 0.0 { None } else { after(Duration::try_from_secs_f64(ms / 1e3).unwrap_or(Duration::MAX)) })
            }
            None => Ok(None),
        }
    }

    /// Objects to wait for, in the order in which they were registered.
    #[pyattr]
    #[pyclass(module = "builtins", name = "_poll")]
    #[derive(PyPayload)]
    struct Poll {
        registered: Mutex<Vec<(PyObjectRef, What, i64)>>,
    }

    impl std::fmt::Debug for Poll {
        fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("poll")
        }
    }

    #[pyclass]
    impl Poll {
        /// True when it was not there before, as MicroPython says it.
        #[pymethod]
        fn register(&self, object: PyObjectRef, mask: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<bool> {
            let mask = mask.unwrap_or(IN | OUT);
            if self.change(&object, mask) {
                return Ok(false);
            }
            let item = Item::new(object, mask, vm)?;
            self.registered.lock().push((item.object, item.what, mask));
            Ok(true)
        }

        #[pymethod]
        fn unregister(&self, object: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
            let mut registered = self.registered.lock();
            let place = registered.iter().position(|(known, ..)| known.is(&object));
            match place {
                Some(place) => {
                    let gone = registered.remove(place);
                    drop(registered);
                    drop(gone);
                    Ok(())
                }
                None if is_cpython() => Err(vm.new_key_error(object)),
                None => Ok(()),
            }
        }

        #[pymethod]
        fn modify(&self, object: PyObjectRef, mask: i64, vm: &VirtualMachine) -> PyResult<()> {
            if self.change(&object, mask) { Ok(()) } else { Err(enoent(vm)) }
        }

        /// What is ready: `(object, flags)` each; on CPython the object's number.
        #[pymethod]
        fn poll(
            &self,
            timeout: OptionalArg,
            flags: OptionalArg<i64>,
            vm: &VirtualMachine,
        ) -> PyResult<Vec<PyObjectRef>> {
            let found = self.wait(until(timeout, vm)?, flags, vm)?;
            let pair = |(object, flags): (PyObjectRef, i64)| {
                vm.ctx.new_tuple(vec![key(object, vm), vm.ctx.new_int(flags).into()]).into()
            };
            Ok(found.into_iter().map(pair).collect())
        }

        /// The same one after the other, in one and the same tuple.
        #[pymethod]
        fn ipoll(&self, timeout: OptionalArg, flags: OptionalArg<i64>, vm: &VirtualMachine) -> PyResult<PyRef<Ipoll>> {
            let found = self.wait(until(timeout, vm)?, flags, vm)?;
            let shown = Pair { both: Mutex::new((vm.ctx.none(), 0)) }.into_ref(&vm.ctx);
            Ok(Ipoll { found: Mutex::new(found.into_iter()), shown }.into_ref(&vm.ctx))
        }

        fn change(&self, object: &PyObject, mask: i64) -> bool {
            let mut registered = self.registered.lock();
            let known = registered.iter_mut().find(|(known, ..)| known.is(object));
            known.map(|(_, _, known)| *known = mask).is_some()
        }

        /// Flag 1 lets each object be found once.
        fn wait(
            &self,
            until: Option<Instant>,
            flags: OptionalArg<i64>,
            vm: &VirtualMachine,
        ) -> PyResult<Vec<(PyObjectRef, i64)>> {
            let item = |(object, what, mask): &(PyObjectRef, What, i64)| Item {
                object: object.clone(),
                what: what.clone(),
                mask: *mask,
                found: 0,
            };
            let mut items: Vec<Item> = self.registered.lock().iter().map(item).collect();
            wait(vm, &mut items, until)?;
            items.retain(|item| item.found != 0);
            if flags.unwrap_or(0) & 1 != 0 {
                for item in &items {
                    self.change(&item.object, 0);
                }
            }
            Ok(items.into_iter().map(|item| (item.object, item.found)).collect())
        }
    }

    fn key(object: PyObjectRef, vm: &VirtualMachine) -> PyObjectRef {
        match object.downcast_ref::<Native>() {
            Some(socket) if is_cpython() => vm.ctx.new_int(socket.number()).into(),
            _ => object,
        }
    }

    #[pyattr]
    #[pyclass(module = "builtins", name = "_ipoll")]
    #[derive(PyPayload)]
    struct Ipoll {
        found: Mutex<std::vec::IntoIter<(PyObjectRef, i64)>>,
        shown: PyRef<Pair>,
    }

    impl std::fmt::Debug for Ipoll {
        fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("ipoll")
        }
    }

    #[pyclass(with(IterNext, Iterable))]
    impl Ipoll {}

    impl SelfIter for Ipoll {}

    impl IterNext for Ipoll {
        fn next(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<PyIterReturn> {
            let Some(next) = zelf.found.lock().next() else { return Ok(PyIterReturn::StopIteration(None)) };
            *zelf.shown.both.lock() = next;
            Ok(PyIterReturn::Return(zelf.shown.clone().into()))
        }
    }

    /// The tuple that `ipoll` uses again and again: whoever keeps it sees it change.
    #[pyattr]
    #[pyclass(module = "builtins", name = "_pair")]
    #[derive(PyPayload)]
    struct Pair {
        both: Mutex<(PyObjectRef, i64)>,
    }

    impl std::fmt::Debug for Pair {
        fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("tuple")
        }
    }

    impl Pair {
        fn tuple(&self, vm: &VirtualMachine) -> PyRef<PyTuple> {
            let (object, flags) = self.both.lock().clone();
            vm.ctx.new_tuple(vec![object, vm.ctx.new_int(flags).into()])
        }
    }

    #[pyclass(with(AsMapping, AsSequence, Comparable, Iterable, Representable))]
    impl Pair {}

    impl Iterable for Pair {
        fn iter(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult {
            Ok(zelf.tuple(vm).as_object().to_owned().get_iter(vm)?.into())
        }
    }

    impl Representable for Pair {
        fn repr_str(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<String> {
            Ok(zelf.tuple(vm).as_object().repr(vm)?.to_string_lossy().into_owned())
        }
    }

    impl Comparable for Pair {
        fn cmp(
            zelf: &Py<Self>,
            other: &PyObject,
            op: PyComparisonOp,
            vm: &VirtualMachine,
        ) -> PyResult<PyComparisonValue> {
            let other = other.downcast_ref::<Pair>().map_or_else(|| other.to_owned(), |pair| pair.tuple(vm).into());
            if other.downcast_ref::<PyTuple>().is_none() {
                return Ok(PyComparisonValue::NotImplemented);
            }
            let equal = zelf.tuple(vm).as_object().rich_compare_bool(&other, op, vm)?;
            Ok(PyComparisonValue::Implemented(equal))
        }
    }

    impl AsSequence for Pair {
        fn as_sequence() -> &'static PySequenceMethods {
            static METHODS: LazyLock<PySequenceMethods> = LazyLock::new(|| PySequenceMethods {
                length: atomic_func!(|_, _| Ok(2)),
                item: atomic_func!(|pair, place, vm| {
                    let pair = Pair::sequence_downcast(pair).tuple(vm);
                    pair.as_object().get_item(vm.ctx.new_int(place).as_object(), vm)
                }),
                ..PySequenceMethods::NOT_IMPLEMENTED
            });
            &METHODS
        }
    }

    impl AsMapping for Pair {
        fn as_mapping() -> &'static PyMappingMethods {
            static METHODS: LazyLock<PyMappingMethods> = LazyLock::new(|| PyMappingMethods {
                length: atomic_func!(|_, _| Ok(2)),
                subscript: atomic_func!(|pair, place, vm| {
                    let pair = Pair::mapping_downcast(pair).tuple(vm);
                    pair.as_object().get_item(place, vm)
                }),
                ..PyMappingMethods::NOT_IMPLEMENTED
            });
            &METHODS
        }
    }
}
