//! The module `select`: what is ready, what is found closed, and what programs make themselves.

use std::io::Write;
use std::net::TcpListener;

use crate::support::{Board, printed};

#[test]
fn flags_follow_a_sockets_life() {
    let program = "import select, socket, errno
p = select.poll()
s = socket.socket()
print(p.register(s), p.register(s), p.poll(0) == [(s, select.POLLOUT | select.POLLHUP)])
try:
    p.modify(3, 1)
except OSError as e:
    print(e.errno == errno.ENOENT, errno.errorcode[e.errno])
s.close()
print(p.poll()[0][1], p.unregister(s), p.poll(0))";
    assert_eq!(printed(program), "True False True\r\nTrue ENOENT\r\n32 None []\r\n");
}

#[test]
fn ipoll_uses_one_tuple_and_may_look_once() {
    let program = "import select, socket
p = select.poll()
a, b = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
p.register(a)
p.register(b)
print(list(p.ipoll(0)) == [(b, 4), (b, 4)])
for s, flags in p.ipoll(0, 1):
    print(s in (a, b), flags)
print(list(p.ipoll(0)))";
    assert_eq!(printed(program), "True\r\nTrue 4\r\nTrue 4\r\n[]\r\n");
}

#[test]
fn a_stream_made_in_python_is_asked_until_it_is_ready() {
    let program = "import select
class Stream:
    asked = 0
    def ioctl(self, request, mask):
        self.asked += 1
        return mask if self.asked == 3 else 0
s = Stream()
p = select.poll()
p.register(s, select.POLLIN)
print(p.poll() == [(s, 1)], s.asked)
try:
    p.register(7)
except OSError as e:
    print(e)";
    assert_eq!(printed(program), "True 3\r\nstream operation not supported\r\n");
}

#[test]
fn the_console_and_a_socket_are_waited_for_together() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = format!(
        "import select, socket, sys
s = socket.socket()
s.connect(('127.0.0.1', {port}))
p = select.poll()
p.register(s, select.POLLIN)
p.register(sys.stdin, select.POLLIN)
while True:
    for object, flags in p.poll():
        print('typed' if object is sys.stdin else 'sent', object.read(1), flags)"
    );
    let mut board = Board::start("esp32", &[("main.py", &program)]);
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"a").unwrap();
    board.until("sent b'a' 1\r\n");
    board.type_in("b");
    board.until("typed b 1\r\n");
}

#[test]
fn select_gives_three_lists() {
    let program = "import select, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(select.select([s], [s], [s], 0) == ([], [s], []), select.select([], [], [], 0.001))";
    assert_eq!(printed(program), "True ([], [], [])\r\n");
}
