#!/usr/bin/env python3
"""How much of MicroPython's own test suite a virtual board passes.

    compat.py --tests MICROPYTHON/tests --board target/debug/socklab-board [--write docs/compatibility.md]
              [--group GROUP ...] [--only PART_OF_A_NAME] [--show]

Each test runs in a board process of its own, through the board's link, as the program `<stdin>`: the form in which
MicroPython's own runner sends it to a device. What it must print is in NAME.py.exp, or else is what CPython prints.
The unix port (`micropython`), if it is installed, runs the same tests: what it does not pass, no board has to.
Answers of the two are kept in --cache, by the test's text. Nothing is fetched, and no test is copied to this
repository; reasons for failures are in reasons.txt next to this file.
"""

import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))

# Name, folder, and what its tests' names begin with.
GROUPS = [
    ("basics", "basics", ""),
    ("float", "float", ""),
    ("io", "io", ""),
    ("import", "import", ""),
    ("unicode", "unicode", ""),
    ("misc", "misc", ""),
    ("stress", "stress", ""),
    ("asyncio", "extmod", "asyncio_"),
]

# Groups whose tests open or import what lies beside them.
WITH_FILES = ("io", "import", "unicode", "misc")


# ---- the link


def variants(enum):
    """The names of an enum's variants in link.rs, in order: their indices are the frames' kinds."""
    with open(os.path.join(HERE, "..", "src", "link.rs"), encoding="utf-8") as file:
        body = re.search(r"pub enum %s \{\n(.*?)\n\}" % enum, file.read(), re.S).group(1)
    return re.findall(r"^    (\w+)", body, re.M)


TO_BOARD, PROGRAM = variants("ToBoard"), variants("Program")
FROM_BOARD, END = variants("FromBoard"), variants("End")


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def counted(data):
    return varint(len(data)) + data


class Fields:
    """Reads postcard, one field after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def varint(self):
        number = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def counted(self):
        length = self.varint()
        self.at += length
        return self.data[self.at - length : self.at]


def run_frame(name, text):
    body = varint(TO_BOARD.index("Run")) + varint(PROGRAM.index("Text")) + counted(name.encode()) + counted(text)
    return len(body).to_bytes(4, "little") + body


def frame(stream):
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "little")) if len(head) == 4 else None


def listen(stream):
    """What the board prints until the program ends."""
    printed = b""
    while (data := frame(stream)) is not None:
        fields = Fields(data)
        kind = FROM_BOARD[fields.varint()]
        if kind == "Output":
            printed += fields.counted()
        elif kind == "Ended":
            if END[fields.varint()] == "Raised":
                printed += fields.counted()
            return printed
    return printed + b"CRASH\n"


# ---- who runs a test


def on_board(options, group, path):
    """What the board prints for a test; TIMEOUT at its end when it took too long."""
    with tempfile.TemporaryDirectory() as flash:
        if group in WITH_FILES:
            shutil.copytree(os.path.dirname(path), flash, dirs_exist_ok=True)
        arguments = [options.board, "--flash", flash] + ([] if options.lenient else ["--strict"])
        board = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        late = threading.Event()
        timer = threading.Timer(options.timeout, lambda: (late.set(), board.kill()))
        timer.start()
        try:
            with open(path, "rb") as file:
                board.stdin.write(run_frame("<stdin>", file.read()))
            board.stdin.flush()
            printed = listen(board.stdout)
        except BrokenPipeError:
            printed = b"CRASH\n"
        finally:
            timer.cancel()
            board.kill()
            board.wait()
        return printed.replace(b"CRASH", b"TIMEOUT") if late.is_set() else printed


def on_host(options, program, path):
    """What a program of this machine prints for a test; kept, because it does not change."""
    with open(path, "rb") as file:
        key = hashlib.sha256(" ".join(program).encode() + path.encode() + file.read()).hexdigest()
    kept = os.path.join(options.cache, key)
    if not os.path.exists(kept):
        command = program + [os.path.basename(path)]
        environment = dict(os.environ, PYTHONIOENCODING="utf-8", MICROPYPATH=":.frozen")
        try:
            done = subprocess.run(
                command, cwd=os.path.dirname(path), env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=options.timeout,
            )
            printed = done.stdout + (b"CRASH\n" if done.returncode < 0 else b"")
        except subprocess.TimeoutExpired:
            printed = b"TIMEOUT\n"
        with open(kept, "wb") as file:
            file.write(printed)
    with open(kept, "rb") as file:
        return file.read()


def expected(options, path):
    if os.path.exists(path + ".exp"):
        with open(path + ".exp", "rb") as file:
            return file.read()
    return on_host(options, [options.cpython], path)


# ---- the verdict


def agrees(printed, wanted):
    """Whether it is what was wanted; a line of eight # stands for any lines, as in MicroPython's runner."""
    printed, wanted = printed.replace(b"\r\n", b"\n"), wanted.replace(b"\r\n", b"\n")
    if b"########\n" not in wanted:
        return printed == wanted
    parts = [re.escape(part) for part in wanted.split(b"########\n")]
    return re.fullmatch(b"(?:.*\n)*?".join(parts), printed) is not None


