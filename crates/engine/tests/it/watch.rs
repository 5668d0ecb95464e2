//! What has changed: those who did, those who are gone, and nobody else.

use std::io::Write;
use std::net::TcpStream;

use socklab_engine::{Changes, Command, Config, Engine, Lang, Reply, Store};

/// An engine that is commanded over a port, with a server on another; its port.
fn engine() -> (Engine, u16) {
    let config = Config {
        store: Store::Nothing,
        run: "watch".into(),
        reader: false,
        lang: Lang::En,
        registers: false,
        lan: None,
        control: Some(([127, 0, 0, 1], 1).into()),
    };
    let (engine, _) = Engine::start(config, |trouble| panic!("{trouble:?}")).expect("starts");
    let url = "tcp-listen://127.0.0.1:0".parse().expect("a URL");
    let Some(Reply::Opened(_, url)) = engine.remote().call(Command::Open(url)) else { panic!("it opens") };
    let port = url.to_string().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    (engine, port)
}

/// Waits for changes until they are as they should be; the ids of the peers that were named in the last of them.
fn until(engine: &Engine, mut is_so: impl FnMut(&Changes) -> bool) -> Vec<String> {
    loop {
        assert!(matches!(engine.remote().call(Command::AwaitChange), Some(Reply::Done)));
        let Some(Reply::Changed(changes)) = engine.remote().call(Command::Changes) else { panic!("it tells") };
        if is_so(&changes) {
            let peers = changes.endpoints.iter().flat_map(|endpoint| &endpoint.peers);
            return peers.map(|peer| peer.id.to_string()).collect();
        }
    }
}

#[test]
fn only_those_that_changed_are_named_and_the_count_is_exact() {
    let (engine, port) = engine();
    let mut devices: Vec<_> = (0..3).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("it listens")).collect();
    let mut seen = std::collections::BTreeSet::new();
    until(&engine, |changes| {
        seen.extend(changes.endpoints[0].peers.iter().map(|peer| peer.id));
        seen.len() == 3
    });
    devices[1].write_all(b"12345").expect("it reads");
    let named = until(&engine, |changes| changes.endpoints[0].tally.received == 5);
    assert_eq!(named, ["e1.2"]);
    drop(devices.remove(1));
    let mut gone = Vec::new();
    until(&engine, |changes| {
        gone.extend(changes.gone.iter().map(ToString::to_string));
        !gone.is_empty()
    });
    assert_eq!(gone, ["e1.2"]);
    devices[0].write_all(b"678").expect("it reads");
    let named = until(&engine, |changes| changes.endpoints[0].tally.received == 8);
    assert_eq!(named, ["e1.1"], "who is gone still counts, and is named once");
}

#[test]
fn the_control_port_is_dialled_by_nobody() {
    let (engine, _) = engine();
    for host in ["127.0.0.1", "127.3.2.1", "[::1]", "0.0.0.0", "localhost"] {
        let url = format!("tcp://{host}:1").parse().expect("a URL");
        let Some(Reply::Failed(failure)) = engine.remote().call(Command::Open(url)) else { panic!("refused: {host}") };
        assert_eq!(failure.error.kind(), std::io::ErrorKind::PermissionDenied, "{failure}");
    }
}
