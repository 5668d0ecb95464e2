//! What cannot be done is said in one line, with the right exit code; nothing panics, and a full disk loses nothing.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::process::Command;

use crate::chinese::COMMANDS;
use crate::kit::{Done, Lab, Running, Server, own_place};

const USAGE: i32 = 2;
const NETWORK: i32 = 1;

/// Nobody listens on the ports of this address.
const NOBODY: &str = "127.7.2.2:1";

#[track_caller]
fn assert_refused(done: &Done, code: i32, says: &str) {
    let ours = done.err.starts_with("socklab: ") && done.err.lines().count() == 1;
    // The parser of the command line may go on about usage, and only that.
    let parsers = code == USAGE && done.err.starts_with("error: ");
    let is_said = (ours || parsers) && done.err.contains(says);
    assert!(done.code == Some(code) && is_said && done.out.is_empty(), "wanted code {code} and {says:?}: {done:?}");
}

/// A data folder without and with a run in it.
fn empty() -> Lab {
    Lab::new()
}

#[cfg(unix)]
fn with_a_run() -> Lab {
    let lab = Lab::new();
    lab.listen("tcp-listen://127.0.0.1:0", &[]).stop();
    lab
}

macro_rules! refused {
    ($lab:ident, $($name:ident: $code:expr, $says:expr, $args:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_refused(&$lab().run($args), $code, $says);
        }
    )*};
}

#[cfg(unix)]
refused! {
    with_a_run,
    a_bad_regex_is_explained: USAGE, "unclosed group", ["capture", "search", "--regex", "("];
    an_empty_search_is_refused: USAGE, "nothing to search for", ["capture", "search", ""];
    odd_hex_to_search_for_is_refused: USAGE, "digit", ["capture", "search", "--hex", "012"];
    a_bad_escape_to_search_for_is_refused: USAGE, r#""\q" is no escape"#, ["capture", "search", r"a\q"];
    an_unknown_run_is_named: USAGE, "no run \"nope\"", ["capture", "show", "nope"];
    a_file_that_is_not_there_is_named: USAGE, "no run \"nowhere/run.pcapng\"", ["capture", "stat", "nowhere/run.pcapng"];
    a_peer_that_was_never_there_is_named: NETWORK, "no record of e9.9", ["capture", "show", "--peer", "e9.9"];
    following_a_peer_of_an_ended_run_names_it_too: NETWORK, "no record of e9.9", ["capture", "follow", "--peer", "e9.9"];
    a_bad_peer_id_is_refused: USAGE, "\"3\" is no peer (write it as e1.3)", ["capture", "show", "--peer", "3"];
    an_unknown_export_form_is_named: USAGE, "no format is called \"pdf\"", ["capture", "export", "--as", "pdf"];
    an_export_that_cannot_be_written_is_explained: NETWORK, "nowhere/file", ["capture", "export", "--as", "raw", "-o", "nowhere/file"];
}

