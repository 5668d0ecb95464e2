#!/usr/bin/env python3
"""How much of MicroPython's own test suite a virtual board passes, by MicroPython's own runner.

    compat.py --sources MICROPYTHON --socklab target/debug/socklab [--unittest FOLDER] [--write docs/compatibility.md]
              [--group GROUP ...] [--only PART_OF_A_NAME] [--show]

`run-tests.py` of the sources talks to a board's serial port, as it does to a real board: `socklab repl --strict --pty`,
with a soft reset before each test; `run-multitests.py` to two of them on one virtual network. The same runners run the
same tests on the unix port (`micropython`): what that does not pass, no board has to, unless it has no radio for it. The
runners need pyserial, and a few tests the package `unittest` of micropython-lib, which is put on the board's flash.
Nothing is fetched, and no test is copied to this repository; reasons for failures are in reasons.txt next to this file.
With `--group`, what the report says of other groups stays. The tests of net_inet meet an Internet of their own: a server
on ports 80 and 443 of 127.0.0.1, to which the board's network leads the name micropython.org, with a certificate made by
`openssl`. Who may not open such ports leaves them out.
"""

import argparse
import contextlib
import glob
import http.server
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))

# Name, and which tests.
GROUPS = [
    ("basics", ["basics/*"]),
    ("float", ["float/*"]),
    ("io", ["io/*"]),
    ("import", ["import/*"]),
    ("unicode", ["unicode/*"]),
    ("misc", ["misc/*"]),
    ("stress", ["stress/*"]),
    ("thread", ["thread/*"]),
    ("socket, select", ["extmod/socket_*", "extmod/select_*"]),
    ("asyncio", ["extmod/asyncio_*"]),
    ("ssl, tls", ["extmod/ssl_*", "extmod/tls_*"]),
    ("json, re", ["extmod/json_*", "extmod/re*"]),
    ("time", ["extmod/time_*", "extmod/ticks_*"]),
    ("binascii, hashlib, random", ["extmod/binascii_*", "extmod/hashlib_*", "extmod/random_*"]),
    ("deflate, framebuf, heapq", ["extmod/deflate*", "extmod/framebuf*", "extmod/heapq*"]),
    ("os, platform", ["extmod/os_*", "extmod/platform*"]),
    ("net_hosted", ["net_hosted/*"]),
    ("multi_net", ["multi_net/*"]),
    ("multi_wlan", ["multi_wlan/*"]),
    ("net_inet", ["net_inet/*"]),
]

# Groups whose tests open or import what lies beside them.
WITH_FILES = ("io", "import", "unicode", "misc", "multi_net", "net_inet")

# Groups whose tests need a network, those of tests for two boards that talk to each other, those that meet the Internet
# of their own, and those that the unix port does not run: it has no radio, and would dial the world.
WITH_NETWORK = ("net_hosted", "multi_net", "net_inet")
WITH_TWO = ("multi_net", "multi_wlan")
WITH_INTERNET = ("net_inet",)
BOARDS_ONLY = ("multi_wlan", "net_inet")

# Hosts beyond this machine. Tests that dial them are left out: nothing here sends a packet to the world.
OUTSIDE = re.compile(r"""["'](micropython\.org|192\.0\.2\.1|1\.1\.1\.1|8\.8\.8\.8)["']""")


def dials_outside(path):
    group = path.split(os.sep)[-2]
    if group in WITH_INTERNET:
        return not os.path.exists(path + ".exp")  # what it should print, the runner would ask CPython, which dials out
    with open(path, encoding="utf-8", errors="replace") as file:
        return group == "net_hosted" and OUTSIDE.search(file.read()) is not None


# What a board does first that is to be in a network.
JOIN = """import network
_w = network.WLAN(network.STA_IF)
_w.active(True)
if not _w.isconnected():
    _w.connect("Socklab", "")
while not _w.isconnected():
    pass
del _w, network
"""


# ---- the Internet


