"""TLS for asyncio, which a virtual Linux computer has not."""


class SSLProtocol:
    def __init__(self, *args, **kwargs):
        raise ImportError("ssl: a virtual Linux computer has none")


class _SSLProtocolTransport:
    pass


class AppProtocolState:
    pass


def add_flowcontrol_defaults(high, low, kb):
    if high is None:
        high = kb * 1024 if low is None else 4 * low
    return high, high // 4 if low is None else low
