//! What a peer sends, and what it calls itself, drives no terminal: whatever shows it shows it as text.

use std::fs;

use crate::kit::{Lab, Running, Server};
use crate::tools::{Wire, python};

/// Escape sequences, controls of both kinds, changes of direction, and what hides.
const NASTY: &str = "\u{1b}[31mred\u{1b}]0;title\u{7}\u{8}\u{0}\u{7f}\r\n\t\u{9b}2J\u{85}\u{202e}txt.exe\u{2066}\u{200b}\u{2028}\u{feff}\u{e0041}end";

/// The same and bytes that are no text.
fn nasty() -> Vec<u8> {
    [NASTY.as_bytes(), b"\x9b31m\xff\xfe\xc2"].concat()
}

/// Characters that nothing printed may hold, but for the ends of lines.
fn is_unsafe(c: char) -> bool {
    let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() && c != '\n' || hides
}

#[track_caller]
fn assert_safe(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let found: Vec<char> = text.chars().filter(|c| is_unsafe(*c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
    assert!(
        text.lines().all(|line| !line.starts_with("txt.exe") && !line.starts_with("forged")),
        "{what}: a forged line in {text:?}"
    );
}

/// A name for a socket's file, as `peer.py` takes it: the same kind of characters.
const NAME: &str = r"evil\x1b[31m\x07\x0aforged\xe2\x80\xae\xc2\x9b2J";

/// Connects from a socket of that name, says something nasty, and is there when the server knows it.
fn evil_peer(lab: &Lab, wire: &str, own: &str) -> Running {
    let mut command = python();
    command.args(["client", wire, &lab.typed("ours.sock"), own]);
    let mut peer = Running::start(command);
    peer.write(&nasty());
    peer
}

fn listen(lab: &Lab, options: &[&str]) -> Server {
    lab.listen(&Wire::Unix.listen_url(lab), options)
}

macro_rules! live_forms {
    ($($name:ident: $form:expr;)*) => {$(
        #[test]
        fn $name() {
            check_live($form);
        }
    )*};
}

live_forms! {
    text_is_safe: "text";
    hex_is_safe: "hex";
    a_dump_is_safe: "both";
    json_is_safe: "json";
}

fn check_live(form: &str) {
    for own in [format!("@{NAME}"), NAME.to_owned()] {
        let lab = Lab::new();
        let server = listen(&lab, &["--show", form, "--echo"]);
        let own = if own.starts_with('@') { unique(&lab, &own) } else { lab.typed(&own) };
        let peer = evil_peer(&lab, "unix", &own);
        peer.wait_for_output(nasty().len());
        drop(peer);
        server.wait_for_text(if form == "json" { "\"closed\"" } else { "closed" });
        let done = server.stop();
        assert!(String::from_utf8_lossy(&done.out).contains("evil"), "the peer has its name: {done:?}");
        assert_safe(form, &done.out);
        assert_safe("stderr", done.err.as_bytes());
    }
}

/// The abstract namespace is one for all tests.
fn unique(lab: &Lab, name: &str) -> String {
    format!("{name}{}", lab.typed(""))
}

#[test]
fn a_capture_is_safe_to_look_at() {
    let lab = Lab::new();
    let server = listen(&lab, &["--echo"]);
    for (number, own) in [lab.typed(NAME), unique(&lab, &format!("@{NAME}"))].iter().enumerate() {
        let peer = evil_peer(&lab, "unix", own);
        peer.wait_for_output(nasty().len());
        server.wait_for_output((number + 1) * nasty().len());
    }
    server.stop();
    let commands: [&[&str]; 14] = [
        &["ls"],
        &["ls", "--json"],
        &["stat"],
        &["stat", "--json"],
        &["show"],
        &["show", "--show", "hex"],
        &["show", "--show", "both"],
        &["show", "--show", "json"],
        &["show", "--encoding", "gbk"],
        &["show", "--encoding", "utf-16le"],
        &["follow"],
        &["search", "red"],
        &["search", "--regex", "red|end"],
        &["search", "--hex", "ff fe"],
    ];
    for args in commands {
        let done = lab.run(["capture"].iter().chain(args));
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_safe(&args.join(" "), &done.out);
        assert_safe("stderr", done.err.as_bytes());
    }
}

#[test]
fn exports_for_people_are_safe_to_print() {
    let lab = Lab::new();
    let server = listen(&lab, &[]);
    let peer = evil_peer(&lab, "unix", &lab.typed(NAME));
    server.wait_for_output(nasty().len());
    drop(peer);
    server.stop();
    for form in ["txt", "csv", "jsonl", "netassist"] {
        let done = lab.run(["capture", "export", "--as", form]);
        let text = String::from_utf8(done.out).expect("text").replace("\r\n", "\n"); // the ends of CSV's rows
        assert_safe(form, text.as_bytes());
    }
}

#[test]
fn datagram_peers_have_harmless_names_too() {
    let lab = Lab::new();
    let server = lab.listen(&Wire::UnixDgram.listen_url(&lab), &["--show", "text", "--echo"]);
    let peer = evil_peer(&lab, "unix-dgram", &lab.typed(NAME));
    peer.wait_for_output(nasty().len());
    let done = server.stop();
    assert!(String::from_utf8_lossy(&done.out).contains("evil"), "{done:?}");
    assert_safe("stdout", &done.out);
    assert_safe("stderr", done.err.as_bytes());
}

#[test]
fn what_is_told_of_a_peer_on_stderr_is_safe() {
    let lab = Lab::new();
    let url = format!("{}?sndbuf=16k", Wire::Unix.listen_url(&lab));
    let mut server = lab.listen_with_input(&[&url], &[]);
    let stopped = evil_peer(&lab, "unix", &lab.typed(NAME));
    server.wait_for_output(nasty().len());
    stopped.signal("-STOP"); // it reads nothing more
    server.running.write(&vec![b'x'; 1 << 20]); // more than the system's buffers take
    let done = server.stop();
    stopped.signal("-CONT");
    assert!(done.err.contains("could not be sent") && done.err.contains("evil"), "{}", done.err);
    assert_safe("stderr", done.err.as_bytes());
}

#[test]
fn what_the_user_typed_is_given_back_harmless() {
    let lab = Lab::new();
    fs::write(lab.path("\u{1b}[31mfile"), "not a capture").expect("written");
    let cases: [&[&str]; 9] = [
        &["listen", "tcp-listen://\u{1b}[31m:1"],
        &["listen", "\u{202e}://x"],
        &["connect", "\u{9b}31m", "1"],
        &["capture", "show", "\u{1b}[31mnone"],
        &["capture", "show", "\u{1b}[31mfile"],
        &["capture", "show", "--peer", "\u{1b}[31m"],
        &["capture", "search", "--regex", "(\u{1b}[31m"],
        &["listen", "1", "--encoding", "\u{1b}[31m"],
        &["\u{1b}[31m"],
    ];
    for args in cases {
        let done = lab.run(args);
        assert_ne!(done.code, Some(0), "{done:?}");
        assert_safe(&format!("{args:?}"), &done.out);
        assert_safe(&format!("{args:?}"), done.err.as_bytes());
    }
}
