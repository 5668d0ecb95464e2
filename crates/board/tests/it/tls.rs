//! `ssl` and `tls`, with CPython's ssl at the other end, and certificates made for the test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

use crate::python::Python;
use crate::support::{Board, printed, printed_by};

/// Certificates and their keys, as PEM.
struct Papers {
    files: Vec<(&'static str, String)>,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = named(name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

impl Papers {
    /// `ca.pem` has signed `good.pem` for `board.test` and 127.0.0.1, `old.pem`, whose time is over, and `client.pem`.
    /// `other.pem` has signed nothing. `self.pem` is signed by itself and has its name as boards make them.
    fn new() -> Papers {
        let (ca, other) = (issuer("our CA"), issuer("another CA"));
        let mut papers = Papers { files: vec![("ca.pem", ca.pem()), ("other.pem", other.pem())] };
        let names = ["board.test".to_owned(), "127.0.0.1".to_owned()];
        let mut good = CertificateParams::new(names).unwrap();
        papers.sign(["good.pem", "good.key"], &good, &ca);
        good.not_after = date_time_ymd(2001, 1, 1);
        papers.sign(["old.pem", "old.key"], &good, &ca);
        let mut client = CertificateParams::new(Vec::new()).unwrap();
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        papers.sign(["client.pem", "client.key"], &client, &ca);
        let alone = issuer("board.local");
        papers.files.extend([("self.pem", alone.pem()), ("self.key", alone.key().serialize_pem())]);
        papers
    }

    fn sign(&mut self, names: [&'static str; 2], params: &CertificateParams, issuer: &Issuer) {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, issuer).unwrap();
        self.files.extend([(names[0], signed.pem()), (names[1], key.serialize_pem())]);
    }

    fn and<'a>(&'a self, program: &'a str) -> Vec<(&'a str, &'a str)> {
        let files = self.files.iter().map(|(name, text)| (*name, text.as_str()));
        files.chain([("main.py", program)]).collect()
    }

    fn files(&self) -> Vec<(&str, &str)> {
        self.files.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }

    /// What a board prints that runs this program.
    fn printed(&self, program: &str) -> String {
        let mut board = Board::start("esp32", &self.and(program));
        board.end();
        std::mem::take(&mut board.output)
    }
}

/// A server of CPython's: it answers lines in capitals, and says what failed.
const SERVER: &str = "
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('CERT.pem', 'CERT.key')
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1])
while True:
    plain, _ = listener.accept()
    try:
        with context.wrap_socket(plain, server_side=True) as conn:
            for line in conn.makefile('rb'):
                conn.sendall(line.upper())
            print('end')
            conn.unwrap()
    except OSError as e:
        print(type(e).__name__, getattr(e, 'reason', ''))
";

fn server(papers: &Papers, certificate: &str) -> (Python, u16) {
    let mut server = Python::start(&SERVER.replace("CERT", certificate), &papers.files());
    let port = server.port();
    (server, port)
}

/// The head of a program: `dial(ca, hostname)` connects with that certificate required.
const DIAL: &str = "
import socket, ssl
def dial(ca, hostname):
    s = socket.socket()
    s.connect(('127.0.0.1', PORT))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)
    return context.wrap_socket(s, server_hostname=hostname)
def outcome(*args):
    try:
        s = dial(*args)
        s.write('hello\\n')
        return s.readline()
    except Exception as e:
        return type(e).__name__, e
";

fn dialling(port: u16, rest: &str) -> String {
    DIAL.replace("PORT", &port.to_string()) + rest
}

/// As many do: with nothing said of it, the connection just ends.
#[test]
fn what_a_server_has_sent_is_read_though_it_says_no_goodbye() {
    let papers = Papers::new();
    let program = SERVER
        .replace("CERT", "good")
        .replace("            print('end')\n            conn.unwrap()", "            pass")
        .replace(
            "for line in conn.makefile('rb'):\n                conn.sendall(line.upper())",
            "conn.sendall(conn.recv(100).upper())",
        );
    let mut server = Python::start(&program, &papers.files());
    let port = server.port();
    let read = |rest: &str| {
        papers.printed(&dialling(port, &format!("s = dial('ca.pem', 'board.test')\ns.write('hello')\n{rest}")))
    };
    assert_eq!(read("print(s.read(), s.read())"), "b'HELLO' b''\r\n");
    assert_eq!(read("print(s.read(3), s.read(3), s.read(3))"), "b'HEL' b'LO' b''\r\n");
    assert_eq!(read("print(s.readline(), s.readline())"), "b'HELLO' b''\r\n");
}

