//! Virtual boards on the command line: a program, a prompt, and the prompt as tools reach it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::kit::{Done, Lab, Running, dial, read_some};

/// A lab with a program in it.
fn with(program: &str) -> (Lab, String) {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), program).expect("a program");
    let path = lab.typed("main.py");
    (lab, path)
}

fn run(program: &str, options: &[&str]) -> Done {
    let (lab, path) = with(program);
    lab.run(["run", &path].iter().chain(options))
}

#[test]
fn a_program_prints_and_ends() {
    let done = run("print('hello', 6 * 7)\nprint('中文')", &[]);
    assert_eq!((done.code, done.out.as_slice()), (Some(0), "hello 42\n中文\n".as_bytes()), "{done:?}");
}

#[test]
fn modules_beside_the_program_can_be_imported_and_nothing_there_be_opened() {
    let (lab, path) =
        with("import helper\nprint(helper.x)\ntry:\n    open('helper.py')\nexcept OSError as e:\n    print(e)");
    fs::write(lab.path("helper.py"), "x = 42").expect("a module");
    assert_eq!(lab.run(["run", &path]).ok(), "42\n[Errno 2] ENOENT\n");
}

#[test]
fn a_folder_beside_the_program_is_a_package_without_saying_so() {
    let (lab, path) = with("from lib.helper import x\nimport lib\nprint(x, lib.helper.x)");
    fs::create_dir(lab.path("lib")).expect("a folder");
    fs::write(lab.path("lib/helper.py"), "x = 42").expect("a module");
    assert_eq!(lab.run(["run", &path]).ok(), "42 42\n");
}

#[test]
fn brackets_without_end_are_an_error_of_the_program() {
    let done = run(&format!("x = {}1{}", "(".repeat(100_000), ")".repeat(100_000)), &[]);
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(done.code == Some(1) && text.contains("RuntimeError: maximum recursion depth exceeded"), "{done:?}");
}

#[test]
fn what_is_raised_is_printed_as_the_board_does() {
    let done = run("def f():\n    return 1 / 0\nf()", &[]);
    let text = "Traceback (most recent call last):\n  File \"main.py\", line 3, in <module>\n  \
        File \"main.py\", line 2, in f\nZeroDivisionError: divide by zero\n";
    assert_eq!((done.code, String::from_utf8_lossy(&done.out).as_ref()), (Some(1), text), "{done:?}");
}

#[test]
fn a_syntax_error_names_its_line() {
    let done = run("x = 1\nif x\n    pass", &[]);
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(done.code == Some(1) && text.contains("  File \"main.py\", line 2\nSyntaxError"), "{done:?}");
}

#[test]
fn a_program_says_its_exit_code() {
    assert_eq!(run("import sys\nsys.exit(3)", &[]).code, Some(3));
    assert_eq!(run("import sys\nsys.exit()", &[]).code, Some(0));
}

