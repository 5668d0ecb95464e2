//! The engine from outside: a thread with its own event loop, commands in, replies out, cursors on its log.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socklab_board::link::FromBoard;
use socklab_capture::cursor::Cursor;
use socklab_capture::live::Live;
use socklab_capture::run::{Run, RunError};
use socklab_capture::{Address, PeerId};
use socklab_lan::PortId;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use crate::command::{Command, Reply};
use crate::failure::Lang;
use crate::hub::Hub;
use crate::lan::{LanSettings, Network};
use crate::recorder::{Recorder, Store};
use crate::writer::Trouble;

/// Commands that may wait for the engine: more than a person or a script has under way.
const COMMANDS: usize = 64;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The capture could not be made.
    #[error(transparent)]
    Capture(#[from] RunError),
    /// The system has no thread or event queue left.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// How to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the log goes.
    pub store: Store,
    /// The run's name, which must be new.
    pub run: String,
    /// Make a reader of the log that sees every record, from the first on.
    pub reader: bool,
    /// Where this program itself is commanded over TCP, if it is. Nothing here dials that, under whatever name; and what
    /// changes is listed for [`Command::Changes`], which whoever commands has to ask for again and again.
    pub control: Option<SocketAddr>,
    /// The language of what records say in words.
    pub lang: Lang,
    /// Boards of this user's other Socklabs reach its endpoints.
    pub registers: bool,
    /// A virtual network for boards, if there is to be one; other processes of this user can ask it.
    pub lan: Option<LanSettings>,
}

/// What was left over at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Farewell {
    /// Bytes that could not be sent in time, peer by peer.
    pub unsent: Vec<(PeerId, Address, usize)>,
}

/// A running engine. Dropping it abandons what is under way; [`Engine::shut_down`] does not.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::Sender<(Command, oneshot::Sender<Reply>)>,
    stop: Option<oneshot::Sender<Duration>>,
    thread: JoinHandle<Farewell>,
    live: Arc<Live>,
    run: Option<Run>,
}

/// A way to command an engine, which can be copied and sent elsewhere.
#[derive(Clone, Debug)]
pub struct Remote(mpsc::Sender<(Command, oneshot::Sender<Reply>)>);

impl Remote {
    /// Waits for the reply; `None` when the engine has ended. Not to be called from within an async task.
    pub fn call(&self, command: Command) -> Option<Reply> {
        let (sender, reply) = oneshot::channel();
        self.0.blocking_send((command, sender)).ok()?;
        reply.blocking_recv().ok()
    }

    /// As [`call`](Self::call), for async tasks of whatever runtime.
    pub async fn ask(&self, command: Command) -> Option<Reply> {
        let (sender, reply) = oneshot::channel();
        self.0.send((command, sender)).await.ok()?;
        reply.await.ok()
    }
}

