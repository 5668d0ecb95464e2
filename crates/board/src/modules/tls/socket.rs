//! The class `SSLSocket`: a stream, as all of a board's streams are. `read` gives what was asked for or all there is
//! until the end, and `None` where a stream that may not wait has nothing.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustpython_vm::function::{ArgMemoryBuffer, OptionalArg};
use rustpython_vm::types::Representable;
use rustpython_vm::{Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass};
use socklab_socket::Errno;

use super::context::name_of;
use super::failure::CLOSED;
use super::session::{Below, RECORD, Session, Wants};
use crate::board::board;
use crate::modules::asked::{self, Part};
use crate::modules::socket::Native;
use crate::modules::{select, stream, with_bytes};
use crate::{memory, net};

/// How long a handshake that may not wait is left alone.
const PAUSE: Duration = Duration::from_millis(1);

/// MicroPython's request to a stream: close.
const STREAM_CLOSE: i64 = 4;

/// A stream that is encrypted on its way.
#[pyclass(module = "builtins", name = "SSLSocket")]
#[derive(Debug, PyPayload)]
pub(crate) struct TlsSocket {
    below: Below,
    state: Mutex<State>,
}

struct State {
    place: Place,
    /// What the last attempt could not go on without, where that is not what its name says.
    wants: Option<Wants>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("State").field("wants", &self.wants).finish_non_exhaustive()
    }
}

enum Place {
    Here(Box<Session>),
    /// A call that goes on has it.
    Taken,
    Closed,
}

/// What a poll finds before it looks below.
pub(crate) enum Look {
    /// Closed, or of no more use.
    Gone,
    /// The stream below is to be asked for this mask; and whether there is something to read already.
    Below(i64, bool),
}

/// What a call tries with the session in hand.
type Attempt<'a, T> = dyn FnMut(&mut Session) -> PyResult<Result<T, Wants>> + 'a;

impl TlsSocket {
    /// What a session can run over: a socket, or a stream that can be read and written.
    pub(super) fn stream_of(object: PyObjectRef, vm: &VirtualMachine) -> PyResult<Below> {
        match object.downcast::<Native>() {
            Ok(socket) => Ok(Below::Socket(socket)),
            Err(other) => {
                let is_stream = ["readinto", "write"].iter().all(|name| other.get_attr(*name, vm).is_ok());
                if is_stream { Ok(Below::Stream(other)) } else { Err(select::no_stream(vm)) }
            }
        }
    }

    pub(super) fn over(below: Below, session: Session, shakes: bool, vm: &VirtualMachine) -> PyResult<TlsSocket> {
        let made = TlsSocket { below, state: Mutex::new(State { place: Place::Here(Box::new(session)), wants: None }) };
        while shakes && made.attempt(Wants::In, vm, &mut |session| session.shake(&made.below, vm))?.is_none() {
            board().wait(vm, Instant::now().checked_add(PAUSE), |_| None::<()>)?;
        }
        Ok(made)
    }

    /// Tries something with the session in hand; `None` is "not now". `natural` is what such a call wants by itself.
    fn attempt<T>(&self, natural: Wants, vm: &VirtualMachine, attempt: &mut Attempt<'_, T>) -> PyResult<Option<T>> {
        let mut session = self.take(vm)?;
        let outcome = attempt(&mut session);
        let mut state = self.state.lock();
        state.wants = outcome.as_ref().ok().and_then(|outcome| outcome.as_ref().err().copied());
        state.wants = state.wants.filter(|wants| *wants != natural);
        if !matches!(state.place, Place::Closed) {
            state.place = Place::Here(session);
        }
        outcome.map(Result::ok)
    }

    fn take(&self, vm: &VirtualMachine) -> PyResult<Box<Session>> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut state.place, Place::Taken) {
            Place::Here(session) => Ok(session),
            Place::Taken => Err(net::os_error(vm, Errno::EAGAIN)),
            Place::Closed => {
                state.place = Place::Closed;
                Err(CLOSED.raise(vm))
            }
        }
    }

    /// Reads until there are `most` bytes, the end comes, or nothing is there.
    fn pull(&self, most: usize, vm: &VirtualMachine) -> PyResult<Option<Vec<u8>>> {
        let mut all = Vec::new();
        while all.len() < most {
            // A peer that always keeps up would otherwise make this deaf.
            board().attend(vm)?;
            let room = most - all.len();
            match self.attempt(Wants::In, vm, &mut |session| session.read(room, &self.below, vm))? {
                Some(bytes) if bytes.is_empty() => break,
                Some(bytes) => all.extend(bytes),
                None if all.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some(all))
    }

    // ---- for `select`

    /// What `select` has to wait for.
    pub(crate) fn below(&self) -> Result<&PyRef<Native>, PyObjectRef> {
        match &self.below {
            Below::Socket(socket) => Ok(socket),
            Below::Stream(stream) => Err(stream.clone()),
        }
    }

    /// What can be said of a poll for this mask without asking below.
    pub(crate) fn look(&self, mask: i64) -> Look {
        let mut state = self.state.lock();
        let wants = state.wants;
        let reads = wants.is_none() && mask & select::IN != 0;
        match &mut state.place {
            Place::Closed => Look::Gone,
            Place::Here(session) if session.has_failed() => Look::Gone,
            Place::Here(session) => Look::Below(asked_below(mask, wants), reads && session.has_data()),
            Place::Taken => Look::Below(asked_below(mask, wants), false),
        }
    }

    /// What a poll for this mask has found, when this was found below: what the session wants stands for both.
    pub(crate) fn found(&self, mask: i64, below: i64) -> i64 {
        let wants = self.state.lock().wants.map_or(0, flag);
        if below & wants != 0 { below | mask & (select::IN | select::OUT) } else { below }
    }
}

