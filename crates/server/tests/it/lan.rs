//! The virtual network over the API: what it is like, forwards, its frames. Boards here are switched on and come to
//! nothing, since their program is none; those that run are in the tests of the crate `app`.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::kit::{Bench, PATIENCE, TOKEN};

#[test]
fn the_network_is_set_while_nobody_is_on_it() {
    let bench = Bench::new();
    let usual = bench.state()["lan"]["settings"].clone();
    assert_eq!(usual["seed"], 0);
    assert_eq!(
        (&usual["host_loopback"], &usual["internet"], &usual["wifi"]),
        (&json!(false), &json!(false), &Value::Null)
    );
    let wanted = json!({"wifi": {"ssid": "Class 3", "password": "p@ss w0rd"}, "seed": 7, "join_ms": 20,
        "host_loopback": true, "internet": false, "frames": true, "names": ["api.example.com", "b.c=192.168.1.50"]});
    let mut command = wanted.clone();
    command["do"] = json!("lan_set");
    let done = bench.done(command);
    assert_eq!(
        done["as_command"],
        "socklab repl --wifi 'Class 3:p@ss w0rd' --seed 7 --join-time 20ms --host-loopback --frames \
         --name api.example.com --name b.c=192.168.1.50"
    );
    let state = bench.until("the settings", |state| state["lan"]["settings"]["seed"] == 7);
    assert_eq!(state["lan"]["settings"], wanted);
    assert_eq!(
        (&state["lan"]["air"][0]["ssid"], &state["lan"]["air"][0]["secured"]),
        (&json!("Class 3"), &json!(true))
    );
    bench.done(json!({"do": "lan_set"}));
    bench.until("all of it", |state| state["lan"]["settings"] == usual && state["lan"]["air"][0]["ssid"] == "Socklab");
    for (wrong, code) in [
        (json!({"wifi": {"ssid": "x", "password": "short"}}), "bad_wifi"),
        (json!({"wifi": {"ssid": "", "password": ""}}), "bad_wifi"),
        (json!({"wifi": {"ssid": "x".repeat(33)}}), "bad_wifi"),
        (json!({"names": ["nodot"]}), "bad_name"),
        (json!({"join_ms": 3_600_000}), "bad_join_time"),
        (json!({"sead": 1}), "bad_request"),
    ] {
        let mut command = wrong.clone();
        command["do"] = json!("lan_set");
        assert_eq!(bench.command(&command).code(), code, "{wrong}");
    }
    bench.done(json!({"do": "board_new", "profile": "esp32"}));
    let refused = bench.command(&json!({"do": "lan_set", "seed": 1}));
    assert!(refused.code() == "not_steered" && refused.text().contains("remove them first"), "{}", refused.text());
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    bench.done(json!({"do": "lan_set", "seed": 1}));
}

#[test]
fn a_forward_is_listed_and_ends_with_its_board_or_before() {
    let bench = Bench::new();
    assert_eq!(bench.command(&json!({"do": "forward", "forward": "0:80"})).code(), "which_board");
    bench.done(json!({"do": "board_new", "profile": "esp32", "name": "desk"}));
    assert_eq!(bench.command(&json!({"do": "forward", "forward": "0:shelf:80"})).code(), "no_such_board");
    let forward =
        || bench.done(json!({"do": "forward", "forward": "0:desk:80"}))["at"].as_str().expect("it").to_owned();
    let (first, second) = (forward(), forward());
    let state = bench.until("both", |state| state["lan"]["forwards"].as_array().is_some_and(|all| all.len() == 2));
    assert_eq!(state["lan"]["forwards"][0], json!({"at": first, "board": "desk", "port": 80}));
    TcpStream::connect(&first).expect("it listens");
    bench.done(json!({"do": "end_forward", "at": first}));
    bench.until("the other", |state| state["lan"]["forwards"][0]["at"] == second.as_str());
    assert_eq!(bench.command(&json!({"do": "end_forward", "at": first})).code(), "not_steered");
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    let state = bench.until("none", |state| state["lan"]["forwards"] == json!([]));
    assert_eq!(state["lan"]["boards"], json!([]));
    bench.until("both ports closed", |_| [&first, &second].iter().all(|at| TcpStream::connect(at).is_err()));
}

#[test]
fn the_name_of_a_board_without_an_address_is_asked_of_nobody_else() {
    let bench = Bench::new();
    bench.done(json!({"do": "board_new", "profile": "esp32", "name": "desk"}));
    let answer = bench.command(&json!({"do": "open", "url": "tcp://Desk.lan:80"}));
    assert!(answer.text().contains("the board has no address yet"), "{}", answer.text());
}

