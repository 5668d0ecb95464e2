//! One TLS session over a stream, which is a socket or what a program made: how far each call gets without waiting.
//!
//! What has to wait waits in the stream below, if that does; then callbacks run, and Ctrl-C comes through. A session
//! is out of its place meanwhile: who comes to it from a callback is told to try again.

use std::io::{ErrorKind, Read, Write};

use rustls::Connection;
use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

use super::failure::{CONNECTION_ENDED, Failure, INTERNAL, reason};
use super::trust;
use crate::modules::socket::Native;
use crate::modules::stream;

/// The most of a program's bytes that one record carries (RFC 8446, section 5.1).
pub(super) const RECORD: usize = 16 << 10;

/// Bytes that the stream below is asked for at a time.
const PIECE: usize = 4 << 10;

/// What a session runs over.
#[derive(Debug)]
pub(super) enum Below {
    Socket(PyRef<Native>),
    Stream(PyObjectRef),
}

impl Below {
    pub(super) fn object(&self) -> PyObjectRef {
        match self {
            Below::Socket(socket) => socket.clone().into(),
            Below::Stream(stream) => stream.clone(),
        }
    }

    /// Some bytes, none at the end; `None` for "not now".
    fn read(&self, vm: &VirtualMachine) -> PyResult<Option<Vec<u8>>> {
        match self {
            Below::Socket(socket) => socket.read_piece(vm, PIECE),
            Below::Stream(from) => stream::try_read_into(from, PIECE, vm),
        }
    }

    /// How many were taken; `None` for "not now".
    fn write(&self, bytes: &[u8], vm: &VirtualMachine) -> PyResult<Option<usize>> {
        match self {
            Below::Socket(socket) => socket.write_piece(vm, bytes),
            Below::Stream(to) => stream::try_write(to, bytes, vm),
        }
    }
}

/// What an attempt could not go on without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// The stream below to have something.
    In,
    /// The stream below to take something.
    Out,
}

pub(super) struct Session {
    connection: Connection,
    /// For the other side, and not taken by the stream below so far.
    out: Vec<u8>,
    /// So many of the program's bytes are in `out`, which it was not told: it will come with the same again.
    promised: usize,
    failed: Option<Failure>,
    callback: Option<PyObjectRef>,
}

/// What has come from the other side.
enum Heard {
    Something,
    /// Not now.
    Nothing,
    /// Nothing, ever again.
    End,
}