fn flag(wants: Wants) -> i64 {
    match wants {
        Wants::In => select::IN,
        Wants::Out => select::OUT,
    }
}

fn asked_below(mask: i64, wants: Option<Wants>) -> i64 {
    let both = select::IN | select::OUT;
    match wants {
        Some(wants) if mask & both != 0 => mask & !both | flag(wants),
        _ => mask,
    }
}

impl Representable for TlsSocket {
    fn repr_str(_zelf: &Py<TlsSocket>, _vm: &VirtualMachine) -> PyResult<String> {
        Ok("<SSLSocket>".to_owned())
    }
}

#[pyclass(with(Representable))]
impl TlsSocket {
    #[pymethod]
    fn read(&self, count: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        let most = asked::most(count);
        if most < usize::MAX {
            memory::check(most, vm)?;
        }
        let bytes = self.pull(most, vm)?;
        Ok(bytes.map(|bytes| vm.ctx.new_bytes(bytes).into()))
    }

    #[pymethod]
    fn readinto(
        &self,
        buffer: ArgMemoryBuffer,
        count: OptionalArg<usize>,
        vm: &VirtualMachine,
    ) -> PyResult<Option<usize>> {
        asked::fill(&buffer, count, |most| self.pull(most, vm))
    }

    #[pymethod]
    fn readline(&self, limit: OptionalArg<isize>, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        let limit = asked::most(limit);
        let mut line = Vec::new();
        while line.len() < limit && line.last() != Some(&b'\n') {
            match self.attempt(Wants::In, vm, &mut |session| session.read(1, &self.below, vm))? {
                Some(byte) if byte.is_empty() => break,
                Some(byte) => line.extend(byte),
                None if line.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some(vm.ctx.new_bytes(line).into()))
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
        let part = Part::of_arguments(first, second);
        let mut done = 0;
        loop {
            // Copied by the record: nothing of Python is borrowed while this waits.
            let (record, left) = with_bytes(&data, vm, |bytes| {
                let rest = part.of(bytes).get(done..).unwrap_or_default();
                (rest[..rest.len().min(RECORD)].to_vec(), rest.len())
            })?;
            match self.attempt(Wants::Out, vm, &mut |session| session.write(&record, &self.below, vm))? {
                Some(count) => done += count,
                None if done == 0 => return Ok(None),
                None => return Ok(Some(done)),
            }
            if left <= RECORD {
                return Ok(Some(done));
            }
            board().attend(vm)?;
        }
    }

    #[pymethod]
    fn setblocking(&self, blocking: PyObjectRef, vm: &VirtualMachine) -> PyResult {
        vm.call_method(&self.below.object(), "setblocking", (blocking,))
    }

    /// Closes the stream below too. The other side is not told, as on boards.
    #[pymethod]
    fn close(&self, vm: &VirtualMachine) -> PyResult<()> {
        let before = std::mem::replace(&mut self.state.lock().place, Place::Closed);
        if matches!(before, Place::Closed) {
            return Ok(());
        }
        drop(before);
        let below = self.below.object();
        match stream::is_own(&below) {
            true => vm.call_method(&below, "ioctl", (STREAM_CLOSE, 0)).map(drop),
            false => vm.call_method(&below, "close", ()).map(drop),
        }
    }

    /// `getpeercert(True)`: the certificate of the other side, in DER.
    #[pymethod]
    fn getpeercert(&self, binary: PyObjectRef, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
        if !binary.try_to_bool(vm)? {
            return Err(vm.new_exception_empty(vm.ctx.exceptions.not_implemented_error.to_owned()));
        }
        let session = self.take(vm)?;
        let first = session.connection().peer_certificates().and_then(<[_]>::first).map(|first| first.to_vec());
        self.state.lock().place = Place::Here(session);
        Ok(first.map(|first| vm.ctx.new_bytes(first).into()))
    }

    /// The cipher that is in use and the version of the protocol.
    #[pymethod]
    fn cipher(&self, vm: &VirtualMachine) -> PyResult<(Option<String>, String)> {
        let session = self.take(vm)?;
        let suite = session.connection().negotiated_cipher_suite().map(|suite| name_of(suite.suite()));
        let version = if suite.is_some() { "TLSv1.2" } else { "unknown" };
        self.state.lock().place = Place::Here(session);
        Ok((suite, version.to_owned()))
    }
}
