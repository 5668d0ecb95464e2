//! What all requests share: the engine, where its captures are, and what somebody here has called and chosen.
//! What happens in the engine is gathered in `gather`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socklab_capture::live::Live;
use socklab_capture::run::Run;
use socklab_capture::text::Encoding;
use socklab_capture::{EndpointId, PeerId};
use socklab_engine::{Command, Remote, Reply};
use tokio::sync::Semaphore;

use crate::boards::Boards;
use crate::gather::Gathered;
use crate::jobs::Jobs;
use crate::labels::{Labels, Reading};
use crate::problem::Problem;
use crate::records::Ends;

/// So many windows are read at a time: each has a thread, and the disk is one.
const READERS: usize = 4;

/// So many searches at a time, and as many exports: a client that reads slowly holds one up for as long as it likes.
const STREAMS: usize = 8;

/// Shared by everything that answers.
#[derive(Debug)]
pub(crate) struct Workbench {
    pub(crate) ground: Ground,
    pub(crate) readers: Arc<Semaphore>,
    pub(crate) ends: Arc<Ends>,
    pub(crate) searches: Arc<Semaphore>,
    pub(crate) exports: Arc<Semaphore>,
    pub(crate) gathered: Gathered,
    pub(crate) jobs: Jobs,
    pub(crate) boards: Boards,
    labels: Mutex<Labels>,
}

/// What a workbench stands on: there before it, and the same until its end.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) remote: Remote,
    pub(crate) live: Arc<Live>,
    /// The run that is being captured.
    pub(crate) run: Run,
    /// The folder of all runs.
    pub(crate) captures: PathBuf,
    /// The folder in which boards have their flashes, each its own.
    pub(crate) flash: PathBuf,
    /// The port on which the workbench itself is reached.
    pub(crate) control: u16,
    /// The program, and its first arguments, that is a board process.
    pub(crate) board_command: Vec<OsString>,
}

impl Workbench {
    pub(crate) fn new(ground: Ground) -> Self {
        Workbench {
            ground,
            readers: Arc::new(Semaphore::new(READERS)),
            ends: Arc::default(),
            searches: Arc::new(Semaphore::new(STREAMS)),
            exports: Arc::new(Semaphore::new(STREAMS)),
            gathered: Gathered::default(),
            jobs: Jobs::default(),
            boards: Boards::default(),
            labels: Mutex::default(),
        }
    }

    /// Has the engine do something.
    pub(crate) async fn ask(&self, command: Command) -> Result<Reply, Problem> {
        self.ground.remote.ask(command).await.ok_or_else(Problem::ended)
    }

    fn labels(&self) -> MutexGuard<'_, Labels> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a peer is called, if anything.
    pub(crate) fn name_of(&self, peer: PeerId) -> Option<String> {
        self.labels().names.get(&peer).cloned()
    }

    /// The encoding of a peer's text, or else of its endpoint's.
    pub(crate) fn encoding_of(&self, peer: PeerId) -> Encoding {
        self.labels().encoding_of(peer)
    }

    /// The encoding of the text of an endpoint's peers that have none of their own.
    pub(crate) fn encoding_of_endpoint(&self, endpoint: EndpointId) -> Encoding {
        self.labels().endpoints.get(&endpoint).copied().unwrap_or_default()
    }

    /// How the text of a run is read: in the encoding that was asked for, or as its peers are known here.
    pub(crate) fn reading(&self, run: &str, asked: Option<&str>) -> Result<Reading, Problem> {
        let is_current = run == "current" || run == self.ground.run.name();
        Ok(match asked {
            None | Some("") if is_current => Reading::Own(self.labels().clone()),
            asked => Reading::As(crate::data::parse_encoding(asked.unwrap_or_default())?),
        })
    }

    /// Calls a peer something, or nothing.
    pub(crate) fn set_name(&self, peer: PeerId, name: &str) {
        let mut labels = self.labels();
        match name.trim() {
            "" => drop(labels.names.remove(&peer)),
            name => drop(labels.names.insert(peer, name.to_owned())),
        }
        let name = labels.names.get(&peer).cloned();
        self.gathered.tell_labels(labels.list());
        drop(labels);
        self.gathered.relabel(|id| id == peer, |_, view| view.name.clone_from(&name));
    }

    pub(crate) fn set_encoding(&self, peer: PeerId, encoding: Encoding) {
        let mut labels = self.labels();
        labels.peers.insert(peer, encoding);
        self.gathered.tell_labels(labels.list());
        drop(labels);
        self.gathered.relabel(|id| id == peer, |_, view| view.encoding = encoding.to_string());
    }

    /// For all peers of an endpoint, also those that had one of their own.
    pub(crate) fn set_endpoint_encoding(&self, endpoint: EndpointId, encoding: Encoding) {
        let mut labels = self.labels();
        labels.peers.retain(|peer, _| peer.endpoint != endpoint);
        labels.endpoints.insert(endpoint, encoding);
        self.gathered.tell_labels(labels.list());
        drop(labels);
        self.gathered.relabel(|id| id.endpoint == endpoint, |_, view| view.encoding = encoding.to_string());
        self.gathered.bell.notify_one();
    }
}