#[test]
fn what_a_board_that_is_over_is_told_to_do_is_refused() {
    let bench = Bench::new();
    bench.done(json!({"do": "board_new", "profile": "esp32", "strict": true, "set": ["4=1", "temp4=21.5"]}));
    let state = bench.until("its end", |state| state["boards"][0]["state"] == "over");
    assert_eq!(state["boards"][0]["given"], json!({"4": "1", "temp4": "21.5"}));
    assert_eq!(state["boards"][0]["strict"], true);
    for command in [
        json!({"do": "board_run", "board": "b1", "source": "print(1)"}),
        json!({"do": "board_stop", "board": "b1"}),
        json!({"do": "board_reset", "board": "b1"}),
        json!({"do": "board_set", "board": "b1", "set": "4=0"}),
        json!({"do": "board_offer", "board": "b1"}),
    ] {
        let answer = bench.command(&command);
        assert_eq!((answer.status, answer.code().as_str()), (409, "board_is_over"), "{command}");
    }
    let wrong = bench.command(&json!({"do": "board_new", "profile": "esp32", "set": ["nonsense"]}));
    assert_eq!(wrong.code(), "bad_setting");
    for set in ["99=1", "adc99=1"] {
        let wrong = bench.command(&json!({"do": "board_new", "profile": "esp32", "set": [set]}));
        assert_eq!(wrong.code(), "no_such_pin", "{set}");
    }
    assert_eq!(bench.get("/api/lan/netstat").json(), json!({"boards": []}));
}

#[test]
fn the_console_of_a_board_that_is_removed_ends() {
    let bench = Bench::new();
    bench.done(json!({"do": "board_new", "profile": "esp32"}));
    let mut console = bench.socket("/api/boards/b1/console");
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    // What it has printed, if anything; where that ends; and its end.
    let mut texts = Vec::new();
    loop {
        match console.read().expect("a message") {
            tungstenite::Message::Text(text) => texts.push(text.to_string()),
            tungstenite::Message::Close(_) => break,
            _ => {}
        }
    }
    assert_eq!(texts, [r#"{"replayed":true}"#]);
}

#[test]
fn no_words_for_faults_make_a_link_whole_again() {
    let bench = Bench::new();
    bench.done(json!({"do": "board_new", "profile": "esp32", "name": "desk"}));
    let faults = |what: &str, faults: &str| {
        bench.until(what, |state| ["up", "down"].iter().all(|way| state["lan"]["boards"][0][way]["faults"] == faults));
    };
    bench.done(json!({"do": "fault", "board": "desk", "spec": "down loss=5%"}));
    faults("both", "down loss=0.05");
    let done = bench.done(json!({"do": "fault", "board": "desk", "spec": ""}));
    assert_eq!(done["as_command"], "socklab lan fault desk perfect");
    faults("none", "");
}

#[test]
fn frames_are_followed_as_a_capture() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect(bench.at()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let head =
        format!("GET /api/lan/capture HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", bench.at());
    stream.write_all(head.as_bytes()).expect("it reads");
    let (mut all, mut bytes) = (Vec::new(), [0; 1000]);
    let is_section = |bytes: &[u8]| bytes.windows(4).any(|four| four == [0x0a, 0x0d, 0x0d, 0x0a]);
    while !is_section(&all) {
        let count = stream.read(&mut bytes).expect("it begins");
        assert!(count > 0, "{}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&bytes[..count]);
    }
    assert!(String::from_utf8_lossy(&all).contains("frames.pcapng"));
    drop(stream);
    bench.done(json!({"do": "lan_set", "seed": 2}));
}

#[test]
fn boards_that_are_made_at_once_have_names_of_their_own() {
    let bench = Bench::new();
    let made = |_| bench.command(&json!({"do": "board_new", "profile": "esp32"}));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || made(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let mut names: Vec<_> = answers.iter().map(|answer| answer.json()["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    let wanted = ["esp32", "esp32-2", "esp32-3", "esp32-4", "esp32-5", "esp32-6", "esp32-7", "esp32-8"];
    assert_eq!(names, wanted.map(|name| Some(name.to_owned())), "{answers:?}");
}

#[cfg(unix)]
#[test]
fn a_board_has_its_files_alone() {
    let bench = Bench::new();
    bench.done(json!({"do": "board_new", "profile": "esp32"}));
    let other = bench.beside();
    other.done(json!({"do": "board_new", "profile": "esp32"}));
    let write = bench.ask("PUT", "/api/boards/b1/flash/main.py", Some(("application/octet-stream", b"print(1)")));
    assert_eq!(write.status, 204, "{write:?}");
    assert_eq!(other.get("/api/boards/b1/flash").json(), json!({"files": []}));
    let notes = other.state()["boards"][0]["notes"].clone();
    assert!(notes[0]["en"].as_str().is_some_and(|note| note.contains("has the files of esp32")), "{notes}");
    assert!(notes[0]["zh"].as_str().is_some_and(|note| note.contains("esp32 的文件")), "{notes}");
    // What one has let go of is there for the next.
    bench.done(json!({"do": "board_remove", "board": "b1"}));
    bench.done(json!({"do": "board_new", "profile": "esp32"}));
    assert_eq!(bench.get("/api/boards/b2/flash/main.py").text(), "print(1)");
}
