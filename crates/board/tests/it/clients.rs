//! The firmware's libraries for HTTP, MQTT and the time of day, with small servers on this machine.

use std::net::UdpSocket;
use std::thread;

use crate::python::Python;
use crate::support::{Board, printed};

/// Answers each request with what it was; some paths with something else.
const WEB: &str = "
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass
    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
    def serve(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        said = self.headers.get
        if self.path == '/moved':
            return self.answer(303, b'', Location='/new')
        if self.path == '/chunks':
            chunks = b''.join(b'%x\\r\\n%s\\r\\n' % (len(c), c) for c in (b'first ', b'second' * 50, b''))
            return self.answer(200, chunks, **{'Transfer-Encoding': 'chunked'})
        if self.path == '/late':
            return
        if self.path == '/short':
            return self.answer(404, b'no such thing, and more', **{'Content-Length': '13'})
        what = [self.command, self.path, body.decode(), said('Content-Type'), said('Authorization'), said('X-Board')]
        self.answer(200, json.dumps(what).encode(), X='y')
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port)
server.serve_forever()
";

#[test]
fn requests_asks_in_every_way() {
    let mut web = Python::start(WEB, &[]);
    let program = "import requests, urequests
url = 'http://127.0.0.1:PORT/'
r = requests.get(url + 'a?b=c', headers={'X-Board': 'esp32'})
print(r.status_code, r.reason, r.headers['X'], r.json())
r.close()
for r in requests.post(url, json={'a': 1}), urequests.put(url, data='text'), requests.delete(url, auth=('me', 'it')):
    print(r.text)
with requests.patch(url, data=(piece for piece in (b'a', b'b')), headers={'Content-Length': '2'}) as r:
    print(r.content)
r = requests.head(url)
print(r.status_code, r.content)
r = requests.post(url + 'moved', data='gone')
print(r.json()[:3])
print(len(requests.get(url + 'chunks').content), requests.get(url + 'short').text)
try:
    requests.get('ftp://127.0.0.1/')
except ValueError as e:
    print(e)
try:
    requests.get(url + 'late')
except ValueError as e:
    print(e)";
    let text = printed(&program.replace("PORT", &web.port().to_string()));
    let expected = "200 b'OK' y ['GET', '/a?b=c', '', None, None, 'esp32']\r\n\
        [\"POST\", \"/\", \"{\\\"a\\\": 1}\", \"application/json\", null, null]\r\n\
        [\"PUT\", \"/\", \"text\", null, null, null]\r\n\
        [\"DELETE\", \"/\", \"\", null, \"Basic bWU6aXQ=\", null]\r\n\
        b'[\"PATCH\", \"/\", \"ab\", null, null, null]'\r\n200 b''\r\n['GET', '/new', '']\r\n306 no such thing\r\n\
        Unsupported protocol: ftp:\r\nHTTP error: BadStatusLine:\n[]\r\n";
    assert_eq!(text.replace("\r\n[]", "\n[]"), expected);
}

#[test]
fn requests_speaks_https() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = [("cert.pem", key.cert.pem()), ("key.pem", key.signing_key.serialize_pem())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let secure = "print(server.server_port)
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)";
    let mut web = Python::start(&WEB.replace("print(server.server_port)", secure), &files);
    let program = "import requests
for path in 'chunks', 'short', 'endless':
    try:
        print(len(requests.get('https://localhost:PORT/' + path).content))
    except OSError as e:
        print(e)";
    let text = printed(&program.replace("PORT", &web.port().to_string()));
    // What ends without a word has ended, as without TLS.
    assert_eq!(text, "306\r\n13\r\n41\r\n");
}

/// A broker for one client, which tells what it takes and sends back what is published on topics that it wants.
const BROKER: &str = "
import socket, struct
def read(n):
    data = b''
    while len(data) < n:
        more = conn.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data
def packet():
    kind, length, shift = read(1)[0], 0, 0
    while True:
        byte = read(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return kind, read(length)
def length(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1])
conn, _ = listener.accept()
try:
    while True:
        kind, body = packet()
        if kind == 0x10:
            print('connect', body)
            conn.sendall(b'\\x20\\x02\\0\\0')
        elif kind == 0x82:
            print('subscribe', body[4:])
            conn.sendall(b'\\x90\\x03' + body[:2] + b'\\0')
        elif kind & 0xf0 == 0x30:
            print('publish', kind & 15, len(body))
            if kind & 6:
                at = 2 + struct.unpack('!H', body[:2])[0]
                conn.sendall(b'\\x40\\x02' + body[at:at + 2])
                body = body[:at] + body[at + 2:]
            conn.sendall(b'\\x30' + length(len(body)) + body)
        elif kind == 0xc0:
            conn.sendall(b'\\xd0\\0')
        else:
            print('packet', kind, body)
except EOFError:
    print('gone')
";

#[test]
fn umqtt_publishes_and_subscribes() {
    let mut broker = Python::start(BROKER, &[]);
    let program = "from umqtt.simple import MQTTClient
import umqtt.robust
c = MQTTClient('board', '127.0.0.1', PORT, user='me', password='it', keepalive=60)
c.set_callback(lambda topic, text: print(topic, len(text), text[:9]))
c.set_last_will('gone', 'bye', retain=True)
print(c.connect())
c.subscribe(b'lamp')
c.publish('lamp', 'on')
c.wait_msg()
c.publish(b'lamp', b'x' * 20000, retain=True, qos=1)
c.wait_msg()
c.ping()
print(c.wait_msg(), c.check_msg())
c.disconnect()";
    let text = printed(&program.replace("PORT", &broker.port().to_string()));
    assert_eq!(text, "0\r\nb'lamp' 2 b'on'\r\nb'lamp' 20000 b'xxxxxxxxx'\r\nNone None\r\n");
    let connect = r"connect b'\x00\x04MQTT\x04\xe6\x00<\x00\x05board\x00\x04gone\x00\x03bye\x00\x02me\x00\x02it'";
    let rest = "\nsubscribe b'lamp\\x00'\npublish 0 8\npublish 3 20008\npacket 224 b''\ngone\n";
    assert_eq!(broker.rest(), format!("{connect}{rest}"));
}

#[test]
fn ntptime_sets_the_clock() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut query = [0; 48];
        loop {
            let (length, from) = server.recv_from(&mut query).unwrap();
            assert_eq!((length, query[0]), (48, 0x1b));
            // 2030-01-02 03:04:05, in seconds from 1900.
            let mut answer = [0; 48];
            answer[40..44].copy_from_slice(&4_102_542_245_u32.to_be_bytes());
            server.send_to(&answer, from).unwrap();
        }
    });
    let program = "import ntptime, machine, time
ntptime.host, ntptime._port = '127.0.0.1', PORT
print(ntptime.time() == time.mktime((2030, 1, 2, 3, 4, 5, 0, 0)))
ntptime.settime()
print(machine.RTC().datetime()[:6], time.localtime()[:5])";
    let program = program.replace("PORT", &port.to_string());
    for profile in ["esp32", "rp2"] {
        let mut board = Board::start(profile, &[("main.py", &program)]);
        board.end();
        assert_eq!(board.output, "True\r\n(2030, 1, 2, 2, 3, 4) (2030, 1, 2, 3, 4)\r\n", "{profile}");
    }
}
