//! Unix sockets.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use socklab_engine::{Command, Reply, Targets, WhenFull};

use crate::support::{Lab, PATIENCE, in_time, says};

fn with_deadline(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("settable");
    stream.set_write_timeout(Some(PATIENCE)).expect("settable");
    stream
}

fn datagrams(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).expect("binds");
    socket.set_read_timeout(Some(PATIENCE)).expect("settable");
    socket.set_write_timeout(Some(PATIENCE)).expect("settable");
    socket
}

#[test]
fn a_stream_server_takes_over_a_dead_socket_file_and_removes_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    drop(UnixListener::bind(&path).expect("binds")); // leaves its file behind
    let mut lab = Lab::new();
    let url = format!("unix-listen:{}?echo=1", path.display());
    lab.open(&url);
    let to = path.clone();
    let mut stream = with_deadline(in_time("a connection", || UnixStream::connect(to)).expect("connects"));
    stream.write_all(b"hello").expect("writes");
    let mut back = [0; 5];
    stream.read_exact(&mut back).expect("reads");
    assert_eq!(&back, b"hello");
    lab.wait_for("the echo", |seen| seen.kind == "sent" && seen.bytes == b"hello");
    let Reply::Failed(failure) = lab.try_open(&url) else { panic!("it is in use") };
    assert!(failure.to_string().contains("address already in use"), "{failure}");
    assert_eq!(lab.status()[0].peers.len(), 1, "whoever asked whether it lives is no client");
    lab.finish();
    assert!(!path.exists(), "nothing is left behind");
}

#[test]
fn a_client_finds_its_server_and_says_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let lab = Lab::new();
    let url = format!("unix:{}", path.display());
    let Reply::Failed(failure) = lab.try_open(&url) else { panic!("there is nothing there") };
    assert!(failure.to_string().contains("there is nothing of that name (ENOENT 2)"), "{failure}");
    let listener = UnixListener::bind(&path).expect("binds");
    lab.open(&url);
    let mut server = with_deadline(in_time("a connection", move || listener.accept()).expect("accepts").0);
    lab.call(Command::Send { to: Targets::All, bytes: "ping".into(), when_full: WhenFull::Refuse });
    let mut ping = [0; 4];
    server.read_exact(&mut ping).expect("reads");
    assert_eq!(&ping, b"ping");
}

#[test]
fn datagrams_go_to_and_fro_between_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (folder.path().join("a"), folder.path().join("b"));
    let socket = datagrams(&theirs);
    let mut lab = Lab::new();
    lab.open(&format!("unix-dgram:{}?echo=1", ours.display()));
    socket.send_to(b"hello", &ours).expect("sends");
    let mut back = [0; 8];
    let length = socket.recv(&mut back).expect("it comes back");
    assert_eq!(&back[..length], b"hello");
    lab.wait_for("the echo", |seen| seen.kind == "sent");
    UnixDatagram::unbound().expect("a socket").send_to(b"anonymous", &ours).expect("sends");
    lab.wait_for("the anonymous one", |seen| seen.bytes == b"anonymous");
    lab.wait_for("why it is not answered", says("the peer has no name to send to"));
    lab.finish();
    assert!(!ours.exists(), "nothing is left behind");
}

#[test]
fn a_datagram_peer_that_does_not_read_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (deaf, other) = (folder.path().join("deaf"), folder.path().join("other"));
    let _deaf = UnixDatagram::bind(&deaf).expect("binds");
    let socket = datagrams(&other);
    let lab = Lab::new();
    lab.open(&format!("unix-dgram:?peer={}&peer={}", deaf.display(), other.display()));
    for n in 0..200u8 {
        lab.call(Command::Send { to: Targets::All, bytes: vec![n].into(), when_full: WhenFull::Refuse });
    }
    for n in 0..200u8 {
        let mut byte = [0];
        socket.recv(&mut byte).expect("it comes");
        assert_eq!(byte, [n]);
    }
}
