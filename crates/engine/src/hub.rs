//! What all tasks of an engine share: the recorder, the endpoints and their peers.
//! Commands from outside belong in `engine`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::rc::Rc;

use socklab_capture::encoder::{Peer as PeerEntry, Subject};
use socklab_capture::{Address, EndpointId, Event, PeerId, Side, Transport};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::command::LastEnd;
use crate::datagram::Datagrams;
use crate::failure::{Failure, Lang, Operation};
use crate::guard::ControlPort;
use crate::lan::{LanSettings, Network, NotSteered};
use crate::peer::Peer;
use crate::recorder::{Recorder, now};
use crate::registry::{self, Kind};
use crate::stream::End;
use crate::url::{EndpointUrl, Interface, Options, Place};
use crate::watch::{Mark, Tally};

/// Shared by everything on the engine's thread.
pub(crate) struct Hub {
    pub(crate) recorder: Rc<Recorder>,
    /// The language of what records say in words.
    pub(crate) lang: Lang,
    /// Whether others find what is open here.
    registers: bool,
    lan: RefCell<Option<Rc<Network>>>,
    /// What stands for the network in the capture, as soon as something was noted on it.
    network: Cell<Option<EndpointId>>,
    /// Where this program is commanded: nobody here may dial that.
    pub(crate) control: ControlPort,
    /// Where every connection keeps what it is about to echo: an idle one holds no buffer.
    pub(crate) scratch: RefCell<Vec<u8>>,
    pub(crate) endpoints: RefCell<BTreeMap<EndpointId, Rc<Endpoint>>>,
    /// What the peers of those have done that are not listed any more.
    pub(crate) past: Cell<Tally>,
    /// Rung whenever a peer or an endpoint has come or gone.
    pub(crate) changed: Notify,
}

/// How an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// Listening, connected or bound.
    Open,
    /// A connection is being made.
    Connecting,
    /// The connection failed or ended; the next attempt comes soon.
    Waiting,
    /// Over.
    Closed,
}

/// Something the assistant opened.
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) url: RefCell<EndpointUrl>,
    pub(crate) options: Options,
    pub(crate) echo: Cell<bool>,
    /// A peer that has finished its own sending is still sent to.
    pub(crate) halfopen: Cell<bool>,
    pub(crate) state: Cell<EndpointState>,
    /// It is to end with its connection.
    pub(crate) closing: Cell<bool>,
    pub(crate) peers: RefCell<BTreeMap<NonZeroU32, Rc<Peer>>>,
    next_peer: Cell<u32>,
    /// What its peers have done, those that are gone included.
    pub(crate) tally: Rc<Cell<Tally>>,
    pub(crate) last_end: Cell<LastEnd>,
    /// Peers that were turned away because there were too many.
    pub(crate) refused: Cell<u64>,
    /// Datagrams that the system dropped.
    pub(crate) dropped: Cell<u64>,
    pub(crate) datagrams: RefCell<Option<Rc<Datagrams>>>,
    /// Multicast groups that it has joined since it was opened.
    pub(crate) groups: RefCell<Vec<(IpAddr, Interface)>>,
    pub(crate) task: RefCell<Option<AbortHandle>>,
}

impl Endpoint {
    fn next_id(&self) -> PeerId {
        let number = self.next_peer.get();
        self.next_peer.set(number.checked_add(1).unwrap_or(1));
        PeerId { endpoint: self.id, number: NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN) }
    }
}

impl Hub {
    pub(crate) fn new(
        recorder: Rc<Recorder>,
        lang: Lang,
        registers: bool,
        lan: Option<Rc<Network>>,
        control: Option<SocketAddr>,
    ) -> Self {
        Hub {
            control: ControlPort(control),
            recorder,
            lang,
            registers,
            lan: RefCell::new(lan),
            network: Cell::default(),
            scratch: RefCell::default(),
            endpoints: RefCell::default(),
            past: Cell::default(),
            changed: Notify::new(),
        }
    }

    /// The virtual network, if there is one.
    pub(crate) fn lan(&self) -> Option<Rc<Network>> {
        self.lan.borrow().clone()
    }

    /// Puts a network that is like this in the place of the one there is, if nobody is on that.
    pub(crate) fn renew_lan(self: &Rc<Self>, settings: LanSettings) -> Result<(), NotSteered> {
        let old = self.lan().ok_or(NotSteered::NoNetwork)?;
        if old.is_used() {
            return Err(NotSteered::InUse);
        }
        let (new, heard) = Network::new(settings);
        self.lan.replace(Some(Rc::clone(&new)));
        old.stop();
        new.start(self, heard);
        Ok(())
    }

    /// Adds an endpoint that is open or about to be.
    pub(crate) fn add_endpoint(&self, url: EndpointUrl, state: EndpointState) -> Rc<Endpoint> {
        let text = url.to_string();
        let id = self.recorder.add_endpoint(short_name(&url.place), &text);
        let endpoint = Rc::new(Endpoint {
            id,
            options: url.options.clone(),
            echo: Cell::new(url.options.echo()),
            halfopen: Cell::new(url.options.halfopen()),
            url: RefCell::new(url),
            state: Cell::new(state),
            closing: Cell::new(false),
            peers: RefCell::default(),
            next_peer: Cell::new(1),
            tally: Rc::default(),
            last_end: Cell::default(),
            refused: Cell::new(0),
            dropped: Cell::new(0),
            datagrams: RefCell::default(),
            groups: RefCell::default(),
            task: RefCell::default(),
        });
        self.endpoints.borrow_mut().insert(id, Rc::clone(&endpoint));
        self.publish();
        self.recorder.record(
            Subject::Endpoint(id),
            Event::Opened(if state == EndpointState::Open { "open" } else { "dialling" }),
        );
        endpoint
    }

