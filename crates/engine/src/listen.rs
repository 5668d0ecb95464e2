//! Servers: accepting connections and giving each a peer. What a connection does belongs in `stream`.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;
use socklab_capture::encoder::Subject;
use socklab_capture::{Address, Event, Side};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::time::Instant;

use crate::failure::{Failure, Operation};
use crate::hub::{Endpoint, Hub};
use crate::open;
#[cfg(unix)]
use crate::open::SocketFile;
use crate::stream::{self, Stream};
use crate::url::{EndpointUrl, Host, HostPort, Place};
use crate::writer::Trouble;

/// How long to leave connections waiting when the system has no more descriptors to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);
/// How long accepting must have worked to be told well again: at the limit, each peer that goes lets one in.
const CALM: Duration = Duration::from_secs(2);

/// A socket that listens.
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, #[allow(dead_code)] Option<SocketFile>), // held for what its end does
}

/// Opens a TCP server; gives the URL with the port that it got.
pub(crate) async fn bind_tcp(place: &HostPort, url: &EndpointUrl) -> Result<(Listener, EndpointUrl), Failure> {
    let bind = |address, dual_stack| open::listen_tcp(address, dual_stack, &url.options);
    let socket = open::first_bound(Operation::Listen, place, bind).await?;
    let failed = |error| Failure::new(Operation::Listen, place, error);
    let listener = TcpListener::from_std(socket.into()).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let host = match (&place.host, bound.ip()) {
        (Host::Any, ip) if ip.is_ipv4() => Host::Ip(ip), // this machine has no IPv6
        (Host::Name(_), ip) => Host::Ip(ip),
        (host, _) => host.clone(),
    };
    let place = Place::TcpListen(HostPort { host, port: bound.port() });
    Ok((Listener::Tcp(listener), EndpointUrl { place, options: url.options.clone() }))
}

#[cfg(unix)]
pub(crate) fn bind_unix(name: &crate::url::UnixName, url: &EndpointUrl) -> Result<Listener, Failure> {
    let socket = open::listen_unix(name, &url.options)?;
    let failed = |error| Failure::new(Operation::Listen, open::unix_shown(name), error);
    let file = name.path().map(|path| SocketFile(path.to_owned()));
    Ok(Listener::Unix(UnixListener::from_std(socket.into()).map_err(failed)?, file))
}

impl Listener {
    /// A connection and who made it: asked later, a peer that has gone has no address any more.
    async fn accept(&self) -> io::Result<(Stream, Address)> {
        Ok(match self {
            Listener::Tcp(tcp) => {
                let (tcp, from) = tcp.accept().await?;
                (Stream::Tcp(tcp), stream::inet(from))
            }
            #[cfg(unix)]
            Listener::Unix(unix, _) => {
                let (unix, from) = unix.accept().await?;
                // What accept says of an abstract name is empty; the socket itself knows it.
                let from = unix.peer_addr().unwrap_or(from);
                (Stream::Unix(unix), open::unix_address(&from))
            }
        })
    }
}

/// A time in which connections cannot be taken.
#[derive(Default)]
enum Shortage {
    #[default]
    None,
    Lasts,
    /// It is over at that moment, unless taking one fails before.
    Eases(Instant),
}

impl Shortage {
    /// Taking a connection has failed; true if it has not for a while before.
    fn begins(&mut self) -> bool {
        matches!(std::mem::replace(self, Shortage::Lasts), Shortage::None)
    }

    /// One has been taken.
    fn eases(&mut self) {
        if let Shortage::Lasts = self {
            *self = Shortage::Eases(Instant::now() + CALM);
        }
    }

    /// What comes of `accept`; `None`, once, where the shortage is over before anything does.
    async fn before_its_end<T>(&mut self, accept: impl Future<Output = T>) -> Option<T> {
        let Shortage::Eases(end) = *self else { return Some(accept.await) };
        if Instant::now() < end
            && let Ok(accepted) = tokio::time::timeout_at(end, accept).await
        {
            return Some(accepted);
        }
        *self = Shortage::None;
        None
    }
}

/// Accepts until the task is dropped.
pub(crate) async fn serve(hub: Rc<Hub>, endpoint: Rc<Endpoint>, listener: Listener) {
    let mut shortage = Shortage::default();
    loop {
        hub.recorder.room().await;
        let Some(accepted) = shortage.before_its_end(listener.accept()).await else {
            hub.recorder.tell(Trouble::Accepting(endpoint.url.borrow().place.to_string()));
            continue;
        };
        match accepted {
            Ok((stream, remote)) => {
                shortage.eases();
                let Some(connection) = admit(&hub, &endpoint, stream, remote) else { continue };
                if endpoint.options.once() {
                    drop(listener); // whoever comes now is refused
                    connection.await;
                    return hub.endpoint_ended(&endpoint);
                }
                tokio::task::spawn_local(connection);
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                if shortage.begins() {
                    let failure = Failure::new(Operation::Accept, &endpoint.url.borrow().place, error);
                    hub.note(&endpoint, &failure.text(hub.lang));
                    hub.recorder.tell(Trouble::NotAccepting(failure));
                }
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// The connection was gone before it was taken: accept(2) reports that as its own failure.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Gives a connection its peer; what is returned drives it to its end.
pub(crate) fn admit(
    hub: &Rc<Hub>,
    endpoint: &Rc<Endpoint>,
    stream: Stream,
    remote: Address,
) -> Option<impl Future<Output = ()> + use<>> {
    let local = stream.local().ok()?;
    let most = endpoint.options.max_peers();
    if endpoint.peers.borrow().len() >= most {
        let total = endpoint.refused.get() + 1;
        endpoint.refused.set(total);
        let refused = Trouble::Refused { from: remote, datagram: false, most, total };
        hub.note(endpoint, &refused.text(hub.lang));
        if total.is_power_of_two() {
            hub.recorder.tell(refused);
        }
        return None;
    }
    match &stream {
        Stream::Tcp(tcp) => drop(open::set_connection(SockRef::from(tcp), &endpoint.options)),
        #[cfg(unix)]
        Stream::Unix(_) => {}
        Stream::Lan(_) => {}
    }
    let peer = hub.add_stream_peer(endpoint, local, remote, Side::Peer);
    hub.recorder.record(Subject::Flow(peer.flow), Event::Connected);
    let driver = stream::StreamDriver::new(Rc::clone(hub), Rc::clone(endpoint), Rc::clone(&peer), stream);
    let (hub, endpoint) = (Rc::clone(hub), Rc::clone(endpoint));
    Some(async move {
        let end = driver.await;
        hub.remove_peer(&endpoint, &peer, end);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shortage_is_told_once_and_over_when_it_has_been_calm_for_a_while() {
        let mut shortage = Shortage::default();
        assert_eq!(shortage.before_its_end(async { 1 }).await, Some(1));
        shortage.eases();
        assert!(shortage.begins(), "there was none before");
        for _ in 0..3 {
            shortage.eases(); // a peer has gone, and the one that took its place was the last for now
            assert_eq!(shortage.before_its_end(async { 2 }).await, Some(2));
            assert!(!shortage.begins(), "it was never over");
        }
        shortage = Shortage::Eases(Instant::now() + Duration::from_millis(10));
        assert_eq!(shortage.before_its_end(std::future::pending::<()>()).await, None);
        assert!(shortage.begins(), "a new one");
        shortage = Shortage::Eases(Instant::now());
        assert_eq!(shortage.before_its_end(async { 3 }).await, None, "also where one comes after the other");
        assert_eq!(shortage.before_its_end(async { 3 }).await, Some(3));
    }
}