#[test]
fn a_client_asks_for_a_certificate_that_is_good() {
    let papers = Papers::new();
    let (_server, port) = server(&papers, "good");
    let text = papers.printed(&dialling(
        port,
        "
s = dial('ca.pem', 'board.test')
print(s, s.cipher()[1], len(s.getpeercert(True)) > 100, s.write('one\\ntwo\\n'), s.readline(), s.read(4))
s.close()
for e in outcome('ca.pem', '127.0.0.1'), outcome('ca.pem', 'other.test'), outcome('other.pem', 'board.test'), outcome('ca.pem', None):
    print(e)",
    ));
    let expected = "<SSLSocket> TLSv1.2 True 8 b'ONE\\n' b'TWO\\n'\r\nb'HELLO\\n'\r\n\
        ('ValueError', ValueError('\\nThe certificate Common Name (CN) does not match with the expected CN\\n',))\r\n\
        ('ValueError', ValueError('\\nThe certificate is not correctly signed by the trusted CA\\n',))\r\n\
        ('ValueError', ValueError('CERT_REQUIRED requires server_hostname',))\r\n";
    assert_eq!(text, expected);
}

#[test]
fn certificates_have_their_time_and_may_sign_themselves() {
    let papers = Papers::new();
    let (_old, port) = server(&papers, "old");
    let text = papers.printed(&dialling(port, "print(outcome('ca.pem', 'board.test'))"));
    assert_eq!(text, "('ValueError', ValueError('\\nThe certificate validity has expired\\n',))\r\n");
    let (_alone, port) = server(&papers, "self");
    let text = papers.printed(&dialling(
        port,
        "
print(outcome('self.pem', 'board.local'), outcome('self.pem', 'board.remote')[0], outcome('ca.pem', 'board.local')[0])
s = socket.socket()
s.connect(('127.0.0.1', PORT))
s = ssl.wrap_socket(s)
print(s.write(b'anybody\\n'), s.readline())"
            .replace("PORT", &port.to_string())
            .as_str(),
    ));
    assert_eq!(text, "b'HELLO\\n' ValueError ValueError\r\n8 b'ANYBODY\\n'\r\n");
}

/// A client of CPython's for a board that serves; `ACT` is what it does.
const CLIENT: &str = "
import socket, ssl
context = ssl.create_default_context(cafile='ca.pem')
LOAD
def dial():
    return context.wrap_socket(socket.create_connection(('127.0.0.1', PORT)), server_hostname='board.test')
try:
    ACT
except OSError as e:
    print(type(e).__name__, getattr(e, 'reason', ''))
";

fn client(papers: &Papers, port: u16, load: &str, act: &str) -> Python {
    let program = CLIENT.replace("PORT", &port.to_string()).replace("LOAD", load);
    Python::start(&program.replace("ACT", &act.replace('\n', "\n    ")), &papers.files())
}

/// A port where nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_board_serves_as_much_as_it_is_sent() {
    let (papers, port) = (Papers::new(), nobody());
    let program = "
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('good.pem', 'good.key')
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(('127.0.0.1', PORT))
l.listen(1)
print('ready')
s = context.wrap_socket(l.accept()[0], server_side=True)
data = bytearray(100000)
print(s.readinto(data), s.write(data), s.read())
s.close()
try:
    s.write(b'x')
except OSError as e:
    print(e)";
    let mut board = Board::start("esp32", &papers.and(&program.replace("PORT", &port.to_string())));
    board.until("ready\r\n");
    let act = "s = dial()
data = bytes(i * i % 251 for i in range(100000))
s.sendall(data)
got = b''
while len(got) < len(data):
    got += s.recv(5000)
