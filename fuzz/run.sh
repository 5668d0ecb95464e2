#!/usr/bin/env bash
# Builds the fuzz targets and runs each for SECONDS_EACH (default 60); fails if one of them finds something.
#
#   ./fuzz/run.sh                   all targets
#   ./fuzz/run.sh TARGET            this one
#   ./fuzz/run.sh TARGET FILE...    a finding again: its message and backtrace
#
# Stable Rust and a C++ compiler are all it takes: libFuzzer comes as source with libfuzzer-sys, and the flags are those
# of `cargo fuzz run -s none`. Inputs that led somewhere new are kept in corpus/, findings in artifacts/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

install() {
    command -v c++ >/dev/null && return
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq g++ >/dev/null
}

# Naming the target keeps the flags from build scripts and macros, which run here.
build() {
    local triple
    triple=$(rustc -vV | sed -n 's/^host: //p')
    out=${CARGO_TARGET_DIR:-$here/target}/$triple/release
    local coverage=(
        --cfg fuzzing
        -Cpasses=sancov-module
        -Cllvm-args=-sanitizer-coverage-level=4
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
        -Cllvm-args=-sanitizer-coverage-pc-table
        -Cllvm-args=-sanitizer-coverage-trace-compares
    )
    RUSTFLAGS="${coverage[*]}" cargo build --quiet --release --locked --target "$triple" \
        --manifest-path "$here/Cargo.toml" --bins
}

# Runs a target, with files of its own in memory where there is such a place. glibc keeps the memory that it has got:
# readers take and free a large buffer each time, which would be most of the time otherwise.
run() {
    local target=$1 shm=/dev/shm
    [ -w $shm ] || shm=${TMPDIR:-/tmp}
    shift
    local status=0 scratch
    scratch=$(mktemp -d "$shm/socklab-fuzz.XXXXXX")
    env TMPDIR="$scratch" RUST_BACKTRACE=1 MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=33554432 \
        "$out/$target" -rss_limit_mb=512 -timeout=30 "$@" || status=$?
    rm -rf "$scratch"
    return $status
}

fuzz() {
    local target=$1 corpus=$here/corpus/$1 artifacts=$here/artifacts/$1/
    mkdir -p "$corpus" "$artifacts"
    local options=(
        -max_total_time="${SECONDS_EACH:-60}" -max_len=4096
        -print_final_stats=1 -print_funcs=0 -artifact_prefix="$artifacts"
    )
    [ ! -f "$here/fuzz_targets/$target.dict" ] || options+=(-dict="$here/fuzz_targets/$target.dict")
    printf '\n== fuzz %s\n' "$target"
    run "$target" "${options[@]}" "$corpus" 2>&1 | grep --line-buffered -vE '(NEW|REDUCE) +cov:|^"|^###'
}

install
build
if [ $# -gt 1 ]; then
    run "$@"
    exit
fi
[ $# -gt 0 ] || set -- capture_reader hex escapes url lan
found=()
for target; do
    fuzz "$target" || found+=("$target")
done
[ ${#found[@]} = 0 ] || { echo "findings in: ${found[*]}; see fuzz/artifacts, and ./fuzz/run.sh TARGET FILE" >&2; exit 1; }
