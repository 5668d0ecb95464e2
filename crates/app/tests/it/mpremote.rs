//! mpremote at the other end of a board's console: over a serial port, and over `socket://`.

use std::fs;
use std::process::Command;

use crate::kit::{self, Done, Lab, Running, run};

/// A board that both kinds of port lead to.
struct Bench {
    lab: Lab,
    ports: [String; 2],
    _board: Running,
}

impl Bench {
    fn new() -> Self {
        let lab = Lab::new();
        let link = lab.typed("port");
        let board = lab.start(["repl", "--pty", &link, "--tcp", "0"]);
        board.wait_for_told("a serial port", 1, |line| line.contains(&link).then_some(()));
        let told =
            board.wait_for_told("an address", 1, |line| line.split_once("socket://").map(|(_, at)| at.to_owned()));
        Bench { lab, ports: [link, format!("socket://{}", told[0])], _board: board }
    }

    fn command(&self, port: &str, args: &[&str]) -> Command {
        let mut command = Command::new(kit::installed("mpremote"));
        command.args(["connect", port]).args(args).current_dir(self.lab.path("."));
        command
    }

    fn mpremote(&self, port: &str, args: &[&str]) -> Done {
        run(self.command(port, args))
    }

    /// What it printed, with the line ends of this system.
    #[track_caller]
    fn ok(&self, port: &str, args: &[&str]) -> String {
        self.mpremote(port, args).ok().replace("\r\n", "\n")
    }
}

/// On either stream: a board's traceback comes on the one, mpremote's own complaints on the other.
fn said(done: &Done) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.out), done.err)
}

#[test]
fn programs_run() {
    let bench = Bench::new();
    fs::write(bench.lab.path("hello.py"), "print('hello', 6 * 7)").expect("a program");
    for port in &bench.ports {
        assert_eq!(bench.ok(port, &["exec", "print('中文')"]), "中文\n");
        assert_eq!(bench.ok(port, &["eval", "2 ** 10"]), "1024\n");
        assert_eq!(bench.ok(port, &["run", "hello.py"]), "hello 42\n");
        let done = bench.mpremote(port, &["exec", "open('nofile')"]);
        assert!(done.code == Some(1) && said(&done).contains("OSError: [Errno 2] ENOENT"), "{done:?}");
    }
}

#[test]
fn files_are_copied_both_ways() {
    let bench = Bench::new();
    let text = "# 注释\n".repeat(2000);
    fs::write(bench.lab.path("one.py"), &text).expect("a file");
    for port in &bench.ports {
        bench.ok(port, &["fs", "mkdir", ":d"]);
        bench.ok(port, &["fs", "cp", "one.py", ":d/two.py"]);
        assert!(bench.ok(port, &["fs", "cp", "one.py", ":d/two.py"]).contains("Up to date"));
        assert!(bench.ok(port, &["fs", "ls", ":d"]).ends_with(&format!("{:>12} two.py\n", text.len())));
        assert_eq!(bench.ok(port, &["fs", "cat", ":d/two.py"]), text);
        bench.ok(port, &["fs", "cp", ":d/two.py", "back.py"]);
        assert_eq!(fs::read_to_string(bench.lab.path("back.py")).expect("a copy"), text);
        bench.ok(port, &["fs", "rm", ":d/two.py"]);
        bench.ok(port, &["fs", "rmdir", ":d"]);
        let done = bench.mpremote(port, &["fs", "cat", ":d/two.py"]);
        assert!(done.code == Some(1) && said(&done).contains("No such file"), "{done:?}");
    }
}

#[test]
fn a_folder_of_this_machine_is_mounted() {
    let bench = Bench::new();
    fs::write(bench.lab.path("helper.py"), "x = 42").expect("a module");
    for port in &bench.ports {
        let printed = bench.ok(port, &["mount", ".", "exec", "import helper; print(helper.x)"]);
        assert!(printed.ends_with("42\n"), "{printed}");
    }
}

#[test]
fn a_soft_reset_forgets_what_was_said() {
    let bench = Bench::new();
    for port in &bench.ports {
        bench.ok(port, &["exec", "x = 1"]);
        assert_eq!(bench.ok(port, &["resume", "eval", "x"]), "1\n");
        bench.ok(port, &["soft-reset"]);
        let done = bench.mpremote(port, &["resume", "eval", "x"]);
        assert!(said(&done).contains("NameError: name 'x' isn't defined"), "{done:?}");
    }
}

/// Only over a serial port: over `socket://`, mpremote 1.29's `repl` asks for a descriptor that is not there.
#[test]
fn a_person_sits_at_the_prompt() {
    let bench = Bench::new();
    let mut person = Running::start_at_terminal(&mut bench.command(&bench.ports[0], &["repl"]));
    person.wait_for_text("Connected to MicroPython");
    person.write(b"\r6 * 7\r");
    person.wait_for_text("\r\n42\r\n>>> ");
    person.write(b"import time\rprint(6 * 111); time.sleep(1000)\r");
    person.wait_for_text("\r\n666\r\n");
    person.write(b"\x03");
    person.wait_for_text("KeyboardInterrupt");
    person.write(b"\x1d");
    assert_eq!(person.finish().code, Some(0));
}
