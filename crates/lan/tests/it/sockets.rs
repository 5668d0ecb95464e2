//! The socket API on the network: threads, a clock that runs, and a thread that carries the frames. No test waits for
//! time to pass, and none tells how long something took.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socklab_lan::{
    Addressing, Attach, Event, Host, HostConfig, Ipv4Config, Lan, LanConfig, LanStack, Mac, Medium, PortId, Profile,
    Refusal, Seed, Time,
};
use socklab_socket::{Entry, Errno, Family, Kind, LookupFailure, Net, Protocol, Query, Ready, Type};

/// What the thread with the network is told.
enum Said {
    Frame(PortId, Bytes),
    End,
}

/// Boards whose frames a thread carries.
struct Cables {
    stacks: Vec<LanStack>,
    lan: Sender<Said>,
    threads: Vec<JoinHandle<()>>,
}

impl Cables {
    fn new(count: u32) -> Cables {
        let (sender, receiver) = channel();
        let mut lan = Lan::new(LanConfig::default());
        let boards: Vec<(PortId, LanStack)> = (1..=count).map(|number| board(&mut lan, number, &sender)).collect();
        let stacks: Vec<LanStack> = boards.iter().map(|(_, stack)| stack.clone()).collect();
        let mut threads: Vec<JoinHandle<()>> =
            stacks.iter().cloned().map(|stack| thread::spawn(move || stack.run())).collect();
        let start = Instant::now();
        threads.push(thread::spawn(move || {
            loop {
                let now = Time::ZERO + start.elapsed();
                let next = lan.poll(now);
                while let Some(event) = lan.poll_event() {
                    if let Event::Dialled { flow, .. } = event {
                        lan.refuse(flow, Refusal::Reset).unwrap();
                        lan.poll(now);
                    }
                }
                while let Some((port, interface, frame)) = lan.poll_transmit() {
                    boards
                        .iter()
                        .filter(|(board, _)| *board == port)
                        .for_each(|(_, stack)| stack.deliver(interface, [frame.clone()]));
                }
                let span = next.map_or(Duration::from_secs(3600), |next| next - now);
                match receiver.recv_timeout(span) {
                    Ok(Said::Frame(port, frame)) => lan.handle_frame(Time::ZERO + start.elapsed(), port, frame),
                    Ok(Said::End) => return,
                    Err(_) => {}
                }
            }
        }));
        stacks.iter().for_each(|stack| stack.with(|host| host.set_link(host.now(), true)));
        Cables { stacks, lan: sender, threads }
    }

    fn net(&self, number: usize) -> Net<LanStack> {
        Net::new(self.stacks[number].clone())
    }
}

