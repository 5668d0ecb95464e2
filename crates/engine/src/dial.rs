//! Clients: connecting, and connecting again where the URL says so. What a connection does belongs in `stream`.

use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;
#[cfg(unix)]
use socket2::Type;
use socklab_capture::encoder::Subject;
use socklab_capture::{Address, Event, Side};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;

use crate::command::LastEnd;
use crate::failure::{Failure, Operation};
use crate::hub::{Endpoint, EndpointState, Hub};
use crate::open;
use crate::stream::{Stream, StreamDriver};
use crate::url::{HostPort, Place};

/// The first pause between two attempts; each one after a failure is twice as long ...
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// ... up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Connects, lives, and connects again if it is to; `first` learns how the first attempt went.
pub(crate) async fn dial(hub: Rc<Hub>, endpoint: Rc<Endpoint>, first: oneshot::Sender<Result<(), Failure>>) {
    let (mut first, mut pause) = (Some(first), FIRST_PAUSE);
    loop {
        endpoint.state.set(EndpointState::Connecting);
        hub.recorder.room().await;
        match connect(&hub, &endpoint).await {
            Ok((stream, remote)) => {
                tell(&mut first, Ok(()));
                pause = FIRST_PAUSE;
                live(&hub, &endpoint, stream, remote).await;
            }
            Err(failure) => {
                endpoint.last_end.set(LastEnd::Failed);
                hub.fail(Subject::Endpoint(endpoint.id), &failure);
                tell(&mut first, Err(failure));
            }
        }
        if !endpoint.options.retry() || endpoint.closing.get() {
            return hub.endpoint_ended(&endpoint);
        }
        endpoint.state.set(EndpointState::Waiting);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn tell(first: &mut Option<oneshot::Sender<Result<(), Failure>>>, result: Result<(), Failure>) {
    if let Some(first) = first.take() {
        let _ = first.send(result);
    }
}

async fn live(hub: &Rc<Hub>, endpoint: &Rc<Endpoint>, stream: Stream, remote: Address) {
    let Ok(local) = stream.local() else { return };
    endpoint.state.set(EndpointState::Open);
    let peer = hub.add_stream_peer(endpoint, local, remote, Side::Local);
    hub.recorder.record(Subject::Flow(peer.flow), Event::Connected);
    let end = StreamDriver::new(Rc::clone(hub), Rc::clone(endpoint), Rc::clone(&peer), stream).await;
    hub.remove_peer(endpoint, &peer, end);
}

/// A connection and whom it is to.
async fn connect(hub: &Hub, endpoint: &Endpoint) -> Result<(Stream, Address), Failure> {
    let url = endpoint.url.borrow().clone();
    let attempt = async {
        match &url.place {
            Place::Tcp(place) => connect_tcp(hub, place, endpoint).await,
            #[cfg(unix)]
            Place::Unix(name) => {
                let unix = connect_unix(name, endpoint).await?;
                Ok((Stream::Unix(unix), Address::Unix(name.as_str().into())))
            }
            _ => unreachable!("only clients are dialled"),
        }
    };
    match tokio::time::timeout(endpoint.options.connect_timeout(), attempt).await {
        Ok(result) => result,
        Err(_) => {
            let error = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Err(Failure::new(Operation::Connect, &url.place, error))
        }
    }
}

/// The addresses of the name, one after the other, until one answers.
/// Each has its share of the time, or the first that does not answer would use it all up.
async fn connect_tcp(hub: &Hub, place: &HostPort, endpoint: &Endpoint) -> Result<(Stream, Address), Failure> {
    let mut failure = None;
    let addresses = open::resolve_beside(hub, place).await?;
    let share = endpoint.options.connect_timeout() / addresses.len().clamp(1, 8) as u32;
    for address in addresses {
        let attempt = async {
            let failed = |error| Failure::new(Operation::Connect, address, error);
            if let Some(lan) = hub.lan().filter(|lan| lan.takes(address.ip())) {
                return lan.connect(address).await.map(Stream::Lan).map_err(failed);
            }
            hub.control.check(address).map_err(failed)?;
            let socket = open::dial_tcp(address, &endpoint.options).await?;
            let stream = TcpSocket::from_std_stream(socket.into()).connect(address).await.map_err(failed)?;
            open::set_connection(SockRef::from(&stream), &endpoint.options).map_err(failed)?;
            Ok(Stream::Tcp(stream))
        };
        let late = |_| Err(Failure::new(Operation::Connect, address, std::io::ErrorKind::TimedOut.into()));
        match tokio::time::timeout(share, attempt).await.unwrap_or_else(late) {
            Ok(stream) => return Ok((stream, crate::stream::inet(address))),
            Err(error) => failure = Some(error),
        }
    }
    let nothing = || Failure::new(Operation::Resolve, place, std::io::ErrorKind::NotFound.into());
    Err(failure.unwrap_or_else(nothing))
}

#[cfg(unix)]
async fn connect_unix(name: &crate::url::UnixName, endpoint: &Endpoint) -> Result<tokio::net::UnixStream, Failure> {
    let failed = |error| Failure::new(Operation::Connect, open::unix_shown(name), error);
    let socket = open::new_unix(Type::STREAM, name, &endpoint.options)?;
    let address = open::unix_sockaddr(name).map_err(failed)?;
    loop {
        match socket.connect(&address) {
            // The server's backlog is full, which no readiness tells of.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => break result.map_err(failed)?,
        }
    }
    tokio::net::UnixStream::from_std(socket.into()).map_err(failed)
}
