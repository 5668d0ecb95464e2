//! One stream connection, TCP or Unix, from its making to its end: queue to socket, socket to log.
//! Making connections belongs in `listen` and `dial`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use socklab_capture::encoder::Subject;
use socklab_capture::{Address, Event, Side};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::Sleep;

use crate::hub::{Endpoint, Hub};
use crate::lan::LanStream;
use crate::peer::{Ending, Peer, QUEUE_LIMIT};
use crate::recorder::now;

/// How often one connection may go round before the others have their turn.
const TURNS: usize = 4;
/// How long a peer that was told goodbye may take to say it too.
const LINGER: Duration = Duration::from_secs(1);

/// A connected socket.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// Of a board on the virtual network.
    Lan(LanStream),
}

impl Stream {
    /// Our end.
    pub(crate) fn local(&self) -> io::Result<Address> {
        Ok(match self {
            Stream::Tcp(tcp) => inet(tcp.local_addr()?),
            #[cfg(unix)]
            Stream::Unix(unix) => crate::open::unix_address(&unix.local_addr()?),
            Stream::Lan(lan) => inet(lan.own()),
        })
    }

    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> Option<i32> {
        use std::os::fd::AsRawFd;
        match self {
            Stream::Tcp(tcp) => Some(tcp.as_raw_fd()),
            Stream::Unix(_) | Stream::Lan(_) => None,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn descriptor(&self) -> Option<i32> {
        None
    }

    /// Makes dropping the socket tear the connection down.
    fn abort(&self) {
        match self {
            Stream::Tcp(tcp) => drop(socket2::SockRef::from(tcp).set_linger(Some(Duration::ZERO))),
            #[cfg(unix)]
            Stream::Unix(_) => {}
            Stream::Lan(lan) => lan.reset(),
        }
    }

    /// Appends to `buffer`.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(tcp) => pin!(tcp.read_buf(buffer)).poll(cx),
            #[cfg(unix)]
            Stream::Unix(unix) => pin!(unix.read_buf(buffer)).poll(cx),
            Stream::Lan(lan) => pin!(lan.read_buf(buffer)).poll(cx),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            #[cfg(unix)]
            Stream::Unix(unix) => Pin::new(unix).poll_write(cx, bytes),
            Stream::Lan(lan) => Pin::new(lan).poll_write(cx, bytes),
        }
    }

    /// Says that no more will come. Never waits, for these sockets.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let _ = match self {
            Stream::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(unix)]
            Stream::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
            Stream::Lan(lan) => Pin::new(lan).poll_shutdown(cx),
        };
    }
}