impl Drop for Cables {
    fn drop(&mut self) {
        self.stacks.iter().for_each(LanStack::stop);
        self.lan.send(Said::End).unwrap();
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn address(number: usize) -> IpAddr {
    Ipv4Addr::new(192, 168, 1, 10 + number as u8).into()
}

fn board(lan: &mut Lan, number: u32, to: &Sender<Said>) -> (PortId, LanStack) {
    let mac = Mac::local(number);
    let name = format!("b{number}");
    let attach = Attach { name: name.clone(), mac, medium: Medium::Cable, address: None };
    let port = lan.attach(Time::ZERO, attach).unwrap();
    let plan = lan.plan();
    let IpAddr::V4(address) = address(number as usize - 1) else { unreachable!() };
    let config = Ipv4Config { address, prefix: 24, gateway: Some(plan.gateway), dns: vec![plan.gateway] };
    let addressing = Addressing::Static(config);
    let host = Host::new(HostConfig { mac, name, seed: Seed(number.into()), profile: Profile::LINUX, addressing });
    let to = to.clone();
    // At the end nobody carries frames any more.
    let transmit = Box::new(move |frame| drop(to.send(Said::Frame(port, frame))));
    (port, LanStack::new(host, transmit, Box::new(Instant::now)))
}

#[test]
fn a_stream_carries_a_megabyte_both_ways() {
    let cables = Cables::new(2);
    let (server, client) = (cables.net(0), cables.net(1));
    let listener = server.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    listener.bind((Ipv4Addr::UNSPECIFIED, 80)).unwrap();
    listener.listen(1).unwrap();
    let echo = thread::spawn(move || {
        let (peer, _) = listener.accept().unwrap();
        loop {
            let bytes = peer.recv(65536).unwrap();
            if bytes.is_empty() {
                return;
            }
            peer.sendall(&bytes).unwrap();
        }
    });
    let socket = client.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    socket.connect((address(0), 80)).unwrap();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let writer = {
        let (socket, sent) = (socket.clone(), sent.clone());
        thread::spawn(move || {
            socket.sendall(&sent).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
        })
    };
    assert!(socket.read(None).unwrap().unwrap() == sent);
    writer.join().unwrap();
    echo.join().unwrap();
}

#[test]
fn datagrams_poll_and_timeouts() {
    let cables = Cables::new(2);
    let (one, other) = (cables.net(0), cables.net(1));
    let a = one.socket(Family::Inet, Type::Datagram, Protocol::Usual).unwrap();
    let b = other.socket(Family::Inet, Type::Datagram, Protocol::Usual).unwrap();
    b.bind((Ipv4Addr::UNSPECIFIED, 4000)).unwrap();
    b.settimeout(Some(Duration::from_millis(1)));
    assert!(b.recvfrom(100).unwrap_err().is_timed_out());
    a.sendto(b"hello", (address(1), 4000)).unwrap();
    let mut entries = [Entry::new(&b, Ready::IN)];
    assert_eq!(other.poll(&mut entries, None).unwrap(), 1);
    let (bytes, from) = b.recvfrom(100).unwrap();
    assert_eq!((bytes.as_slice(), from.unwrap().ip().unwrap().ip()), (&b"hello"[..], address(0)));
}

#[test]
fn refusals_interrupts_and_closing() {
    let cables = Cables::new(2);
    let net = cables.net(1);
    let socket = net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    let error = socket.connect((address(0), 9)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED));
    let outside = net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    let pc: SocketAddr = (Ipv4Addr::new(192, 168, 1, 115), 9).into();
    assert_eq!(outside.connect(pc).unwrap_err().errno(), Some(Errno::ECONNREFUSED));

    let listener = net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    listener.bind((Ipv4Addr::UNSPECIFIED, 80)).unwrap();
    listener.listen(1).unwrap();
    let interrupt = net.interrupt();
    let other = thread::spawn(move || interrupt.raise());
    assert!(listener.accept().unwrap_err().is_interrupted());
    other.join().unwrap();
    let waits = listener.clone();
    let other = thread::spawn(move || waits.accept().map(|_| ()).unwrap_err().errno());
    listener.close();
    assert_eq!(other.join().unwrap(), Some(Errno::EBADF));
}

#[test]
fn names_are_found() {
    let cables = Cables::new(2);
    let net = cables.net(0);
    let found = net.getaddrinfo(&Query::new("b2.lan", 80).family(Family::Inet)).unwrap();
    assert_eq!(found[0].address, SocketAddr::new(address(1), 80));
    let error = net.getaddrinfo(&Query::new("nobody.lan", 80)).unwrap_err();
    assert_eq!(error.kind(), Kind::Lookup(LookupFailure::NoName));
}

#[test]
fn a_board_reaches_itself() {
    let cables = Cables::new(1);
    let net = cables.net(0);
    let listener = net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    listener.bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.listen(1).unwrap();
    let socket = net.socket(Family::Inet, Type::Stream, Protocol::Usual).unwrap();
    socket.connect(listener.local_address().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    socket.sendall(b"to myself\n").unwrap();
    assert_eq!(peer.readline(None).unwrap().as_deref(), Some(&b"to myself\n"[..]));
}