#[test]
fn what_cannot_be_run_is_refused_in_a_line() {
    let (lab, path) = with("");
    for (args, says) in [
        (vec!["run", "/nonexistent/main.py"], "there is nothing of that name (ENOENT"),
        (vec!["run", "/"], "it is a directory (EISDIR"),
        (vec!["run", &path, "--board", "abacus"], "there are esp32, k230"),
        (vec!["run", &path, "--set", "led=on"], "is not PIN=LEVEL"),
    ] {
        let done = lab.run(&args);
        assert!(done.code == Some(2) && done.err.contains(says) && done.out.is_empty(), "{args:?}: {done:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_a_syntax_error() {
    let (lab, path) = with("");
    fs::write(lab.path("main.py"), b"x = 1\ny = '\xff'").expect("a program");
    let done = lab.run(["run", &path]);
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(text.contains("line 2\nSyntaxError: invalid UTF-8"), "{done:?}");
    assert!(done.err.contains("save it as UTF-8"), "{done:?}");
}

#[test]
fn pins_are_told_on_stderr() {
    let program = "from machine import Pin\np = Pin(2, Pin.OUT)\np.on()\nprint(Pin(4, Pin.IN).value())";
    let done = run(program, &["--events", "json", "--set", "4=1"]);
    assert_eq!(done.err, "{\"pin\":2,\"value\":0}\n{\"pin\":2,\"value\":1}\n");
    assert_eq!(done.ok(), "1\n");
}

#[test]
fn whoever_resets_a_board_is_told() {
    let once = |reset: &str| {
        format!("import machine, time\nprint('start')\nif machine.reset_cause() == machine.PWRON_RESET:\n    {reset}")
    };
    for (reset, cause, said) in [
        ("machine.WDT(timeout=1000); time.sleep(60)", "watchdog", "nobody has fed the watchdog (WDT) in time"),
        ("machine.reset()", "hard", "the program has called machine.reset()"),
        ("machine.deepsleep(10)", "deep-sleep", "deepsleep() is over"),
    ] {
        let done = run(&once(reset), &["--events", "json"]);
        let lines: Vec<_> = done.err.lines().collect();
        assert!(lines[0].starts_with("socklab: [board] ") && lines[0].contains(said), "{reset}: {done:?}");
        assert_eq!(lines[1..], [format!("{{\"reset\":\"{cause}\"}}")], "{reset}");
        assert_eq!(done.ok(), "start\nstart\n");
    }
    let (lab, path) = with(&once("machine.reset()"));
    let mut command = lab.socklab(["run", &path]);
    command.env("LC_ALL", "zh_CN.UTF-8");
    let done = Running::start(command).finish();
    assert!(done.err.contains("程序调用了 machine.reset()"), "{done:?}");
}

#[test]
fn sensors_measure_what_they_are_told() {
    let program = "import dht, machine
from machine import ADC, Pin, TouchPad, time_pulse_us
d = dht.DHT22(Pin(4))
d.measure()
print(ADC(Pin(34)).read_uv(), d.temperature(), d.humidity(), TouchPad(Pin(27)).read(), time_pulse_us(Pin(5), 1))
if machine.reset_cause() == machine.PWRON_RESET:
    machine.reset()";
    let given = ["adc34=0.5", "temp4=-1.5", "humidity4=60.5", "touch27=42", "pulse5=1000", "adc34=0.25"];
    let options: Vec<_> = given.into_iter().flat_map(|given| ["--set", given]).collect();
    let line = "250000 -1.5 60.5 42 1000\n";
    assert_eq!(run(program, &options).ok(), line.repeat(2));
    let program = "from mpython import accelerometer\nprint(accelerometer.get_x(), accelerometer.get_z())";
    assert_eq!(run(program, &["--board", "mpython", "--set", "accx=0.5"]).ok(), "0.5 1.0\n");
    let done = run(program, &["--set", "adc34=1e9"]);
    assert!(done.code == Some(2) && done.err.contains("cannot be measured"), "{done:?}");
}

#[test]
fn a_module_that_is_missing_is_told_once() {
    let done = run("import datetime", &[]);
    assert_eq!(done.err.matches("time.localtime() gives the date").count(), 1, "{done:?}");
    let done = run("__import__('datetime')", &[]);
    assert_eq!(done.err.matches("time.localtime() gives the date").count(), 1, "{done:?}");
}

#[test]
fn ctrl_c_is_the_boards() {
    for waits in ["time.sleep(1000)", "input()", "while True: pass"] {
        let (lab, path) = with(&format!("import time\nprint('ready')\n{waits}"));
        let running = lab.start(["run", &path]);
        running.wait_for_text("ready");
        running.interrupt();
        let done = running.finish();
        let text = String::from_utf8_lossy(&done.out).into_owned();
        assert!(done.code == Some(130) && text.contains("KeyboardInterrupt"), "{waits}: {done:?}");
    }
}

#[test]
fn a_program_reads_what_is_typed() {
    let (lab, path) = with("name = input('who? ')\nprint('hello', name)");
    let done = lab.run_with(["run", &path], b"board\n");
    assert_eq!(String::from_utf8_lossy(&done.out), "who? board\nhello board\n", "{done:?}");
}

/// The text of a list of two that are one, which holds two that are one...: longer than any memory, and made in the
/// middle of one operation.
const ENDLESS_TEXT: &[u8] = b"a = [b'x' * 10000]\rfor _ in range(60): a = [a, a]\r\rrepr(a)\r";

#[test]
fn a_prompt_outlives_a_board_whose_memory_is_used_up() {
    let done = Lab::new().run_with(["repl"], &[ENDLESS_TEXT, b"print(6 * 7)\r"].concat());
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(text.contains("line 1, in <module>\r\nMemoryError: memory allocation failed, allocating "), "{done:?}");
    assert!(done.err.contains("the board's memory was used up"), "{done:?}");
}

#[test]
fn a_program_that_uses_up_its_memory_ends_by_memory_error() {
    let done = run("a = []\nwhile True: a.append(list(iter(list, 1)))", &[]);
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(done.code == Some(1) && text.contains("line 2, in <module>\nMemoryError: memory allocation"), "{done:?}");
    assert!(!done.err.contains("panicked") && !done.err.contains("backtrace"), "{done:?}");
}

#[test]
fn its_time_is_over_when_it_is() {
    let done = run("while True: pass", &["--timeout", "200ms"]);
    assert!(done.code == Some(1) && done.err.contains("time is over"), "{done:?}");
}

#[test]
fn a_prompt_in_a_pipe_ends_with_its_input() {
    let done = Lab::new().run_with(["repl"], b"x = 6\rx * 7\rimport sys\rsys.exit()\rx\r");
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(text.contains("\r\n42\r\n>>> "), "{done:?}");
    assert!(text.contains("MPY: soft reboot\r\n") && text.contains("NameError: name 'x' isn't defined"), "{done:?}");
    assert_eq!(done.code, Some(0));
}

#[test]
fn a_program_that_waits_for_input_meets_its_end() {
    let (lab, path) = with("print(input())\ntry:\n    input()\nexcept EOFError:\n    print('end')");
    let done = lab.run_with(["run", &path], b"typed\n");
    assert_eq!(done.ok(), "typed\ntyped\nend\n");
    let done = lab.run_with(["repl"], b"input('? ')\r");
    assert!(String::from_utf8_lossy(&done.out).contains("EOFError: \r\n>>> ") && done.code == Some(0), "{done:?}");
}

#[test]
fn a_prompt_that_came_back_after_a_crash_ends_well() {
    let done = Lab::new().run_with(["repl"], ENDLESS_TEXT);
    let text = String::from_utf8_lossy(&done.out).into_owned();
    assert!(text.contains("MemoryError") && text.ends_with(">>> ") && done.code == Some(0), "{done:?}");
    assert!(done.err.contains("it has been restarted"), "{done:?}");
}

#[test]
fn a_second_board_of_a_name_has_files_of_its_own() {
    let lab = Lab::new();
    let (first, mut stream) = offered(&lab);
    stream.write_all(b"\r\x01").expect("it takes it");
    read_until(&mut stream, "raw REPL; CTRL-B to exit\r\n>");
    let program = lab.typed("main.py");
    fs::write(lab.path("main.py"), "import os\nopen('mine', 'w').close()\nprint(os.listdir())").expect("a program");
    let done = lab.run(["run", &program]);
    assert!(done.err.contains("another board has the files of esp32: this one has its own, in "), "{done:?}");
    assert_eq!(done.ok(), "['mine']\n");
    talk(&mut stream, b"import os\rprint('mine' in os.listdir())\x04", b"OKFalse\r\n\x04\x04>");
    drop(stream);
    first.interrupt();
    first.finish();
    let done = lab.run(["run", &program]);
    assert!(!done.err.contains("another board"), "{done:?}");
}

#[test]
fn the_light_of_a_pico_is_called_so() {
    let done = run("from machine import Pin\nPin('LED', Pin.OUT).on()", &["--board", "rp2"]);
    assert!(done.err.contains("[LED] 1") && !done.err.contains("128"), "{done:?}");
}

#[test]
fn files_outlive_the_board() {
    let lab = Lab::new();
    lab.run_with(["repl"], b"f = open('boot.py', 'w'); f.write('print(\"booted\")'); f.close()\r").ok();
    assert!(lab.run_with(["repl"], b"\r").ok().starts_with("booted\r\n"));
}

/// A board that is offered on a TCP port, and a tool that has come to it.
fn offered(lab: &Lab) -> (Running, TcpStream) {
    let running = lab.start(["repl", "--tcp", "0"]);
    let told =
        running.wait_for_told("an address", 1, |line| line.rsplit_once("socket://").map(|(_, at)| at.to_owned()));
    let stream = dial(told[0].parse().expect("an address"));
    (running, stream)
}

/// Says something to the board and reads exactly its answer.
#[track_caller]
fn talk(stream: &mut TcpStream, say: &[u8], answer: &[u8]) {
    stream.write_all(say).expect("it takes it");
    let got = read_some(stream, answer.len());
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(answer), "to {say:?}");
}

fn read_until(stream: &mut TcpStream, end: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer in time");
        seen.push(byte[0]);
    }
}

