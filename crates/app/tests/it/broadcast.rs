//! A broadcast goes out on every network that this machine is in.

use std::process::Command;

/// Inside namespaces made for the purpose, so that nothing leaves this machine.
#[test]
fn a_broadcast_reaches_every_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/broadcast.sh");
    let output = namespace()
        .args(["bash", script, env!("CARGO_BIN_EXE_socklab")])
        .arg(folder.path())
        .env("LC_ALL", "C")
        .output()
        .expect("unshare is there (./ci.sh installs util-linux)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for source in ["10.77.1.1", "10.77.2.1"] {
        let from = |line: &&str| line.contains("\"received\"") && line.contains(source);
        assert_eq!(text.lines().filter(from).count(), 1, "{source}: {text}");
    }
}

/// Where users may make namespaces, or else with the privileges that a build machine has.
fn namespace() -> Command {
    let allowed = Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success());
    let mut command = Command::new(if allowed { "unshare" } else { "sudo" });
    command.args(if allowed { &["-rn"][..] } else { &["-n", "unshare", "-n"] });
    command
}
