//! A board's datagrams on their way to another program of this machine, or beyond, and the answers. Where they lead is
//! decided in `dialled`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use socklab_board::look::Said;
use socklab_lan::PortId;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use super::Network;
use super::dialled::own_loopback;
use super::forward::Passing;
use crate::hub::Hub;

/// Bytes of a board's datagrams that wait for one other program.
const ROOM: usize = 1 << 20;

/// What a datagram takes beside its bytes.
const TELLING: usize = 64;

/// Relays of one board's datagrams at a time: each has a socket of this machine.
const RELAYS: usize = 64;

/// How long a relay of datagrams is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// From whom, whom the board takes for the other end, and where that is.
type Key = (SocketAddr, SocketAddr, SocketAddr);

/// A board's datagrams that wait for another program.
#[derive(Default)]
pub(super) struct Relay {
    waiting: RefCell<Waiting>,
    some: Notify,
    /// Another has its place.
    replaced: Cell<bool>,
    lost: Lost,
}

#[derive(Default)]
struct Waiting {
    datagrams: VecDeque<Bytes>,
    bytes: usize,
    passing: Option<Passing>,
}

/// Datagrams of a relay that were lost.
#[derive(Default)]
struct Lost {
    count: Cell<u64>,
    said: Cell<u64>,
}

impl Lost {
    /// How many there are now, where they are twice as many as when that was last said.
    fn count(&self, more: u64) -> Option<u64> {
        let count = self.count.get() + more;
        self.count.set(count);
        let is_news = more > 0 && count >= 2 * self.said.get();
        is_news.then(|| {
            self.said.set(count);
            count
        })
    }
}

impl Relay {
    /// Takes a datagram; false where there is no room.
    fn put(&self, network: &Rc<Network>, bytes: Bytes) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let size = bytes.len() + TELLING;
        if waiting.bytes + size > ROOM {
            return false;
        }
        waiting.bytes += size;
        waiting.datagrams.push_back(bytes);
        waiting.passing.get_or_insert_with(|| Passing::begin(network));
        self.some.notify_one();
        true
    }

    /// The next datagram; `None` when another has its place.
    async fn next(&self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.borrow().datagrams.front().cloned() {
                return Some(bytes);
            }
            if self.replaced.get() {
                return None;
            }
            self.some.notified().await;
        }
    }

    /// The next one is out.
    fn sent(&self) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.bytes -= waiting.datagrams.pop_front().map_or(0, |bytes| bytes.len() + TELLING);
        if waiting.datagrams.is_empty() {
            waiting.passing = None;
        }
    }

    fn end(&self) {
        self.replaced.set(true);
        self.some.notify_one();
    }
}

impl Network {
    /// Sends a board's datagram on to another program, and its answers back as from `own`, until neither says anything.
    pub(super) fn relay_datagram(
        self: &Rc<Self>,
        hub: &Rc<Hub>,
        port: PortId,
        (board, own): (SocketAddr, SocketAddr),
        outside: SocketAddr,
        bytes: Bytes,
    ) {
        let key = (board, own, outside);
        let known = self.relays.borrow().get(&key).cloned();
        let relay = known.unwrap_or_else(|| self.begin_relay(hub, port, key));
        if !relay.put(self, bytes)
            && let Some(count) = relay.lost.count(1)
        {
            self.say_lost(hub, port, (board, own), count);
        }
    }