/// The address as people write it: an IPv4 peer of a dual-stack socket is IPv4.
pub(crate) fn inet(address: SocketAddr) -> Address {
    Address::Inet(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// How a conversation ended.
#[derive(Debug)]
pub(crate) enum End {
    Closed(Side),
    Reset(Side),
    Failed(io::Error),
}

/// What one step came to.
enum Step {
    /// There may be more to do at once.
    Again,
    /// Nothing before the task is woken.
    Idle,
    Over(End),
}

/// Drives a connection to its end.
pub(crate) struct StreamDriver {
    hub: Rc<Hub>,
    peer: Rc<Peer>,
    endpoint: Rc<Endpoint>,
    stream: Stream,
    /// Who has said that no more will come, in the order it was said.
    first_finished: Option<Side>,
    we_finished: bool,
    peer_finished: bool,
    linger: Option<Pin<Box<Sleep>>>,
    /// Why nothing can be sent any more; what came before is still to be read.
    broken: Option<io::Error>,
}

impl StreamDriver {
    pub(crate) fn new(hub: Rc<Hub>, endpoint: Rc<Endpoint>, peer: Rc<Peer>, stream: Stream) -> Self {
        peer.descriptor.set(stream.descriptor());
        StreamDriver {
            hub,
            peer,
            endpoint,
            stream,
            first_finished: None,
            we_finished: false,
            peer_finished: false,
            linger: None,
            broken: None,
        }
    }

    fn subject(&self) -> Subject {
        Subject::Flow(self.peer.flow)
    }

    /// Does what was commanded.
    fn obey(&mut self, cx: &mut Context<'_>) -> Step {
        match self.peer.ending.get() {
            None => Step::Idle,
            Some(Ending::Reset) => {
                self.stream.abort();
                Step::Over(End::Reset(Side::Local))
            }
            Some(Ending::HalfClose | Ending::Close) if !self.peer.outbox.borrow().queue.is_empty() => Step::Idle,
            Some(Ending::HalfClose) => self.finish(cx),
            Some(Ending::Close) => self.close(cx),
        }
    }

    /// Says that no more will come, once.
    fn finish(&mut self, cx: &mut Context<'_>) -> Step {
        if self.we_finished {
            return Step::Idle;
        }
        self.stream.finish(cx);
        self.we_finished = true;
        self.peer.outbox.borrow_mut().closed = true;
        self.first_finished.get_or_insert(Side::Local);
        if self.peer_finished {
            return Step::Over(End::Closed(Side::Peer));
        }
        self.hub.recorder.record(self.subject(), Event::Finished(Side::Local));
        Step::Again
    }

    /// Closing at once would lose what the peer still sends, and answer it with a reset.
    fn close(&mut self, cx: &mut Context<'_>) -> Step {
        if let Step::Over(end) = self.finish(cx) {
            return Step::Over(end);
        }
        let linger = self.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        match linger.as_mut().poll(cx) {
            Poll::Ready(()) => Step::Over(End::Closed(Side::Local)),
            Poll::Pending => Step::Idle,
        }
    }

    /// Queue to socket.
    fn transmit(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(bytes) = self.peer.outbox.borrow().queue.front().cloned() else { return Step::Idle };
        match self.write(cx, &bytes) {
            Poll::Pending => Step::Idle,
            Poll::Ready(Err(error)) => self.break_off(error),
            Poll::Ready(Ok(count)) => {
                self.peer.dequeue(count);
                Step::Again
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.hub.recorder.poll_room(cx));
        let count = ready!(self.stream.poll_write(cx, bytes))?;
        self.peer.count_sent(count);
        self.hub.recorder.record(self.subject(), Event::Sent(&bytes[..count]));
        Poll::Ready(Ok(count))
    }

    /// Socket to log.
    fn receive(&mut self, cx: &mut Context<'_>) -> Step {
        let echo_is_stuck = self.endpoint.echo.get() && self.peer.outbox.borrow().bytes >= QUEUE_LIMIT;
        if self.peer_finished || echo_is_stuck || self.hub.recorder.poll_room(cx).is_pending() {
            return Step::Idle;
        }
        let hub = Rc::clone(&self.hub);
        let mut scratch = hub.scratch.borrow_mut();
        let answers = self.endpoint.echo.get() && !self.we_finished && self.broken.is_none();
        let at = now();
        let received = hub.recorder.receive(at, self.peer.flow, |log, most| {
            let end = log.len();
            let received = self.stream.poll_read(cx, &mut log.limit(most));
            if answers {
                scratch.clear();
                scratch.extend_from_slice(&log[end..]);
            }
            received
        });
        match received {
            Poll::Pending => return Step::Idle,
            Poll::Ready(Err(error)) => return Step::Over(self.torn(error)),
            Poll::Ready(Ok(0)) => return self.peer_finishes(),
            Poll::Ready(Ok(count)) => self.peer.count_received(count, at),
        }
        if answers { self.echo(cx, &scratch) } else { Step::Again }
    }

    /// Straight back, past the queue where that is empty.
    fn echo(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        let mut taken = 0;
        if self.peer.outbox.borrow().queue.is_empty() {
            match self.write(cx, bytes) {
                Poll::Pending => {}
                Poll::Ready(Ok(count)) => taken = count,
                Poll::Ready(Err(error)) => return self.break_off(error),
            }
        }
        if taken < bytes.len() {
            let mut outbox = self.peer.outbox.borrow_mut();
            outbox.bytes += bytes.len() - taken;
            outbox.queue.push_back(Bytes::copy_from_slice(&bytes[taken..]));
        }
        Step::Again
    }

    /// Nothing can be sent any more, because the peer has torn the connection down or will. What it sent before
    /// is still in the system's hands, and the end is found by reading on.
    fn break_off(&mut self, error: io::Error) -> Step {
        self.peer.close_outbox();
        self.broken.get_or_insert(error);
        if self.peer_finished { self.torn_off() } else { Step::Again }
    }

    fn torn_off(&mut self) -> Step {
        let error = self.broken.take().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
        Step::Over(self.torn(error))
    }

    fn peer_finishes(&mut self) -> Step {
        self.peer_finished = true;
        self.peer.has_finished();
        if self.broken.is_some() {
            return self.torn_off();
        }
        let first = *self.first_finished.get_or_insert(Side::Peer);
        if self.we_finished {
            return Step::Over(End::Closed(first));
        }
        if self.endpoint.halfopen.get() {
            self.hub.recorder.record(self.subject(), Event::Finished(Side::Peer));
            return Step::Again;
        }
        self.peer.end(Ending::Close); // after what waits has gone out
        Step::Again
    }

    fn torn(&mut self, error: io::Error) -> End {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                End::Reset(Side::Peer)
            }
            _ => End::Failed(error),
        }
    }
}

impl Future for StreamDriver {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let me = &mut *self;
        me.peer.register(cx.waker());
        for _ in 0..TURNS {
            let mut idle = true;
            for step in [StreamDriver::transmit, StreamDriver::obey, StreamDriver::receive] {
                match step(me, cx) {
                    Step::Idle => {}
                    Step::Again => idle = false,
                    Step::Over(end) => return Poll::Ready(end),
                }
            }
            if idle {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for StreamDriver {
    fn drop(&mut self) {
        self.peer.descriptor.set(None);
    }
}
