//! The engine from outside: a thread with its own event loop, commands in, replies out, cursors on its log.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use socklab_capture::cursor::Cursor;
use socklab_capture::live::Live;
use socklab_capture::run::{Run, RunError};
use socklab_capture::{Address, EndpointId, PeerId, Side, Timestamp};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::hub::{Endpoint, EndpointState, Hub};
use crate::peer::{Ending, Outcome, Peer};
use crate::recorder::{Recorder, Store};
use crate::sys::TcpInfo;
use crate::url::{EndpointUrl, Interface, Place, Target};
use crate::writer::Trouble;
use crate::{datagram, dial, listen, multicast};

/// Commands that may wait for the engine: more than a person or a script has under way.
const COMMANDS: usize = 64;

/// Which peers a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Every peer of every endpoint.
    All,
    /// Every peer of one endpoint.
    Endpoint(EndpointId),
    /// These.
    Peers(Vec<PeerId>),
}

/// What to do where a peer's queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Say so, and go on with the next peer.
    Refuse,
    /// Wait until it has; and where there is no peer at all, until there is one.
    Wait,
}

/// What the engine can be told.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // there are few at a time, and none lives long
pub enum Command {
    /// Open an endpoint. A client without `retry` is open when it is connected.
    Open(EndpointUrl),
    /// Close an endpoint: accept no more, and close its peers.
    CloseEndpoint(EndpointId),
    /// Queue bytes for peers.
    Send {
        /// For whom.
        to: Targets,
        /// What.
        bytes: Bytes,
        /// What to do where a queue is full.
        when_full: WhenFull,
    },
    /// End conversations, or our half of them.
    End {
        /// Whose.
        peers: Targets,
        /// How.
        ending: Ending,
    },
    /// Make a peer of an address that has not sent anything yet, on a datagram endpoint.
    AddPeer {
        /// Where.
        endpoint: EndpointId,
        /// Whom. 255.255.255.255 becomes one peer for the broadcast address of each network.
        target: Target,
    },
    /// Take part in a multicast group.
    Join {
        /// With the socket of this endpoint.
        endpoint: EndpointId,
        /// In this group.
        group: IpAddr,
        /// There.
        interface: Interface,
    },
    /// Take part no longer.
    Leave {
        /// With the socket of this endpoint.
        endpoint: EndpointId,
        /// In this group.
        group: IpAddr,
        /// There.
        interface: Interface,
    },
    /// Send back to the peers of an endpoint what they send, or do so no longer. Holds for connections to come.
    Echo {
        /// Whose peers.
        endpoint: EndpointId,
        /// Whether.
        on: bool,
    },
    /// How all endpoints and peers are.
    Status,
    /// Answered with `Ended` when the endpoint is over.
    AwaitEnd(EndpointId),
}

/// What the engine answers.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // as for commands
pub enum Reply {
    /// To `Open`: its id, and its URL with what the system filled in.
    Opened(EndpointId, EndpointUrl),
    /// To `Send`: what became of it, peer by peer.
    Outcomes(Vec<(PeerId, Outcome)>),
    /// To `AddPeer` and `End`: the peers that it was about.
    Peers(Vec<PeerId>),
    /// To `Status`.
    Status(Vec<EndpointStatus>),
    /// To `AwaitEnd`: how its last connection ended.
    Ended(LastEnd),
    /// It was done.
    Done,
    /// The system refused.
    Failed(Failure),
    /// There is no such endpoint, or it cannot do that.
    NoSuchEndpoint(EndpointId),
}

/// How an endpoint's last connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastEnd {
    /// In good order, or there was none.
    #[default]
    Good,
    /// Torn down by the peer.
    Reset,
    /// It failed, or did not come about.
    Failed,
}

