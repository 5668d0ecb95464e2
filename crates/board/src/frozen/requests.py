# HTTP requests, each on a connection of its own.
import socket


class Response:
    def __init__(self, f, length=-1):
        self.raw = f
        self.encoding = "utf-8"
        self._cached = None
        self._length = length  # -1: to the end of the stream

    def close(self):
        if self.raw:
            self.raw.close()
            self.raw = None
        self._cached = None

    @property
    def content(self):
        if self._cached is None:
            try:
                self._cached = self.raw.read(self._length)
            finally:
                self.raw.close()
                self.raw = None
        return self._cached

    @property
    def text(self):
        return str(self.content, self.encoding)

    def json(self):
        import json

        return json.loads(self.content)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


class _Chunked:
    # A body in chunks, each after its length in hexadecimal; one of length 0 is the end.
    def __init__(self, s):
        self.s = s

    def read(self, _length=-1):
        body = b""
        while True:
            length = int(self.s.readline().split(b";", 1)[0], 16)
            if length:
                body += self.s.read(length)
            self.s.readline()
            if not length:
                return body

    def close(self):
        self.s.close()


def _split(url):
    proto, _, host, path = (url.split("/", 3) + [""])[:4]
    if proto not in ("http:", "https:"):
        raise ValueError("Unsupported protocol: " + proto)
    port = 443 if proto == "https:" else 80
    if ":" in host:
        host, port = host.split(":", 1)
        port = int(port)
    return proto, host, port, path


def _connect(proto, host, port, timeout):
    info = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    s = socket.socket(info[0], socket.SOCK_STREAM, info[2])
    try:
        if timeout is not None:
            s.settimeout(timeout)
        s.connect(info[-1])
        if proto == "https:":
            import ssl

            s = ssl.wrap_socket(s, server_hostname=host)
        return s
    except BaseException:
        s.close()
        raise


def _send(s, method, path, headers, data):
    s.write(("%s /%s HTTP/1.0\r\n" % (method, path)).encode())
    for name in headers:
        s.write(("%s: %s\r\n" % (name, headers[name])).encode())
    s.write(b"\r\n")
    if data is not None:
        if hasattr(data, "__next__"):
            for piece in data:
                s.write(piece)
        else:
            s.write(data)


def _head(s):
    # Status, reason, headers by name.
    words = s.readline().split(None, 2)
    if len(words) < 2:
        raise ValueError("HTTP error: BadStatusLine:\n%s" % words)
    reason = words[2].rstrip() if len(words) > 2 else ""
    headers = {}
    while True:
        line = s.readline()
        if not line or line == b"\r\n":
            return int(words[1]), reason, headers
        name, value = str(line, "utf-8").split(":", 1)
        headers[name] = value.strip()


def request(method, url, data=None, json=None, headers=None, stream=None, auth=None, timeout=None, parse_headers=True):
    headers = dict(headers or {})
    for _ in range(10):
        proto, host, port, path = _split(url)
        if json is not None and data is None:
            import json as encoder

            data = encoder.dumps(json)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(data, str):
            data = data.encode()
        if data is not None and not hasattr(data, "__next__"):
            headers["Content-Length"] = str(len(data))
        if auth is not None:
            import binascii

            pair = binascii.b2a_base64(("%s:%s" % auth).encode())[:-1]
            headers["Authorization"] = "Basic " + str(pair, "utf-8")
        headers["Host"] = host if port in (80, 443) else "%s:%d" % (host, port)
        headers["Connection"] = "close"
        s = _connect(proto, host, port, timeout)
        try:
            _send(s, method, path, headers, data)
            status, reason, got = _head(s)
        except BaseException:
            s.close()
            raise
        found = {name.lower(): got[name] for name in got}
        if status not in (301, 302, 303, 307, 308) or "location" not in found:
            chunked = "chunked" in found.get("transfer-encoding", "").lower()
            # Servers that end TLS without a word are many: what they say of the length spares the end.
            length = 0 if method == "HEAD" else int(found.get("content-length", -1))
            response = Response(_Chunked(s) if chunked else s, length)
            response.status_code = status
            response.reason = reason
            response.headers = got if parse_headers else None
            return response
        s.close()
        url = found["location"]
        if url.startswith("/"):
            url = "%s//%s:%d%s" % (proto, host, port, url)
        if status == 303:
            method, data, json = "GET", None, None
            headers.pop("Content-Length", None)
    raise ValueError("too many redirects")


def head(url, **kw):
    return request("HEAD", url, **kw)


def get(url, **kw):
    return request("GET", url, **kw)


def post(url, **kw):
    return request("POST", url, **kw)


def put(url, **kw):
    return request("PUT", url, **kw)


def patch(url, **kw):
    return request("PATCH", url, **kw)


def delete(url, **kw):
    return request("DELETE", url, **kw)
