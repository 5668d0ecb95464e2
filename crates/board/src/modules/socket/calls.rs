//! What a socket's calls wait for, and how they end: the timeout in the board's dialect, and the two families of
//! calls, of which one raises EAGAIN and the other gives `None`.

use std::time::{Duration, Instant};

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::function::ArgMemoryBuffer;
use rustpython_vm::{PyObject, PyResult, VirtualMachine};
use socklab_socket::{Address, Errno, Error, Ready, RecvFlags, SockOpt, SockOptName, Type};

use super::Native;
use super::class::Condition;
use crate::board::board;
use crate::modules::asked::Part;
use crate::modules::{with_buffer, with_bytes};
use crate::net::{self, Socket};
use crate::profile::Sockets;

/// The slices in which the ESP32 waits.
const SLICE: Duration = Duration::from_millis(100);

/// How long lwIP tries to reach a host that does not answer.
const DIAL: Duration = Duration::from_secs(18);

/// Bytes that `read()` without a number asks for at a time.
const PIECE: usize = 64 << 10;

/// Why a call did not do what it should.
pub(super) enum Fail {
    /// The socket is non-blocking, and there is nothing.
    Again,
    /// Its timeout has come.
    Late,
    /// The network said no.
    Net(Error),
    /// Anything else, a callback's exception among them.
    Raised(PyBaseExceptionRef),
}

type Attempt<T> = Result<T, Fail>;

impl From<PyBaseExceptionRef> for Fail {
    fn from(raised: PyBaseExceptionRef) -> Fail {
        Fail::Raised(raised)
    }
}

impl Fail {
    pub(super) fn raise(self, vm: &VirtualMachine) -> PyBaseExceptionRef {
        match self {
            Fail::Again => net::os_error(vm, Errno::EAGAIN),
            Fail::Late => net::timed_out(vm),
            Fail::Net(error) => net::raised_by(vm, &error),
            Fail::Raised(raised) => raised,
        }
    }
}

/// For the stream family: what would have to wait is `None`.
pub(super) fn or_none<T>(outcome: Attempt<T>, vm: &VirtualMachine) -> PyResult<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Fail::Again) => Ok(None),
        Err(fail) => Err(fail.raise(vm)),
    }
}

/// How much `send` and its kin send before they come back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Send {
    /// What there is room for.
    Some,
    /// All of it.
    All,
}

impl Native {
    /// Tries, and waits and tries again for as long as the timeout lets it. The attempt must not keep anything of
    /// Python borrowed: callbacks run between two of them.
    pub(super) fn attempt<T>(
        &self,
        vm: &VirtualMachine,
        interest: Ready,
        may_wait: bool,
        mut attempt: impl FnMut(&Socket) -> PyResult<Result<T, Error>>,
    ) -> Attempt<T> {
        let socket = self.socket(vm)?;
        let mut until = None;
        loop {
            match attempt(socket)? {
                Err(error) if error.is_would_block() => {}
                // lwIP does not tell datagram sockets that nobody listens.
                Err(error) if self.is_deaf_to(&error) => {}
                Err(error) => return Err(Fail::Net(error)),
                Ok(value) => return Ok(value),
            }
            let timeout = self.timeout();
            if !may_wait || timeout == Some(Duration::ZERO) {
                return Err(Fail::Again);
            }
            // The clock is asked only by those who wait, and once.
            let until = *until.get_or_insert_with(|| deadline(timeout));
            if !net::wait(vm, socket, interest, until)? {
                return Err(self.late());
            }
        }
    }

    fn is_deaf_to(&self, error: &Error) -> bool {
        self.kind() == Type::Datagram
            && error.errno() == Some(Errno::ECONNREFUSED)
            && board().profile.sockets != Sockets::CPython
    }

    /// On an ESP32, less than a slice is no timeout but a look.
    fn late(&self) -> Fail {
        let short = self.timeout().is_some_and(|timeout| timeout < SLICE);
        if short && board().profile.quirks.sliced_timeouts { Fail::Again } else { Fail::Late }
    }

    // ---- connecting

    /// Dials. What it leaves behind decides what later calls say.
    pub(super) fn dial(&self, vm: &VirtualMachine, address: Address) -> PyResult<()> {
        let socket = self.socket(vm)?;
        match socket.connect(address) {
            Ok(()) => {
                self.become_(Condition::Connected);
                Ok(())
            }
            Err(error) if error.errno() == Some(Errno::EINPROGRESS) => {
                self.become_(Condition::Connecting);
                if self.timeout() == Some(Duration::ZERO) {
                    return Err(net::raised_by(vm, &error));
                }
                self.await_connection(vm, socket)
            }
            Err(error) => Err(self.dial_failed(vm, &error)),
        }
    }

