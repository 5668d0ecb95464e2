#!/usr/bin/env bash
# Everything that continuous integration runs, and what a developer runs before a commit.
#
#   ./ci.sh          format, lints, forbidden dependencies, documentation, tests
#   ./ci.sh bench    comparisons with other programs (about 6 minutes; figures, no verdict)
#   ./ci.sh fuzz     a minute on each fuzz target
#   ./ci.sh shots    pictures of every view of the page, into web/shots
#
# It needs Rust, and Node.js 20 for the page; what else it needs on Debian or Ubuntu, it installs.
set -euo pipefail
cd "$(dirname "$0")"

# The other ends of the interoperability tests, and the readers of exported captures.
peers="netcat-openbsd ncat socat tshark tcpdump python3 python3-venv iproute2 util-linux"

# What people reach their boards with; the tests look for it there.
tools=target/tools
python_tools="mpremote==1.29.0 pyserial==3.5 websockets==17.4 asttokens==3.0.2"
# Without what its window and its editor want.
thonny="thonny==5.0.1"

install() {
    [ "$(uname)" = Linux ] && command -v apt-get >/dev/null || return 0
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

install_tools() {
    [ "$(uname)" = Linux ] || return 0
    [ "$(cat $tools/installed 2>/dev/null)" = "$python_tools $thonny" ] && return 0
    rm -rf $tools
    python3 -m venv $tools
    # shellcheck disable=SC2086 # a list of words
    $tools/bin/pip install --quiet --disable-pip-version-check $python_tools
    $tools/bin/pip install --quiet --disable-pip-version-check --no-deps $thonny
    echo "$python_tools $thonny" >$tools/installed
}

# The browser that the page is tried in.
browser="chromium"

step() { printf '\n== %s\n' "$*"; }

# Crates that exist for the sake of what they do not depend on: see ARCHITECTURE.md.
forbid() {
    local crate=$1
    shift
    local tree
    tree=$(cargo tree --quiet --locked -p "$crate" -e normal --prefix none --all-features)
    for dependency in "$@"; do
        if grep -q "^$dependency v" <<<"$tree"; then
            echo "$crate must not depend on $dependency" >&2
            return 1
        fi
    done
}

checks() {
    # The comparisons are with an epoll loop.
    local here=""
    [ "$(uname)" = Linux ] || here="--exclude socklab-benches"
    step components
    cargo fmt --version && cargo clippy --version || rustup component add rustfmt clippy
    step format
    cargo fmt --all --check
    step lints
    cargo clippy --quiet --locked --workspace $here --all-targets -- -D warnings
    step "forbidden dependencies"
    forbid socklab-capture tokio socket2 mio clap axum
    forbid socklab-socket tokio clap rustpython-vm smoltcp axum
    forbid socklab-lan tokio socket2 mio clap axum rustpython-vm socklab-engine socklab-capture socklab-board
    forbid socklab-engine clap axum hyper rustpython-vm
    forbid socklab-server clap rustpython-vm
    forbid socklab-board tokio clap axum socklab-engine rustpython-stdlib
    step "the page"
    page
    step documentation
    RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --workspace $here --no-deps
    step tests
    cargo test --quiet --locked --workspace $here
    if [ "$(uname)" = Linux ]; then
        step "the page in a browser"
        (cd web && npm test --silent)
    fi
}

# Types that are those of the API, both languages, and the page itself.
page() {
    (
        cd web
        npm ci --silent --no-audit --no-fund
        npm run --silent types
        git diff --exit-code -- src/api/types.ts
        npm run --silent check
        npm run --silent build
    )
}

case "${1:-}" in
"")
    # shellcheck disable=SC2086 # a list of words
    install $peers $browser
    install_tools
    checks
    ;;
bench)
    # shellcheck disable=SC2086 # a list of words
    install $peers iperf3
    shift
    cargo build --release --locked
    cargo run --release --locked --package socklab-benches -- "$@"
    ;;
fuzz)
    exec ./fuzz/run.sh
    ;;
shots)
    install $browser
    cargo build --locked
    (cd web && npm run --silent shots)
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