refused! {
    empty,
    an_unknown_scheme_is_named: USAGE, "unknown scheme \"foo\" (one of tcp-listen,", ["listen", "foo://127.0.0.1:1"];
    an_unknown_scheme_to_connect_to_is_named: USAGE, "unknown scheme \"htp\"", ["connect", "htp://127.0.0.1:1"];
    a_port_out_of_range_is_named: USAGE, "port 99999 is out of range (0 to 65535)", ["listen", "99999"];
    a_port_that_is_no_number_is_named: USAGE, "port \"x\" is no number", ["listen", "tcp-listen://127.0.0.1:x"];
    a_missing_port_is_named: USAGE, "the port is missing", ["connect", "tcp://127.0.0.1"];
    port_0_cannot_be_dialled: USAGE, "port 0 cannot be dialled", ["connect", "127.0.0.1", "0"];
    ipv6_wants_brackets: USAGE, "needs brackets", ["listen", "tcp-listen://::1:10000"];
    an_unknown_option_of_a_url_is_named: USAGE, "unknown option \"nodely\"", ["listen", "tcp-listen://127.0.0.1:0?nodely=1"];
    a_bad_value_of_a_url_is_named: USAGE, "neither 0 nor 1", ["listen", "tcp-listen://127.0.0.1:0?nodelay=yes"];
    a_client_cannot_be_listened_on: USAGE, "is for clients", ["listen", "tcp://127.0.0.1:1"];
    a_server_cannot_be_connected_to: USAGE, "is for servers", ["connect", "tcp-listen://127.0.0.1:1"];
    a_refused_connection_is_explained: NETWORK, "nobody listens there (ECONNREFUSED 111); is the server running", ["connect", NOBODY];
    nc_explains_a_refused_connection: NETWORK, "nobody listens there", ["nc", "127.7.2.2", "1"];
    send_explains_a_refused_connection: NETWORK, "nobody listens there", ["send", "tcp://127.7.2.2:1", "x"];
    an_address_of_another_machine_is_explained: NETWORK, "this machine has no such address", ["listen", "tcp-listen://192.0.2.1:1"];
    a_name_that_does_not_exist_is_explained: NETWORK, "cannot resolve no-such-host.invalid", ["connect", "no-such-host.invalid", "80"];
    an_interface_that_is_not_there_is_named: NETWORK, "cannot find the interface nowhere: there is no such interface; `socklab addr`", ["connect", "tcp://[fe80::1%nowhere]:1"];
    a_unix_socket_that_is_not_there_is_explained: NETWORK, "there is nothing of that name", ["connect", "unix:///nowhere/at/all"];
    an_unknown_command_is_named: USAGE, "frobnicate", ["frobnicate"];
    an_unknown_option_is_named: USAGE, "--frobnicate", ["listen", "--frobnicate", "1"];
    a_missing_argument_is_named: USAGE, "URL|PORT", ["listen"];
    an_unknown_form_is_named: USAGE, "both", ["listen", "0", "--show", "xml"];
    an_unknown_encoding_is_named: USAGE, "no encoding is called \"klingon\"", ["listen", "0", "--encoding", "klingon"];
    a_bad_duration_is_named: USAGE, "\"soon\" is no duration", ["connect", NOBODY, "-w", "soon"];
    a_bad_size_is_named: USAGE, "\"lots\" is no size", ["listen", "0", "--keep", "lots"];
    odd_hex_is_refused: USAGE, "digit", ["send", "tcp://127.7.2.2:1", "--hex", "012"];
    what_is_no_hex_is_refused: USAGE, "\"z\" is no hex digit", ["send", "tcp://127.7.2.2:1", "--hex", "zz"];
    a_bad_escape_is_refused: USAGE, r#""\q" is no escape"#, ["send", "tcp://127.7.2.2:1", r"a\q"];
    a_missing_file_is_refused: USAGE, "nowhere", ["send", "tcp://127.7.2.2:1", "--file", "nowhere"];
    no_run_at_all_is_explained: USAGE, "no captures in", ["capture", "show"];
    nc_needs_a_place: USAGE, "HOST and PORT are needed", ["nc"];
    nc_takes_at_least_one_connection: USAGE, "zero", ["nc", "-lk", "-m", "0", "1"];
    nc_tries_no_port_over_udp: USAGE, "cannot be used with", ["nc", "-z", "-u", "127.7.2.2", "1"];
    nc_refuses_both_families: USAGE, "cannot be used with", ["nc", "-4", "-6", "127.0.0.1", "1"];
    retry_is_for_connections: USAGE, "--retry is for connections", ["connect", "--retry", "udp://127.0.0.1:1"];
    a_token_that_is_no_word_is_refused: USAGE, "a token is of letters", ["serve", "--no-open", "--token", "a b"];
}

