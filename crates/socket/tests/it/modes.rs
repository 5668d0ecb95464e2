//! Non-blocking and timed, for each call that may wait.

use std::io::Write;
use std::time::Duration;

use crate::kit::*;
use socklab_socket::{Error, Result};

const LIMIT: Duration = Duration::from_millis(30);

/// Sends until it fails, which it must as nobody reads.
fn until_full(mut send: impl FnMut() -> Result<usize>) -> Error {
    loop {
        if let Err(error) = send() {
            return error;
        }
    }
}

#[test]
fn modes_are_timeouts() {
    let socket = tcp(&net());
    assert_eq!(socket.timeout(), None);
    socket.setblocking(false);
    assert_eq!(socket.timeout(), Some(Duration::ZERO));
    socket.settimeout(Some(LIMIT));
    assert_eq!(socket.timeout(), Some(LIMIT));
    socket.settimeout(Some(Duration::MAX));
    assert_eq!(socket.timeout(), None);
    socket.setblocking(true);
    assert_eq!(socket.timeout(), None);
}

#[test]
fn non_blocking_the_bsd_family_fails_and_the_stream_family_gives_none() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    socket.setblocking(false);
    let listener = listener(&net, 1);
    listener.setblocking(false);
    for error in [listener.accept().err(), socket.recv(1).err(), socket.recvfrom(1).err()] {
        assert!(error.unwrap().is_would_block());
    }
    assert_eq!(socket.read(Some(1)).unwrap(), None);
    assert_eq!(socket.read(None).unwrap(), None);
    assert_eq!(socket.readinto(&mut [0; 4]).unwrap(), None);
    assert_eq!(socket.readline(None).unwrap(), None);
    peer.write_all(b"half").unwrap();
    assert_eq!(socket.read(Some(9)).unwrap().unwrap(), b"half");
    peer.write_all(b"a li").unwrap();
    assert_eq!(socket.readline(None).unwrap().unwrap(), b"a li");
    peer.write_all(b"all").unwrap();
    assert_eq!(socket.read(None).unwrap().unwrap(), b"all");
}

#[test]
fn non_blocking_and_full() {
    let net = net();
    let (socket, _peer) = pair(&net);
    socket.setblocking(false);
    let bytes = vec![1; 32 << 20];
    let error = socket.sendall(&bytes).unwrap_err();
    assert!(error.is_would_block() && error.done > 0 && error.done < bytes.len());
    // What went on its way meanwhile made room again.
    assert!(until_full(|| socket.send(&bytes)).is_would_block());
    let taken: Vec<Option<usize>> = std::iter::from_fn(|| Some(socket.write(&bytes).unwrap())).take(100).collect();
    assert!(taken.iter().all(|taken| taken.is_none_or(|taken| taken > 0 && taken < bytes.len())));
    assert!(taken.contains(&None));
}

#[test]
fn timed_reading() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    socket.settimeout(Some(LIMIT));
    timed_out(LIMIT, || socket.recv(1));
    timed_out(LIMIT, || socket.recvfrom(1));
    timed_out(LIMIT, || socket.read(None));
    timed_out(LIMIT, || socket.readline(None));
    timed_out(LIMIT, || socket.readinto(&mut [0; 4]));
    peer.write_all(b"half").unwrap();
    let mut got = Vec::new();
    let error = timed_out(LIMIT, || socket.read_onto(&mut got, Some(9)));
    assert_eq!((error.done, got.as_slice()), (4, &b"half"[..]));
    peer.write_all(b"li").unwrap();
    let error = timed_out(LIMIT, || socket.readline_onto(&mut got, None));
    assert_eq!((error.done, got.as_slice()), (2, &b"halfli"[..]));
    peer.write_all(b"in time").unwrap();
    assert_eq!(socket.recv(100).unwrap(), b"in time");
}

#[test]
fn timed_accept() {
    let net = net();
    let listener = listener(&net, 1);
    listener.settimeout(Some(LIMIT));
    let error = timed_out(LIMIT, || listener.accept());
    assert_eq!(error.to_string(), "accept: no answer in time (ETIMEDOUT)");
}

#[test]
fn timed_sending() {
    let net = net();
    let (socket, _peer) = pair(&net);
    socket.settimeout(Some(LIMIT));
    let bytes = vec![1; 32 << 20];
    let error = timed_out(LIMIT, || socket.sendall(&bytes));
    assert!(error.done > 0);
    timed_out(LIMIT, || -> Result<()> { Err(until_full(|| socket.send(&bytes))) });
    timed_out(LIMIT, || socket.write(&bytes));
}

/// A listener that takes no more: Linux drops what would not fit its backlog, as if nobody were there.
#[cfg(target_os = "linux")]
pub(crate) fn crowded(net: &socklab_socket::Net<Probe>) -> (impl Sized, std::net::SocketAddr) {
    let listener = listener(net, 0);
    let address = ip(&listener);
    let crowd: Vec<_> = (0..4).map(|_| tcp(net)).collect();
    for socket in &crowd {
        socket.setblocking(false);
        let _ = socket.connect(address);
    }
    ((listener, crowd), address)
}

#[cfg(target_os = "linux")]
#[test]
fn timed_connect() {
    let net = net();
    let (_held, address) = crowded(&net);
    let socket = tcp(&net);
    socket.settimeout(Some(LIMIT));
    timed_out(LIMIT, || socket.connect(address));
    assert_eq!(socket.connect(address).unwrap_err().errno(), Some(socklab_socket::Errno::EALREADY));
}