print(got == data, s.version())
s.unwrap()";
    // A board does not say goodbye.
    let said = "True TLSv1.2\nSSLEOFError UNEXPECTED_EOF_WHILE_READING\n";
    assert_eq!(client(&papers, port, "", act).rest(), said);
    board.end();
    assert_eq!(board.output, "100000 100000 b''\r\n(-28928, 'MBEDTLS_ERR_SSL_BAD_INPUT_DATA')\r\n");
}

#[test]
fn a_server_may_want_a_certificate_too() {
    let (papers, port) = (Papers::new(), nobody());
    let program = "
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('good.pem', 'good.key')
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations('ca.pem')
l = socket.socket()
l.bind(('127.0.0.1', PORT))
l.listen(1)
print('ready')
for _ in range(3):
    try:
        s = context.wrap_socket(l.accept()[0], server_side=True)
        print(s.readline(), len(s.getpeercert(True)) > 100)
        s.close()
    except Exception as e:
        print(type(e).__name__, e)";
    let mut board = Board::start("esp32", &papers.and(&program.replace("PORT", &port.to_string())));
    board.until("ready\r\n");
    let act = "s = dial()\ns.sendall(b'hello\\n')\nprint(s.recv(1))";
    assert!(client(&papers, port, "", act).rest().starts_with("SSLError "));
    board.until("OSError (-29824, 'MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE')\r\n");
    client(&papers, port, "context.load_cert_chain('self.pem', 'self.key')", act).rest();
    board.until("ValueError \r\nThe certificate is not correctly signed by the trusted CA\r\n\r\n");
    client(&papers, port, "context.load_cert_chain('client.pem', 'client.key')", act).rest();
    board.until("b'hello\\n' True\r\n");
}

#[test]
fn asyncio_serves_and_dials_with_tls() {
    let (papers, port) = (Papers::new(), nobody());
    let program = "
import asyncio, ssl
async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()
async def ask(word):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations('ca.pem')
    reader, writer = await asyncio.open_connection('127.0.0.1', PORT, ssl=context, server_hostname='board.test')
    writer.write(word + b'\\n')
    await writer.drain()
    return await reader.readline()
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain('good.pem', 'good.key')
    async with await asyncio.start_server(serve, '127.0.0.1', PORT, ssl=context):
        print(await asyncio.gather(ask(b'one'), ask(b'two')))
        await asyncio.sleep(1000)
asyncio.run(main())";
    let mut board = Board::start("esp32", &papers.and(&program.replace("PORT", &port.to_string())));
    board.until("[b'ONE\\n', b'TWO\\n']\r\n");
    let act = "a, b = dial(), dial()
for s in b, a, b:
    s.sendall(b'x' * 40000 + b'\\n')
    print(len(s.makefile('rb').readline()))";
    assert_eq!(client(&papers, port, "", act).rest(), "40001\n40001\n40001\n");
}

/// Two ends of a pipe in the program, which poll as boards' streams do.
const PIPE: &str = "
import io, select, ssl
class End(io.IOBase):
    def __init__(self):
        self.sent, self.asked, self.full = [], None, False
    def write(self, data):
        if self.full:
            return None
        self.sent.append(bytes(data))
        return len(data)
    def readinto(self, into):
        if not self.other.sent:
            return None
        first = self.other.sent.pop(0)
        n = min(len(first), len(into))
        into[:n] = first[:n]
        if n < len(first):
            self.other.sent.insert(0, first[n:])
        return n
    def ioctl(self, request, mask):
        if request != 3:
            return 0
        self.asked = mask
        return mask & ((1 if self.other.sent else 0) | (0 if self.full else 4))
    def close(self):
        self.ioctl(4, 0)
a, b = End(), End()
a.other, b.other = b, a
client = ssl.wrap_socket(a, do_handshake=False)
server = ssl.wrap_socket(b, server_side=True, key='good.key', cert='good.pem', do_handshake=False)
poll = select.poll()
def ready(s, mask):
    poll.register(s, mask)
    found = poll.poll(0)
    poll.unregister(s)
    return [flags for _, flags in found]
";

