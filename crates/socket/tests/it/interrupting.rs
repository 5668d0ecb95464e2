//! Reaching a thread that waits, at every place where one can wait.

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, OnceLock};

use crate::kit::*;
use socklab_socket::{Entry, Errno, Kind, Net, OsStack, Query, Ready, Socket};

#[test]
fn accepting() {
    let net = net();
    let listener = listener(&net, 1);
    let error = interrupted(&net, || listener.accept());
    assert_eq!(error.to_string(), "accept: interrupted");
    assert_eq!(error.errno(), Some(Errno::EINTR));
}

#[cfg(target_os = "linux")]
#[test]
fn connecting() {
    let net = net();
    let (_held, address) = crate::modes::crowded(&net);
    let socket = tcp(&net);
    interrupted(&net, || socket.connect(address));
}

#[test]
fn receiving() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    interrupted(&net, || socket.recv(1));
    interrupted(&net, || socket.recvfrom(1));
    interrupted(&net, || socket.recv_into(&mut [0; 1]));
    interrupted(&net, || socket.read(None));
    interrupted(&net, || socket.readinto(&mut [0; 1]));
    interrupted(&net, || socket.readline(None));
    let datagrams = udp(&net);
    interrupted(&net, || datagrams.recvfrom(1));
    // A loop that has something already keeps it.
    peer.write_all(b"some").unwrap();
    let mut got = Vec::new();
    let error = interrupted(&net, || socket.read_onto(&mut got, Some(9)));
    assert_eq!((error.done, got.as_slice()), (4, &b"some"[..]));
    peer.write_all(b"more").unwrap();
    assert_eq!(socket.recv(9).unwrap(), b"more");
}

#[test]
fn sending() {
    let net = net();
    let bytes = vec![0; 32 << 20];
    let (socket, _peer) = pair(&net);
    let error = interrupted(&net, || socket.sendall(&bytes));
    assert!(error.done > 0);
    interrupted(&net, || socket.write(&bytes));
    interrupted(&net, || -> socklab_socket::Result<()> {
        loop {
            socket.send(&bytes)?;
        }
    });
}

#[test]
fn polling_and_selecting() {
    let net = net();
    let (socket, _peer) = pair(&net);
    interrupted(&net, || net.poll(&mut [Entry::new(&socket, Ready::IN)], None));
    interrupted(&net, || net.select(&[&socket], &[], &[], None));
    interrupted(&net, || net.poll(&mut [], None));
}

#[test]
fn looking_names_up() {
    let (held, holds) = channel::<()>();
    let holds = Mutex::new(holds);
    let stack = OsStack::new().with_resolver(move |query| {
        let _ = holds.lock().unwrap().recv();
        query.answers([Ipv4Addr::LOCALHOST.into()])
    });
    let net = Probe::over(stack);
    let error = interrupted(&net, || net.getaddrinfo(&Query::new("slow.test", 1)));
    assert_eq!(error.to_string(), "look up slow.test: interrupted");
    // The one that was given up does not disturb the next.
    drop(held);
    assert_eq!(net.getaddrinfo(&Query::new("slow.test", 1)).unwrap().len(), 1);
}

#[test]
fn raised_before_it_waits_it_counts_once() {
    let net = net();
    let (socket, mut peer) = pair(&net);
    net.interrupt().raise();
    net.interrupt().raise();
    peer.write_all(b"x").unwrap();
    assert!(net.poll(&mut [], None).unwrap_err().is_interrupted());
    assert_eq!(socket.recv(1).unwrap(), b"x");
    assert_eq!(net.poll(&mut [Entry::new(&socket, Ready::OUT)], None).unwrap(), 1);
    net.interrupt().raise();
    assert!(net.interrupt().clear());
    assert!(!net.interrupt().clear());
    assert_eq!(net.poll(&mut [Entry::new(&socket, Ready::OUT)], None).unwrap(), 1);
}