impl Engine {
    /// Starts the engine's thread, and gives the reader of its log if one was asked for.
    /// `trouble` is told, on the writer's thread, what happens to the log itself.
    pub fn start(
        config: Config,
        trouble: impl Fn(Trouble) + Send + 'static,
    ) -> Result<(Self, Option<Cursor>), StartError> {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        let thread = thread::Builder::new().name("socklab-engine".into());
        let (notes, noted) = mpsc::unbounded_channel(); // one a new segment at most
        let (missing, missed) = mpsc::unbounded_channel();
        let trouble = move |what: Trouble| {
            if let Trouble::Gone(_) = &what {
                let _ = missing.send(what.text(config.lang));
            }
            if let Trouble::Removed { segments, bytes } = &what {
                let count = segments.len();
                let _ = notes.send(match config.lang {
                    Lang::En => format!("removed the {count} oldest segments of the captures, {bytes} bytes"),
                    Lang::Zh => format!("已删除捕获中最旧的 {count} 个分段，共 {bytes} 字节"),
                });
            }
            trouble(what);
        };
        let thread = thread.spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return fail(ready, error.into()),
            };
            let farewell = runtime.block_on(async move {
                match Recorder::start(config.store, &config.run, config.reader, config.control.is_some(), trouble) {
                    Err(error) => fail(ready, error.into()),
                    Ok((recorder, run, reader)) => {
                        let recorder = Rc::new(recorder);
                        let _ = ready.send(Ok((recorder.live(), run, reader)));
                        let (lan, heard) = config.lan.map(Network::new).unzip();
                        let hub = Hub::new(recorder, config.lang, config.registers, lan, config.control);
                        Loop::new(hub, heard, inbox, noted, missed).run(stopped).await
                    }
                }
            });
            runtime.shutdown_background(); // a name look-up under way is nobody's business any more
            farewell
        })?;
        let gone = || StartError::System(io::Error::other("the engine's thread ended"));
        let (live, run, reader) = started.blocking_recv().map_err(|_| gone())??;
        Ok((Engine { commands, stop: Some(stop), thread, live, run }, reader))
    }

    /// A way to command it.
    pub fn remote(&self) -> Remote {
        Remote(self.commands.clone())
    }

    /// The run being captured, if it is.
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// How far the log is written.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// A reader of the capture from record `from` on; `None` without a capture.
    pub fn cursor(&self, from: u64) -> Option<Result<Cursor, RunError>> {
        let run = self.run.clone()?;
        Some(Cursor::live(run, Arc::clone(&self.live), from))
    }

    /// Sends what waits, for at most `patience`, closes everything, and ends the log.
    pub fn shut_down(mut self, patience: Duration) -> Farewell {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(patience);
        }
        self.thread.join().unwrap_or_default()
    }
}

type Started = Result<(Arc<Live>, Option<Run>, Option<Cursor>), StartError>;

fn fail(ready: oneshot::Sender<Started>, error: StartError) -> Farewell {
    let _ = ready.send(Err(error));
    Farewell::default()
}

/// What runs on the engine's thread.
struct Loop {
    hub: Rc<Hub>,
    inbox: mpsc::Receiver<(Command, oneshot::Sender<Reply>)>,
    /// What the writer has done that belongs into the log.
    noted: mpsc::UnboundedReceiver<String>,
}

impl Loop {
    fn new(
        hub: Hub,
        heard: Option<mpsc::Receiver<(PortId, FromBoard)>>,
        inbox: mpsc::Receiver<(Command, oneshot::Sender<Reply>)>,
        noted: mpsc::UnboundedReceiver<String>,
        mut missed: mpsc::UnboundedReceiver<String>,
    ) -> Self {
        tokio::task::spawn_local(Rc::clone(&hub.recorder).keep_flushing());
        let hub = Rc::new(hub);
        let here = Rc::clone(&hub);
        tokio::task::spawn_local(async move {
            while let Some(text) = missed.recv().await {
                here.recorder.begin_segment();
                here.note_on_first(&text);
            }
        });
        if let Some((lan, heard)) = hub.lan().zip(heard) {
            lan.start(&hub, heard);
            #[cfg(unix)]
            tokio::task::spawn_local(crate::control::serve(Rc::clone(&hub)));
        }
        Loop { hub, inbox, noted }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<Duration>) -> Farewell {
        let patience = loop {
            tokio::select! {
                biased;
                patience = &mut stopped => break patience.unwrap_or_default(),
                Some(text) = self.noted.recv(), if self.hub.is_open() => self.hub.note_on_first(&text),
                Some((command, reply)) = self.inbox.recv() => {
                    // Each in a task of its own: one that waits holds up no other.
                    let hub = Rc::clone(&self.hub);
                    tokio::task::spawn_local(async move { reply.send(hub.obey(command).await) });
                }
            }
        };
        if let Some(lan) = self.hub.lan() {
            lan.passed_on(patience).await;
        }
        let farewell = self.hub.say_goodbye(patience).await;
        if let Some(lan) = self.hub.lan() {
            lan.end_following(patience).await;
        }
        self.hub.recorder.finish();
        farewell
    }
}