#[test]
fn a_stream_that_may_not_wait_is_polled_for_what_the_session_wants() {
    let program = PIPE.to_owned()
        + "
a.full = True
print(client.read(9), ready(client, 1), a.asked, ready(client, 4))
a.full = False
print(ready(client, 1), client.read(9), len(a.sent), ready(client, 1), a.asked)
print(client.write(b'foo'), ready(client, 4), a.asked)
while a.sent or b.sent:
    if server.read(9) or client.read(9):
        print('too early')
print(client.write(b'foobar'), server.read(3), ready(server, 1), ready(server, 5), server.read(9), ready(server, 1))
b.sent.append(b'\\xff' * 5)
b.sent.append(b'\\xff' * 100)
try:
    client.read(1)
except OSError as e:
    print(e, ready(client, 1))
client.close()
print(ready(client, 5))";
    let papers = Papers::new();
    let text = papers.printed(&program);
    let expected = "None [] 4 []\r\n[5] None 1 [] 1\r\nNone [] 1\r\n6 b'foo' [1] [5] b'bar' []\r\n\
        (-29184, 'MBEDTLS_ERR_SSL_INVALID_RECORD') [32]\r\n[32]\r\n";
    assert_eq!(text, expected);
}

#[test]
fn a_peer_that_goes_without_a_word_or_speaks_no_tls_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut plain, _) = listener.accept().unwrap();
        plain.write_all(b"220 this is no TLS\r\n").unwrap();
        let _ = plain.read(&mut [0; 1000]);
        drop(plain);
        let (mut silent, _) = listener.accept().unwrap();
        // With bytes unread, its end would be a reset.
        let _ = silent.read(&mut [0; 1000]);
    });
    let text = printed(
        &"
import socket, ssl
for _ in range(2):
    s = socket.socket()
    s.connect(('127.0.0.1', PORT))
    try:
        ssl.wrap_socket(s)
    except OSError as e:
        print(e)"
            .replace("PORT", &port.to_string()),
    );
    assert_eq!(text, "(-29184, 'MBEDTLS_ERR_SSL_INVALID_RECORD')\r\n(-29312, 'MBEDTLS_ERR_SSL_CONN_EOF')\r\n");
}

#[test]
fn a_callback_sees_the_certificates() {
    let papers = Papers::new();
    let (_server, port) = server(&papers, "good");
    let program = "
import socket, tls
def dial(callback):
    s = socket.socket()
    s.connect(('127.0.0.1', PORT))
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    print(context.verify_mode == tls.CERT_REQUIRED, context.verify_callback)
    context.verify_callback = callback
    context.load_verify_locations(open('ca.pem').read())
    return context.wrap_socket(s, server_hostname='board.test')
def good(certificate, depth):
    print(len(certificate) > 100, depth)
    return 0
s = dial(good)
print(s.write(b'x\\n'), s.read(2))
s.close()
for callback in (lambda certificate, depth: 1, lambda certificate, depth: 1 / 0):
    try:
        dial(callback)
    except Exception as e:
        print(type(e).__name__)";
    let text = papers.printed(&program.replace("PORT", &port.to_string()));
    assert_eq!(
        text,
        "True None\r\nTrue 0\r\n2 b'X\\n'\r\nTrue None\r\nValueError\r\nTrue None\r\nZeroDivisionError\r\n"
    );
}

#[test]
fn ctrl_c_ends_a_read_and_the_session_goes_on() {
    let papers = Papers::new();
    let (_server, port) = server(&papers, "good");
    let program = dialling(
        port,
        "
s = dial('ca.pem', 'board.test')
try:
    print('ready')
    s.read(1)
except KeyboardInterrupt:
    print(s.write('on\\n'), s.readline())",
    );
    let mut board = Board::start("esp32", &papers.and(&program));
    board.until("ready\r\n");
    board.tell(socklab_board::link::ToBoard::Interrupt);
    board.until("3 b'ON\\n'\r\n");
}

#[test]
fn a_linux_computer_has_none_of_it() {
    assert!(printed_by("linux", "import ssl").ends_with("ModuleNotFoundError: No module named 'ssl'\r\n"));
    assert!(printed_by("linux", "import tls").ends_with("ModuleNotFoundError: No module named 'tls'\r\n"));
}