    fn await_connection(&self, vm: &VirtualMachine, socket: &Socket) -> PyResult<()> {
        let forever = self.timeout().is_none() && board().profile.sockets != Sockets::CPython;
        let until = if forever { deadline(Some(DIAL)) } else { deadline(self.timeout()) };
        if !net::wait(vm, socket, Ready::OUT, until)? {
            self.say(vm, "connect timeout\n")?;
            return Err(if forever { net::os_error(vm, Errno::ECONNABORTED) } else { net::timed_out(vm) });
        }
        match socket.getsockopt(SockOptName::Error) {
            Ok(SockOpt::Error(Some(errno))) => {
                self.become_(Condition::Dead);
                self.say(vm, "connect to server faild!\n")?;
                Err(net::os_error(vm, errno))
            }
            Ok(_) => {
                self.become_(Condition::Connected);
                self.say(vm, "connect success\n")
            }
            Err(error) => Err(net::raised_by(vm, &error)),
        }
    }

    /// A dial that failed at once. The system may know before it says "in progress"; a board never does.
    fn dial_failed(&self, vm: &VirtualMachine, error: &Error) -> PyBaseExceptionRef {
        match error.errno() {
            Some(Errno::EISCONN | Errno::EALREADY | Errno::EACCES | Errno::EAFNOSUPPORT | Errno::EBADF) => {}
            Some(errno) if self.kind() == Type::Stream => {
                self.become_(Condition::Dead);
                if self.timeout() == Some(Duration::ZERO) {
                    self.postpone(errno);
                    return net::os_error(vm, Errno::EINPROGRESS);
                }
                if let Err(raised) = self.say(vm, "connect to server faild!\n") {
                    return raised;
                }
            }
            _ => {}
        }
        net::raised_by(vm, error)
    }

    /// What the K230's firmware prints about its sockets.
    fn say(&self, vm: &VirtualMachine, text: &str) -> PyResult<()> {
        match board().profile.sockets {
            Sockets::Card => board().output(vm, text.replace('\n', "\r\n").as_bytes()),
            _ => Ok(()),
        }
    }

    // ---- sending

    /// Sends bytes, and says how many went. What stopped it after some is not told: the next call meets it.
    pub(super) fn push(&self, vm: &VirtualMachine, data: &PyObject, range: Part, how: Send) -> Attempt<usize> {
        self.check_connection(vm)?;
        let mut done = 0;
        loop {
            let (sent, length) = match self.push_once(vm, data, range, done) {
                Ok(sent) => sent,
                Err(Fail::Again | Fail::Late) if done > 0 => return Ok(done),
                Err(fail) => return Err(fail),
            };
            done += sent;
            if done >= length || how == Send::Some {
                return Ok(done);
            }
            // A peer that always keeps up would otherwise make this deaf.
            board().attend(vm)?;
        }
    }

    fn push_once(&self, vm: &VirtualMachine, data: &PyObject, range: Part, done: usize) -> Attempt<(usize, usize)> {
        self.attempt(vm, Ready::OUT, true, |socket| {
            with_data(data, vm, |bytes| {
                let bytes = range.of(bytes);
                // The object may have become shorter while others used it.
                socket.send(bytes.get(done..).unwrap_or_default()).map(|sent| (sent, bytes.len()))
            })
        })
    }

    /// What an ESP32 does with nothing to send: it takes "0 bytes sent" for a failure.
    pub(super) fn nothing_sent(&self) -> Fail {
        if self.timeout() == Some(Duration::ZERO) { Fail::Again } else { self.late() }
    }

    /// For a stream that runs over this one: how many of the bytes went; `None` where it may not wait.
    pub(crate) fn write_piece(&self, vm: &VirtualMachine, bytes: &[u8]) -> PyResult<Option<usize>> {
        self.check_connection(vm)?;
        or_none(self.attempt(vm, Ready::OUT, true, |socket| Ok(socket.send(bytes))), vm)
    }

    // ---- receiving

    /// For a stream that runs over this one: what there is, at most `most` bytes; `None` where it may not wait.
    pub(crate) fn read_piece(&self, vm: &VirtualMachine, most: usize) -> PyResult<Option<Vec<u8>>> {
        self.check_not_dead(vm)?;
        let mut bytes = vec![0; most];
        let got = or_none(self.attempt(vm, Ready::IN, true, |socket| Ok(socket.recv_into(&mut bytes))), vm)?;
        Ok(got.map(|got| {
            bytes.truncate(got);
            bytes
        }))
    }

