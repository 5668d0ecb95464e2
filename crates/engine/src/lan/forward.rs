//! Ports of this machine that lead to a board's: for a browser on the page that a board serves. What a board dials is
//! the business of `dialled`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use socklab_board::look::Said;
use socklab_lan::PortId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{LanStream, Network};
use crate::failure::Lang;
use crate::hub::Hub;

/// How long to leave connections waiting when the system has no more descriptors to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// How long a connection waits for a board to have an address, and how often it looks.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(5);
const ADDRESS_TICK: Duration = Duration::from_millis(20);

/// Bytes that are passed on at once.
const PIECE: usize = 8 << 10;

/// A port of this machine, and the board's that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where to listen; port 0 is any.
    pub at: SocketAddr,
    /// Which board, by name; `None` where there is but one.
    pub board: Option<String>,
    /// The board's port.
    pub port: u16,
}

/// The text is no forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not [ADDRESS:]PORT:[BOARD:]PORT, such as 8080:80 or 8080:esp32:80")]
pub struct NoForward;

impl FromStr for Forward {
    type Err = NoForward;

    /// `8080:80`, `8080:esp32:80`, `0.0.0.0:8080:esp32:80`, `[::1]:8080:80`.
    fn from_str(text: &str) -> Result<Self, NoForward> {
        let (address, rest) = split_address(text);
        let words: Vec<&str> = rest.split(':').collect();
        let (own, board, port) = match words[..] {
            [own, port] => (own, None, port),
            [own, board, port] if !board.is_empty() => (own, Some(board.to_owned()), port),
            _ => return Err(NoForward),
        };
        let own = own.parse().map_err(|_| NoForward)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(NoForward)?;
        Ok(Forward { at: SocketAddr::new(address, own), board, port })
    }
}

/// The address in front, or this machine's own.
fn split_address(text: &str) -> (IpAddr, &str) {
    let v6 = || text.strip_prefix('[')?.split_once("]:");
    let split = v6().or_else(|| text.split_once(':'));
    let given = split.and_then(|(address, rest)| Some((address.parse().ok()?, rest)));
    given.unwrap_or((Ipv4Addr::LOCALHOST.into(), text))
}

