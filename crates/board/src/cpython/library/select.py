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
