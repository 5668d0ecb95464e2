//! Commands carried out: opening, sending, ending, asking, and the goodbye at the end.
//! What a socket does by itself belongs in `stream`, `listen`, `dial` and `datagram`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use socklab_capture::{EndpointId, PeerId, Side};
use tokio::sync::oneshot;

use crate::command::{Changes, Command, EndpointStatus, PeerStatus, Reply, Targets, WhenFull};
use crate::engine::Farewell;
use crate::failure::{Failure, Lang, Operation};
use crate::hub::{Endpoint, EndpointState, Hub};
use crate::lan::{Forward, NoPlace, NotSteered};
use crate::peer::{Ending, Outcome, Peer};
use crate::url::{EndpointUrl, Interface, Place, Target};
use crate::{datagram, dial, listen, multicast};

impl Hub {
    pub(crate) async fn obey(self: Rc<Self>, command: Command) -> Reply {
        match command {
            Command::Open(url) => self.open(url).await.unwrap_or_else(Reply::Failed),
            Command::CloseEndpoint(id) => self.with(id, |endpoint| self.close_endpoint(endpoint)),
            Command::Dismiss(id) => self.dismiss(id).await,
            Command::Send { to: Targets::Endpoint(id), .. } | Command::End { peers: Targets::Endpoint(id), .. }
                if self.is_over(id) =>
            {
                Reply::NoSuchEndpoint(id)
            }
            Command::Send { to, bytes, when_full } => self.send(&to, bytes, when_full).await,
            Command::End { peers, ending } => Reply::Peers(self.end(&peers, ending)),
            Command::AddPeer { endpoint, target } => self.add_named_peer(endpoint, &target).await,
            Command::Join { endpoint, group, interface } => self.change_group(endpoint, group, interface, true),
            Command::Leave { endpoint, group, interface } => self.change_group(endpoint, group, interface, false),
            Command::Echo { endpoint, on } => self.with(endpoint, |endpoint| {
                endpoint.echo.set(on);
                self.recorder.watch.ring();
            }),
            Command::HalfOpen { endpoint, on } => self.with(endpoint, |endpoint| {
                endpoint.halfopen.set(on);
                let peers = endpoint.peers.borrow();
                peers.values().filter(|peer| !on && peer.is_finished()).for_each(|peer| peer.end(Ending::Close));
            }),
            Command::Attach { name, cable } => self.attach(&name, cable),
            Command::Detach(name) => {
                self.lan().map(|lan| lan.detach(&name));
                Reply::Done
            }
            Command::Lan => Reply::Lan(self.lan().map(|lan| lan.report())),
            Command::RenewLan(settings) => Reply::Steered(self.renew_lan(settings).map(|()| String::new())),
            Command::Frames(from) => Reply::Frames(self.lan().map_or_else(Vec::new, |lan| lan.frames(from))),
            Command::Follow(pieces) => {
                if let Some(lan) = self.lan() {
                    lan.follow().carry(&pieces).await;
                }
                Reply::Done
            }
            Command::Netstat(lang) => self.netstat(lang).await,
            Command::Steer(steer) => {
                Reply::Steered(self.lan().map_or(Err(NotSteered::NoNetwork), |lan| lan.steer(&steer, Lang::En)))
            }
            Command::Forward(forward) => self.forward(forward).await,
            Command::EndForward(at) => self.end_forward(at),
            Command::AwaitEnd(id) => self.await_end(id).await,
            Command::Status => {
                Reply::Status(self.endpoints.borrow().values().map(|endpoint| status(endpoint)).collect())
            }
            Command::AwaitChange => {
                self.recorder.watch.changed().await;
                Reply::Done
            }
            Command::Changes => Reply::Changed(self.changes()),
        }
    }

    /// Walks the endpoints, and of their peers only those that have changed.
    fn changes(&self) -> Changes {
        let next_seq = self.recorder.next_seq();
        let mut listed = self.recorder.watch.take();
        listed.sort_unstable();
        listed.dedup();
        let (mut peers, mut gone) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for id in listed {
            match self.peer(id) {
                None => gone.push(id),
                Some((_, peer)) => {
                    peer.mark.clear();
                    peers.entry(id.endpoint).or_default().push(peer_status(&peer));
                }
            }
        }
        let endpoints = self.endpoints.borrow();
        let heads = endpoints.values().map(|endpoint| {
            let peers = peers.remove(&endpoint.id).unwrap_or_default();
            EndpointStatus { peers, ..head(endpoint) }
        });
        Changes { endpoints: heads.collect(), past: self.past.get(), gone, next_seq }
    }

