//! A connection of the virtual network as a stream of bytes, for whatever reads and writes streams.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use socklab_lan::{Ending, FlowError, FlowId, Read};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Network;

/// The assistant's end of a board's connection. Dropping it closes it.
pub(crate) struct LanStream {
    network: Rc<Network>,
    id: FlowId,
    own: SocketAddr,
    board: SocketAddr,
}

impl LanStream {
    pub(super) fn new(network: Rc<Network>, id: FlowId, own: SocketAddr, board: SocketAddr) -> Self {
        LanStream { network, id, own, board }
    }

    /// The address that the board dialled, or that it was dialled from.
    pub(crate) fn own(&self) -> SocketAddr {
        self.own
    }

    /// The board's end.
    pub(crate) fn board(&self) -> SocketAddr {
        self.board
    }

    /// Tears the connection down.
    pub(crate) fn reset(&self) {
        let _ = self.network.lan.borrow_mut().reset(self.id); // one that is over is torn down
        self.network.poked.notify_one();
    }

    /// Why nothing can be done with it any more.
    fn end(&self) -> io::Error {
        let over = self.network.flows.borrow().get(&self.id).and_then(|flow| flow.over);
        over.map_or_else(|| io::ErrorKind::NotConnected.into(), error_of)
    }

    fn is_over(&self) -> Option<Ending> {
        self.network.flows.borrow().get(&self.id).and_then(|flow| flow.over)
    }
}

/// How an ending looks to who reads or writes.
pub(super) fn error_of(ending: Ending) -> io::Error {
    match ending {
        Ending::Finished => io::ErrorKind::BrokenPipe,
        Ending::Reset => io::ErrorKind::ConnectionReset,
        Ending::Refused => io::ErrorKind::ConnectionRefused,
        Ending::TimedOut => io::ErrorKind::TimedOut,
        Ending::Cancelled | Ending::Gone => io::ErrorKind::ConnectionAborted,
    }
    .into()
}

impl AsyncRead for LanStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.network.lan.borrow_mut().read(self.id, buffer.initialize_unfilled());
        match read {
            Ok(Read::Bytes(count)) => {
                buffer.advance(count);
                self.network.poked.notify_one(); // its window has opened
                Poll::Ready(Ok(()))
            }
            Ok(Read::End) => Poll::Ready(Ok(())),
            Ok(Read::Nothing) if self.is_over().is_none() => {
                if let Some(flow) = self.network.flows.borrow_mut().get_mut(&self.id) {
                    flow.reader = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Ok(Read::Nothing) | Err(_) => match self.is_over() {
                Some(Ending::Finished) => Poll::Ready(Ok(())),
                _ => Poll::Ready(Err(self.end())),
            },
        }
    }
}

impl AsyncWrite for LanStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.network.lan.borrow_mut().write(self.id, bytes);
        match written {
            Ok(0) if !bytes.is_empty() => {
                if let Some(flow) = self.network.flows.borrow_mut().get_mut(&self.id) {
                    flow.writer = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Ok(count) => {
                self.network.poked.notify_one();
                Poll::Ready(Ok(count))
            }
            Err(FlowError::Finished) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Err(_) => Poll::Ready(Err(self.end())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = self.network.lan.borrow_mut().finish(self.id); // one that is over has been finished
        self.network.poked.notify_one();
        Poll::Ready(Ok(()))
    }
}

impl Drop for LanStream {
    fn drop(&mut self) {
        let _ = self.network.lan.borrow_mut().close(self.id); // as above
        self.network.flows.borrow_mut().remove(&self.id);
        self.network.poked.notify_one();
    }
}