    /// At most `count` bytes, or a datagram, and who sent it.
    pub(super) fn pull(
        &self,
        vm: &VirtualMachine,
        count: usize,
        flags: RecvFlags,
    ) -> Attempt<(Vec<u8>, Option<Address>)> {
        self.check_not_dead(vm)?;
        let mut bytes = vec![0; count];
        let flags_below = RecvFlags { peek: flags.peek, dont_wait: true };
        let got = self.attempt(vm, Ready::IN, !flags.dont_wait, |socket| Ok(socket.recv_with(&mut bytes, flags_below)));
        match got {
            Ok((got, sender)) => {
                bytes.truncate(got);
                Ok((bytes, sender))
            }
            // CanMV says so on the console, and gives what it has.
            Err(Fail::Late) if board().profile.sockets == Sockets::Card => {
                self.say(vm, "recv timeout!\n")?;
                Ok((Vec::new(), None))
            }
            Err(fail) => Err(fail),
        }
    }

    /// `read(n)`, `read()`: goes on until it has all, or the stream's end.
    pub(super) fn read_all(&self, vm: &VirtualMachine, count: usize) -> Attempt<Vec<u8>> {
        self.check_not_dead(vm)?;
        let mut bytes = Vec::new();
        loop {
            let had = bytes.len();
            let room = (count - had).min(PIECE);
            bytes.resize(had + room, 0);
            let got = self.attempt(vm, Ready::IN, true, |socket| Ok(socket.recv_into(&mut bytes[had..])));
            let got = match got {
                Ok(got) => got,
                Err(Fail::Again) if had > 0 => 0,
                Err(fail) => return Err(fail),
            };
            bytes.truncate(had + got);
            if got == 0 || bytes.len() == count {
                return Ok(bytes);
            }
            board().attend(vm)?;
        }
    }

    /// `readinto`: as `read`, into the program's buffer. `once` comes back with the first piece.
    pub(super) fn fill(
        &self,
        vm: &VirtualMachine,
        buffer: &ArgMemoryBuffer,
        count: usize,
        once: bool,
    ) -> Attempt<usize> {
        self.check_not_dead(vm)?;
        let mut done = 0;
        while done < count {
            let got = self.attempt(vm, Ready::IN, true, |socket| {
                Ok(buffer.with_ref(|buffer| match buffer.get_mut(done..count) {
                    Some(room) => socket.recv_into(room),
                    None => Ok(0),
                }))
            });
            match got {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(Fail::Again) if done > 0 => break,
                Err(fail) => return Err(fail),
            }
            if once {
                break;
            }
            board().attend(vm)?;
        }
        Ok(done)
    }

    /// A line, of at most `limit` bytes; not a byte behind it is taken.
    pub(super) fn line(&self, vm: &VirtualMachine, limit: usize) -> Attempt<Vec<u8>> {
        self.check_not_dead(vm)?;
        let mut line = Vec::new();
        while line.len() < limit && line.last() != Some(&b'\n') {
            let had = line.len();
            let left = (limit < usize::MAX).then(|| limit - had);
            let got = self.attempt(vm, Ready::IN, true, |socket| {
                // Below, "nothing at the moment" is `None`.
                let got = socket.readline_onto(&mut line, left).transpose();
                Ok(got.unwrap_or_else(|| socket.recv_into(&mut [0])))
            });
            match got {
                Ok(0) => break,
                Ok(_) => {}
                Err(Fail::Again) if had > 0 => break,
                Err(fail) => return Err(fail),
            }
        }
        Ok(line)
    }
}

/// The bytes of what a program sends: boards take str for its UTF-8.
pub(super) fn with_data<R>(data: &PyObject, vm: &VirtualMachine, f: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    if board().profile.sockets != Sockets::CPython {
        return with_bytes(data, vm, f);
    }
    with_buffer(data, vm, f)
        .map_err(|_| vm.new_type_error(format!("a bytes-like object is required, not '{}'", data.class().name())))
}

fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    let sliced = |timeout: Duration| {
        let slices = timeout.as_millis() / SLICE.as_millis() + 1;
        SLICE.saturating_mul(u32::try_from(slices).unwrap_or(u32::MAX))
    };
    let timeout = if board().profile.quirks.sliced_timeouts { timeout.map(sliced) } else { timeout };
    Instant::now().checked_add(timeout?)
}
