"""What of CPython's `socket` is Python: files over sockets, servers, pairs."""

import socket as _module
from _io import DEFAULT_BUFFER_SIZE, BufferedReader, BufferedRWPair, BufferedWriter, TextIOWrapper, _RawIOBase

_GLOBAL_DEFAULT_TIMEOUT = object()
has_dualstack_ipv6 = lambda: False


class SocketIO(_RawIOBase):
    """The bytes of a socket as a raw stream."""

    def __init__(self, sock, mode):
        self._sock, self.mode = sock, mode
        _module._file_opened(sock)

    def close(self):
        if not self.closed:
            super().close()
            _module._file_closed(self._sock)

    def readable(self):
        return "r" in self.mode

    def writable(self):
        return "w" in self.mode

    def readinto(self, buffer):
        try:
            return self._sock.recv_into(buffer)
        except BlockingIOError:
            return None

    def write(self, data):
        try:
            return self._sock.send(bytes(data))
        except BlockingIOError:
            return None

    def fileno(self):
        return self._sock.fileno()

    @property
    def name(self):
        return -1 if self.closed else self.fileno()


def makefile(sock, mode="r", buffering=None, *, encoding=None, errors=None, newline=None):
    if not set(mode) <= set("rwb"):
        raise ValueError("invalid mode %r (only r, w, b allowed)" % mode)
    writing, binary = "w" in mode, "b" in mode
    reading = "r" in mode or not writing
    raw = SocketIO(sock, ("r" if reading else "") + ("w" if writing else ""))
    if buffering == 0:
        if not binary:
            raise ValueError("unbuffered streams must be binary")
        return raw
    size = DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
    if reading and writing:
        buffer = BufferedRWPair(raw, raw, size)
    else:
        buffer = BufferedReader(raw, size) if reading else BufferedWriter(raw, size)
    if binary:
        return buffer
    text = TextIOWrapper(buffer, encoding or "utf-8", errors, newline)
    text.mode = mode
    return text


def create_connection(address, timeout=_GLOBAL_DEFAULT_TIMEOUT, source_address=None, *, all_errors=False):
    host, port = address
    failures = []
    for family, kind, proto, _, place in _module.getaddrinfo(host, port, 0, _module.SOCK_STREAM):
        sock = _module.socket(family, kind, proto)
        try:
            if timeout is not _GLOBAL_DEFAULT_TIMEOUT:
                sock.settimeout(timeout)
            if source_address:
                sock.bind(source_address)
            sock.connect(place)
            return sock
        except OSError as raised:
            failures.append(raised)
            sock.close()
    try:
        if all_errors:
            raise ExceptionGroup("create_connection failed", failures)
        raise failures[0]
    finally:
        failures = None


def create_server(address, *, family=_module.AF_INET, backlog=None, reuse_port=False, dualstack_ipv6=False):
    sock = _module.socket(family, _module.SOCK_STREAM)
    try:
        sock.setsockopt(_module.SOL_SOCKET, _module.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        except OSError as raised:
            raise OSError(raised.errno, "%s (while attempting to bind on address %r)" % (raised.strerror, address)) from None
        sock.listen(*(() if backlog is None else (backlog,)))
        return sock
    except BaseException:
        sock.close()
        raise


def socketpair(family=None, type=_module.SOCK_STREAM, proto=0):
    """Two sockets that speak with each other, over the loopback."""
    with create_server(("127.0.0.1", 0)) as listener:
        near = _module.socket()
        near.connect(listener.getsockname())
        far, _ = listener.accept()
    return far, near


def getfqdn(name=""):
    return name or _module.gethostname()


def gethostbyname_ex(name):
    return name, [], [_module.gethostbyname(name)]


def getservbyname(name, protocol=None):
    ports = {"http": 80, "https": 443, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "ntp": 123}
    try:
        return ports[name]
    except KeyError:
        raise OSError("service/proto not found") from None


class herror(OSError):
    pass


SHARED = ("SocketIO", "create_connection", "create_server", "socketpair", "getfqdn", "gethostbyname_ex", "getservbyname",
          "herror", "has_dualstack_ipv6", "_GLOBAL_DEFAULT_TIMEOUT")
for _name in SHARED:
    setattr(_module, _name, globals()[_name])