    /// Lets others know what is open.
    fn publish(&self) {
        if !self.registers {
            return;
        }
        let endpoints = self.endpoints.borrow();
        let open = endpoints.values().filter(|endpoint| endpoint.state.get() == EndpointState::Open);
        registry::publish(open.filter_map(|endpoint| match &endpoint.url.borrow().place {
            Place::TcpListen(place) => Some((Kind::Tcp, place.socket_address()?)),
            Place::Udp(place) => Some((Kind::Udp, place.socket_address()?)),
            _ => None,
        }));
    }

    pub(crate) fn fail(&self, subject: Subject, failure: &Failure) {
        self.recorder.record(subject, Event::Failed(&failure.text(self.lang)));
    }

    pub(crate) fn note(&self, endpoint: &Endpoint, text: &str) {
        self.recorder.record(Subject::Endpoint(endpoint.id), Event::Note(text));
    }

    /// Whether there is any endpoint to note something on.
    pub(crate) fn is_open(&self) -> bool {
        !self.endpoints.borrow().is_empty()
    }

    /// Notes what concerns the run and no endpoint in particular, on the first; there is one.
    pub(crate) fn note_on_first(&self, text: &str) {
        if let Some(id) = self.endpoints.borrow().keys().next() {
            self.recorder.record(Subject::Endpoint(*id), Event::Note(text));
        }
    }

    /// Notes what concerns the virtual network.
    pub(crate) fn note_on_lan(&self, text: &str) {
        let id = self.network.get().unwrap_or_else(|| {
            let id = self.recorder.add_endpoint("lan".into(), "lan:");
            self.network.set(Some(id));
            id
        });
        self.recorder.record(Subject::Endpoint(id), Event::Note(text));
    }

    pub(crate) fn add_stream_peer(&self, endpoint: &Endpoint, local: Address, remote: Address, by: Side) -> Rc<Peer> {
        self.add_peer(endpoint, Transport::Stream, local, remote, by)
    }

    pub(crate) fn add_peer(
        &self,
        endpoint: &Endpoint,
        transport: Transport,
        local: Address,
        remote: Address,
        opened_by: Side,
    ) -> Rc<Peer> {
        let id = endpoint.next_id();
        let entry = PeerEntry { id, transport, opened_by, local: local.clone(), remote: remote.clone() };
        let flow = self.recorder.add_peer(entry);
        let mark = Mark::new(Rc::clone(&self.recorder.watch), Rc::clone(&endpoint.tally));
        let peer = Rc::new(Peer::new(id, local, remote, flow, now(), mark));
        endpoint.peers.borrow_mut().insert(id.number, Rc::clone(&peer));
        self.changed.notify_waiters();
        peer
    }

    /// Writes down how a connection ended, what could not be sent on it, and forgets it.
    pub(crate) fn remove_peer(&self, endpoint: &Endpoint, peer: &Peer, end: End) {
        let subject = Subject::Flow(peer.flow);
        peer.close_outbox();
        let unsent = peer.unsent.get();
        if unsent > 0 {
            let text = match self.lang {
                Lang::En => format!("{unsent} bytes could not be sent"),
                Lang::Zh => format!("{unsent} 字节未能发送"),
            };
            self.recorder.record(subject, Event::Note(&text));
        }
        endpoint.last_end.set(match end {
            End::Closed(_) | End::Reset(Side::Local) => LastEnd::Good,
            End::Reset(Side::Peer) => LastEnd::Reset,
            End::Failed(_) => LastEnd::Failed,
        });
        match end {
            End::Closed(side) => self.recorder.record(subject, Event::Closed(side)),
            End::Reset(side) => self.recorder.record(subject, Event::Reset(side)),
            End::Failed(error) => {
                let failure = Failure::new(Operation::Receive, &peer.remote, error);
                self.fail(subject, &failure);
                self.recorder.record(subject, Event::Closed(Side::Local)); // a peer's last word is always one of these two
            }
        }
        self.recorder.remove_peer(peer.flow);
        endpoint.peers.borrow_mut().remove(&peer.id.number);
        peer.mark.set(peer.id);
        self.changed.notify_waiters();
    }

    /// The endpoint is over; its peers are gone.
    pub(crate) fn endpoint_ended(&self, endpoint: &Endpoint) {
        if endpoint.state.replace(EndpointState::Closed) != EndpointState::Closed {
            self.recorder.record(Subject::Endpoint(endpoint.id), Event::Closed(Side::Local));
            self.publish();
        }
        self.changed.notify_waiters();
    }

    /// Lists an endpoint no longer that is over and has no peers.
    pub(crate) fn forget_endpoint(&self, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.borrow_mut().remove(&id) {
            let mut past = self.past.get();
            past.add(endpoint.tally.get());
            self.past.set(past);
            self.recorder.watch.ring();
        }
    }
}

/// What a packet tool shows in its list of interfaces.
fn short_name(place: &Place) -> String {
    let scheme = place.scheme();
    match place {
        Place::TcpListen(at) | Place::Udp(at) => format!("{scheme}:{}", at.port),
        Place::Tcp(at) => format!("{scheme}:{at}"),
        Place::UnixListen(name) | Place::Unix(name) | Place::UnixDgram(name) => format!("{scheme}:{name}"),
    }
}
