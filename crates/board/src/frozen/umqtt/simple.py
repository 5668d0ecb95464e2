# MQTT 3.1.1, one packet at a time.
import socket
import struct


class MQTTException(Exception):
    pass


def _text(text):
    if isinstance(text, str):
        text = text.encode()
    return struct.pack("!H", len(text)) + text


class MQTTClient:
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None, ssl_params={}):
        self.client_id = client_id
        self.sock = None
        self.server = server
        self.port = port or (8883 if ssl else 1883)
        self.ssl = ssl
        self.ssl_params = ssl_params
        self.pid = 0
        self.cb = None
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.lw_topic = None
        self.lw_msg = b""
        self.lw_qos = 0
        self.lw_retain = False

    def set_callback(self, f):
        self.cb = f

    def set_last_will(self, topic, msg, retain=False, qos=0):
        if not 0 <= qos <= 2 or not topic:
            raise ValueError("invalid last will")
        self.lw_topic, self.lw_msg, self.lw_qos, self.lw_retain = topic, msg, qos, retain

    def _send(self, kind, body):
        head = bytearray((kind,))
        length = len(body)
        while length > 127:
            head.append(length & 127 | 128)
            length >>= 7
        head.append(length)
        self.sock.write(bytes(head) + body)

    def _read(self, n):
        data = self.sock.read(n)
        if data is None or len(data) < n:
            raise OSError(-1)
        return data

    def _length(self):
        length = shift = 0
        while True:
            byte = self._read(1)[0]
            length |= (byte & 127) << shift
            if not byte & 128:
                return length
            shift += 7

    def connect(self, clean_session=True, timeout=None):
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        self.sock.connect(socket.getaddrinfo(self.server, self.port)[0][-1])
        if self.ssl is True:
            import ssl

            self.sock = ssl.wrap_socket(self.sock, **self.ssl_params)
        elif self.ssl:
            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)
        flags = 2 if clean_session else 0
        payload = _text(self.client_id)
        if self.lw_topic:
            flags |= 4 | self.lw_qos << 3 | bool(self.lw_retain) << 5
            payload += _text(self.lw_topic) + _text(self.lw_msg)
        if self.user is not None:
            flags |= 0xC0
            payload += _text(self.user) + _text(self.pswd)
        self._send(0x10, _text("MQTT") + struct.pack("!BBH", 4, flags, self.keepalive) + payload)
        answer = self._read(4)
        if answer[:2] != b"\x20\x02":
            raise MQTTException(-1)
        if answer[3]:
            raise MQTTException(answer[3])
        return answer[2] & 1

    def disconnect(self):
        self.sock.write(b"\xe0\0")
        self.sock.close()

    def ping(self):
        self.sock.write(b"\xc0\0")

    def publish(self, topic, msg, retain=False, qos=0):
        if isinstance(msg, str):
            msg = msg.encode()
        body = _text(topic)
        if qos:
            self.pid = self.pid % 0xFFFF + 1
            pid = self.pid
            body += struct.pack("!H", pid)
        self._send(0x30 | qos << 1 | bool(retain), body + msg)
        if qos == 2:
            raise NotImplementedError
        while qos:
            if self.wait_msg() == 0x40:
                if struct.unpack("!H", self._read(self._length())[:2])[0] == pid:
                    return

    def subscribe(self, topic, qos=0):
        self.pid = self.pid % 0xFFFF + 1
        self._send(0x82, struct.pack("!H", self.pid) + _text(topic) + bytes((qos,)))
        while True:
            if self.wait_msg() == 0x90:
                answer = self._read(self._length())
                if answer[2] == 0x80:
                    raise MQTTException(answer[2])
                return

    def wait_msg(self):
        # Waits for a packet. What is published is given to the callback; of others the kind is given back.
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        if first == b"":
            raise OSError(-1)
        kind = first[0]
        if kind == 0xD0:
            self._length()
            return None
        if kind & 0xF0 != 0x30:
            return kind
        body = self._read(self._length())
        at = 2 + struct.unpack("!H", body[:2])[0]
        topic = body[2:at]
        if kind & 6:
            pid = body[at : at + 2]
            at += 2
        self.cb(topic, body[at:])
        if kind & 6 == 2:
            self.sock.write(b"\x40\x02" + pid)
        elif kind & 6 == 4:
            raise NotImplementedError
        return kind

    def check_msg(self):
        self.sock.setblocking(False)
        return self.wait_msg()
