//! Other programs at the other end: nc, ncat, socat and Python, as clients and as servers, both directions at once.
//! What was sent is what arrives, and the capture has it byte for byte.

use crate::kit::{Lab, Running, Server, assert_same, noise, port_of};
use crate::tools::Tool::{self, Nc, Ncat, Python, Socat};
use crate::tools::Wire::{self, Tcp, Udp, Unix, UnixDgram};

const STREAM: usize = 4 << 20;
/// The lengths of the datagrams of a conversation; what every tool takes in one read.
const DATAGRAMS: [usize; 4] = [1, 100, 1000, 37];

macro_rules! with_each_peer {
    ($($name:ident: $tool:expr, $wire:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn gets_back_what_it_sends_to_listen_echo() {
                peer_dials($tool, $wire);
            }

            #[test]
            fn answers_what_connect_sends() {
                peer_listens($tool, $wire);
            }
        }
    )*};
}

with_each_peer! {
    nc_over_tcp: Nc, Tcp;
    nc_over_udp: Nc, Udp;
    nc_over_unix: Nc, Unix;
    ncat_over_tcp: Ncat, Tcp;
    ncat_over_udp: Ncat, Udp;
    ncat_over_unix: Ncat, Unix;
    socat_over_tcp: Socat, Tcp;
    socat_over_udp: Socat, Udp;
    socat_over_unix: Socat, Unix;
    socat_over_unix_datagrams: Socat, UnixDgram;
    python_over_tcp: Python, Tcp;
    python_over_udp: Python, Udp;
    python_over_unix: Python, Unix;
    python_over_unix_datagrams: Python, UnixDgram;
}

/// The peer is the client of `listen --echo`.
fn peer_dials(tool: Tool, wire: Wire) {
    let lab = Lab::new();
    let server = lab.listen(&wire.listen_url(&lab), &["--echo"]);
    let peer = tool.client(wire, &place_of(&server, wire, &lab), &lab);
    let sent = if wire.is_stream() { echo_stream(peer) } else { echo_datagrams(peer) };
    let printed = server.stop().out;
    assert_same("printed by listen", &printed, &sent);
    assert_same("export --as raw", &lab.exported_raw(&[]), &sent);
    assert_same("export --as raw --peer e1.1", &lab.exported_raw(&["--peer", "e1.1"]), &sent);
    assert_counts(&lab, wire, sent.len(), sent.len());
}

fn place_of(server: &Server, wire: Wire, lab: &Lab) -> String {
    match wire {
        Tcp | Udp => port_of(&server.urls[0]).to_string(),
        Unix | UnixDgram => lab.typed("ours.sock"),
    }
}

fn echo_stream(mut peer: Running) -> Vec<u8> {
    let sent = noise(1, STREAM);
    peer.feed(sent.clone());
    let done = peer.finish();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_same("echoed", &done.out, &sent);
    sent
}

/// One after the other, so that each is a datagram of its own.
fn echo_datagrams(mut peer: Running) -> Vec<u8> {
    let mut sent = Vec::new();
    for (turn, length) in DATAGRAMS.into_iter().enumerate() {
        let datagram = noise(turn as u64, length);
        peer.write(&datagram);
        sent.extend_from_slice(&datagram);
        assert_same("echoed", &peer.wait_for_output(sent.len()), &sent);
    }
    sent
}

/// The peer is the server that `connect` dials.
fn peer_listens(tool: Tool, wire: Wire) {
    let lab = Lab::new();
    let (peer, place) = tool.server(wire, &lab);
    let client = lab.start(["connect", &wire.connect_url(&place)]);
    let (sent, answered) = match wire.is_stream() {
        true => converse_in_streams(client, peer),
        false => converse_in_datagrams(client, peer, datagrams_of(tool, wire)),
    };
    assert_same("export --as raw", &lab.exported_raw(&[]), &answered);
    assert_counts(&lab, wire, answered.len(), sent.len());
}

/// Both send at once, and say that they have finished when both have everything: nc and ncat leave at the first end
/// that they are told of, whatever they have still to send.
fn converse_in_streams(mut client: Running, mut peer: Running) -> (Vec<u8>, Vec<u8>) {
    let (sent, answered) = (noise(2, STREAM), noise(3, STREAM));
    client.write_and_keep_open(sent.clone());
    peer.write_and_keep_open(answered.clone());
    peer.wait_for_output(STREAM);
    client.wait_for_output(STREAM);
    client.close_input();
    peer.close_input();
    let (client, peer) = (client.finish(), peer.finish());
    assert_eq!((client.code, peer.code), (Some(0), Some(0)), "{}{}", client.err, peer.err);
    assert_same("received by the peer", &peer.out, &sent);
    assert_same("received by connect", &client.out, &answered);
    (sent, answered)
}

fn converse_in_datagrams(mut client: Running, mut peer: Running, lengths: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for (turn, length) in lengths.iter().enumerate() {
        let (question, answer) = (noise(turn as u64, *length), noise(turn as u64 + 100, *length));
        client.write(&question);
        sent.extend_from_slice(&question);
        assert_same("received by the peer", &peer.wait_for_output(sent.len()), &sent);
        peer.write(&answer);
        answered.extend_from_slice(&answer);
        assert_same("received by connect", &client.wait_for_output(answered.len()), &answered);
    }
    client.interrupt();
    let done = client.finish();
    assert_eq!(done.code, Some(130), "{}", done.err);
    (sent, answered)
}

/// `UNIX-RECVFROM` is for one datagram and its answers.
fn datagrams_of(tool: Tool, wire: Wire) -> &'static [usize] {
    if (tool, wire) == (Socat, UnixDgram) { &DATAGRAMS[1..2] } else { &DATAGRAMS }
}

/// What `stat` counts is what travelled, and each datagram is a record.
#[track_caller]
fn assert_counts(lab: &Lab, wire: Wire, received: usize, sent: usize) {
    let stat = lab.stat();
    let count = |field: &str| stat[field].as_u64().map(|count| count as usize);
    assert_eq!((count("received"), count("sent"), &stat["dropped"]), (Some(received), Some(sent), &0.into()), "{stat}");
    if !wire.is_stream() {
        let records = lab.records();
        let of_kind = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
        let lengths: Vec<usize> = records.iter().filter(|record| record["kind"] == "received").map(length).collect();
        assert_eq!(lengths.iter().sum::<usize>(), received, "{lengths:?}");
        assert!(lengths.iter().all(|length| DATAGRAMS.contains(length)), "datagrams were joined or cut: {lengths:?}");
        assert_eq!(of_kind("sent"), lengths.len());
    }
}

fn length(record: &serde_json::Value) -> usize {
    record["bytes"].as_u64().expect("a number of bytes") as usize
}
