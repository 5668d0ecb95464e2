//! Networks that this machine is in: a broadcast goes out on each, and none is hidden by the virtual one.

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

/// Most homes have the addresses of the virtual network too: a real device there is answered all the same.
#[test]
fn a_real_device_is_reached_beside_a_virtual_network_of_the_same_addresses() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.py"), "import time\ntime.sleep(60)\n").expect("a program");
    let script = r#"
set -euo pipefail
socklab=$1; cd "$2"
ip link set lo up
ip address add 192.168.1.50/24 dev lo
"$socklab" --data data run main.py --open 'udp://0.0.0.0:5000?echo=1' >said 2>&1 </dev/null &
board=$!
trap 'kill $board 2>/dev/null || true' EXIT
python3 - <<'PYTHON'
import socket
device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
device.bind(("192.168.1.50", 0))
device.settimeout(0.2)
for _ in range(100):  # until it listens
    device.sendto(b"real", ("192.168.1.50", 5000))
    try:
        print(device.recv(100))
        break
    except (TimeoutError, ConnectionRefusedError):
        pass
PYTHON
"#;
    let mut command = namespace();
    command.env("XDG_RUNTIME_DIR", folder.path()).args(["bash", "-c", script, "bash", env!("CARGO_BIN_EXE_socklab")]);
    assert_eq!(
        run({
            command.arg(folder.path());
            command
        })
        .ok(),
        "b'real'\n"
    );
}

/// With `--internet`, a board finds a name that this machine knows, and what is there.
#[test]
fn a_name_beyond_the_network_is_found_with_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = "import socket
for name in ('api.example.com', 'no.such.example.com'):
    try:
        s = socket.socket()
        s.connect(socket.getaddrinfo(name, 7000)[0][-1])
        print(name, s.recv(100))
    except OSError as error:
        print(name, error.args[0])
";
    std::fs::write(folder.path().join("main.py"), program).expect("a program");
    std::fs::write(folder.path().join("hosts"), "203.0.113.7 api.example.com\n").expect("names");
    std::fs::write(folder.path().join("nsswitch"), "hosts: files\n").expect("where names are looked for");
    let script = r#"
set -euo pipefail
socklab=$1; cd "$2"
mount --bind hosts /etc/hosts
[ ! -e /etc/nsswitch.conf ] || mount --bind nsswitch /etc/nsswitch.conf
ip link set lo up
ip address add 203.0.113.7/32 dev lo
python3 -c '
import socket
s = socket.create_server(("203.0.113.7", 7000))
print("ready", flush=True)
s.accept()[0].sendall(b"here")
' >ready &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
while ! grep -q ready ready; do sleep 0.05; done
"$socklab" --data data run main.py --board linux --internet 2>said || cat said
"$socklab" --data data run main.py --board linux 2>said || cat said
"#;
    let mut command = namespace();
    command.env("XDG_RUNTIME_DIR", folder.path()).env("LC_ALL", "C").args(["bash", "-c", script, "bash"]);
    command.arg(env!("CARGO_BIN_EXE_socklab")).arg(folder.path());
    let unknown = "no.such.example.com -2\n";
    assert_eq!(
        run(command).ok(),
        format!("api.example.com b'here'\n{unknown}api.example.com -2\n{unknown}"),
        "with leave, and without"
    );
}

/// On a bare cable there are link-local addresses only, and a group is joined on the cable that was named.
#[test]
fn an_interface_that_an_ipv6_address_names_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"
set -euo pipefail
socklab=$1; cd "$2"
ip link set lo up
ip link add near type veth peer name far
for name in near far; do
    ip link set "$name" addrgenmode none
    ip link set "$name" up
done
ip address add fe80::1/64 dev near nodad
ip address add fe80::2/64 dev far nodad
"$socklab" --data data listen 'tcp-listen://[fe80::1%near]:5000' 'udp://[ff02::77%far]:5001' >out 2>said </dev/null &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in $(seq 200); do
    [ "$(grep -c listening said)" -lt 2 ] || break
    kill -0 "$server" || { cat said >&2; exit 1; }
    sleep 0.05
done
awk '$3 ~ /77$/ { print $2 }' /proc/net/igmp6
printf hello | "$socklab" --data data connect 'tcp://[fe80::1%near]:5000' -w 1s
for _ in $(seq 200); do [ ! -s out ] || break; sleep 0.05; done
cat out
"#;
    let mut command = namespace();
    command.env("XDG_RUNTIME_DIR", folder.path()).env("LC_ALL", "C").args(["bash", "-c", script, "bash"]);
    command.arg(env!("CARGO_BIN_EXE_socklab")).arg(folder.path());
    assert_eq!(run(command).ok(), "far\nhello");
}

/// Where users may make namespaces, or else with the privileges that a build machine has.
fn namespace() -> Command {
    let mut trial = Command::new("unshare");
    trial.args(["-rnm", "true"]);
    let allowed = run(trial).code == Some(0);
    let mut command = Command::new(if allowed { "unshare" } else { "sudo" });
    command.args(if allowed { &["-rnm"][..] } else { &["-n", "unshare", "-nm"] });
    command
}
