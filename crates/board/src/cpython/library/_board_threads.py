"""The end of a program: CPython waits for its threads."""

import threading


def finish():
    me = threading.current_thread()
    while True:
        others = [thread for thread in threading.enumerate() if thread is not me and not thread.daemon]
        if not others:
            return
        others[0].join()
