//! Waiting for many sockets: `poll` and `select`. Objects that remember what is registered belong to whoever wants
//! them: they hold a list of [`Entry`].

use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "os")]
use crate::OsStack;
use crate::error::{Cause, Error, Operation, Result};
use crate::net::Step;
use crate::{Net, Ready, Socket, Stack, Watch};

/// A socket to be polled, and the answer.
pub struct Entry<'a, #[cfg(feature = "os")] S: Stack = OsStack, #[cfg(not(feature = "os"))] S: Stack> {
    /// The socket.
    pub socket: &'a Socket<S>,
    /// What is asked: [`Ready::IN`], [`Ready::OUT`], both or none.
    pub interest: Ready,
    /// What [`Net::poll`] found.
    pub ready: Ready,
}

impl<'a, S: Stack> Entry<'a, S> {
    /// A socket and what to ask about it.
    pub fn new(socket: &'a Socket<S>, interest: Ready) -> Entry<'a, S> {
        Entry { socket, interest, ready: Ready::NONE }
    }
}

/// Which of the sockets given to [`Net::select`] are ready, by their place in each list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Those that have something to receive, or have ended.
    pub read: Vec<usize>,
    /// Those that have room, or have failed.
    pub write: Vec<usize>,
    /// Those with an error pending, or closed by the peer and here.
    pub except: Vec<usize>,
}

impl<S: Stack> Net<S> {
    /// Waits until at least one socket is ready, and says how many are; 0 when `timeout` has passed, `None` of which
    /// never does. All sockets must be of this stack. A closed socket is ready at once, with [`Ready::NVAL`]. It
    /// looks at each socket once a waking, so costs in proportion to their number (POSIX `poll`).
    pub fn poll(&self, entries: &mut [Entry<'_, S>], timeout: Option<Duration>) -> Result<usize> {
        self.poll_or(entries, timeout, || false)
    }

    /// The same, but it also ends when `other` says true: for what an embedder polls beside sockets, a console for
    /// example. It is asked at the start and after each [`Interrupt::wake`](crate::Interrupt::wake).
    pub fn poll_or(
        &self,
        entries: &mut [Entry<'_, S>],
        timeout: Option<Duration>,
        mut other: impl FnMut() -> bool,
    ) -> Result<usize> {
        let deadline = self.deadline(timeout);
        let mut told = false;
        loop {
            // Told by the other side already, the sockets are only asked.
            let hurry = told;
            let until = if hurry { Some(self.stack().now()) } else { deadline };
            let mut ask = || {
                told = told || other();
                told && !hurry
            };
            let step = self.poll_round(entries, until, &mut ask).map_err(|cause| Error::new(Operation::Wait, cause))?;
            let ready = entries.iter().filter(|entry| entry.ready != Ready::NONE).count();
            if ready > 0 || hurry || step == Step::TimedOut {
                return Ok(ready);
            }
        }
    }

    fn poll_round(
        &self,
        entries: &mut [Entry<'_, S>],
        deadline: Option<Instant>,
        other: &mut dyn FnMut() -> bool,
    ) -> std::result::Result<Step, Cause> {
        let handles: Vec<Option<Arc<S::Handle>>> = entries.iter().map(|entry| entry.socket.handle().ok()).collect();
        let closed = handles.iter().any(Option::is_none);
        let sockets: Vec<&Socket<S>> = entries.iter().map(|entry| entry.socket).collect();
        let mut watches: Vec<Watch<'_, S::Handle>> = entries
            .iter()
            .zip(&handles)
            .filter_map(|(entry, handle)| Some((entry.interest, handle.as_deref()?)))
            .map(|(interest, socket)| Watch { socket, interest, ready: Ready::NONE })
            .collect();
        // With something to tell already, the others are only asked.
        let deadline = if closed { Some(self.stack().now()) } else { deadline };
        let mut stop = || other() || !closed && sockets.iter().any(|socket| socket.is_closed());
        let step = self.step(&mut watches, deadline, &mut stop)?;
        let mut answers = watches.iter().map(|watch| watch.ready);
        for (entry, handle) in entries.iter_mut().zip(&handles) {
            let answer = handle.as_ref().and_then(|_| answers.next());
            entry.ready = answer.unwrap_or(Ready::NVAL);
        }
        Ok(step)
    }

    /// Waits until a socket of `read` has something to receive, one of `write` has room, or one of `except` has an
    /// error or has hung up, and says which; none when `timeout` has passed. A closed socket fails with `EBADF` (POSIX `select`).
    /// There is no limit of 1024.
    pub fn select(
        &self,
        read: &[&Socket<S>],
        write: &[&Socket<S>],
        except: &[&Socket<S>],
        timeout: Option<Duration>,
    ) -> Result<Selected> {
        let lists = [(read, Ready::IN), (write, Ready::OUT), (except, Ready::NONE)];
        let mut entries: Vec<Entry<'_, S>> =
            lists.iter().flat_map(|(list, ask)| list.iter().map(|socket| Entry::new(socket, *ask))).collect();
        self.poll(&mut entries, timeout)?;
        if entries.iter().any(|entry| entry.ready.contains(Ready::NVAL)) {
            return Err(Error::new(Operation::Wait, crate::Errno::EBADF));
        }
        let (reading, rest) = entries.split_at(read.len());
        let (writing, excepting) = rest.split_at(write.len());
        Ok(Selected {
            read: places(reading, Ready::IN | Ready::HUP | Ready::ERR),
            write: places(writing, Ready::OUT | Ready::ERR),
            except: places(excepting, Ready::ERR | Ready::HUP),
        })
    }
}

/// Where in the list any of these flags is set.
fn places<S: Stack>(entries: &[Entry<'_, S>], flags: Ready) -> Vec<usize> {
    entries.iter().enumerate().filter(|(_, entry)| entry.ready.intersects(flags)).map(|(place, _)| place).collect()
}
