#!/usr/bin/env python3
"""How quick a virtual board is, beside MicroPython's unix port and CPython, all in one run.

    speed.py --tests MICROPYTHON/tests --unix micropython [--socklab target/release/socklab] [--rounds 3]
             [--write docs/speed.md]

Three tables: MicroPython's own `perf_bench` by its own runner, against a board's serial port and the unix port; the
same sends and receives by a board and by CPython; the start of a board, and its memory. The contestants take turns
with each single test, as a machine has slow minutes; all figures are medians of the rounds, the ratios too. Nothing is
fetched; the runner needs pyserial in the Python that runs this.
"""

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# Of `perf_bench`, what does not need a compiler for the processor or `.mpy` files.
APPLIES = re.compile(r"perf_bench/(bm|misc|core_(?!import))\w+\.py$")

# `N=100 M=100` scores of an ESP32 at 240 MHz, as published with micropython/micropython#6565.
ESP32 = {
    "bm_chaos": 253.29,
    "bm_fannkuch": 60.67,
    "bm_fft": 2633.39,
    "bm_float": 4085.76,
    "bm_hexiom": 25.64,
    "bm_nqueens": 3244.20,
    "bm_pidigits": 586.65,
    "misc_aes": 438.24,
    "misc_mandel": 2859.17,
    "misc_pystone": 1731.94,
}

# What is done with so many bytes a call, of so many in all.
STREAMS = [(size, total, call) for size, total in ((64, 20_000_000), (1460, 100_000_000), (65536, 500_000_000))
           for call in ("send", "recv")]

STREAM = """
import socket, time
def ms():
    return time.ticks_ms() if hasattr(time, 'ticks_ms') else int(time.monotonic() * 1000)
def send(s, size, total):
    piece, done = b'x' * size, 0
    while done < total:
        done += s.send(piece)
    return done
def recv(s, size, total):
    done = 0
    while done < total:
        done += len(s.recv(size))
    return done
s = socket.socket()
s.connect(('127.0.0.1', {port}))
begin = ms()
done = {call}(s, {size}, {total})
print(done / 1000 / max(1, ms() - begin))
"""


def summed_up(first, second):
    """Medians of what two contestants did in the same rounds, and of the ratio of the second to the first."""
    ratio = statistics.median(theirs / ours for ours, theirs in zip(first, second, strict=True))
    return statistics.median(first), statistics.median(second), ratio


def perf_bench(options, flash):
    """Scores by test: the unix port's, the board's, and their ratio."""
    tests = sorted(
        f"perf_bench/{name}"
        for name in os.listdir(os.path.join(options.tests, "perf_bench"))
        if APPLIES.match(f"perf_bench/{name}")
    )
    scores = {}
    unix = os.environ | {"MICROPY_MICROPYTHON": options.unix}
    with Board(options, flash) as port:
        for test in tests:
            sides = [], []
            for _ in range(options.rounds):
                sides[0].append(perf_bench_score(options, [], test, unix))
                sides[1].append(perf_bench_score(options, ["-t", f"port:{port}"], test, os.environ))
            if None not in sides[0] + sides[1]:
                scores[os.path.basename(test).removesuffix(".py")] = summed_up(*sides)
    return scores


def perf_bench_score(options, where, test, environment):
    """None where the test does not apply."""
    command = [sys.executable, "run-perfbench.py", *where, "100", "100", test]
    done = subprocess.run(command, cwd=options.tests, env=environment, capture_output=True, text=True, check=True)
    found = re.search(r"perf_bench/\w+\.py: \S+ \S+ (\S+) ", done.stdout)
    return found and float(found[1])