#[test]
fn a_port_that_is_asked_for_twice_is_explained() {
    let url = format!("tcp-listen://{}", own_place(4716));
    let done = Lab::new().run(["listen", &url, &url]);
    assert_eq!(done.code, Some(NETWORK), "{done:?}");
    assert!(done.err.contains("this program itself has port 4716; choose another port"), "{done:?}");
}

#[test]
fn a_port_that_needs_privileges_is_told_apart() {
    let place = own_place(1);
    let allowed = TcpListener::bind(place).map(drop).map_err(|error| error.kind());
    let lab = Lab::new();
    let url = format!("tcp-listen://{place}");
    match allowed {
        Err(io::ErrorKind::PermissionDenied) => {
            assert_refused(&lab.run(["listen", &url]), NETWORK, "ports below 1024 need privileges")
        }
        // Root, or a system that lets everybody: then it is a port like any other.
        other => {
            assert_eq!(other, Ok(()));
            assert_eq!(lab.listen(&url, &[]).port(), 1);
        }
    }
}

#[test]
fn every_help_exits_0_and_has_an_example() {
    let lab = Lab::new();
    let mut without = Vec::new();
    for command in COMMANDS {
        for help in ["-h", "--help"] {
            let done = lab.run(command.split_whitespace().chain([help]));
            assert_eq!((done.code, &*done.err), (Some(0), ""), "{command} {help}");
            if !done.text().contains("Example") {
                without.push(format!("socklab {command} {help}"));
            }
        }
    }
    assert!(without.is_empty(), "no example in {without:#?}");
}

