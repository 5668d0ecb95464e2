//! Where a board's dials and datagrams lead: to an endpoint that is open here; else to one of another Socklab of the
//! same user; else, if allowed, to this machine's loopback or to the real host; else nowhere, and that is said.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use bytes::Bytes;
use socklab_board::look::Said;
use socklab_capture::Address;
use socklab_lan::{FlowId, PortId, Refusal};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use super::{Flow, LanStream, Network, forward};
use crate::hub::{Endpoint, EndpointState, Hub};
use crate::registry::{self, Kind};
use crate::url::{Host, HostPort, Place};

/// Datagrams of a board that wait for another program.
const RELAYED: usize = 256;

/// How long a relay of datagrams is kept that nobody uses.
const RELAY_IDLE: std::time::Duration = std::time::Duration::from_secs(60);

impl Network {
    /// A board dials somebody who is no board: the dial is held until this has decided.
    pub(super) fn dialled(
        self: &Rc<Self>,
        hub: &Rc<Hub>,
        flow: FlowId,
        port: PortId,
        from: SocketAddr,
        to: SocketAddr,
    ) {
        if let Some(endpoint) = endpoint_for(hub, to, |place| matches!(place, Place::TcpListen(_))) {
            let (network, hub) = (Rc::clone(self), Rc::clone(hub));
            tokio::task::spawn_local(async move {
                if let Ok(stream) = network.accept(flow, to, from).await {
                    hub.admit(&endpoint, stream);
                }
            });
            return;
        }
        let (network, hub, ways) = (Rc::clone(self), Rc::clone(hub), self.ways(to, Kind::Tcp));
        tokio::task::spawn_local(async move {
            match first_connected(&hub, &ways, from).await {
                Some(outside) => network.relay_stream(flow, to, from, outside).await,
                None => network.refuse(&hub, flow, port, to),
            }
        });
    }

    /// Real addresses that stand for one that a board wants, the first first.
    fn ways(&self, to: SocketAddr, kind: Kind) -> Vec<SocketAddr> {
        let is_here = self.stands_for_this_machine(to.ip());
        let mut ways = if is_here { registry::others(kind, to.port()) } else { Vec::new() };
        if is_here && self.settings.host_loopback {
            ways.push((Ipv4Addr::LOCALHOST, to.port()).into());
        }
        if !is_here && self.settings.internet {
            ways.push(to);
        }
        ways
    }

    /// Addresses of the network that no board has are this machine, and so are all private ones of other networks: the
    /// computer of whoever wrote the program is often at one of those.
    fn stands_for_this_machine(&self, address: IpAddr) -> bool {
        let is_private = match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        self.reaches(address) || is_private
    }

    async fn accept(self: &Rc<Self>, id: FlowId, own: SocketAddr, board: SocketAddr) -> io::Result<LanStream> {
        let (opened, made) = oneshot::channel();
        self.flows.borrow_mut().insert(id, Flow { opened: Some(opened), ..Flow::default() });
        let stream = LanStream::new(Rc::clone(self), id, own, board);
        self.lan.borrow_mut().accept(id).map_err(io::Error::other)?;
        self.poked.notify_one();
        made.await.unwrap_or_else(|_| Err(io::ErrorKind::ConnectionAborted.into()))?;
        Ok(stream)
    }

    async fn relay_stream(self: &Rc<Self>, id: FlowId, own: SocketAddr, board: SocketAddr, outside: TcpStream) {
        if let Ok(stream) = self.accept(id, own, board).await {
            forward::join(stream, outside).await;
        }
    }

    fn refuse(&self, hub: &Hub, flow: FlowId, port: PortId, to: SocketAddr) {
        let is_here = self.stands_for_this_machine(to.ip());
        let how = if is_here { Refusal::Reset } else { Refusal::Unreachable };
        let _ = self.lan.borrow_mut().refuse(flow, how); // the board may have given up
        self.poked.notify_one();
        self.say_why(hub, port, to, ("dialled", "连接"), is_here);
    }

    fn say_why(&self, hub: &Hub, port: PortId, to: SocketAddr, (did, zh): (&str, &str), is_here: bool) {
        let name = self.ports.borrow().get(&port).map_or_else(String::new, |port| port.name.clone());
        let said = match is_here {
            true => Said::new(
                format!("{name} {did} {to}: nobody listens on port {}", to.port()),
                format!("{name} {zh} {to}：没有程序监听端口 {}", to.port()),
            ),
            false => Said::new(
                format!("{name} {did} {to}, which is not on the network; --internet lets it"),
                format!("{name} {zh} {to}，它不在此网络内；--internet 可以放行"),
            ),
        };
        self.remark(hub, port, &said);
    }

