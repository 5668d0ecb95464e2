#!/usr/bin/env bash
# Two hosts joined by two cables, both in network namespaces of this process: what the one sends to
# 255.255.255.255 has to reach the other over each cable. Prints the other's records, as JSON.
# Needs to be root in a network namespace of its own. Arguments: the binary, an empty folder.
set -euo pipefail
socklab=$1 folder=$2

# Gives up before whoever runs this does, and would leave our children behind. SECONDS is bash's clock.
until_true() {
    while ! "$@"; do
        if [ "$SECONDS" -ge 25 ]; then
            echo "waited in vain: $*" >&2
            cat "$folder"/{records,said} >&2 || true
            return 1
        fi
        sleep 0.05
    done
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

# Not by way of the function: its subshell would be what a signal reaches.
nsenter --target "$other" --net "$socklab" listen udp://0.0.0.0:5000 --data "$folder" --show json \
    >"$folder/records" 2>"$folder/said" </dev/null &
listener=$!
until_true grep -q listening "$folder/said"
timeout 10 "$socklab" send udp://255.255.255.255:5000 hello
both() { [ "$(grep -c '"received"' "$folder/records")" -ge 2 ]; }
until_true both
kill -INT "$listener"
has_ended() { ! kill -0 "$listener" 2>/dev/null; }
until_true has_ended
wait "$listener" || [ $? = 130 ]
cat "$folder/records"