#[test]
fn tools_find_the_raw_prompt_they_know() {
    let lab = Lab::new();
    let (_running, mut stream) = offered(&lab);
    stream.write_all(b"\r\x03\r\x01").expect("it takes it");
    read_until(&mut stream, "raw REPL; CTRL-B to exit\r\n>");
    talk(&mut stream, b"\x04", b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>");
    talk(&mut stream, b"print(1+1)\x04", b"OK2\r\n\x04\x04>");
    talk(&mut stream, b"\x05A\x01", b"R\x01\x80\x00\x01");
    let error = b"\x04\x04Traceback (most recent call last):\r\n  File \"<stdin>\", line 1, in <module>\r\nValueError: x\r\n\x04>";
    talk(&mut stream, b"raise ValueError('x')\x04", error);
    talk(&mut stream, b"raise SystemExit\x04", b"OK\x04\x04MPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>");
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let lab = Lab::new();
    let (listener, address) = crate::kit::listener();
    let done = lab.run(["repl", "--tcp", &address.port().to_string()]);
    drop(listener);
    assert!(done.code == Some(1) && done.err.contains("address already in use"), "{done:?}");
}

#[cfg(unix)]
#[test]
fn a_serial_port_is_there_as_long_as_the_board() {
    let lab = Lab::new();
    let link = lab.typed("port");
    let running = lab.start(["repl", "--pty", &link]);
    running.wait_for_told("a port", 1, |line| line.contains(&link).then_some(()));
    let mut port = fs::File::options().read(true).write(true).open(&link).expect("a serial port");
    port.write_all(b"\x03\x01").expect("it takes it");
    let mut seen = Vec::new();
    while !seen.ends_with(b"raw REPL; CTRL-B to exit\r\n>") {
        let mut byte = [0];
        port.read_exact(&mut byte).expect("an answer");
        seen.push(byte[0]);
    }
    running.interrupt();
    running.finish();
    assert!(fs::symlink_metadata(&link).is_err(), "the link has gone with the board");
}

#[cfg(unix)]
#[test]
fn a_serial_port_that_was_left_behind_is_taken_over() {
    let lab = Lab::new();
    let link = lab.typed("port");
    let start = || {
        let board = lab.start(["repl", "--pty", &link]);
        board.wait_for_told("a port", 1, |line| line.starts_with("mpremote connect ").then_some(()));
        board
    };
    drop(start()); // killed
    let left = fs::read_link(&link).expect("nobody was left to remove the link");
    // Other tests open terminals: the number of this one may be theirs by now, so that it is not gone at all.
    fs::remove_file(&link).expect("it is there");
    std::os::unix::fs::symlink(left.with_file_name("4194304"), &link).expect("a port that is gone");
    let second = start();
    let done = lab.run(["repl", "--pty", &link]);
    assert!(done.code == Some(1) && done.err.contains("there is something of that name already"), "{done:?}");
    second.interrupt();
    second.finish();
}

#[cfg(target_os = "linux")]
#[test]
fn an_error_that_has_a_class_of_its_own_is_explained_too() {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), "open('nothing')").expect("a program");
    for board in ["esp32", "linux"] {
        let done = lab.run(["run", "main.py", "--board", board]);
        assert!(done.code == Some(1) && done.err.contains("ENOENT"), "{board}: {done:?}");
    }
}