def verdict(printed, wanted):
    text = printed.replace(b"\r\n", b"\n")
    if text.startswith(b"SKIP\n") or b"\nSKIP\n" in text or text.startswith(b"SKIP-TOO-LARGE"):
        return "skip"
    return "pass" if agrees(printed, wanted) else "fail"


class Result:
    def __init__(self, group, path, board, unix, printed, wanted):
        self.group, self.board, self.unix, self.printed, self.wanted = group, board, unix, printed, wanted
        folder = os.path.basename(os.path.dirname(path))
        self.name = folder + "/" + os.path.basename(path)[:-3]

    @property
    def owed(self):
        """Whether a board has to pass: the unix port does."""
        return self.unix == "pass"


def judge(options, group, path):
    wanted = expected(options, path)
    printed = on_board(options, group, path)
    unix = verdict(on_host(options, [options.micropython], path), wanted) if options.micropython else "pass"
    return Result(group, path, verdict(printed, wanted), unix, printed, wanted)


# ---- the report


def reasons():
    """Why a test fails, by its name."""
    found = {}
    with open(os.path.join(HERE, "reasons.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.strip().partition(" ")
                found[name] = reason.strip()
    return found


def table(results):
    lines = [
        "| Group | Tests | Passed by the unix port | Of these: pass | skip | fail | Passed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for group, _, _ in GROUPS:
        of_group = [result for result in results if result.group == group]
        owed = [result for result in of_group if result.owed]
        if owed:
            count = {kind: sum(result.board == kind for result in owed) for kind in ("pass", "skip", "fail")}
            share = 100 * count["pass"] / len(owed)
            cells = [group, len(of_group), len(owed), *count.values(), f"{share:.1f} %"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def report(results):
    why = reasons()
    missed = sorted((result.name, result.board) for result in results if result.owed and result.board != "pass")
    lines = ["| Test | Result | Reason |", "|---|---|---|"]
    lines += [f"| {name} | {board} | {why.get(name, 'not looked at yet')} |" for name, board in missed]
    return (
        "# Compatibility of virtual boards\n\n"
        "MicroPython's own tests, each in a board process of its own in strict mode, against what the unix port of\n"
        "MicroPython passes on the same machine. Written by `crates/board/compat/compat.py`.\n\n"
        + table(results)
        + "\n\n## What does not pass\n\nOf the tests that the unix port passes.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def tests(options):
    for group, folder, start in GROUPS:
        if not options.group or group in options.group:
            for path in sorted(glob.glob(os.path.join(options.tests, folder, start + "*.py"))):
                if options.only in path:
                    yield group, path


def show(result):
    sys.stdout.write(f"==== {result.name}: {result.board} (unix port: {result.unix})\n")
    for title, text in (("wanted", result.wanted), ("printed", result.printed)):
        sys.stdout.write(f"-- {title}\n{text.decode('utf-8', 'replace')}\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", required=True, help="the folder `tests` of MicroPython's sources")
    parser.add_argument("--board", required=True, help="the board program")
    parser.add_argument("--cpython", default="python3", help="what says what is right, where no .exp does")
    parser.add_argument("--micropython", default=shutil.which("micropython"), help="the unix port")
    parser.add_argument("--cache", default=os.path.join(tempfile.gettempdir(), "board-compat"))
    parser.add_argument("--group", action="append", help="only this group; may be given again")
    parser.add_argument("--only", default="", help="only tests with this in their path")
    parser.add_argument("--lenient", action="store_true", help="without --strict")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=20, help="seconds for one test")
    parser.add_argument("--show", action="store_true", help="print what failing tests wanted and printed")
    parser.add_argument("--write", help="the report")
    options = parser.parse_args()
    options.tests, options.board = os.path.abspath(options.tests), os.path.abspath(options.board)
    os.makedirs(options.cache, exist_ok=True)
    return options


def main():
    options = arguments()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda test: judge(options, *test), tests(options)))
    for result in results:
        if result.owed and result.board != "pass":
            show(result) if options.show else print(result.board, result.name)
    print(table(results))
    if options.write:
        with open(options.write, "w", encoding="utf-8") as file:
            file.write(report(results))


if __name__ == "__main__":
    main()