/// How an endpoint is.
#[derive(Clone, Debug)]
pub struct EndpointStatus {
    /// Its id.
    pub id: EndpointId,
    /// Its URL.
    pub url: EndpointUrl,
    /// How it is.
    pub state: EndpointState,
    /// Peers, or datagrams of unknown ones, that were turned away.
    pub refused: u64,
    /// Datagrams that the system dropped.
    pub dropped: u64,
    /// Its peers, by number.
    pub peers: Vec<PeerStatus>,
}

/// How a peer is.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Its id.
    pub id: PeerId,
    /// Its address.
    pub address: Address,
    /// Our own address towards it.
    pub local: Address,
    /// Since when it is there.
    pub since: Timestamp,
    /// When it last sent something.
    pub last_seen: Timestamp,
    /// Bytes that came from it.
    pub received: u64,
    /// Bytes that the system took from us for it.
    pub sent: u64,
    /// Records of both.
    pub records: u64,
    /// Bytes that wait to be sent.
    pub waiting: usize,
    /// What TCP knows of the way there; `None` for other sockets and systems.
    pub tcp: Option<TcpInfo>,
}

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
}

/// What was left over at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Farewell {
    /// Bytes that could not be sent in time, peer by peer.
    pub unsent: Vec<(PeerId, Address, usize)>,
}

/// A running engine. Dropping it abandons what is under way; [`Engine::shut_down`] does not.
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
        let trouble = move |what: Trouble| {
            if let Trouble::Removed { segments, bytes } = &what {
                let _ = notes
                    .send(format!("removed the {} oldest segments of the captures, {bytes} bytes", segments.len()));
            }
            trouble(what);
        };
        let thread = thread.spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return fail(ready, error.into()),
            };
            runtime.block_on(async move {
                match Recorder::start(config.store, &config.run, config.reader, trouble) {
                    Err(error) => fail(ready, error.into()),
                    Ok((recorder, run, reader)) => {
                        let recorder = Rc::new(recorder);
                        let _ = ready.send(Ok((recorder.live(), run, reader)));
                        Loop::new(recorder, inbox, noted).run(stopped).await
                    }
                }
            })
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
        recorder: Rc<Recorder>,
        inbox: mpsc::Receiver<(Command, oneshot::Sender<Reply>)>,
        noted: mpsc::UnboundedReceiver<String>,
    ) -> Self {
        tokio::task::spawn_local(Rc::clone(&recorder).keep_flushing());
        Loop { hub: Rc::new(Hub::new(recorder)), inbox, noted }
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
        let farewell = self.hub.say_goodbye(patience).await;
        self.hub.recorder.finish();
        farewell
    }
}

impl Hub {
    async fn obey(self: Rc<Self>, command: Command) -> Reply {
        match command {
            Command::Open(url) => self.open(url).await.unwrap_or_else(Reply::Failed),
            Command::CloseEndpoint(id) => self.with(id, |endpoint| self.close_endpoint(endpoint)),
            Command::Send { to, bytes, when_full } => self.send(&to, bytes, when_full).await,
            Command::End { peers, ending } => Reply::Peers(self.end(&peers, ending)),
            Command::AddPeer { endpoint, target } => self.add_named_peer(endpoint, &target).await,
            Command::Join { endpoint, group, interface } => {
                self.change_group(endpoint, group, &interface, multicast::join)
            }
            Command::Leave { endpoint, group, interface } => {
                self.change_group(endpoint, group, &interface, multicast::leave)
            }
            Command::Echo { endpoint, on } => self.with(endpoint, |endpoint| endpoint.echo.set(on)),
            Command::AwaitEnd(id) => self.await_end(id).await,
            Command::Status => {
                Reply::Status(self.endpoints.borrow().values().map(|endpoint| status(endpoint)).collect())
            }
        }
    }

    fn endpoint(&self, id: EndpointId) -> Option<Rc<Endpoint>> {
        self.endpoints.borrow().get(&id).cloned()
    }