#[test]
fn a_finally_within_another_is_left_and_the_compiler_says_nothing() {
    let program = "for i in range(2):
    try:
        print(i)
    finally:
        try:
            try:
                pass
            finally:
                break
        finally:
            break";
    let done = run(program, &[]);
    assert_eq!((done.err.as_str(), done.code), ("", Some(0)), "{done:?}");
    assert_eq!(done.ok(), "0\n");
}

#[test]
fn a_board_that_kills_its_interpreter_harms_nobody_else() {
    let done = run("x = []\nwhile True:\n    x.append(bytearray(1 << 20))", &[]);
    assert!(done.code == Some(1) && !done.err.is_empty() || done.out.ends_with(b"MemoryError: \n"), "{done:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_at_a_terminal_is_the_boards() {
    let lab = Lab::new();
    let program =
        "try:\n    print('ready')\n    while True: pass\nexcept KeyboardInterrupt:\n    print('caught')\n    input()";
    fs::write(lab.path("main.py"), program).expect("a program");
    // A session of its own, whose terminal that is: only then does the key become a signal, to all that run there.
    let socklab = lab.socklab(["run", "main.py"]);
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait"]).arg(socklab.get_program()).args(socklab.get_args()).current_dir(lab.path("."));
    let mut person = Running::start_at_terminal(&mut command);
    person.wait_for_text("ready");
    person.write(b"\x03");
    person.wait_for_text("caught");
    person.write(b"\r");
    assert_eq!(person.finish().code, Some(0), "the program went on, and came to its end");
}

#[test]
fn a_board_that_does_too_much_to_tell_can_be_stopped() {
    let lab = Lab::new();
    let program = "from machine import Pin\np = Pin(2, Pin.OUT)\nwhile True:\n    p.value(1)\n    p.value(0)";
    fs::write(lab.path("main.py"), program).expect("a program");
    let done = lab.run(["run", "main.py", "--timeout", "300ms"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.ends_with("socklab: the board was stopped: its time is over\n"), "{}", done.err.len());
}

#[test]
fn a_pipe_that_is_never_read_costs_no_memory() {
    let lab = Lab::new();
    fs::write(lab.path("main.py"), "import time\nprint('ready')\ntime.sleep(1)\nprint(len(input()))")
        .expect("a program");
    // A board with memory for such a line.
    let done = lab.run_with(["run", "main.py", "--board", "k230"], &[vec![b'x'; 4 << 20], b"\n".to_vec()].concat());
    let out = String::from_utf8_lossy(&done.out);
    assert!(out.starts_with("ready\n") && out.ends_with(&format!("\n{}\n", 4 << 20)), "nothing of it is lost");
}

#[test]
fn a_wrong_wifi_option_is_said_once() {
    let done = Lab::new().run(["repl", "--wifi", "nocolon"]);
    assert!(done.code == Some(2) && done.err.contains("SSID:PASSWORD is wanted"), "{done:?}");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    #[cfg(target_os = "linux")]
    {
        let lab = Lab::new();
        fs::write(lab.path("main.py"), "print('lost')").expect("a program");
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
        let done = Running::start_into(lab.socklab(["run", "main.py"]), full).finish();
        assert!(done.code == Some(1) && done.err.contains("cannot write the output"), "{done:?}");
    }
}

/// A board whose console is a WebREPL with this password, and a connection to it.
fn webrepl(lab: &Lab, password: &str) -> (Running, TcpStream) {
    let running = lab.start(["repl", "--webrepl", "0", "--password", password]);
    let told = running.wait_for_told("an address", 1, |line| {
        let (_, rest) = line.split_once("ws://")?;
        rest.split(['/', ' ']).next().map(str::to_owned)
    });
    let stream = dial(told[0].parse().expect("an address"));
    (running, stream)
}

/// A frame of a client's: masked, with zeros.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short one");
    [&[0x80 | kind, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[test]
fn a_webrepl_answers_the_end_of_a_connection() {
    const TEXT: u8 = 1;
    const CLOSE: u8 = 8;
    let lab = Lab::new();
    for (password, greeting) in [("python\n", "WebREPL connected"), ("wrong\n", "Access denied")] {
        let (_running, mut stream) = webrepl(&lab, "python");
        let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13";
        let opening =
            format!("GET / HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n");
        stream.write_all(opening.as_bytes()).expect("it takes it");
        read_until(&mut stream, "Password: ");
        stream.write_all(&frame(TEXT, password.as_bytes())).expect("it takes it");
        read_until(&mut stream, greeting);
        stream.write_all(&frame(CLOSE, &1000_u16.to_be_bytes())).expect("it takes it");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("an end in time, and in order");
        let closing = rest.windows(2).position(|pair| pair == [0x80 | CLOSE, 2] || pair == [0x80 | CLOSE, 0]);
        assert!(closing.is_some(), "{password}: {rest:x?}");
    }
}

#[test]
fn a_browser_at_a_webrepls_port_reads_what_it_is() {
    let (_running, mut stream) = webrepl(&Lab::new(), "python");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: board\r\n\r\n").expect("it takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in time");
    assert!(
        answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n") && answer.contains("\r\nUpgrade: websocket\r\n"),
        "{answer}"
    );
    let (_, text) = answer.split_once("\r\n\r\n").expect("a text");
    assert!(text.contains("WebREPL") && answer.contains(&format!("Content-Length: {}\r\n", text.len())), "{answer}");
}

#[test]
fn a_setting_of_a_pin_that_is_not_there_is_refused() {
    let done = run("print(1)", &["--set", "pin99=1"]);
    assert!(done.code == Some(2) && done.err.contains("esp32 has no pin 99: the last is 39"), "{done:?}");
}
