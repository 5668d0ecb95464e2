"""The start and the end of threads."""


def wrap(start):
    """A start of threads after which a thread keeps nothing of what it runs: its last moments are no time for that."""

    def wrapped(function, *args, **kwargs):
        functions = [function]

        def run(*args, **kwargs):
            functions.pop()(*args, **kwargs)

        return start(run, *args, **kwargs)

    wrapped.__name__ = wrapped.__qualname__ = start.__name__
    return wrapped


def finish():
    """The end of a program: CPython waits for its threads."""
    import threading

    me = threading.current_thread()
    while True:
        others = [thread for thread in threading.enumerate() if thread is not me and not thread.daemon]
        if not others:
            return
        others[0].join()
