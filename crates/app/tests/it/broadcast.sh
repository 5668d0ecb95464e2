#!/usr/bin/env bash
# Two hosts joined by two cables, both in network namespaces of this process: what the one sends to
# 255.255.255.255 has to reach the other over each cable. Prints the other's records, as JSON.
# Needs to be root in a network namespace of its own. Arguments: the binary, an empty folder.
set -euo pipefail
socklab=$1 folder=$2

until_true() {
    for _ in {1..600}; do
        if "$@"; then return; fi
        sleep 0.05
    done
    echo "waited in vain: $*" >&2
    return 1
}

unshare --net sleep 60 &
other=$!
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
is_elsewhere() { [ "$(readlink "/proc/$other/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
until_true is_elsewhere
there() { nsenter --target "$other" --net "$@"; }

for n in 1 2; do
    ip link add "near$n" type veth peer name "far$n"
    ip link set "far$n" netns "$other"
    ip address add "10.77.$n.1/24" broadcast + dev "near$n"
    ip link set "near$n" up
    there ip address add "10.77.$n.2/24" broadcast + dev "far$n"
    there ip link set "far$n" up
done

there "$socklab" listen udp://0.0.0.0:5000 --data "$folder" --show json >"$folder/records" 2>"$folder/said" </dev/null &
listener=$!
until_true grep -q listening "$folder/said"
"$socklab" send udp://255.255.255.255:5000 hello
both() { [ "$(grep -c '"received"' "$folder/records")" -ge 2 ]; }
until_true both
kill -INT "$(pgrep -P "$listener" socklab || echo "$listener")"
wait "$listener" || [ $? = 130 ]
cat "$folder/records"