    fn attach(&self, name: &str, cable: bool) -> Reply {
        match self.lan().map(|lan| lan.attach(name, cable)) {
            Some(Ok(port)) => Reply::Attached(port),
            Some(Err(error)) => Reply::NotAttached(NoPlace::Refused(error)),
            None => Reply::NotAttached(NoPlace::NoNetwork),
        }
    }

    async fn netstat(&self, lang: Lang) -> Reply {
        match self.lan() {
            Some(lan) => Reply::Netstat(lan.ask_boards(lang).await),
            None => Reply::Netstat(Vec::new()),
        }
    }

    fn end_forward(&self, at: SocketAddr) -> Reply {
        match self.lan().is_some_and(|lan| lan.end_forward(at)) {
            true => Reply::Done,
            false => Reply::Steered(Err(NotSteered::NoForward(at))),
        }
    }

    async fn forward(self: &Rc<Self>, forward: Forward) -> Reply {
        let Some(lan) = self.lan() else { return Reply::NotAttached(NoPlace::NoNetwork) };
        let at = forward.at;
        let forwarded = lan.forward(self, forward).await;
        forwarded.map_or_else(|error| Reply::Failed(Failure::new(Operation::Listen, at, error)), Reply::Forwarded)
    }

    fn endpoint(&self, id: EndpointId) -> Option<Rc<Endpoint>> {
        self.endpoints.borrow().get(&id).cloned()
    }

    /// Whether nobody is at an endpoint, and nobody will come.
    fn is_over(&self, id: EndpointId) -> bool {
        self.endpoint(id)
            .is_none_or(|endpoint| endpoint.state.get() == EndpointState::Closed && endpoint.peers.borrow().is_empty())
    }

    async fn await_end(&self, id: EndpointId) -> Reply {
        let Some(endpoint) = self.endpoint(id) else { return Reply::NoSuchEndpoint(id) };
        while endpoint.state.get() != EndpointState::Closed {
            self.changed.notified().await;
        }
        Reply::Ended(endpoint.last_end.get())
    }