class Site(http.server.BaseHTTPRequestHandler):
    """The page that the tests know."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = b"<html><body>A page of 54 bytes, as long as it was.\n\n</"
        self.send_response(200)
        for header in (
            "Content-Type: text/html",
            f"Content-Length: {len(page)}",
            "Last-Modified: Sat, 04 Oct 2014 21:54:13 GMT",
            "Connection: close",
            "Vary: Accept-Encoding",
            'ETag: "54306c85-36"',
            "Strict-Transport-Security: max-age=15768000",
            "Accept-Ranges: bytes",
        ):
            self.send_header(*header.split(": ", 1))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


class Internet:
    """A server for both ports of the web, and the authority that vouches for it."""

    NAME = "micropython.org"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="compat-internet-")
        self.authority, self.servers = self.path("ca.pem"), []

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def __enter__(self):
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        own = ["-subj", "/CN=an authority", "-addext", "basicConstraints=critical,CA:TRUE"]
        self.openssl("req", "-x509", *new, *own, "-keyout", "ca.key", "-out", "ca.pem")
        self.openssl("x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der")
        self.openssl("req", *new, "-subj", f"/CN={self.NAME}", "-keyout", "site.key", "-out", "site.csr")
        with open(self.path("names"), "w", encoding="utf-8") as file:
            file.write(f"subjectAltName=DNS:{self.NAME}\n")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "30"]
        self.openssl("x509", "-req", "-in", "site.csr", *signed, "-out", "site.pem")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.path("site.pem"), self.path("site.key"))
        for port in (80, 443):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Site)
            server.handle_error = lambda *_: None  # tests break off as they like
            if port == 443:
                server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            self.servers.append(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        shutil.rmtree(self.folder)


# ---- the boards


class Boards:
    """One board behind a serial port, or two that are on a network of their own."""

    def __init__(self, options, group, internet):
        self.folder = tempfile.mkdtemp(prefix="compat-")
        count = 2 if group in WITH_TWO else 1
        self.ports = [os.path.join(self.folder, f"port{number}") for number in range(1, count + 1)]
        flash = os.path.join(self.folder, "flash")
        # The second has its files in a folder of the first's, by its name.
        for own in [flash, os.path.join(flash, f"{options.board}-2")][:count]:
            self.fill(own, options, group)
            if internet:
                # The authority that these tests believe in.
                for name in ("ca.pem", "ca.der"):
                    shutil.copy(internet.path(name), os.path.join(own, name.replace("ca", "isrgrootx1")))
        command = [options.socklab, "--data", os.path.join(self.folder, "data"), "repl"]
        command += ["--board", ",".join([options.board] * count), "--flash", flash, "--pty", ",".join(self.ports)]
        command += [] if options.lenient else ["--strict"]
        # Some tests of one board dial what listens on this machine.
        command += ["--join-time", "100ms"] if count > 1 or internet else ["--net", "host"]
        command += ["--host-loopback", "--name", Internet.NAME] if internet else []
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def fill(self, flash, options, group):
        os.makedirs(os.path.join(flash, "lib"), exist_ok=True)
        if options.unittest:
            shutil.copytree(options.unittest, os.path.join(flash, "lib", "unittest"))
        if group in WITH_FILES:
            shutil.copytree(os.path.join(options.tests, group), flash, dirs_exist_ok=True)
        if group in WITH_NETWORK:
            with open(os.path.join(flash, "boot.py"), "w", encoding="utf-8") as file:
                file.write(JOIN)

    def __enter__(self):
        end = time.monotonic() + 30
        while not all(os.path.exists(port) for port in self.ports):
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                sys.exit(f"the board does not start: {self.log.read().decode('utf-8', 'replace')}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)


# ---- the runner


def run(options, instances, tests, results):
    """What MicroPython's runner says of each test on this instance, or on these two."""
    # One after the other: they use the same ports.
    runner = ["run-tests.py", "-j", "1"] if len(instances) == 1 else ["run-multitests.py"]
    command = [sys.executable] + runner + ["-r", results]
    command += [word for instance in instances for word in ("-t", instance)] + tests
    environment = dict(os.environ, MICROPY_MICROPYTHON=options.micropython or "")
    # What it prints is shown as it comes: a run takes minutes. It fails when a test does.
    done = subprocess.run(command, cwd=options.tests, env=environment, stdout=sys.stderr, check=False)
    said = os.path.join(results, "_results.json")
    if not os.path.exists(said):
        sys.exit(f"the runner came to no result: {done.returncode}")
    with open(said, encoding="utf-8") as file:
        return {test[0].removesuffix(".py"): test[1] for test in json.load(file)["results"]}


def both(options, group, tests, folder):
    """What the board does with each test, and the unix port; and where the runner left what differs."""
    results = os.path.join(folder, group.replace(" ", ""))
    with contextlib.ExitStack() as stack:
        internet = stack.enter_context(Internet()) if group in WITH_INTERNET else None
        boards = stack.enter_context(Boards(options, group, internet))
        on_board = run(options, ["port:" + port for port in boards.ports], tests, results)
    has_unix = options.micropython and group not in BOARDS_ONLY
    on_unix = run(options, ["unix"] * len(boards.ports), tests, results + ".unix") if has_unix else {}
    return [Result(group, name, on_board[name], on_unix.get(name, "pass"), results) for name in on_board]