    /// A board has sent a datagram to somebody who is no board, or to all.
    pub(super) fn datagram(
        self: &Rc<Self>,
        hub: &Rc<Hub>,
        port: PortId,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Bytes,
    ) {
        if let Some(endpoint) = endpoint_for(hub, to, |place| matches!(place, Place::Udp(_))) {
            return crate::datagram::deliver_from_board(hub, &endpoint, Address::Inet(from), &bytes);
        }
        let for_many = match to.ip() {
            IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4 == self.broadcast(),
            IpAddr::V6(v6) => v6.is_multicast(),
        };
        if for_many {
            return;
        }
        if let Some(relay) = self.relays.borrow().get(&(from, to))
            && !relay.is_closed()
        {
            let _ = relay.try_send(bytes); // a full queue loses datagrams
            return;
        }
        match self.ways(to, Kind::Udp).first() {
            Some(&outside) => self.relay_datagrams(from, to, outside, bytes),
            None => {
                self.lan.borrow_mut().refuse_datagram(from, to);
                self.say_why(
                    hub,
                    port,
                    to,
                    ("sent a datagram to", "发送数据报到"),
                    self.stands_for_this_machine(to.ip()),
                );
            }
        }
    }

    /// Sends a board's datagrams on to another program, and its answers back, until neither says anything.
    fn relay_datagrams(self: &Rc<Self>, board: SocketAddr, to: SocketAddr, outside: SocketAddr, first: Bytes) {
        let (sender, mut waiting) = mpsc::channel(RELAYED);
        let _ = sender.try_send(first); // there is room for one
        self.relays.borrow_mut().insert((board, to), sender);
        let network = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let Ok(socket) = datagram_socket(board, outside).await else { return };
            let mut buffer = vec![0; 64 << 10];
            loop {
                let turn = tokio::time::timeout(RELAY_IDLE, async {
                    tokio::select! {
                        Some(bytes) = waiting.recv() => drop(socket.send_to(&bytes, outside).await),
                        Ok((count, from)) = socket.recv_from(&mut buffer) => {
                            let own = SocketAddr::new(to.ip(), from.port());
                            network.lan.borrow_mut().send_datagram(network.now(), own, board, &buffer[..count]);
                            network.poked.notify_one();
                        }
                    }
                });
                if turn.await.is_err() {
                    network.relays.borrow_mut().remove(&(board, to));
                    return;
                }
            }
        });
    }
}

/// The endpoint that is open at this address, which has the whole network for its own.
fn endpoint_for(hub: &Hub, to: SocketAddr, is_kind: impl Fn(&Place) -> bool) -> Option<Rc<Endpoint>> {
    let fits = |endpoint: &&Rc<Endpoint>| {
        let url = endpoint.url.borrow();
        let (Place::TcpListen(HostPort { host, port }) | Place::Udp(HostPort { host, port })) = &url.place else {
            return false;
        };
        let takes = match host {
            Host::Ip(IpAddr::V4(v4)) if v4.is_multicast() => to.ip() == *v4,
            _ => true,
        };
        is_kind(&url.place) && *port == to.port() && takes && endpoint.state.get() == EndpointState::Open
    };
    hub.endpoints.borrow().values().find(fits).cloned()
}

/// The first of these that answers.
async fn first_connected(hub: &Hub, ways: &[SocketAddr], board: SocketAddr) -> Option<TcpStream> {
    for way in ways.iter().filter(|way| hub.control.check(**way).is_ok()) {
        let attempt = async {
            let socket = if way.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            if let Some(own) = own_loopback(board).filter(|_| way.ip().is_loopback() && way.is_ipv4()) {
                let _ = socket.bind(own); // not every system has the whole of 127.0.0.0/8
            }
            socket.connect(*way).await
        };
        if let Ok(connected) = attempt.await {
            return Some(connected);
        }
    }
    None
}

async fn datagram_socket(board: SocketAddr, outside: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if outside.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        "[::]:0".parse().map_err(io::Error::other)?
    };
    match own_loopback(board).filter(|_| outside.ip().is_loopback() && outside.is_ipv4()) {
        Some(own) => match UdpSocket::bind(own).await {
            Ok(socket) => Ok(socket),
            Err(_) => UdpSocket::bind(any).await,
        },
        None => UdpSocket::bind(any).await,
    }
}

/// An address of this machine for each board, so that other programs can tell them apart: 127.168.1.20 for
/// 192.168.1.20.
fn own_loopback(board: SocketAddr) -> Option<SocketAddr> {
    let IpAddr::V4(v4) = board.ip() else { return None };
    let [_, b, c, d] = v4.octets();
    Some((Ipv4Addr::new(127, b, c, d), 0).into())
}