impl Session {
    pub(super) fn new(connection: Connection, callback: Option<PyObjectRef>) -> Session {
        Session { connection, out: Vec::new(), promised: 0, failed: None, callback }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether there is something to read already.
    pub(super) fn has_data(&mut self) -> bool {
        self.connection.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    /// What failed before fails again.
    pub(super) fn check(&self, vm: &VirtualMachine) -> PyResult<()> {
        self.failed.map_or(Ok(()), |failure| Err(failure.raise(vm)))
    }

    /// Goes on with the handshake, if it is not through.
    pub(super) fn shake(&mut self, below: &Below, vm: &VirtualMachine) -> PyResult<Result<(), Wants>> {
        loop {
            if !self.flush(below, vm)? {
                return Ok(Err(Wants::Out));
            }
            if !self.connection.is_handshaking() {
                return Ok(Ok(()));
            }
            match self.receive(below, vm)? {
                Heard::Something => {}
                Heard::Nothing => return Ok(Err(Wants::In)),
                Heard::End => return Err(self.fail(CONNECTION_ENDED, vm)),
            }
        }
    }

    /// Some bytes, at most `most`; none at the end.
    pub(super) fn read(&mut self, most: usize, below: &Below, vm: &VirtualMachine) -> PyResult<Result<Vec<u8>, Wants>> {
        self.check(vm)?;
        if let Err(wants) = self.shake(below, vm)? {
            return Ok(Err(wants));
        }
        let mut bytes = vec![0; most.min(RECORD)];
        loop {
            match self.connection.reader().read(&mut bytes) {
                Ok(count) => {
                    bytes.truncate(count);
                    return Ok(Ok(bytes));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    match self.receive(below, vm)? {
                        Heard::Something => {}
                        Heard::Nothing => return Ok(Err(Wants::In)),
                        // Many servers close without a word; for mbedTLS and CPython that is the end of the stream.
                        Heard::End => return Ok(Ok(Vec::new())),
                    }
                }
                Err(_) => return Err(self.fail(CONNECTION_ENDED, vm)),
            }
        }
    }

    /// How many of the bytes were taken.
    pub(super) fn write(&mut self, bytes: &[u8], below: &Below, vm: &VirtualMachine) -> PyResult<Result<usize, Wants>> {
        self.check(vm)?;
        if let Err(wants) = self.shake(below, vm)? {
            return Ok(Err(wants));
        }
        if self.promised > 0 {
            return Ok(Ok(std::mem::take(&mut self.promised).min(bytes.len())));
        }
        let record = &bytes[..bytes.len().min(RECORD)];
        if self.connection.writer().write_all(record).is_err() {
            return Err(self.fail(INTERNAL, vm));
        }
        if self.flush(below, vm)? {
            return Ok(Ok(record.len()));
        }
        self.promised = record.len();
        Ok(Err(Wants::Out))
    }

    /// Hands down what is for the other side; false when not all of it was taken.
    fn flush(&mut self, below: &Below, vm: &VirtualMachine) -> PyResult<bool> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.out).is_err() {
                return Err(self.fail(INTERNAL, vm));
            }
        }
        while !self.out.is_empty() {
            match below.write(&self.out, vm).map_err(|raised| self.fail_below(raised, vm))? {
                Some(count @ 1..) => drop(self.out.drain(..count.min(self.out.len()))),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Takes something from the other side.
    fn receive(&mut self, below: &Below, vm: &VirtualMachine) -> PyResult<Heard> {
        match below.read(vm).map_err(|raised| self.fail_below(raised, vm))? {
            None => Ok(Heard::Nothing),
            Some(bytes) if bytes.is_empty() => Ok(Heard::End),
            Some(bytes) => self.feed(&bytes, below, vm).map(|()| Heard::Something),
        }
    }

    fn feed(&mut self, mut bytes: &[u8], below: &Below, vm: &VirtualMachine) -> PyResult<()> {
        while !bytes.is_empty() {
            let callback = self.callback.clone();
            let outcome = trust::with_callback(callback, || {
                self.connection.read_tls(&mut bytes).map_err(|_| rustls::Error::DecryptError)?;
                self.connection.process_new_packets().map(drop)
            });
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(self.break_off(&error, below, vm)),
                Err(raised) => {
                    self.failed = Some(INTERNAL);
                    return Err(raised);
                }
            }
        }
        Ok(())
    }

    /// Tells the other side why this is the end, as far as that can be done at once.
    fn break_off(&mut self, error: &rustls::Error, below: &Below, vm: &VirtualMachine) -> PyBaseExceptionRef {
        let _ = self.flush(below, vm);
        let raised = self.fail(Failure::of(error), vm);
        match error {
            rustls::Error::InvalidCertificate(why) => vm.new_value_error(format!("\n{}\n", reason(why))),
            _ => raised,
        }
    }

    fn fail(&mut self, failure: Failure, vm: &VirtualMachine) -> PyBaseExceptionRef {
        self.failed = Some(failure);
        failure.raise(vm)
    }

    /// An OSError of the stream below ends the session too; anything else, Ctrl-C for one, passes through.
    fn fail_below(&mut self, raised: PyBaseExceptionRef, vm: &VirtualMachine) -> PyBaseExceptionRef {
        if raised.fast_isinstance(vm.ctx.exceptions.os_error) {
            let number = raised.get_arg(0).and_then(|number| number.try_into_value(vm).ok());
            self.failed = Some(number.map_or(INTERNAL, Failure::Below));
        }
        raised
    }
}
