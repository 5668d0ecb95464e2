//! The first promise: many peers at once while a person at the terminal turns from one to the next, and nothing of what
//! they send is lost.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::kit::{Done, Lab, Running, Server, assert_same, noise, read_all};

const PEERS: usize = 200;
/// How often the person turns to another peer. At each turn every peer sends a piece, so that both go on all the while.
const TURNS: usize = 10;
/// The bench `lost` does the same with 2 MiB a peer; this is what a debug build shows within seconds.
const PIECE: usize = 8 << 10;

/// A peer that sends a piece each time it is told to, and ends when nobody will tell it again.
struct Sending {
    address: SocketAddr,
    turn: Sender<()>,
    thread: JoinHandle<()>,
}

impl Sending {
    fn start(mut stream: TcpStream, bytes: Vec<u8>) -> Self {
        let address = stream.local_addr().expect("an address");
        let (turn, turns) = mpsc::channel();
        let thread = thread::spawn(move || {
            for (piece, ()) in bytes.chunks(PIECE).zip(&turns) {
                stream.write_all(piece).expect("the server takes it");
            }
            turns.iter().for_each(drop); // who has left cannot be turned to
            stream.shutdown(Shutdown::Write).expect("a half-close");
            assert!(read_all(&mut stream).is_empty(), "nothing was sent to this peer");
        });
        Sending { address, turn, thread }
    }

    /// Waits until the server has taken everything and closed.
    fn end(self) -> SocketAddr {
        drop(self.turn);
        self.thread.join().expect("it sends everything");
        self.address
    }
}

/// What a peer sends in all.
fn bytes_of(peer: usize) -> Vec<u8> {
    noise(peer as u64, TURNS * PIECE)
}

#[test]
fn many_peers_lose_nothing_while_the_terminal_turns_from_one_to_another() {
    let lab = Lab::new();
    let mut command = lab.socklab(["listen", "tcp-listen://127.0.0.1:0", "--show", "hex"]);
    let mut server = Server::new(Running::start_at_terminal(command.env("NO_COLOR", "1")), 1);
    let peers: Vec<Sending> = (0..PEERS).map(|peer| Sending::start(server.dial(), bytes_of(peer))).collect();
    server.wait_for_text(&format!("e1.{PEERS} "));
    (0..TURNS).for_each(|turn| turn_to(&mut server.running, turn * 7 % PEERS + 1, &peers));
    let addresses: Vec<SocketAddr> = peers.into_iter().map(Sending::end).collect();
    server.running.write(b":quit\r");
    assert_quiet(&server.running.finish());
    let stat = lab.stat();
    assert_eq!(stat["received"], json!(PEERS * TURNS * PIECE));
    let check = |peer: usize| {
        let id = id_of(&stat, &addresses[peer]);
        assert_same(id, &lab.exported_raw(&["--peer", id]), &bytes_of(peer));
    };
    // Hundreds of programs one after the other take a while.
    thread::scope(|scope| {
        scope.spawn(|| (0..PEERS).step_by(2).for_each(check));
        (1..PEERS).step_by(2).for_each(check);
    });
}

/// Types that lines go to this peer from now on, sees that it is so, and lets all peers send.
fn turn_to(terminal: &mut Running, peer: usize, peers: &[Sending]) {
    let before = terminal.out.length();
    peers.iter().for_each(|peer| peer.turn.send(()).expect("it waits"));
    terminal.write(format!(":to {peer}\r").as_bytes());
    terminal.wait_for_text_after(before, &format!("e1.{peer}> "));
}

/// A good end, with no complaint on the way.
#[track_caller]
fn assert_quiet(done: &Done) {
    let complaint = done.err.lines().find(|line| line.starts_with("socklab: "));
    assert_eq!((done.code, complaint), (Some(0), None), "{}", done.err);
}

/// Which peer of the capture has this address.
#[track_caller]
fn id_of<'a>(stat: &'a Value, address: &SocketAddr) -> &'a str {
    let peers = stat["peers"].as_array().expect("peers");
    let peer = peers.iter().find(|peer| peer["address"] == address.to_string());
    peer.and_then(|peer| peer["peer"].as_str()).unwrap_or_else(|| panic!("{address} is not in the capture"))
}

#[test]
fn whoever_is_shown_nothing_hears_that_connections_have_to_wait() {
    let lab = Lab::new();
    let listen = lab.socklab(["listen", "tcp-listen://127.0.0.1:0", "--show", "none"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(listen.get_program()).args(listen.get_args());
    command.env("LC_ALL", "C");
    let server = Server::new(Running::start(command), 1);
    let peers: Vec<_> = (0..60).map(|_| server.dial()).collect();
    server.wait_for_told("that no more are taken", 1, |line| line.contains("cannot accept on").then_some(()));
    drop(peers);
    server.wait_for_told("that they are again", 1, |line| line.contains("takes new connections again").then_some(()));
    let told = server.stop().err;
    assert_eq!(told.matches("cannot accept on").count(), 1, "{told}");
    assert!(told.contains("(EMFILE 24); new connections wait"), "{told}");
}
