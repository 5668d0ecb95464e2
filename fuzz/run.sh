#!/usr/bin/env bash
# Builds the fuzz targets and runs each for SECONDS_EACH (default 60); fails if one finds something.
#
#   ./fuzz/run.sh [TARGET...]                            all targets, or these
#   ./fuzz/run.sh TARGET=fuzz/artifacts/TARGET/crash-…   a finding again, with its backtrace
#
# Stable Rust and a C++ compiler (for libFuzzer itself, which comes with libfuzzer-sys) are all it takes: the flags are
# those of `cargo fuzz run -s none`. What was learnt is kept in corpus/, findings in artifacts/.
set -euo pipefail