#[test]
fn help_into_a_closed_pipe_is_no_failure() {
    let lab = Lab::new();
    let completions = ["bash", "zsh", "fish", "powershell", "elvish"].map(|shell| vec!["completions", shell]);
    let helps = COMMANDS.iter().map(|command| command.split_whitespace().chain(["--help"]).collect());
    for args in helps.chain(completions) {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let done = Running::start_into(lab.socklab(&args), writer).finish();
        assert_eq!((done.code, &*done.err), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn no_argument_panics() {
    let lab = Lab::new();
    let odd = [
        "",
        " ",
        "-",
        "--",
        "=",
        ":",
        "::",
        "[",
        "]",
        "[::1",
        "%",
        "%zz",
        "\\",
        "\\x",
        "?",
        "?=",
        "@",
        "//",
        "://",
        "tcp://",
        "udp://[",
        "unix:",
        "unix-listen:%00",
        "e0.0",
        "e1.99999999999",
        "-1",
        "99999999999999999999",
        "1e9",
        "\u{0}nul-free".trim_start_matches('\0'),
        "中文",
        "🦀",
        "\u{202e}",
    ];
    let takers: [&[&str]; 16] = [
        &[],
        &["listen"],
        &["listen", "foo://", "--keep"],
        &["listen", "foo://", "--keep-for"],
        &["listen", "foo://", "--encoding"],
        &["connect"],
        &["connect", "127.7.2.2"],
        &["send"],
        &["send", "tcp://127.7.2.2:1"],
        &["send", "tcp://127.7.2.2:1", "--hex"],
        &["nc", "-z", "127.7.2.2"],
        &["capture"],
        &["capture", "show", "--from"],
        &["capture", "search"],
        &["capture", "search", "--regex"],
        &["capture", "export", "--as"],
    ];
    let mut panics = Vec::new();
    for taker in takers {
        for arg in odd {
            if taker.is_empty() && arg == "--" {
                continue; // nothing at all, which is a command: listen
            }
            let done = lab.run(taker.iter().copied().chain([arg]));
            if done.err.contains("panicked") || !matches!(done.code, Some(0..=2)) {
                panics.push(format!(
                    "{taker:?} {arg:?}: {:?} {}",
                    done.code,
                    done.err.lines().take(3).collect::<String>()
                ));
            }
        }
    }
    assert!(panics.is_empty(), "{} of them: {:#?}", panics.len(), &panics[..panics.len().min(5)]);
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let lab = Lab::new();
    let odd = OsString::from_vec(b"\xff\xfe".to_vec());
    for command in ["listen", "connect", "send", "nc", "addr", "completions", "frobnicate"] {
        let done = lab.run([OsString::from(command), odd.clone()]);
        assert!(done.code == Some(USAGE) && done.err.starts_with("error: ") && done.out.is_empty(), "{done:?}");
    }
}

/// A folder on a file system of so many MiB, mounted in a namespace that lasts as long as the child.
#[cfg(target_os = "linux")]
pub(crate) fn small_disk(lab: &Lab, size: usize) -> (Running, String) {
    let folder = lab.typed("small");
    std::fs::create_dir(&folder).expect("a new folder");
    let script = format!(r#"mount -t tmpfs -o size={size}m tmpfs "$1" && echo mounted && exec cat"#);
    let mut command = Command::new("unshare");
    let mut id = Command::new("id");
    id.arg("-u");
    let is_root = crate::kit::run(id).ok() == "0\n";
    command.args([if is_root { "-m" } else { "-rm" }, "sh", "-c", &script, "sh", &folder]);
    let holder = Running::start(command);
    holder.wait_for_text("mounted");
    let data = format!("/proc/{}/root{folder}", holder.id());
    (holder, data)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_stops_the_reading_and_loses_nothing() {
    use std::io::Write;
    let lab = Lab::new();
    let (_holder, data) = small_disk(&lab, 6);
    let on_small_disk = |args: &[&str]| {
        let mut command = crate::kit::bare_socklab();
        command.args(["--data", &data]).args(args);
        command
    };
    let mut running = Running::start(on_small_disk(&["listen", "tcp-listen://127.0.0.1:0"]));
    running.close_input();
    let mut server = Server::new(running, 1);
    let sent = crate::kit::noise(30, 40 << 20);
    let (mut client, sending) = (server.dial(), sent.clone());
    let sender = std::thread::spawn(move || client.write_all(&sending).is_ok());
    let full = |line: &str| line.contains("no space left on the disk").then(|| line.to_owned());
    let told = server.wait_for_told("no space left on the disk", 1, full);
    assert!(told[0].starts_with("socklab: cannot write ") && told[0].contains("reading has stopped"), "{told:?}");
    assert!(!server.running.has_ended(), "it waits for room");
    server.interrupt();
    let done = server.running.finish();
    assert!([Some(1), Some(130)].contains(&done.code), "{done:?}");
    assert!(!sender.join().expect("it ends"), "40 MiB do not fit into the system's buffers");
    // What was captured is there, and is the start of what was sent.
    let raw = crate::kit::run(on_small_disk(&["capture", "export", "--as", "raw"]));
    assert_eq!((raw.code, &*raw.err), (Some(0), ""), "{raw:?}");
    assert!(raw.out.len() > 2 << 20, "{} bytes are left", raw.out.len());
    crate::kit::assert_same("captured", &raw.out, &sent[..raw.out.len()]);
    crate::kit::assert_same("printed", &done.out, &raw.out);
    let complaints = done.err.lines().filter(|line| line.contains("no space left")).count();
    assert_eq!(complaints, 1, "said once: {}", done.err);
}

/// Where a log of it is written, a folder is not deleted in one go: it is moved away first.
#[cfg(unix)]
fn delete(folder: &std::path::Path) {
    let aside = folder.with_extension("aside");
    std::fs::rename(folder, &aside).expect("it was there");
    std::fs::remove_dir_all(aside).expect("nobody writes there");
}

/// Windows does not move a folder while a file in it is open.
#[cfg(unix)]
#[test]
fn a_capture_deleted_while_it_is_written_goes_on_in_a_new_file() {
    use std::io::Write;
    let lab = Lab::new();
    let server = lab.listen("tcp-listen://127.0.0.1:0", &[]);
    let follower = lab.start(["capture", "follow"]);
    let mut client = server.dial();
    client.write_all(b"before").expect("sent");
    follower.wait_for_text("before");
    let folder = lab.run_folder();
    delete(folder.parent().expect("that of all runs"));
    let told = server.wait_for_told("what is gone", 1, |line| line.contains("deleted").then(|| line.to_owned()));
    let first = folder.join("000001.pcapng").display().to_string();
    let wanted = format!("socklab: {first} was moved or deleted; what comes from now on is kept in a new file");
    assert_eq!(told, [wanted]);
    crate::kit::until("the new file", || folder.join("000002.pcapng").exists().then_some(()));
    client.write_all(b"after").expect("sent");
    server.wait_for_output("beforeafter".len());
    follower.wait_for_text("after");
    let runs = crate::kit::json_lines(&lab.run(["capture", "ls", "--json"]).ok());
    assert_eq!((runs.len(), &runs[0]["live"]), (1, &serde_json::json!(true)), "{runs:?}");
    drop(client);
    let done = server.stop();
    assert_eq!((done.out, done.err.matches("deleted").count()), (b"beforeafter".to_vec(), 1), "{}", done.err);
    let followed = follower.finish();
    assert_eq!((followed.code, &*followed.err), (Some(0), ""), "{followed:?}");
    let mut left: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder").flatten().map(|file| file.file_name()).collect();
    left.sort();
    assert_eq!(left, ["000002.idx", "000002.pcapng", "lock"]);
    let kept = lab.run(["capture", "export", "--as", "raw"]);
    assert_eq!((kept.code, &*kept.out), (Some(0), &b"after"[..]), "{kept:?}");
    assert!(kept.err.contains(" are missing: removed"), "{kept:?}");
    let noted = |record: &serde_json::Value| record.to_string().contains("000001.pcapng was moved or deleted");
    assert!(lab.records().iter().any(noted), "{:?}", lab.records());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_has_room_again_when_the_capture_on_it_is_deleted() {
    use std::io::Write;
    let lab = Lab::new();
    let (_holder, data) = small_disk(&lab, 6);
    let mut command = crate::kit::bare_socklab();
    command.args(["--data", &data, "listen", "tcp-listen://127.0.0.1:0", "--show", "none"]);
    let mut running = Running::start(command);
    running.close_input();
    let server = Server::new(running, 1);
    let mut client = server.dial();
    let sender = std::thread::spawn(move || {
        let bytes = vec![7; 1 << 20];
        while client.write_all(&bytes).is_ok() {}
    });
    server.wait_for_told("no space", 1, |line| line.contains("no space left").then_some(()));
    let captures = std::path::Path::new(&data).join("captures");
    let run = std::fs::read_dir(&captures).expect("a folder").flatten().next().expect("a run").path();
    delete(&captures);
    server.wait_for_told("what is gone", 1, |line| line.contains("was moved or deleted").then_some(()));
    crate::kit::until("more of the log", || {
        let second = std::fs::metadata(run.join("000002.pcapng")).ok()?;
        (second.len() > 1 << 20).then_some(())
    });
    server.interrupt();
    let done = server.running.finish();
    sender.join().expect("it ends with the connection");
    assert!([Some(1), Some(130)].contains(&done.code), "{done:?}");
    assert_eq!(done.err.matches("was moved or deleted").count(), 1, "{}", done.err);
}

/// What a board sent is gone with the disk: the program ends as it would, and that is not all there is to say.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_beside_a_board_is_told_and_is_a_failure() {
    let lab = Lab::new();
    let (_holder, data) = small_disk(&lab, 2);
    std::fs::write(format!("{data}/ballast"), vec![0; (2 << 20) - (96 << 10)]).expect("it fits");
    let program = "import socket
s = socket.create_connection(('192.168.1.115', 23508))
for _ in range(400):
    s.sendall(bytes(1000))
s.shutdown(socket.SHUT_WR)
print(s.recv(1))
";
    std::fs::write(lab.path("main.py"), program).expect("a program");
    let place = format!("tcp-listen://{}", crate::kit::own_place(23508));
    let mut command = crate::kit::bare_socklab();
    command.args(["--data", &data, "run", &lab.typed("main.py"), "--board", "linux", "--open", &place]);
    let done = crate::kit::run(command);
    assert_eq!((done.code, &*String::from_utf8_lossy(&done.out)), (Some(1), "b''\n"), "{done:?}");
    assert!(done.err.contains("no space left on the disk") && done.err.contains("reading has stopped"), "{done:?}");
    assert!(done.err.contains(" bytes of the capture could not be written"), "{done:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_has_room_again_goes_on_with_nothing_missing() {
    use std::io::Write;
    let lab = Lab::new();
    let (_holder, data) = small_disk(&lab, 2);
    let ballast = format!("{data}/ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).expect("it fits");
    let mut command = crate::kit::bare_socklab();
    command.args(["--data", &data, "listen", "tcp-listen://127.0.0.1:0"]);
    let mut running = Running::start(command);
    running.close_input();
    let server = Server::new(running, 1);
    let sent = crate::kit::noise(31, 3 << 19); // one and a half MiB
    let (mut client, sending) = (server.dial(), sent.clone());
    let sender = std::thread::spawn(move || client.write_all(&sending).map(|()| drop(client)));
    server.wait_for_told("no space left on the disk", 1, |line| line.contains("no space left").then_some(()));
    std::fs::remove_file(ballast).expect("it was there");
    server.wait_for_told("recovered", 1, |line| line.contains("can be written again").then_some(()));
    sender.join().expect("it ends").expect("all is taken");
    server.wait_for_output(sent.len());
    crate::kit::assert_same("printed", &server.stop().out, &sent);
}

/// What is typed at the prompt and cannot be done is said, and the prompt goes on.
#[cfg(target_os = "linux")]
#[test]
fn the_prompt_says_what_it_cannot_do() {
    let lab = Lab::new();
    let mut command = lab.socklab(["listen", "tcp-listen://127.0.0.1:0", "udp://127.0.0.1:0"]);
    let mut server = Server::new(Running::start_at_terminal(command.env("NO_COLOR", "1")), 2);
    for (typed, said) in [
        (":to 7", "no peer 7; :peers lists them"),
        (":to e7", "no endpoint e7; :peers lists them"),
        (":to ,", "name peers, as 3 or 1,4 or e2.3"),
        (":file", ":file PATH"),
        (":file nowhere", "nowhere: there is nothing of that name (ENOENT 2)"),
        (":peer", ":peer HOST:PORT"),
        (":peer e7 127.0.0.1:9", "no endpoint e7"),
        (":peer e1 127.0.0.1:9", "only a udp endpoint takes peers by hand"),
        (":join", ":join GROUP [INTERFACE]"),
        (":leave", ":leave GROUP [INTERFACE]"),
        (":join 300.1.1.1", "no IP address"),
        (":hex 012", "digit"),
        (":nonsense", "no command :nonsense"),
        ("to nobody", "nobody is connected"),
    ] {
        let before = server.running.err.length();
        server.running.write(format!("{typed}\r").as_bytes());
        server.running.wait_for_told_after(before, said);
    }
    let _client = server.dial();
    server.running.wait_for_text("connected");
    server.running.write(b":half 1\r");
    server.running.wait_for_text("finished");
    for (typed, said) in [("more", "not sent: it is gone, or you have finished"), (":peers", "  you have finished")] {
        let before = server.running.err.length();
        server.running.write(format!("{typed}\r").as_bytes());
        server.running.wait_for_told_after(before, said);
    }
    // A file is sent while other things are typed: what comes of it is shown above those.
    server.running.write(b":file .\r");
    server.running.wait_for_text("(EISDIR 21)");
    server.running.write(b":quit\r");
    assert_eq!(server.running.finish().code, Some(0));
}
