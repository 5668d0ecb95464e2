//! The workbench: an engine behind a JSON API, a WebSocket on which its state is seen to change, and the page that uses
//! both. axum lives here. What the engine does is its own matter, and so is what the page does with it.

mod api;
mod ask;
mod boards;
mod command;
mod data;
mod desk;
mod examples;
mod gather;
mod guard;
mod hello;
mod jobs;
mod labels;
mod lan;
mod live;
mod metrics;
mod offers;
mod page;
mod problem;
mod records;
mod runs;
mod state;
mod terminal;
mod token;
mod trouble;
mod workbench;

use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use socklab_capture::run::{Retention, Run, run_name};
use socklab_engine::url::EndpointUrl;
use socklab_engine::{Config, Engine, Failure, Farewell, LanSettings, Lang, Store, Sync, Trouble};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

pub use api::openapi;
pub use page::Page;
pub use token::Token;

use crate::guard::Guard;
use crate::workbench::{Ground, Workbench};

/// Threads for requests. What they ask for is done elsewhere: in the engine, or in threads that read.
const WORKERS: usize = 2;

/// How long requests may take to end when the workbench does.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// How many ports after the one that was asked for are tried, where another program has it.
const PORTS: u16 = 20;

/// How to start.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen. Port 0 is any.
    pub listen: SocketAddr,
    /// Whether the port may be a later one, if another program has this one.
    pub moves: bool,
    /// What clients have to know.
    pub token: Token,
    /// The folder of all runs.
    pub captures: PathBuf,
    /// How much of them is kept, and for how long.
    pub retention: Retention,
    /// When captured bytes are safe from a power cut.
    pub sync: Sync,
    /// The folder in which boards have their flashes.
    pub flash: PathBuf,
    /// The program, and its first arguments, that is a board process.
    pub board_command: Vec<OsString>,
    /// The language of those who ask for none, and of the log.
    pub lang: Lang,
    /// Where the page comes from.
    pub page: Page,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen there.
    #[error(transparent)]
    Listen(Failure),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] socklab_engine::StartError),
    /// The system has no thread or event queue left.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// A workbench that runs. Dropping it abandons what is under way; [`Server::shut_down`] does not.
#[derive(Debug)]
pub struct Server {
    at: SocketAddr,
    token: Token,
    workbench: Arc<Workbench>,
    engine: Engine,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
}

impl Server {
    /// Starts everything. `trouble` is told what happens to the log itself, on a thread of the engine's.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(settings: Settings, trouble: impl Fn(Trouble) + Send + 'static) -> Result<Self, StartError> {
        let Settings { listen, moves, token, captures, retention, sync, flash, board_command, lang, page } = settings;
        let listener = bind(listen, moves)?;
        let at = listener.local_addr()?;
        let config = Config {
            store: Store::Disk { captures: captures.clone(), retention, sync },
            run: run_name(SystemTime::now().into(), std::process::id()),
            reader: false,
            lang,
            registers: true,
            control: Some(at),
            lan: Some(LanSettings::default()),
        };
        let told = Arc::<OnceLock<Weak<Workbench>>>::default();
        let (engine, _) = Engine::start(config, {
            let told = Arc::clone(&told);
            move |what| {
                if let Some(workbench) = told.get().and_then(Weak::upgrade) {
                    workbench.gathered.hear(&what);
                }
                trouble(what);
            }
        })?;
        let run = engine.run().cloned().ok_or_else(|| io::Error::other("there is no capture"))?;
        let (remote, live) = (engine.remote(), engine.live());
        let ground = Ground { remote, live, run, captures, flash, control: at.port(), board_command };
        let workbench = Arc::new(Workbench::new(ground));
        let _ = told.set(Arc::downgrade(&workbench)); // nobody else does
        let runtime =
            Builder::new_multi_thread().worker_threads(WORKERS).thread_name("socklab-server").enable_all().build()?;
        let router = api::router(Arc::clone(&workbench), Guard::new(token.clone(), at, lang), page);
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(gather::keep_gathering(Arc::clone(&workbench)));
        runtime.spawn(gather::keep_telling(Arc::clone(&workbench)));
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                let _ = stopped.await; // a sender that is gone means the same
            });
            let _ = serving.await; // it has no errors of its own
        });
        Ok(Server { at, token, workbench, engine, runtime, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// What a person opens. Has the token in it.
    pub fn url(&self) -> String {
        let mut at = self.at;
        if at.ip().is_unspecified() {
            let loopback = if at.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
            at.set_ip(loopback);
        }
        format!("http://{at}/?token={}", self.token.reveal())
    }

    /// The run that is being captured.
    pub fn run(&self) -> &Run {
        &self.workbench.ground.run
    }

    /// Opens an endpoint; gives its URL with what the system filled in.
    ///
    /// # Errors
    /// What the system said, or that the engine has ended.
    pub fn open(&self, url: EndpointUrl) -> Result<EndpointUrl, Failure> {
        use socklab_engine::{Command, Reply};
        let operation = socklab_engine::failure::Operation::Listen;
        let place = url.to_string();
        match self.engine.remote().call(Command::Open(url)) {
            Some(Reply::Opened(_, url)) => Ok(url),
            Some(Reply::Failed(failure)) => Err(failure),
            _ => Err(Failure::new(operation, place, io::ErrorKind::Other.into())),
        }
    }

    /// Ends everything in good order: boards first, then requests, then endpoints, which have `patience` to send what
    /// waits.
    pub fn shut_down(self, patience: Duration) -> Farewell {
        let _ = self.stop.send(()); // one that has ended by itself needs no telling
        self.workbench.boards.clear();
        self.runtime.shutdown_timeout(LAST_REQUESTS);
        drop(self.workbench);
        self.engine.shut_down(patience)
    }
}

fn bind(listen: SocketAddr, moves: bool) -> Result<TcpListener, StartError> {
    let last = if moves { listen.port().saturating_add(PORTS) } else { listen.port() };
    let mut at = listen;
    loop {
        let bound = TcpListener::bind(at).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && at.port() < last => at.set_port(at.port() + 1),
            Err(error) => {
                let holder = socklab_engine::holder_of(at.port()).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
                let failure = Failure::new(socklab_engine::failure::Operation::Listen, at, error);
                return Err(StartError::Listen(Failure { holder, ..failure }));
            }
        }
    }
}