    async fn await_end(&self, id: EndpointId) -> Reply {
        let Some(endpoint) = self.endpoint(id) else { return Reply::NoSuchEndpoint(id) };
        while endpoint.state.get() != EndpointState::Closed {
            self.changed.notified().await;
        }
        Reply::Ended(endpoint.last_end.get())
    }

    fn with(&self, id: EndpointId, act: impl FnOnce(&Endpoint)) -> Reply {
        match self.endpoint(id) {
            None => Reply::NoSuchEndpoint(id),
            Some(endpoint) => {
                act(&endpoint);
                Reply::Done
            }
        }
    }

    async fn open(self: &Rc<Self>, url: EndpointUrl) -> Result<Reply, Failure> {
        let endpoint = match &url.place {
            Place::TcpListen(place) => {
                let (listener, url) = listen::bind_tcp(place, &url).await?;
                self.serve(listener, url)
            }
            Place::Udp(place) => {
                let (datagrams, bound) = datagram::bind_udp(place, &url).await?;
                self.serve_datagrams(datagrams, bound, place.multicast_group().is_some()).await?
            }
            Place::Tcp(_) => self.dial(url).await?,
            #[cfg(unix)]
            Place::Unix(_) => self.dial(url).await?,
            #[cfg(unix)]
            Place::UnixListen(name) => {
                let listener = listen::bind_unix(name, &url)?;
                self.serve(listener, url)
            }
            #[cfg(unix)]
            Place::UnixDgram(name) => {
                let (datagrams, bound) = datagram::bind_unix(name, &url)?;
                self.serve_datagrams(datagrams, bound, false).await?
            }
            #[cfg(not(unix))]
            Place::Unix(_) | Place::UnixListen(_) | Place::UnixDgram(_) => {
                let error = io::Error::from(io::ErrorKind::Unsupported);
                return Err(Failure::new(crate::failure::Operation::Bind, &url.place, error));
            }
        };
        let url = endpoint.url.borrow().clone();
        Ok(Reply::Opened(endpoint.id, url))
    }

    fn serve(self: &Rc<Self>, listener: listen::Listener, url: EndpointUrl) -> Rc<Endpoint> {
        let endpoint = self.add_endpoint(url, EndpointState::Open);
        let task = tokio::task::spawn_local(listen::serve(Rc::clone(self), Rc::clone(&endpoint), listener));
        endpoint.task.replace(Some(task.abort_handle()));
        endpoint
    }

    async fn dial(self: &Rc<Self>, url: EndpointUrl) -> Result<Rc<Endpoint>, Failure> {
        let retry = url.options.retry();
        let endpoint = self.add_endpoint(url, EndpointState::Connecting);
        let (first, result) = oneshot::channel();
        let task = tokio::task::spawn_local(dial::dial(Rc::clone(self), Rc::clone(&endpoint), first));
        endpoint.task.replace(Some(task.abort_handle()));
        if !retry && let Ok(Err(failure)) = result.await {
            return Err(failure);
        }
        Ok(endpoint)
    }

    async fn serve_datagrams(
        self: &Rc<Self>,
        datagrams: datagram::Datagrams,
        url: EndpointUrl,
        has_group: bool,
    ) -> Result<Rc<Endpoint>, Failure> {
        let datagrams = Rc::new(datagrams);
        let mut named = url.options.peer.clone();
        if let (true, Place::Udp(group)) = (has_group, &url.place) {
            named.push(Target::Inet(group.clone())); // so that there is somebody to send to
        }
        let endpoint = self.add_endpoint(url, EndpointState::Open);
        endpoint.datagrams.replace(Some(Rc::clone(&datagrams)));
        for target in &named {
            datagrams.name_peers(self, &endpoint, target).await?;
        }
        let task = tokio::task::spawn_local(datagram::serve(Rc::clone(self), Rc::clone(&endpoint), datagrams));
        endpoint.task.replace(Some(task.abort_handle()));
        Ok(endpoint)
    }