#[test]
fn a_peer_that_always_keeps_up_does_not_make_it_deaf() {
    let net = net();
    let (left, right) = both(&net);
    right.sendall(&[0; 1000]).unwrap();
    net.interrupt().raise();
    // All is there already, or comes while it waits: interrupted in both cases, as it needs a second piece.
    let error = left.read(Some(5000)).unwrap_err();
    assert!(error.is_interrupted());
}

#[test]
fn closing_ends_the_wait() {
    let net = net();
    let (socket, _peer) = pair(&net);
    let listener = listener(&net, 1);
    for waiting in [&socket, &listener] {
        let other = waiting.clone();
        let error = once_waiting(
            &net,
            move || other.close(),
            || match waiting.peer_address() {
                Ok(_) => waiting.recv(1).map(|_| ()),
                Err(_) => waiting.accept().map(|_| ()),
            },
        );
        assert_eq!(error.unwrap_err().errno(), Some(Errno::EBADF));
    }
    let (socket, _peer) = pair(&net);
    let other = socket.clone();
    let mut entries = [Entry::new(&socket, Ready::IN)];
    assert_eq!(once_waiting(&net, move || other.close(), || net.poll(&mut entries, None)).unwrap(), 1);
    assert_eq!(entries[0].ready, Ready::NVAL);
}

/// A net whose hook counts how often it runs, and then does something.
fn hooked(
    act: impl Fn() -> Result<(), socklab_socket::Cause> + Send + Sync + 'static,
) -> (Net<Probe>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let hook = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        act()
    };
    (Net::with_hook(Probe::new(OsStack::new()), hook), count)
}

#[test]
fn the_hook_runs_while_a_call_waits() {
    let (told, tells) = channel();
    let (net, count) = hooked(move || {
        told.send(std::thread::current().id()).unwrap();
        Ok(())
    });
    let (socket, mut peer) = pair(&net);
    let interrupt = net.interrupt();
    let act = move || {
        interrupt.wake();
        // In the thread that waits, which is not this one.
        assert_ne!(tells.recv().unwrap(), std::thread::current().id());
        peer.write_all(b"after").unwrap();
    };
    assert_eq!(once_waiting(&net, act, || socket.recv(9)).unwrap(), b"after");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn the_hook_can_end_the_call() {
    let (net, _) = hooked(|| Err(Kind::Interrupted.into()));
    let (socket, _peer) = pair(&net);
    let interrupt = net.interrupt();
    let error = once_waiting(&net, move || interrupt.wake(), || socket.recv(1)).unwrap_err();
    assert!(error.is_interrupted());
}

#[test]
fn the_hook_can_use_and_close_the_socket_that_waits() {
    static SOCKET: OnceLock<Socket<Probe>> = OnceLock::new();
    let (net, _) = hooked(|| {
        let socket = SOCKET.get().unwrap();
        socket.sendall(b"from the hook").unwrap();
        socket.close();
        Ok(())
    });
    let (socket, mut peer) = pair(&net);
    SOCKET.set(socket.clone()).ok().unwrap();
    let interrupt = net.interrupt();
    let error = once_waiting(&net, move || interrupt.wake(), || socket.recv(1)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EBADF));
    let mut got = String::new();
    std::io::Read::read_to_string(&mut peer, &mut got).unwrap();
    assert_eq!(got, "from the hook");
}

#[test]
fn of_several_threads_one_is_interrupted_and_then_another() {
    let net = net();
    let (socket, _peer) = pair(&net);
    let waiting = net.stack().waiting();
    std::thread::scope(|threads| {
        let calls: Vec<_> = (0..4).map(|_| threads.spawn(|| socket.recv(1).unwrap_err())).collect();
        for _ in 0..4 {
            waiting.recv().unwrap();
        }
        for left in (0..4).rev() {
            net.interrupt().raise();
            // Taken before the next is raised.
            while calls.iter().filter(|call| !call.is_finished()).count() > left {
                std::thread::yield_now();
            }
        }
        assert!(calls.into_iter().all(|call| call.join().unwrap().is_interrupted()));
    });
}
