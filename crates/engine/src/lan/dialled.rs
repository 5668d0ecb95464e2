//! Where a board's dials and datagrams lead: to an endpoint that is open here; else to one of another Socklab of the
//! same user; else, if allowed, to this machine's loopback or to the real host; else nowhere, and that is said. How
//! datagrams are passed on to other programs is in `relay`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use socklab_board::look::Said;
use socklab_capture::Address;
use socklab_lan::{FlowId, PortId, Refusal};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::{Flow, LanStream, Network};
use crate::failure::Lang;
use crate::hub::{Endpoint, EndpointState, Hub};
use crate::registry::{self, Kind};
use crate::url::{Host, HostPort, Place};

/// What was found or said so lately is not looked for or said again, for each of a board's datagrams.
const LATELY: Duration = Duration::from_secs(1);

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
        let beside = endpoint_for(hub, to, |place| matches!(place, Place::TcpListen(_)));
        if let Some(endpoint) = beside.filter(|_| self.stands_for_this_machine(to.ip())) {
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
                Ok(outside) => network.relay_stream(flow, to, from, outside).await,
                Err(error) => network.refuse(&hub, flow, port, to, &error),
            }
        });
    }

    /// Real addresses that stand for one that a board wants, the first first.
    fn ways(&self, to: SocketAddr, kind: Kind) -> Vec<SocketAddr> {
        let is_here = self.stands_for_this_machine(to.ip());
        let mut ways = if is_here { self.others(kind, to.port()) } else { Vec::new() };
        if is_here && self.settings.host_loopback {
            ways.push((Ipv4Addr::LOCALHOST, to.port()).into());
            if kind == Kind::Tcp {
                ways.push((Ipv6Addr::LOCALHOST, to.port()).into()); // servers may be bound to that alone
            }
        }
        if self.reaches_outside(to.ip()) {
            ways.push(to);
        }
        ways
    }

    /// Where other Socklabs have the port open. A board that floods has nobody look for each of its datagrams.
    fn others(&self, kind: Kind, port: u16) -> Vec<SocketAddr> {
        if kind == Kind::Tcp {
            return registry::others(kind, port);
        }
        let now = Instant::now();
        let mut found = self.found.borrow_mut();
        found.retain(|_, (at, _)| now < *at + LATELY);
        found.entry(port).or_insert_with(|| (now, registry::others(kind, port))).1.clone()
    }

    /// Whether boards may dial the address where it really is.
    fn reaches_outside(&self, address: IpAddr) -> bool {
        self.settings.internet && !self.reaches(address)
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
            self.join(stream, outside).await;
        }
    }

    fn refuse(&self, hub: &Hub, flow: FlowId, port: PortId, to: SocketAddr, error: &io::Error) {
        let is_somebody = self.stands_for_this_machine(to.ip()) || self.reaches_outside(to.ip());
        let is_refused = is_somebody && error.kind() == io::ErrorKind::ConnectionRefused;
        let how = if is_refused { Refusal::Reset } else { Refusal::Unreachable };
        let _ = self.lan.borrow_mut().refuse(flow, how); // the board may have given up
        self.poked.notify_one();
        self.say_why(hub, port, to, ("dialled", "连接"), error);
    }

    fn say_why(&self, hub: &Hub, port: PortId, to: SocketAddr, (did, zh): (&str, &str), error: &io::Error) {
        let name = self.ports.borrow().get(&port).map_or_else(String::new, |port| port.name.clone());
        let (is_here, is_beyond) = (self.stands_for_this_machine(to.ip()), self.reaches_outside(to.ip()));
        let (why, zh_why) = if !is_here && !is_beyond {
            (", which is not on the network; --internet lets it".into(), "，它不在此网络内；--internet 可以放行".into())
        } else if is_here && error.kind() == io::ErrorKind::ConnectionRefused {
            (format!(": nobody listens on port {}", to.port()), format!("：没有程序监听端口 {}", to.port()))
        } else {
            let cause = |lang| crate::failure::cause(error, lang);
            (format!(": {}", cause(Lang::En)), format!("：{}", cause(Lang::Zh)))
        };
        self.remark(hub, port, &Said::new(format!("{name} {did} {to}{why}"), format!("{name} {zh} {to}{zh_why}")));
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
        let for_many = match to.ip() {
            IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4 == self.broadcast(),
            IpAddr::V6(v6) => v6.is_multicast(),
        };
        let beside = endpoint_for(hub, to, |place| matches!(place, Place::Udp(_)));
        let beside = beside.filter(|_| for_many || self.stands_for_this_machine(to.ip()));
        let is_taken = beside.is_some();
        if let Some(endpoint) = beside {
            crate::datagram::deliver_from_board(hub, &endpoint, Address::Inet(from), &bytes);
        }
        if for_many {
            let own = SocketAddr::new(self.pc_towards(from.ip()), to.port());
            let others = self.others(Kind::Udp, to.port());
            return others
                .into_iter()
                .for_each(|other| self.relay_datagram(hub, port, (from, own), other, bytes.clone()));
        }
        match self.ways(to, Kind::Udp).first() {
            _ if is_taken => {}
            Some(&outside) => self.relay_datagram(hub, port, (from, to), outside, bytes),
            None => self.refuse_datagram(hub, port, (from, to), &io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// A board does not take a datagram that an endpoint has sent to it.
    pub(super) fn datagram_refused(hub: &Hub, from: SocketAddr, board: SocketAddr) {
        if let Some(endpoint) = endpoint_for(hub, from, |place| matches!(place, Place::Udp(_))) {
            crate::datagram::refused_by_board(hub, &endpoint, &Address::Inet(board));
        }
    }

    pub(super) fn refuse_datagram(
        &self,
        hub: &Hub,
        port: PortId,
        (board, to): (SocketAddr, SocketAddr),
        error: &io::Error,
    ) {
        self.lan.borrow_mut().refuse_datagram(board, to);
        let now = Instant::now();
        let mut said = self.said.borrow_mut();
        said.retain(|_, at| now < *at + LATELY);
        if said.insert((board, to), now).is_some() {
            return;
        }
        self.say_why(hub, port, to, ("sent a datagram to", "发送数据报到"), error);
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

/// The first of these that answers; why the last did not.
async fn first_connected(hub: &Hub, ways: &[SocketAddr], board: SocketAddr) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::ConnectionRefused.into();
    for way in ways.iter().filter(|way| hub.control.check(**way).is_ok()) {
        let attempt = async {
            let socket = if way.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            if let Some(own) = own_loopback(board).filter(|_| way.ip().is_loopback() && way.is_ipv4()) {
                let _ = socket.bind(own); // not every system has the whole of 127.0.0.0/8
            }
            socket.connect(*way).await
        };
        match attempt.await {
            Ok(connected) => return Ok(connected),
            Err(_) if way.ip() == Ipv6Addr::LOCALHOST => {} // there may be none; 127.0.0.1 has said why
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An address of this machine for each board, so that other programs can tell them apart: 127.168.1.20 for
/// 192.168.1.20.
pub(super) fn own_loopback(board: SocketAddr) -> Option<SocketAddr> {
    let IpAddr::V4(v4) = board.ip() else { return None };
    let [_, b, c, d] = v4.octets();
    Some((Ipv4Addr::new(127, b, c, d), 0).into())
}
