//! What could not be done: the operation, what it was about, and why. `Cause` is what a stack says; `Error` is what
//! the caller of a socket sees. Numbers of a board, and other languages, belong to whoever shows it.

use std::borrow::Cow;
use std::fmt;
use std::io;

use crate::{Address, Errno, LookupFailure, SockOptName};

/// What the calls of this crate give.
pub type Result<T> = std::result::Result<T, Error>;

/// Why, in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The stack said no, by an error that has a name.
    Errno(Errno),
    /// A name was not found.
    Lookup(LookupFailure),
    /// The stack's policy does not let sockets dial there: see `OsStack::with_policy`.
    NotAllowed,
    /// [`Interrupt::raise`](crate::Interrupt::raise) ended the wait.
    Interrupted,
}

/// Why, as a [`Stack`](crate::Stack) says it: the kind, and more where there is more to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The kind.
    pub kind: Kind,
    /// In lower case and without full stop: what this kind's own words do not say.
    pub detail: Option<Cow<'static, str>>,
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the calls
pub enum Operation {
    Open,
    Bind,
    Listen,
    Accept,
    Connect,
    Send,
    Receive,
    Shutdown,
    SetOption,
    GetOption,
    LocalAddress,
    PeerAddress,
    Fileno,
    Wait,
    LookUp,
}

/// What an operation was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The address bound, dialled or sent to.
    Address(Address),
    /// The host looked up.
    Host(String),
    /// The option.
    Option(SockOptName),
}

/// What could not be done, and why. Its text is one line in lower case:
/// `connect to 127.0.0.1:9: nobody listens there (ECONNREFUSED)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What was tried.
    pub operation: Operation,
    /// What it was about, where it was about something.
    pub subject: Option<Subject>,
    /// Why.
    pub cause: Cause,
    /// Bytes that had been moved when it failed: of `sendall`, `write`, `readinto` and their like; otherwise 0.
    pub done: usize,
}

impl Error {
    pub(crate) fn new(operation: Operation, cause: impl Into<Cause>) -> Error {
        Error { operation, subject: None, cause: cause.into(), done: 0 }
    }

    pub(crate) fn about(self, subject: Subject) -> Error {
        Error { subject: Some(subject), ..self }
    }

    pub(crate) fn after(self, done: usize) -> Error {
        Error { done, ..self }
    }

    /// Why, in general.
    pub fn kind(&self) -> Kind {
        self.cause.kind
    }

    /// The error's POSIX name; `None` for a look-up, whose failures are of another kind. A dial that is not allowed is
    /// `EACCES`, an interrupted wait `EINTR`.
    pub fn errno(&self) -> Option<Errno> {
        match self.cause.kind {
            Kind::Errno(errno) => Some(errno),
            Kind::NotAllowed => Some(Errno::EACCES),
            Kind::Interrupted => Some(Errno::EINTR),
            Kind::Lookup(_) => None,
        }
    }

    /// Whether an [`Interrupt`](crate::Interrupt) ended the call.
    pub fn is_interrupted(&self) -> bool {
        self.cause.kind == Kind::Interrupted
    }

    /// Whether a non-blocking socket would have had to wait (`EAGAIN`).
    pub fn is_would_block(&self) -> bool {
        self.cause.is(Errno::EAGAIN)
    }

    /// Whether the socket's own timeout, or the network's, ended the call (`ETIMEDOUT`).
    pub fn is_timed_out(&self) -> bool {
        self.cause.is(Errno::ETIMEDOUT)
    }

    /// The address that it was about.
    pub fn address(&self) -> Option<&Address> {
        match &self.subject {
            Some(Subject::Address(address)) => Some(address),
            _ => None,
        }
    }
}

impl Cause {
    /// A cause with more to say about it.
    pub fn with_detail(kind: impl Into<Kind>, detail: impl Into<Cow<'static, str>>) -> Cause {
        Cause { kind: kind.into(), detail: Some(detail.into()) }
    }

    /// Whether it is this error.
    pub fn is(&self, errno: Errno) -> bool {
        self.kind == Kind::Errno(errno)
    }
}

impl From<Errno> for Kind {
    fn from(errno: Errno) -> Kind {
        Kind::Errno(errno)
    }
}

impl From<LookupFailure> for Kind {
    fn from(failure: LookupFailure) -> Kind {
        Kind::Lookup(failure)
    }
}

impl From<Kind> for Cause {
    fn from(kind: Kind) -> Cause {
        Cause { kind, detail: None }
    }
}

impl From<Errno> for Cause {
    fn from(errno: Errno) -> Cause {
        Kind::Errno(errno).into()
    }
}

impl From<LookupFailure> for Cause {
    fn from(failure: LookupFailure) -> Cause {
        Kind::Lookup(failure).into()
    }
}

/// An error that has no name here becomes `EIO`, with the system's own words.
#[cfg(feature = "os")]
impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        match error.raw_os_error().and_then(Errno::from_system) {
            Some(errno) => errno.into(),
            None if error.kind() == io::ErrorKind::InvalidInput => {
                Cause::with_detail(Errno::EINVAL, error.to_string().to_lowercase())
            }
            None => Cause::with_detail(Errno::EIO, error.to_string().to_lowercase()),
        }
    }
}

/// For the traits of `std::io`. An interrupted wait becomes [`io::ErrorKind::Other`]: the standard library repeats what
/// is `Interrupted`, and the interrupt would be lost. The error itself is inside (`io::Error::downcast`).
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error.cause.kind {
            Kind::Errno(errno) => errno.io_kind(),
            Kind::NotAllowed => io::ErrorKind::PermissionDenied,
            Kind::Lookup(_) => io::ErrorKind::NotFound,
            Kind::Interrupted => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Errno(errno) => write!(to, "{} ({errno})", errno.cause())?,
            Kind::Lookup(failure) => write!(to, "{} ({})", failure.cause(), failure.name())?,
            Kind::NotAllowed => to.write_str("dialling there is not allowed")?,
            Kind::Interrupted => to.write_str("interrupted")?,
        }
        match &self.detail {
            Some(detail) => write!(to, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, preposition) = self.operation.words();
        to.write_str(verb)?;
        match &self.subject {
            Some(Subject::Address(address)) => write!(to, " {preposition}{address}")?,
            Some(Subject::Host(host)) => write!(to, " {preposition}{}", host.escape_debug())?,
            Some(Subject::Option(name)) => write!(to, " {preposition}{name}")?,
            None => {}
        }
        write!(to, ": {}", self.cause)
    }
}

impl Operation {
    /// The verb, and what goes between it and its subject.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Operation::Open => ("open a socket", ""),
            Operation::Bind => ("bind", "to "),
            Operation::Listen => ("listen", "on "),
            Operation::Accept => ("accept", "on "),
            Operation::Connect => ("connect", "to "),
            Operation::Send => ("send", "to "),
            Operation::Receive => ("receive", "from "),
            Operation::Shutdown => ("shut down", ""),
            Operation::SetOption => ("set option", ""),
            Operation::GetOption => ("get option", ""),
            Operation::LocalAddress => ("get the local address", ""),
            Operation::PeerAddress => ("get the peer's address", ""),
            Operation::Fileno => ("get the descriptor", ""),
            Operation::Wait => ("wait", ""),
            Operation::LookUp => ("look up", ""),
        }
    }
}