    fn begin_relay(self: &Rc<Self>, hub: &Rc<Hub>, port: PortId, key: Key) -> Rc<Relay> {
        let (board, own, outside) = key;
        let mut relays = self.relays.borrow_mut();
        let theirs = |(of, ..): &&Key| of.ip() == board.ip();
        if relays.keys().filter(theirs).count() >= RELAYS {
            // Any will do: who has that many uses none for long.
            let victim = relays.keys().find(theirs).copied();
            victim.and_then(|victim| relays.remove(&victim)).iter().for_each(|relay| relay.end());
        }
        let relay = Rc::<Relay>::default();
        relays.insert(key, Rc::clone(&relay));
        let (network, hub, mine) = (Rc::clone(self), Rc::clone(hub), Rc::clone(&relay));
        tokio::task::spawn_local(async move {
            let relayed = match datagram_socket(board, outside).await {
                Ok(socket) => network.relay_datagrams(&hub, port, key, &socket, &mine).await,
                Err(error) => Err(error),
            };
            network.relays.borrow_mut().retain(|_, relay| !Rc::ptr_eq(relay, &mine));
            if let Err(error) = relayed {
                network.refuse_datagram(&hub, port, (board, own), &error);
            }
        });
        relay
    }

    async fn relay_datagrams(
        &self,
        hub: &Hub,
        port: PortId,
        (board, own, outside): Key,
        socket: &UdpSocket,
        relay: &Relay,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let (answers, mut dropped) = (Lost::default(), 0);
        loop {
            let turn = tokio::time::timeout(IDLE, async {
                tokio::select! {
                    bytes = relay.next() => match bytes {
                        Some(bytes) => {
                            let sent = socket.send_to(&bytes, outside).await;
                            relay.sent();
                            sent?;
                        }
                        None => return Ok(false),
                    },
                    received = socket.recv_from(&mut buffer) => {
                        let (count, from) = received?;
                        let from = SocketAddr::new(own.ip(), from.port());
                        self.lan.borrow_mut().send_datagram(self.now(), from, board, &buffer[..count]);
                        self.poked.notify_one();
                        let more = newly_dropped(socket, &mut dropped);
                        if let Some(count) = answers.count(more) {
                            self.say_lost(hub, port, (own, board), count);
                        }
                    }
                }
                io::Result::Ok(true)
            });
            if !turn.await.unwrap_or(Ok(false))? {
                return Ok(());
            }
        }
    }

    fn say_lost(&self, hub: &Hub, port: PortId, (from, to): (SocketAddr, SocketAddr), count: u64) {
        let said = Said::new(
            format!("{count} datagrams from {from} to {to} were lost: they came faster than they could be passed on"),
            format!("从 {from} 到 {to} 的 {count} 个数据报已丢失：来得太快，来不及转发"),
        );
        self.remark(hub, port, &said);
    }
}

/// How many datagrams the system has dropped at the socket since it was last asked.
fn newly_dropped(socket: &UdpSocket, before: &mut u32) -> u64 {
    #[cfg(unix)]
    if let Some(counter) = crate::sys::dropped(std::os::fd::AsRawFd::as_raw_fd(socket)) {
        return counter.wrapping_sub(std::mem::replace(before, counter)).into();
    }
    let _ = (socket, before);
    0
}

async fn datagram_socket(board: SocketAddr, outside: SocketAddr) -> io::Result<UdpSocket> {
    let any =
        SocketAddr::new(if outside.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }, 0);
    let bound = match own_loopback(board).filter(|_| outside.ip().is_loopback() && outside.is_ipv4()) {
        Some(own) => match UdpSocket::bind(own).await {
            Ok(socket) => Ok(socket),
            Err(_) => UdpSocket::bind(any).await,
        },
        None => UdpSocket::bind(any).await,
    };
    let socket = bound?;
    let options = socket2::SockRef::from(&socket);
    // Datagrams have no other place to wait; what the system does not allow it cuts down.
    let _ = options.set_recv_buffer_size(crate::open::DATAGRAM_BUFFER);
    // Also what comes back undelivered is an error of the socket.
    crate::batch::prepare(&options)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_said_when_it_is_twice_as_much() {
        let lost = Lost::default();
        let said: Vec<_> = [0, 1, 1, 1, 1, 3, 0, 100].into_iter().filter_map(|more| lost.count(more)).collect();
        assert_eq!(said, [1, 2, 4, 107]);
    }
}
