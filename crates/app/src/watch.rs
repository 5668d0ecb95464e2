//! What a session waits for, in one queue: Ctrl-C, the end of its input, of its output, of its endpoints.

use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use socklab_capture::EndpointId;
use socklab_capture::run::Gap;
use socklab_engine::LastEnd;
use socklab_engine::{Command, Remote, Reply};

use crate::say::{Fail, INTERRUPTED};
use crate::terminal;

/// Something that may end a session.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // there are few at a time
pub(crate) enum Happening {
    /// Ctrl-C, or a request to terminate.
    Interrupt,
    /// What was to be sent is in the hands of the engine, or cannot be.
    HandedOver(Result<(), Fail>),
    /// Nothing more will come from stdin.
    InputEnded,
    /// The log was shown to its end, or cannot be shown any further.
    OutputEnded,
    /// The reply to opening an endpoint; `None` when the engine has ended.
    Opened(Option<Reply>),
    /// An endpoint is over.
    EndpointEnded(LastEnd),
    /// The person has had enough.
    Quit,
    /// A peer is there.
    Connected,
    /// Something has just been received or sent.
    Traffic,
    /// The log says of a peer that something could not be done.
    Failed(String),
    /// The log has lost these records before they could be shown.
    Missed(Gap),
    /// The log says that a peer tore the connection down.
    WasReset,
}

/// The queue, and a way to put things in.
pub(crate) struct Watch {
    pub(crate) sender: Sender<Happening>,
    queue: Receiver<Happening>,
}

/// Has the first Ctrl-C, or request to terminate, do something. The second one ends the program at once.
#[allow(clippy::exit)]
pub(crate) fn on_interrupt(mut then: impl FnMut() + Send + 'static) -> Result<(), Fail> {
    let handler = move || match FIRST.get() {
        None => {
            let _ = FIRST.set(Instant::now());
            then();
        }
        Some(first) if first.elapsed() < ONE => {}
        Some(_) => {
            terminal::restore();
            std::process::exit(INTERRUPTED.into());
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Fail::Other(format!("cannot watch for Ctrl-C: {error}")))
}

/// When the first signal came.
static FIRST: OnceLock<Instant> = OnceLock::new();

/// Signals that come this close together are one: `timeout` sends its own to the child, and then to the group. No person
/// is so quick.
const ONE: Duration = Duration::from_millis(50);

impl Watch {
    /// Watches for Ctrl-C from now on.
    pub(crate) fn new() -> Result<Self, Fail> {
        let (sender, queue) = mpsc::channel();
        let interrupted = sender.clone();
        on_interrupt(move || drop(interrupted.send(Happening::Interrupt)))?;
        Ok(Watch { sender, queue })
    }

    /// Reports when the endpoint is over.
    pub(crate) fn endpoint(&self, remote: Remote, endpoint: EndpointId) {
        let sender = self.sender.clone();
        thread::spawn(move || {
            if let Some(Reply::Ended(end)) = remote.call(Command::AwaitEnd(endpoint)) {
                let _ = sender.send(Happening::EndpointEnded(end));
            }
        });
    }

    /// The next thing that happens; `None` when `deadline` comes first.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Happening> {
        let Some(deadline) = deadline else { return self.queue.recv().ok() };
        self.queue.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}
