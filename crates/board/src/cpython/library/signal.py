"""Signals: a board has Ctrl-C only, which is KeyboardInterrupt. Handlers for others are kept, and never called."""

import enum as _enum


class Signals(_enum.IntEnum):
    SIGHUP = 1
    SIGINT = 2
    SIGQUIT = 3
    SIGKILL = 9
    SIGUSR1 = 10
    SIGUSR2 = 12
    SIGPIPE = 13
    SIGALRM = 14
    SIGTERM = 15
    SIGCHLD = 17


globals().update(Signals.__members__)


class Handlers(_enum.IntEnum):
    SIG_DFL = 0
    SIG_IGN = 1


globals().update(Handlers.__members__)
NSIG = 65


def default_int_handler(signalnum, frame, /):
    raise KeyboardInterrupt


_handlers = {Signals.SIGINT: default_int_handler}


def signal(signalnum, handler, /):
    before = getsignal(signalnum)
    _handlers[signalnum] = handler
    return before


def getsignal(signalnum, /):
    return _handlers.get(signalnum, Handlers.SIG_DFL)


def set_wakeup_fd(fd, /, *, warn_on_full_buffer=True):
    return -1


def siginterrupt(signalnum, flag, /):
    """No call of a board is interrupted by a signal."""


def raise_signal(signalnum, /):
    handler = getsignal(signalnum)
    if callable(handler):
        handler(signalnum, None)


def valid_signals():
    return set(Signals)
