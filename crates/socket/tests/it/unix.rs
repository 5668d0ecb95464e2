//! Unix sockets, in a folder of their own.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use crate::kit::*;
use socklab_socket::{Address, Errno, Family, Net, Protocol, Socket, Type, UnixName};

fn open(net: &Net<Probe>, kind: Type) -> Socket<Probe> {
    net.socket(Family::Unix, kind, Protocol::Usual).unwrap()
}

#[test]
fn streams() {
    let net = net();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = open(&net, Type::Stream);
    listener.bind(Address::unix(&path)).unwrap();
    listener.listen(1).unwrap();
    assert_eq!(listener.local_address().unwrap(), Address::unix(&path));
    let mut peer = UnixStream::connect(&path).unwrap();
    let (socket, address) = listener.accept().unwrap();
    assert_eq!(address, Address::Unix(UnixName::Unnamed));
    peer.write_all(b"line\n").unwrap();
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"line\n");
    socket.sendall(b"back").unwrap();
    socket.close();
    let mut got = String::new();
    peer.read_to_string(&mut got).unwrap();
    assert_eq!(got, "back");
}

#[test]
fn dialling() {
    let net = net();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let error = open(&net, Type::Stream).connect(Address::unix(&path)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOENT));
    assert_eq!(error.to_string(), format!("connect to {}: no such file (ENOENT)", path.display()));
    let listener = UnixListener::bind(&path).unwrap();
    let socket = open(&net, Type::Stream);
    socket.connect(Address::unix(&path)).unwrap();
    assert_eq!(socket.peer_address().unwrap(), Address::unix(&path));
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"hello").unwrap();
    assert_eq!(socket.read(Some(5)).unwrap().unwrap(), b"hello");
    let long = Address::unix("x".repeat(200));
    assert_eq!(open(&net, Type::Stream).connect(long).unwrap_err().errno(), Some(Errno::EINVAL));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_backlog_makes_a_dial_wait() {
    let net = net();
    let folder = tempfile::tempdir().unwrap();
    let path = Address::unix(folder.path().join("s"));
    let listener = open(&net, Type::Stream);
    listener.bind(path.clone()).unwrap();
    listener.listen(0).unwrap();
    let first = open(&net, Type::Stream);
    first.connect(path.clone()).unwrap();
    let second = open(&net, Type::Stream);
    second.setblocking(false);
    assert!(second.connect(path.clone()).unwrap_err().is_would_block());
    let limit = Duration::from_millis(30);
    second.settimeout(Some(limit));
    timed_out(limit, || second.connect(path.clone()));
    second.setblocking(true);
    interrupted(&net, || second.connect(path.clone()));
    once_waiting(&net, || drop(listener.accept().unwrap()), || second.connect(path.clone())).unwrap();
}

#[test]
fn datagrams_have_senders() {
    let net = net();
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("a"), folder.path().join("b"));
    let socket = open(&net, Type::Datagram);
    socket.bind(Address::unix(&ours)).unwrap();
    let peer = UnixDatagram::bind(&theirs).unwrap();
    peer.send_to(b"one", &ours).unwrap();
    assert_eq!(socket.recvfrom(9).unwrap(), (b"one".to_vec(), Some(Address::unix(&theirs))));
    socket.sendto(b"two", Address::unix(&theirs)).unwrap();
    let mut into = [0; 9];
    let (count, from) = peer.recv_from(&mut into).unwrap();
    assert_eq!((count, from.as_pathname()), (3, Some(ours.as_path())));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_queue_makes_a_datagram_wait() {
    let net = net();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let peer = UnixDatagram::bind(&path).unwrap();
    let socket = open(&net, Type::Datagram);
    let send = || socket.sendto(b"x", Address::unix(&path));
    socket.setblocking(false);
    while send().is_ok() {}
    assert!(send().unwrap_err().is_would_block());
    // Linux says that there is room, as it does not know whom the next one is for.
    let limit = Duration::from_millis(30);
    socket.settimeout(Some(limit));
    timed_out(limit, send);
    socket.setblocking(true);
    interrupted(&net, send);
    once_waiting(&net, || assert_eq!(peer.recv(&mut [0; 9]).unwrap(), 1), send).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names() {
    let net = net();
    let name = Address::Unix(UnixName::Abstract(format!("socklab-test-{}", std::process::id()).into_bytes()));
    let (socket, sender) = (open(&net, Type::Datagram), open(&net, Type::Datagram));
    socket.bind(name.clone()).unwrap();
    assert_eq!(socket.local_address().unwrap(), name);
    assert!(name.to_string().starts_with("@socklab-test-"));
    sender.sendto(b"x", name).unwrap();
    assert_eq!(socket.recv(9).unwrap(), b"x");
}
