"""Thonny's back end for the ESP32, as its window would use it, at a board's console.

usage: thonny_steps.py PORT    PORT: a serial port, or the ws:// address of a WebREPL with the password `python`

Each step waits for the back end's own answer; who starts this bounds the whole. It prints a line a step, and ends
with status 1 and the last messages where the answer is another.
"""

import collections
import os
import subprocess
import sys
import tempfile

import thonny.plugins.esp.esp_back as back_end
from thonny.common import (
    EOFCommand,
    ImmediateCommand,
    InlineCommand,
    InputSubmission,
    ToplevelCommand,
    parse_message,
    serialize_message,
)


class BackEnd:
    def __init__(self, port):
        web = port.startswith("ws://")
        arguments = {
            "clean": True,
            "port": "webrepl" if web else port,
            "dtr": None,
            "rts": None,
            "submit_mode": None,
            "interrupt_on_connect": False,
            "write_block_size": None,
            "write_block_delay": None,
            "proxy_class": "ESP32Proxy",
            "sync_time": False,
            "validate_time": False,
            "local_rtc": False,
        }
        if web:
            arguments |= {"url": port, "password": "python"}
        settings = {"THONNY_USER_DIR": tempfile.mkdtemp(), "THONNY_FRONTEND_SYS_PATH": "[]"}
        self.process = subprocess.Popen(
            [sys.executable, back_end.__file__, repr(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            env=os.environ | settings,
        )
        self.last = collections.deque(maxlen=20)

    def send(self, command):
        self.process.stdin.write(serialize_message(command) + "\n")
        self.process.stdin.flush()

    def messages(self):
        for line in self.process.stdout:
            self.last.append(line.rstrip()[:300])
            if line.startswith("\x02"):
                yield parse_message(line)
        self.fail("the back end ended")

    def printed(self, text):
        """Waits until the program has printed this."""
        output = ""
        for message in self.messages():
            if message.event_type == "ProgramOutput":
                output += message["data"]
            if text in output:
                return output
            if message.event_type == "ToplevelResponse":
                self.fail(f"no {text!r} in {output!r}")

    def ready(self):
        """Waits until the board has its prompt back; gives what was printed until then, and its welcome."""
        output = ""
        for message in self.messages():
            if message.event_type == "ProgramOutput":
                output += message["data"]
            if message.event_type == "ToplevelResponse":
                return output + message.get("welcome_text", "")

    def answer(self, name, **arguments):
        """Has a command done that is no program."""
        self.send(InlineCommand(name, id=name, **arguments))
        for message in self.messages():
            if message.event_type == f"{name}_response":
                if message.get("error"):
                    self.fail(f"{name}: {message['error']}")
                return message

    def fail(self, why):
        print(why, *self.last, sep="\n  ")
        self.process.kill()
        sys.exit(1)

    def expect(self, step, holds, found):
        if not holds:
            self.fail(f"{step}: {found!r}")
        print(step)


def main(port):
    thonny = BackEnd(port)
    thonny.expect("connect", "MicroPython" in (said := thonny.ready()), said)

    thonny.send(ToplevelCommand("execute_source", source="1+41\n"))
    thonny.expect("evaluate", "42" in (said := thonny.ready()), said)

    thonny.send(ToplevelCommand("Run", source='name = input("who? ")\nprint("hi", name)\n', args=[]))
    thonny.printed("who? ")
    thonny.send(InputSubmission("bob\n"))
    thonny.expect("run with input()", "hi bob" in (said := thonny.ready()), said)

    thonny.send(ToplevelCommand("Run", source="print('looping')\nwhile True:\n    pass\n", args=[]))
    thonny.printed("looping")
    thonny.send(ImmediateCommand("interrupt"))
    thonny.expect("interrupt", "KeyboardInterrupt" in (said := thonny.ready()), said)

    text = "print('你好')\n".encode()
    thonny.answer(
        "write_file",
        path="/check.py",
        content_bytes=text,
        editor_id=1,
        blocking=True,
        make_shebang_scripts_executable=False,
    )
    files = thonny.answer("get_dirs_children_info", node_id="/", paths=["/"], include_hidden=False)
    thonny.expect("list files", "check.py" in files["data"]["/"], files)
    read = thonny.answer("read_file", path="/check.py")
    thonny.expect("save and read a file", read["content_bytes"] == text, read)
    thonny.send(EOFCommand())
    thonny.process.kill()


main(sys.argv[1])