    async fn add_named_peer(&self, id: EndpointId, target: &Target) -> Reply {
        let Some(endpoint) = self.endpoint(id) else { return Reply::NoSuchEndpoint(id) };
        let Some(datagrams) = endpoint.datagrams.borrow().clone() else { return Reply::NoSuchEndpoint(id) };
        match datagrams.name_peers(self, &endpoint, target).await {
            Ok(peers) => Reply::Peers(peers.iter().map(|peer| peer.id).collect()),
            Err(failure) => Reply::Failed(failure),
        }
    }

    fn change_group(
        &self,
        id: EndpointId,
        group: IpAddr,
        interface: &Interface,
        change: impl FnOnce(socket2::SockRef<'_>, IpAddr, &Interface) -> Result<(), Failure>,
    ) -> Reply {
        let datagrams = self.endpoint(id).and_then(|endpoint| endpoint.datagrams.borrow().clone());
        match datagrams.as_ref().map(|datagrams| &datagrams.socket) {
            Some(datagram::Socket::Udp(udp)) => {
                change(udp.into(), group, interface).map_or_else(Reply::Failed, |()| Reply::Done)
            }
            _ => Reply::NoSuchEndpoint(id),
        }
    }

    /// The peers that are meant, with their endpoints; those that are not there are left out.
    fn targeted(&self, targets: &Targets) -> Vec<(Rc<Endpoint>, Rc<Peer>)> {
        let all_of = |endpoint: &Rc<Endpoint>| -> Vec<_> {
            endpoint.peers.borrow().values().map(|peer| (Rc::clone(endpoint), Rc::clone(peer))).collect()
        };
        match targets {
            Targets::All => self.endpoints.borrow().values().flat_map(all_of).collect(),
            Targets::Endpoint(id) => self.endpoint(*id).iter().flat_map(all_of).collect(),
            Targets::Peers(ids) => ids.iter().filter_map(|id| self.peer(*id)).collect(),
        }
    }

    fn peer(&self, id: PeerId) -> Option<(Rc<Endpoint>, Rc<Peer>)> {
        let endpoint = self.endpoint(id.endpoint)?;
        let peer = endpoint.peers.borrow().get(&id.number).cloned()?;
        Some((endpoint, peer))
    }

    async fn send(&self, to: &Targets, bytes: Bytes, when_full: WhenFull) -> Reply {
        let mut outcomes = Vec::new();
        let mut targeted = self.targeted(to);
        while when_full == WhenFull::Wait
            && !matches!(to, Targets::Peers(_))
            && !targeted.iter().any(|(_, peer)| peer.takes_more())
        {
            self.changed.notified().await;
            targeted = self.targeted(to);
        }
        for (endpoint, peer) in targeted {
            let datagrams = endpoint.datagrams.borrow().clone();
            let outcome = match (datagrams, when_full) {
                (None, WhenFull::Refuse) => peer.enqueue(bytes.clone()),
                (None, WhenFull::Wait) => peer.enqueue_when_room(bytes.clone()).await,
                (Some(datagrams), WhenFull::Refuse) => datagrams.enqueue(&peer, bytes.clone()),
                (Some(datagrams), WhenFull::Wait) => datagrams.enqueue_when_room(&peer, bytes.clone()).await,
            };
            outcomes.push((peer.id, outcome));
        }
        if let Targets::Peers(ids) = to {
            let missing = ids.iter().filter(|id| self.peer(**id).is_none()).map(|id| (*id, Outcome::Gone));
            let missing: Vec<_> = missing.filter(|(id, _)| !outcomes.iter().any(|(sent, _)| sent == id)).collect();
            outcomes.extend(missing);
        }
        Reply::Outcomes(outcomes)
    }

    fn end(&self, targets: &Targets, ending: Ending) -> Vec<PeerId> {
        let targeted = self.targeted(targets);
        for (endpoint, peer) in &targeted {
            let datagrams = endpoint.datagrams.borrow().clone();
            match datagrams {
                None => peer.end(ending),
                Some(datagrams) => datagrams.end(self, endpoint, peer, ending),
            }
        }
        targeted.iter().map(|(_, peer)| peer.id).collect()
    }

    /// A client ends when its connection does; a server's task goes at once, its connections in good order.
    fn close_endpoint(&self, endpoint: &Endpoint) {
        if let Some(datagrams) = endpoint.datagrams.borrow().clone() {
            datagram::take_in_rest(self, endpoint, &datagrams);
        }
        let connected = !endpoint.peers.borrow().is_empty();
        self.end(&Targets::Endpoint(endpoint.id), Ending::Close);
        let is_client = matches!(endpoint.url.borrow().place, Place::Tcp(_) | Place::Unix(_));
        let drives_its_peer = is_client || endpoint.options.once();
        if drives_its_peer && connected {
            return endpoint.closing.set(true);
        }
        if let Some(task) = endpoint.task.take() {
            task.abort();
        }
        endpoint.datagrams.take();
        self.endpoint_ended(endpoint);
    }

    /// Lets every queue drain, then closes everything, all within `patience`.
    async fn say_goodbye(&self, patience: Duration) -> Farewell {
        let deadline = tokio::time::Instant::now() + patience;
        let endpoints: Vec<_> = self.endpoints.borrow().values().cloned().collect();
        let _ = tokio::time::timeout_at(deadline, self.drained(&endpoints)).await;
        endpoints.iter().for_each(|endpoint| self.close_endpoint(endpoint));
        let _ = tokio::time::timeout_at(deadline, self.all_gone(&endpoints)).await;
        let left: Vec<_> = endpoints
            .iter()
            .flat_map(|endpoint| {
                let peers: Vec<_> = endpoint.peers.borrow().values().cloned().collect();
                peers.into_iter().map(move |peer| (Rc::clone(endpoint), peer))
            })
            .collect();
        let waiting = |peer: &Peer| peer.outbox.borrow().bytes;
        let unsent = left
            .iter()
            .filter(|(_, peer)| waiting(peer) > 0)
            .map(|(_, peer)| (peer.id, peer.remote.clone(), waiting(peer)));
        let farewell = Farewell { unsent: unsent.collect() };
        for (endpoint, peer) in &left {
            self.remove_peer(endpoint, peer, crate::stream::End::Closed(Side::Local));
        }
        endpoints.iter().for_each(|endpoint| self.endpoint_ended(endpoint));
        farewell
    }

    async fn drained(&self, endpoints: &[Rc<Endpoint>]) {
        let waits =
            |endpoint: &Rc<Endpoint>| endpoint.peers.borrow().values().any(|peer| peer.outbox.borrow().bytes > 0);
        while endpoints.iter().any(waits) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn all_gone(&self, endpoints: &[Rc<Endpoint>]) {
        loop {
            let changed = self.changed.notified();
            if endpoints.iter().all(|endpoint| endpoint.peers.borrow().is_empty()) {
                return;
            }
            changed.await;
        }
    }
}

fn status(endpoint: &Endpoint) -> EndpointStatus {
    EndpointStatus {
        id: endpoint.id,
        url: endpoint.url.borrow().clone(),
        state: endpoint.state.get(),
        refused: endpoint.refused.get(),
        dropped: endpoint.dropped.get(),
        peers: endpoint.peers.borrow().values().map(|peer| peer_status(peer)).collect(),
    }
}

fn peer_status(peer: &Peer) -> PeerStatus {
    PeerStatus {
        id: peer.id,
        address: peer.remote.clone(),
        local: peer.local.clone(),
        since: peer.since,
        last_seen: peer.last_seen.get(),
        received: peer.received.get(),
        sent: peer.sent.get(),
        records: peer.records.get(),
        waiting: peer.outbox.borrow().bytes,
        tcp: peer.descriptor.get().and_then(crate::sys::tcp_info),
    }
}