impl Network {
    /// Listens until it is to end, or its board goes; gives where.
    pub(crate) async fn forward(self: &Rc<Self>, hub: &Rc<Hub>, forward: Forward) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(forward.at).await?;
        let at = listener.local_addr()?;
        let forward = Forward { at, ..forward };
        let task = tokio::task::spawn_local(Rc::clone(self).serve_forward(Rc::clone(hub), listener, forward.clone()));
        self.forwards.borrow_mut().push((forward, task.abort_handle()));
        Ok(at)
    }

    /// Closes a port that was led to a board; false if there is none.
    pub(crate) fn end_forward(&self, at: SocketAddr) -> bool {
        self.end_forwards(|forward| forward.at == at)
    }

    /// Closes the ports that lead to this board.
    pub(super) fn end_forwards_to(&self, board: &str) {
        self.end_forwards(|forward| forward.board.as_deref() == Some(board));
    }

    fn end_forwards(&self, which: impl Fn(&Forward) -> bool) -> bool {
        let mut forwards = self.forwards.borrow_mut();
        let ended: Vec<_> = forwards.extract_if(.., |(forward, _)| which(forward)).collect();
        ended.iter().for_each(|(_, task)| task.abort());
        !ended.is_empty()
    }

    async fn serve_forward(self: Rc<Self>, hub: Rc<Hub>, listener: TcpListener, forward: Forward) {
        loop {
            let Ok((outside, _)) = listener.accept().await else {
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            };
            tokio::task::spawn_local(Rc::clone(&self).carry(Rc::clone(&hub), outside, forward.clone()));
        }
    }

    /// Which board is meant, where it is still there.
    fn board_of(&self, forward: &Forward) -> Option<(PortId, String)> {
        let ports = self.ports.borrow();
        let is_meant = |name: &String| forward.board.as_ref().is_none_or(|board| board == name);
        ports.iter().map(|(id, port)| (*id, port.name.clone())).find(|(_, name)| is_meant(name))
    }

    /// Where the board is now; `None` before it has an address. IPv4 alone: boards' servers are bound to that.
    fn board_at(&self, forward: &Forward) -> Option<SocketAddr> {
        let (_, name) = self.board_of(forward)?;
        let ip = self.lan.borrow().resolve(&name)?.into_iter().find(IpAddr::is_ipv4)?;
        Some(SocketAddr::new(ip, forward.port))
    }

    /// The same for a board that is about to have one: nothing tells when the gateway has heard of it.
    async fn board_soon(&self, forward: &Forward) -> SocketAddr {
        loop {
            match self.board_at(forward) {
                Some(board) => return board,
                None => tokio::time::sleep(ADDRESS_TICK).await,
            }
        }
    }

    /// Where nobody listens on the board, whoever dialled is refused: torn down, as the connection was made already.
    async fn carry(self: Rc<Self>, hub: Rc<Hub>, outside: TcpStream, forward: Forward) {
        let made = match tokio::time::timeout(ADDRESS_PATIENCE, self.board_soon(&forward)).await {
            Ok(board) => self.connect(board).await.map_err(Some),
            Err(_) => Err(None),
        };
        match made {
            Ok(stream) => self.join(stream, outside).await,
            Err(error) => {
                tear_down(&outside);
                self.say_in_vain(&hub, &forward, error.as_ref());
            }
        }
    }

    /// Says why a port led nowhere: without an error, the board has no address.
    fn say_in_vain(&self, hub: &Hub, forward: &Forward, error: Option<&io::Error>) {
        let Some((port, name)) = self.board_of(forward) else { return };
        let to = forward.port;
        let (why, zh) = match error {
            None => (format!("{name} has no address on the network"), format!("{name} 在网络中还没有地址")),
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                (format!("nobody listens on port {to} of {name}"), format!("{name} 没有监听端口 {to}"))
            }
            Some(error) => {
                let cause = |lang| crate::failure::cause(error, lang);
                (format!("{name}: {}", cause(Lang::En)), format!("{name}：{}", cause(Lang::Zh)))
            }
        };
        let at = forward.at;
        let said = Said::new(format!("a connection to {at} led nowhere: {why}"), format!("{at} 的连接未能转发：{zh}"));
        self.remark(hub, port, &said);
    }

    /// Copies both ways until both sides have ended. What one side does to the other is all that there is to tell: an
    /// error ends both. Before the board has said its last, also the end of this process is a reset to the other side.
    pub(super) async fn join(self: &Rc<Self>, mut stream: LanStream, mut outside: TcpStream) {
        tear_down(&outside);
        let joined = {
            let (mut from_board, mut to_board) = tokio::io::split(&mut stream);
            let (mut from_outside, mut to_outside) = outside.split();
            let out = async {
                let mut buffer = vec![0; PIECE];
                loop {
                    let count = from_board.read(&mut buffer).await?;
                    let _passing = Passing::begin(self);
                    if count == 0 {
                        socket2::SockRef::from(to_outside.as_ref()).set_linger(None)?;
                        return to_outside.shutdown().await;
                    }
                    to_outside.write_all(&buffer[..count]).await?;
                }
            };
            let back = async {
                tokio::io::copy(&mut from_outside, &mut to_board).await?;
                to_board.shutdown().await
            };
            tokio::try_join!(out, back)
        };
        if joined.is_err() {
            stream.reset();
            tear_down(&outside);
        }
    }

    /// Waits until all that boards have said is taken in, and what of it is for other programs is on its way there; for
    /// at most so long.
    pub(crate) async fn passed_on(&self, patience: Duration) {
        let all = async {
            while self.inbox.capacity() < self.inbox.max_capacity() {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await; // whoever has something to pass on has been woken, and begins
            loop {
                let fewer = self.passed_on.notified();
                if self.passing.get() == 0 {
                    return;
                }
                fewer.await;
            }
        };
        let _ = tokio::time::timeout(patience, all).await; // other programs see that the rest is missing
    }
}

/// While it is there, something that a board has sent is not on its way to another program yet.
pub(super) struct Passing(Rc<Network>);

impl Passing {
    pub(super) fn begin(network: &Rc<Network>) -> Self {
        network.passing.set(network.passing.get() + 1);
        Passing(Rc::clone(network))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.passing.set(self.0.passing.get() - 1);
        self.0.passed_on.notify_waiters();
    }
}

/// Has the end of the connection be a reset.
fn tear_down(outside: &TcpStream) {
    let _ = outside.set_zero_linger(); // one that is over needs none
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_two_ports_with_an_address_and_a_board_if_need_be() {
        let forward = |at: &str, board: Option<&str>, port| {
            Ok(Forward { at: at.parse().expect("an address"), board: board.map(str::to_owned), port })
        };
        for (text, wanted) in [
            ("8080:80", forward("127.0.0.1:8080", None, 80)),
            ("0:esp32-2:80", forward("127.0.0.1:0", Some("esp32-2"), 80)),
            ("0.0.0.0:8080:80", forward("0.0.0.0:8080", None, 80)),
            ("127.0.0.2:8080:rp2:80", forward("127.0.0.2:8080", Some("rp2"), 80)),
            ("[::1]:8080:esp32:80", forward("[::1]:8080", Some("esp32"), 80)),
        ] {
            assert_eq!(text.parse(), wanted, "{text}");
        }
        for wrong in ["", "8080", "8080:0", "x:80", "8080::80", "1.2.3.4:80", "::1:80:80", "8080:esp32:80:1", "70000:1"]
        {
            assert_eq!(wrong.parse::<Forward>(), Err(NoForward), "{wrong}");
        }
    }
}
