//! Thonny's own back end at the other end of a board's console: over a serial port, and over WebREPL.

use std::process::Command;

use crate::kit::{self, Lab, run};

#[test]
fn thonny_takes_it_for_an_esp32() {
    let lab = Lab::new();
    let link = lab.typed("port");
    let board = lab.start(["repl", "--pty", &link, "--webrepl", "0", "--password", "python"]);
    board.wait_for_told("a serial port", 1, |line| line.contains(&link).then_some(()));
    let web = board.wait_for_told("an address", 1, |line| {
        line.split_whitespace().find(|word| word.starts_with("ws://")).map(str::to_owned)
    });
    for port in [&link, &web[0]] {
        let mut steps = Command::new(kit::installed("python"));
        steps.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/thonny_steps.py")).arg(port);
        let done = run(steps).ok();
        assert_eq!(
            done.lines().collect::<Vec<_>>(),
            ["connect", "evaluate", "run with input()", "interrupt", "list files", "save and read a file"],
            "{port}"
        );
    }
}
