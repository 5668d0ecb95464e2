//! A broadcast goes out on every network that this machine is in.

use std::process::Command;

use crate::kit::run;

/// Inside namespaces made for the purpose, so that nothing leaves this machine.
#[test]
fn a_broadcast_reaches_every_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/broadcast.sh");
    let mut command = namespace();
    command.args(["bash", script, env!("CARGO_BIN_EXE_socklab")]).arg(folder.path()).env("LC_ALL", "C");
    let text = run(command).ok();
    for source in ["10.77.1.1", "10.77.2.1"] {
        let from = |line: &&str| line.contains("\"received\"") && line.contains(source);
        assert_eq!(text.lines().filter(from).count(), 1, "{source}: {text}");
    }
}

/// Where users may make namespaces, or else with the privileges that a build machine has.
fn namespace() -> Command {
    let mut trial = Command::new("unshare");
    trial.args(["-rn", "true"]);
    let allowed = run(trial).code == Some(0);
    let mut command = Command::new(if allowed { "unshare" } else { "sudo" });
    command.args(if allowed { &["-rn"][..] } else { &["-n", "unshare", "-n"] });
    command
}
