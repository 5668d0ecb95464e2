//! What a client that looks on is sent: all, then changes, and no more than it reads.

use std::io::Write;

use serde_json::{Value, json};

use crate::kit::{Bench, device, heard, read};

/// Puts a change into a picture, as a page does.
fn apply(picture: &mut Value, message: &Value) {
    for (list, gone) in
        [("peers", "peers_gone"), ("endpoints", "endpoints_gone"), ("jobs", "jobs_gone"), ("boards", "boards_gone")]
    {
        let known = picture[list].as_array_mut().expect("a list");
        let gone: Vec<_> = message[gone].as_array().into_iter().flatten().cloned().collect();
        known.retain(|view| !gone.contains(&view["id"]));
        for view in message[list].as_array().into_iter().flatten() {
            known.retain(|old| old["id"] != view["id"]);
            known.push(view.clone());
        }
    }
    for one in ["log", "totals"] {
        if !message[one].is_null() {
            picture[one] = message[one].clone();
        }
    }
}

/// Listens until the picture is as it should be.
fn until(
    socket: &mut tungstenite::WebSocket<std::net::TcpStream>,
    picture: &mut Value,
    is_so: impl Fn(&Value) -> bool,
) {
    while !is_so(picture) {
        let message = heard(socket);
        assert_eq!(message["type"], "change", "{message}");
        apply(picture, &message);
    }
}

#[test]
fn a_client_sees_all_and_then_what_changes() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut first = device(port);
    first.write_all(b"hello").expect("it reads");
    bench.until("a peer", |state| state["totals"]["received"] == 5);
    let mut socket = bench.socket("/api/live");
    let snapshot = heard(&mut socket);
    assert_eq!((&snapshot["type"], &snapshot["n"]), (&json!("snapshot"), &json!(0)));
    let mut picture = snapshot["state"].clone();
    assert_eq!((&picture["peers"][0]["id"], &picture["peers"][0]["received"]), (&json!("e1.1"), &json!(5)));
    let mut second = device(port);
    second.write_all(b"more").expect("it reads");
    until(&mut socket, &mut picture, |picture| picture["totals"]["received"] == 9);
    assert_eq!(picture["peers"].as_array().map(Vec::len), Some(2));
    drop(first);
    until(&mut socket, &mut picture, |picture| picture["peers"].as_array().is_some_and(|peers| peers.len() == 1));
    assert_eq!(picture["totals"]["received"], 9, "who is gone still counts");
    bench.done(json!({"do": "name", "peer": "e1.2", "name": "kitchen"}));
    until(&mut socket, &mut picture, |picture| picture["peers"][0]["name"] == "kitchen");
    bench.done(json!({"do": "close", "endpoint": "e1"}));
    until(&mut socket, &mut picture, |picture| picture["endpoints"][0]["state"] == "closed");
    let next = picture["log"]["next"].as_u64();
    until(&mut socket, &mut picture, |picture| picture["log"]["next"].as_u64() >= next);
}

#[test]
fn messages_count_and_the_last_has_the_newest() {
    let bench = Bench::new();
    let (_, port) = bench.listen();
    let mut socket = bench.socket("/api/live");
    let mut picture = heard(&mut socket)["state"].clone();
    let mut sender = device(port);
    const LINES: usize = 20_000;
    let lines = std::thread::spawn(move || {
        for line in 0..LINES {
            sender.write_all(format!("{line:05}\n").as_bytes()).expect("it reads");
        }
        sender
    });
    let mut last = 0;
    let total = (LINES * 6) as u64;
    while picture["totals"]["received"].as_u64() < Some(total)
        || picture["log"]["next"].as_u64() < picture["peers"][0]["records"].as_u64()
    {
        let message = heard(&mut socket);
        assert_eq!(message["n"], last + 1, "none is left out");
        last += 1;
        apply(&mut picture, &message);
    }
    assert_eq!(picture["peers"][0]["received"], total);
    assert!((last as usize) < LINES, "changes are taken together");
    drop(lines.join().expect("sent"));
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    const DEVICES: usize = 16;
    const MORE_THAN_SOCKETS_HOLD: usize = 12 << 20;
    let bench = Bench::new();
    let (_, port) = bench.listen();
    bench.done(json!({"do": "echo", "endpoint": "e1", "on": true}));
    let mut deaf = bench.socket("/api/live");
    let mut picture = heard(&mut deaf)["state"].clone();
    let mut devices: Vec<_> = (0..DEVICES).map(|_| device(port)).collect();
    for device in 1..=DEVICES {
        // Long ones: so that what changes is much.
        bench.done(json!({"do": "name", "peer": format!("e1.{device}"), "name": "x".repeat(8 << 10)}));
    }
    let mut other = bench.socket("/api/live");
    heard(&mut other);
    let (mut told, mut sent) = (0, 0);
    while told < MORE_THAN_SOCKETS_HOLD {
        for device in &mut devices {
            device.write_all(b"x").expect("it reads");
        }
        assert_eq!(read(&mut devices[0], 1), b"x");
        sent += DEVICES;
        told += heard(&mut other).to_string().len();
    }
    // It has missed nothing but the values between.
    let (mut last, mut late) = (0, 0);
    while picture["totals"]["received"] != sent || picture["totals"]["sent"] != sent {
        let message = heard(&mut deaf);
        assert_eq!(message["n"], last + 1, "none is left out");
        (last, late) = (last + 1, late + message.to_string().len());
        apply(&mut picture, &message);
    }
    assert!(late < told, "{late} bytes waited for it, of {told}");
}