class Result:
    def __init__(self, group, name, board, unix, folder):
        self.group, self.name, self.board, self.unix, self.folder = group, name, board, unix, folder

    @property
    def owed(self):
        """Whether a board has to pass: the unix port does."""
        return self.unix == "pass"

    def show(self):
        for kind in ("exp", "out"):
            path = os.path.join(self.folder, f"{self.name.replace('/', '_')}.py.{kind}")
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    print(f"---- {self.name}.{kind}\n{file.read()}")


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


def table(results, before=()):
    lines = [
        "| Group | Tests | Passed by the unix port | Of these: pass | skip | fail | Passed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for group, _ in GROUPS:
        lines += [line for line in before if line.startswith(f"| {group} |") and line.endswith("% |")]
        of_group = [result for result in results if result.group == group]
        owed = [result for result in of_group if result.owed]
        if owed:
            count = {kind: sum(result.board == kind for result in owed) for kind in ("pass", "skip", "fail")}
            share = 100 * count["pass"] / len(owed)
            cells = [group, len(of_group), len(owed), *count.values(), f"{share:.1f} %"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def kept(options):
    """What the report says of groups that are not run now."""
    if not options.group or not os.path.exists(options.write):
        return []
    run_now = [(group, patterns) for group, patterns in GROUPS if group in options.group]
    tests = [test.removesuffix(".py") for _, patterns in run_now for test in tests_of(options, patterns)]
    names = [group for group, _ in run_now] + tests
    with open(options.write, encoding="utf-8") as file:
        rows = [line.rstrip() for line in file if line.startswith("| ") and not line.startswith(("| Group", "| Test"))]
    return [row for row in rows if row.split(" | ")[0].removeprefix("| ") not in names]


def report(results, before):
    why = reasons()
    missed = [(result.name, result.board) for result in results if result.owed and result.board != "pass"]
    rows = [f"| {name} | {board} | {why.get(name, 'not looked at yet')} |" for name, board in missed]
    rows += [row for row in before if not row.endswith("% |")]
    lines = ["| Test | Result | Reason |", "|---|---|---|"] + sorted(rows)
    return (
        "# Compatibility of virtual boards\n\n"
        "MicroPython's own tests, run by MicroPython's own runner over the serial port of a board in strict mode,\n"
        "against what the unix port of MicroPython passes by the same runner on the same machine. Written by\n"
        "`crates/board/compat/compat.py`. Tests that dial hosts beyond this machine are left out. The unix port has no\n"
        "radio and would dial the world: of multi_wlan and net_inet, all is owed.\n\n"
        + table(results, before)
        + "\n\n## What does not pass\n\nOf the tests that the unix port passes.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def tests_of(options, patterns):
    paths = sorted(path for pattern in patterns for path in glob.glob(os.path.join(options.tests, pattern + ".py")))
    paths = [path for path in paths if not dials_outside(path)]
    return [os.path.relpath(path, options.tests) for path in paths if options.only in path]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", required=True, help="MicroPython's sources")
    parser.add_argument("--socklab", required=True, help="the program")
    parser.add_argument("--unittest", help="the folder of the package `unittest` of micropython-lib")
    parser.add_argument("--board", default="esp32", help="which board")
    parser.add_argument("--micropython", default=shutil.which("micropython"), help="the unix port")
    parser.add_argument("--group", action="append", help="only this group; may be given again")
    parser.add_argument("--only", default="", help="only tests with this in their path")
    parser.add_argument("--lenient", action="store_true", help="without --strict")
    parser.add_argument("--show", action="store_true", help="print what failing tests wanted and printed")
    parser.add_argument("--write", help="the report")
    options = parser.parse_args()
    options.tests = os.path.join(os.path.abspath(options.sources), "tests")
    options.socklab = os.path.abspath(options.socklab)
    return options


def main():
    options = arguments()
    results = []
    with tempfile.TemporaryDirectory(prefix="compat-") as folder:
        for group, patterns in GROUPS:
            tests = tests_of(options, patterns)
            if tests and (not options.group or group in options.group):
                results += both(options, group, tests, folder)
        for result in results:
            if result.owed and result.board != "pass":
                print(result.board, result.name)
                if options.show:
                    result.show()
    print(table(results))
    if options.write:
        written = report(results, kept(options))
        with open(options.write, "w", encoding="utf-8") as file:
            file.write(written)


if __name__ == "__main__":
    main()
