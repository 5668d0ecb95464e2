"""CPython's `select` over the board's: sockets go by their numbers too."""

from _board_select import *

import _board_select as _board
import socket as _socket


def _stream(thing):
    """The stream of a number, or of an object that has one."""
    if isinstance(thing, int):
        found = _socket._by_number(thing)
        if found is None:
            raise OSError(9, "Bad file descriptor")
        return found
    if isinstance(thing, _socket.socket) or not hasattr(thing, "fileno"):
        return thing
    number = thing.fileno()
    return thing if number in (0, 1, 2) else _stream(number)


def select(rlist, wlist, xlist, timeout=None, /):
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    lists = [[(thing, _stream(thing)) for thing in things] for things in (rlist, wlist, xlist)]
    plain = [[stream for _, stream in things] for things in lists]
    found = _board.select(*plain, *(() if timeout is None else (timeout,)))
    return tuple(
        [thing for thing, stream in things if any(stream is one for one in ready)]
        for things, ready in zip(lists, found)
    )


class poll:
    """Streams by their numbers, as CPython's keeps them."""

    def __init__(self):
        self._below, self._numbers = _board.poll(), {}

    def register(self, fd, eventmask=POLLIN | POLLPRI | POLLOUT):
        stream = _stream(fd)
        self._numbers[id(stream)] = fd if isinstance(fd, int) else fd.fileno()
        self._below.register(stream, eventmask)

    def modify(self, fd, eventmask):
        try:
            self._below.modify(_stream(fd), eventmask)
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory") from None

    def unregister(self, fd):
        number = fd if isinstance(fd, int) else fd.fileno()
        for key, known in list(self._numbers.items()):
            if known == number:
                del self._numbers[key]
        self._below.unregister(_stream(fd))

    def poll(self, timeout=None):
        found = self._below.poll(*(() if timeout is None or timeout < 0 else (int(timeout + 0.999),)))
        return [(self._number(thing), event) for thing, event in found]

    def _number(self, thing):
        return thing if isinstance(thing, int) else self._numbers[id(thing)]
