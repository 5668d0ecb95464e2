//! The network as a program has it: where sockets come from, how names are looked up, and the one place where
//! anything waits. What a socket does is in `socket` and `stream`.

use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "os")]
use crate::OsStack;
use crate::error::{Cause, Error, Kind, Operation, Result, Subject};
use crate::interrupt::{Interrupt, Signals};
use crate::{Family, Info, Protocol, Query, Ready, Socket, Stack, Type, Watch};

/// What an embedder runs while a call waits; see [`Net::with_hook`].
type Hook = Box<dyn Fn() -> std::result::Result<(), Cause> + Send + Sync>;

/// A network, as one program (or one thread of it) uses it. A clone is another handle to the same.
pub struct Net<#[cfg(feature = "os")] S: Stack = OsStack, #[cfg(not(feature = "os"))] S: Stack> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    stack: S,
    signals: Arc<Signals>,
    hook: Hook,
}

/// Why a wait came to an end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A socket is ready.
    Ready,
    /// Something else may have changed.
    Woken,
    /// The deadline has come.
    TimedOut,
}

impl<S: Stack> Net<S> {
    /// Sockets over this stack.
    pub fn new(stack: S) -> Net<S> {
        Self::with_hook(stack, || Ok(()))
    }

    /// Sockets over this stack, and something to run after each [`Interrupt::wake`] in the thread that waits. An
    /// error ends the waiting call, which fails with it: `Kind::Interrupted.into()` where a callback has failed in
    /// the embedder's own way. The hook may use any socket, also the one that waits, and may close it.
    pub fn with_hook(stack: S, on_wake: impl Fn() -> std::result::Result<(), Cause> + Send + Sync + 'static) -> Net<S> {
        Net { shared: Arc::new(Shared { stack, signals: Arc::default(), hook: Box::new(on_wake) }) }
    }

    /// The handle that reaches calls which wait.
    pub fn interrupt(&self) -> Interrupt {
        Interrupt::new(self.shared.signals.clone(), self.stack().waker())
    }

    /// The stack below.
    pub fn stack(&self) -> &S {
        &self.shared.stack
    }

    /// A new socket, blocking. Fails with `EMFILE` or `ENFILE` when there are too many, with `EPROTONOSUPPORT` and
    /// its kin for what does not go together, and for [`Type::Raw`] without the privilege with `EPERM`.
    pub fn socket(&self, family: Family, kind: Type, protocol: Protocol) -> Result<Socket<S>> {
        let handle = self.stack().open(family, kind, protocol).map_err(|cause| Error::new(Operation::Open, cause))?;
        Ok(Socket::new(self.clone(), family, kind, handle))
    }

    /// The addresses of a host, in the order in which they are to be tried (RFC 6724); at least one. An address as
    /// text needs no look-up. It waits for as long as the name servers take, can be interrupted, and fails with
    /// [`Kind::Lookup`].
    pub fn getaddrinfo(&self, query: &Query) -> Result<Vec<Info>> {
        let found = match query.numeric() {
            Some(address) => query.answers([address]).map_err(Cause::from),
            None => self.look_up(query),
        };
        found.map_err(|cause| Error::new(Operation::LookUp, cause).about(Subject::Host(query.host.clone())))
    }

    fn look_up(&self, query: &Query) -> std::result::Result<Vec<Info>, Cause> {
        let mut lookup = self.stack().lookup(query)?;
        let mut answer = None;
        loop {
            self.step(&mut [], None, &mut || {
                answer = self.stack().answer(&mut lookup);
                answer.is_some()
            })?;
            if let Some(answer) = answer.take() {
                return answer;
            }
        }
    }

    /// One round of waiting. `stop` is asked before it begins, after anything that could be missed has been noted:
    /// what it looks at must move the stack's epoch when it changes.
    pub(crate) fn step(
        &self,
        watches: &mut [Watch<'_, S::Handle>],
        deadline: Option<Instant>,
        stop: &mut dyn FnMut() -> bool,
    ) -> std::result::Result<Step, Cause> {
        let since = self.stack().epoch();
        if self.attend()? || stop() {
            return Ok(Step::Woken);
        }
        self.stack().wait(watches, deadline, since)?;
        if watches.iter().any(|watch| watch.ready != Ready::NONE) {
            return Ok(Step::Ready);
        }
        let late = deadline.is_some_and(|deadline| self.stack().now() >= deadline);
        Ok(if late { Step::TimedOut } else { Step::Woken })
    }

    /// Does what an [`Interrupt`] asks for; says whether the hook has run.
    pub(crate) fn attend(&self) -> std::result::Result<bool, Cause> {
        if self.shared.signals.take_raised() {
            return Err(Kind::Interrupted.into());
        }
        let woken = self.shared.signals.take_woken();
        if woken {
            (self.shared.hook)()?;
        }
        Ok(woken)
    }

    /// When a call that begins now has to end; `None` for never, also where the clock does not go that far.
    pub(crate) fn deadline(&self, timeout: Option<Duration>) -> Option<Instant> {
        self.stack().now().checked_add(timeout?)
    }
}

impl<S: Stack> Clone for Net<S> {
    fn clone(&self) -> Net<S> {
        Net { shared: self.shared.clone() }
    }
}

/// The system's own network, without restriction.
#[cfg(feature = "os")]
impl Default for Net<OsStack> {
    fn default() -> Net<OsStack> {
        Net::new(OsStack::new())
    }
}