class Board:
    """A board's serial port, while this lasts."""

    def __init__(self, options, flash):
        self.link = os.path.join(flash, "..", "port")
        arguments = ["repl", "--flash", flash, "--events", "none", "--pty", self.link]
        self.process = subprocess.Popen(
            [options.socklab, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        while not os.path.lexists(self.link):
            if self.process.poll() is not None:
                sys.exit("the board did not start")
            time.sleep(0.01)
        return self.link

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def serve(talk):
    """A server at the other end of the streams; gives its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            connection, _ = server.accept()
            try:
                talk(connection)
            except OSError:
                pass  # it has had enough
            connection.close()

    threading.Thread(target=run, daemon=True).start()
    return server.getsockname()[1]


def swallow(connection, room=bytearray(1 << 20)):
    while connection.recv_into(room):
        pass


def pour(connection, water=bytes(1 << 20)):
    while True:
        connection.sendall(water)


def streams(options, flash):
    """MB/s by size and call: CPython's, the board's, and their ratio."""
    script = os.path.join(flash, "..", "stream.py")
    board = [options.socklab, "run", script, "--flash", flash, "--events", "none", "--net", "host"]
    ports = {"send": serve(swallow), "recv": serve(pour)}
    rates = {}
    for size, total, call in STREAMS:
        with open(script, "w", encoding="utf-8") as file:
            file.write(STREAM.format(port=ports[call], size=size, total=total, call=call))
        sides = [], []
        for _ in range(options.rounds):
            for side, command in zip(sides, ([sys.executable, script], board), strict=True):
                side.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        rates[size, call] = summed_up(*sides)
    return rates


def starts(options, flash):
    """Milliseconds to the first line of output, and the resident bytes of the board's process."""
    script = os.path.join(flash, "..", "hello.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write("print('hello')\ninput()\n")
    times, sizes = [], []
    for _ in range(5 * options.rounds):
        begin = time.perf_counter()
        process = subprocess.Popen(
            [options.socklab, "run", script, "--flash", flash],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        process.stdout.readline()
        times.append((time.perf_counter() - begin) * 1000)
        sizes.append(sum(resident(child) for child in children(process.pid)) / (1 << 20))
        process.communicate(b"\n")
    return statistics.median(times), statistics.median(sizes)


def children(process):
    found = subprocess.run(["ps", "--no-headers", "-o", "pid", "--ppid", str(process)], capture_output=True, text=True)
    return found.stdout.split()


def resident(process):
    with open(f"/proc/{process}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def report(scores, rates, start, size):
    ratios = {name: ratio for name, (_, _, ratio) in scores.items()}
    mean = statistics.geometric_mean(ratios.values())
    yield from (
        "# How quick a virtual board is",
        "",
        "Written by `crates/board/compat/speed.py`, in one run on one machine; the ratios are what is worth reading. All",
        "figures are medians of the rounds; a ratio is that of a round, in which both took their turn.",
        "",
        "## Programs",
        "",
        "MicroPython's `perf_bench` by its own runner (`N=100 M=100`; scores, more is better) over the board's serial",
        "port, beside the unix port, and the score published for an ESP32 at 240 MHz.",
        "",
        "| Test | Unix port | Board | Of the unix port | Times an ESP32 |",
        "|---|--:|--:|--:|--:|",
    )
    for name, (unix, ours, ratio) in sorted(scores.items()):
        real = f"{ours / ESP32[name]:.0f}" if name in ESP32 else ""
        yield f"| {name} | {unix:.0f} | {ours:.0f} | {ratio:.2f} | {real} |"
    slowest = min(ratios, key=ratios.get)
    yield from (
        "",
        f"Geometric mean {mean:.2f} of the unix port; the slowest is {slowest} with {ratios[slowest]:.2f}.",
        "",
        "## Sockets",
        "",
        "One TCP connection over loopback, the same program in both, MB/s.",
        "",
        "| Bytes a call | Call | CPython | Board | Ratio |",
        "|--:|---|--:|--:|--:|",
    )
    for (size_of_call, call), (cpython, ours, ratio) in rates.items():
        yield f"| {size_of_call} | {call} | {cpython:.0f} | {ours:.0f} | {ratio:.2f} |"
    yield from (
        "",
        "## Start",
        "",
        f"{start:.0f} ms until a program's first line is out; the board's process has {size:.0f} MiB resident then.",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", required=True)
    parser.add_argument("--unix", required=True)
    parser.add_argument("--socklab", default="target/release/socklab")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write")
    options = parser.parse_args()
    options.socklab, options.unix = os.path.abspath(options.socklab), os.path.abspath(options.unix)
    with tempfile.TemporaryDirectory() as folder:
        flash = os.path.join(folder, "flash")
        os.mkdir(flash)
        text = "\n".join(report(perf_bench(options, flash), streams(options, flash), *starts(options, flash))) + "\n"
    if options.write:
        with open(options.write, "w", encoding="utf-8") as file:
            file.write(text)
    print(text, end="")


main()