    /// Waits for peers that are still being closed.
    async fn dismiss(&self, id: EndpointId) -> Reply {
        let Some(endpoint) = self.endpoint(id) else { return Reply::NoSuchEndpoint(id) };
        loop {
            let changed = self.changed.notified();
            match endpoint.state.get() {
                EndpointState::Closed if endpoint.peers.borrow().is_empty() => break,
                EndpointState::Closed => {}
                _ if endpoint.closing.get() => {}
                _ => return Reply::NotOver(id),
            }
            changed.await;
        }
        self.forget_endpoint(id);
        Reply::Done
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
                let error = std::io::Error::from(std::io::ErrorKind::Unsupported);
                return Err(Failure::new(Operation::Bind, &url.place, error));
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
            self.forget_endpoint(endpoint.id); // whoever opened it knows, and the log
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
            if let Err(failure) = datagrams.name_peers(self, &endpoint, target).await {
                self.close_endpoint(&endpoint);
                self.forget_endpoint(endpoint.id); // as after a dial
                return Err(failure);
            }
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

    fn change_group(&self, id: EndpointId, group: IpAddr, interface: Interface, joins: bool) -> Reply {
        let Some(endpoint) = self.endpoint(id) else { return Reply::NoSuchEndpoint(id) };
        let datagrams = endpoint.datagrams.borrow().clone();
        let Some(datagram::Socket::Udp(udp)) = datagrams.as_ref().map(|datagrams| &datagrams.socket) else {
            return Reply::NoSuchEndpoint(id);
        };
        let change = if joins { multicast::join } else { multicast::leave };
        if let Err(failure) = change(udp.into(), group, &interface) {
            return Reply::Failed(failure);
        }
        let membership = (group, interface);
        endpoint.groups.borrow_mut().retain(|known| *known != membership);
        endpoint.groups.borrow_mut().extend(joins.then_some(membership));
        self.recorder.watch.ring();
        Reply::Done
    }

    /// The peers that are meant, with their endpoints; those that are not there are left out.
    fn targeted(&self, targets: &Targets) -> Vec<(Rc<Endpoint>, Rc<Peer>)> {
        let all_of = |endpoint: &Rc<Endpoint>| -> Vec<_> {
            endpoint.peers.borrow().values().map(|peer| (Rc::clone(endpoint), Rc::clone(peer))).collect()
        };
        match targets {
            Targets::All => self.endpoints.borrow().values().flat_map(all_of).collect(),
            Targets::Endpoint(id) => self.endpoint(*id).iter().flat_map(all_of).collect(),
            Targets::Peers(ids) => {
                ids.iter().collect::<BTreeSet<_>>().into_iter().filter_map(|id| self.peer(*id)).collect()
            }
        }
    }

    /// The peers that are to get what is sent.
    fn recipients(&self, targets: &Targets) -> Vec<(Rc<Endpoint>, Rc<Peer>)> {
        let mut peers = self.targeted(targets);
        if !matches!(targets, Targets::Peers(_)) {
            peers.retain(|(endpoint, peer)| {
                endpoint.datagrams.borrow().as_ref().is_none_or(|datagrams| datagrams.is_meant(peer))
            });
        }
        peers
    }

    fn peer(&self, id: PeerId) -> Option<(Rc<Endpoint>, Rc<Peer>)> {
        let endpoint = self.endpoint(id.endpoint)?;
        let peer = endpoint.peers.borrow().get(&id.number).cloned()?;
        Some((endpoint, peer))
    }

    /// Whether there can be others than now: those of an endpoint that is not over.
    fn may_have_more_peers(&self, targets: &Targets) -> bool {
        let is_up = |endpoint: &Rc<Endpoint>| endpoint.state.get() != EndpointState::Closed;
        match targets {
            Targets::All => self.endpoints.borrow().values().any(is_up),
            Targets::Endpoint(id) => self.endpoint(*id).is_some_and(|endpoint| is_up(&endpoint)),
            Targets::Peers(_) => false,
        }
    }

    async fn send(&self, to: &Targets, bytes: Bytes, when_full: WhenFull) -> Reply {
        let mut outcomes = Vec::new();
        let mut targeted = self.recipients(to);
        while when_full == WhenFull::Wait
            && self.may_have_more_peers(to)
            && !targeted.iter().any(|(_, peer)| peer.takes_more())
        {
            self.changed.notified().await;
            targeted = self.recipients(to);
        }
        let mut full = Vec::new();
        for (endpoint, peer) in targeted {
            match queue(&endpoint, &peer, bytes.clone()) {
                Outcome::Full { .. } if when_full == WhenFull::Wait => full.push((endpoint, peer)),
                outcome => outcomes.push((peer.id, outcome)),
            }
        }
        for (endpoint, peer) in full {
            let datagrams = endpoint.datagrams.borrow().clone();
            let outcome = match datagrams {
                None => peer.enqueue_when_room(bytes.clone()).await,
                Some(datagrams) => datagrams.enqueue_when_room(&peer, bytes.clone()).await,
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

    /// Closes everything, each peer as soon as its own queue has drained, all within `patience`.
    pub(crate) async fn say_goodbye(&self, patience: Duration) -> Farewell {
        let deadline = tokio::time::Instant::now() + patience;
        let endpoints: Vec<_> = self.endpoints.borrow().values().cloned().collect();
        let (datagrams, streams): (Vec<_>, Vec<_>) =
            endpoints.iter().cloned().partition(|endpoint| endpoint.datagrams.borrow().is_some());
        streams.iter().for_each(|endpoint| self.close_endpoint(endpoint));
        // A datagram socket sends for all its peers: it closes when the last of them has had its due.
        let _ = tokio::time::timeout_at(deadline, self.drained(&datagrams)).await;
        datagrams.iter().for_each(|endpoint| self.close_endpoint(endpoint));
        let _ = tokio::time::timeout_at(deadline, self.all_gone(&streams)).await;
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

fn queue(endpoint: &Endpoint, peer: &Rc<Peer>, bytes: Bytes) -> Outcome {
    match &*endpoint.datagrams.borrow() {
        None => peer.enqueue(bytes),
        Some(datagrams) => datagrams.enqueue(peer, bytes),
    }
}

fn status(endpoint: &Endpoint) -> EndpointStatus {
    let peers = endpoint.peers.borrow().values().map(|peer| peer_status(peer)).collect();
    EndpointStatus { peers, ..head(endpoint) }
}

/// An endpoint without its peers.
fn head(endpoint: &Endpoint) -> EndpointStatus {
    EndpointStatus {
        id: endpoint.id,
        url: endpoint.url.borrow().clone(),
        state: endpoint.state.get(),
        echo: endpoint.echo.get(),
        tally: endpoint.tally.get(),
        last_end: endpoint.last_end.get(),
        refused: endpoint.refused.get(),
        dropped: endpoint.dropped.get(),
        groups: endpoint.groups.borrow().clone(),
        peers: Vec::new(),
    }
}

fn peer_status(peer: &Peer) -> PeerStatus {
    PeerStatus {
        id: peer.id,
        address: peer.remote.clone(),
        local: peer.local.clone(),
        state: peer.state(),
        since: peer.since,
        last_seen: peer.last_seen.get(),
        received: peer.received.get(),
        sent: peer.sent.get(),
        records: peer.records.get(),
        waiting: peer.outbox.borrow().bytes,
        tcp: peer.descriptor.get().and_then(crate::sys::tcp_info),
    }
}
