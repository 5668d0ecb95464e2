"""Files of the board's flash as CPython has them: a raw file of ours below, CPython's buffers and texts above."""

import _board_os
import errno
from _io import (
    DEFAULT_BUFFER_SIZE, BufferedRandom, BufferedReader, BufferedWriter, TextIOWrapper, UnsupportedOperation, _RawIOBase
)

from posix import fspath, named


class FileIO(_RawIOBase):
    def __init__(self, file, mode="r", closefd=True, opener=None):
        if isinstance(file, int):
            raise OSError(errno.EBADF, "Bad file descriptor")
        self.name = file
        self.closefd = closefd
        self._plus = "+" in mode
        self._kind = mode.replace("b", "").replace("+", "")
        if len(self._kind) != 1 or self._kind not in "rwax":
            raise ValueError("Must have exactly one of create/read/write/append mode and at most one plus")
        path = fspath(file)
        self._file = named(_board_os.open, path, self.mode)

    @property
    def mode(self):
        kind = {"w": "wb", "r": "rb", "a": "ab", "x": "xb"}[self._kind]
        return kind + "+" if self._plus else kind

    def readable(self):
        return self._plus or self._kind == "r"

    def writable(self):
        return self._plus or self._kind != "r"

    def seekable(self):
        return True

    def readinto(self, buffer):
        self._check(self.readable(), "not readable")
        return self._file.readinto(buffer)

    def write(self, data):
        self._check(self.writable(), "not writable")
        return self._file.write(bytes(data))

    def seek(self, offset, whence=0):
        self._check(True, "")
        return self._file.seek(offset, whence)

    def tell(self):
        self._check(True, "")
        return self._file.tell()

    def fileno(self):
        raise UnsupportedOperation("fileno: files of a virtual board have no numbers")

    def close(self):
        if not self.closed:
            super().close()
            if hasattr(self, "_file"):
                self._file.close()

    def _check(self, able, words):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not able:
            raise UnsupportedOperation("File " + words)

    def __repr__(self):
        return "<_io.FileIO name=%r mode=%r closefd=True>" % (self.name, self.mode)


def open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    if not isinstance(mode, str):
        raise TypeError("open() argument 'mode' must be str, not " + type(mode).__name__)
    binary, kinds = "b" in mode, [kind for kind in mode if kind in "rwax"]
    if set(mode) - set("rwaxbt+") or len(set(mode)) != len(mode):
        raise ValueError("invalid mode: %r" % mode)
    if binary and "t" in mode:
        raise ValueError("can't have text and binary mode at once")
    if len(kinds) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
        if binary and value is not None:
            raise ValueError("binary mode doesn't take %s argument" % name
                             if name != "errors" else "binary mode doesn't take an errors argument")
    if buffering == 0 and not binary:
        raise ValueError("can't have unbuffered text I/O")
    raw = FileIO(file, mode.replace("t", ""), closefd)
    if buffering == 0:
        return raw
    size = buffering if buffering > 1 else DEFAULT_BUFFER_SIZE
    if "+" in mode:
        buffer = BufferedRandom(raw, size)
    elif "r" in mode:
        buffer = BufferedReader(raw, size)
    else:
        buffer = BufferedWriter(raw, size)
    if binary:
        return buffer
    text = TextIOWrapper(buffer, encoding or "utf-8", errors, newline, buffering == 1)
    text.mode = mode
    return text


def open_code(path):
    return open(path, "rb")
