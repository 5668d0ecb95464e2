"""Programs of the machine: a virtual board starts none. The names are here for the library, which asks for them."""

PIPE, STDOUT, DEVNULL = -1, -2, -3


class SubprocessError(Exception):
    pass


class TimeoutExpired(SubprocessError):
    pass


class CalledProcessError(SubprocessError):
    pass


def __getattr__(name):
    if name in ("run", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "Popen"):
        raise ImportError("subprocess.%s: a virtual board starts no programs of the machine that it runs on" % name)
    raise AttributeError("module 'subprocess' has no attribute '%s'" % name)
