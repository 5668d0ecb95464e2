//! Streams of `asyncio`, with peers of the standard library at the other end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::support::{Board, printed};

/// A listener, and its port.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port where nobody listens.
fn nobody() -> u16 {
    listener().1
}

/// A port with a peer behind it that does this with the one connection it gets.
fn peer(serve: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let (listener, port) = listener();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    port
}

/// A program whose `main` this is, with `PORT` for the port.
fn program(main: &str, port: u16) -> String {
    let main = main.replace('\n', "\n    ").replace("PORT", &port.to_string());
    format!("import asyncio\nasync def main():\n    {main}\nasyncio.run(main())")
}

fn line(from: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}

#[test]
fn a_client_reads_in_every_way() {
    let port = peer(|mut stream| {
        let mut hello = [0; 6];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"hello\n");
        stream.write_all(b"a line\nexactly6 and8bytesthe rest\nof it").unwrap();
    });
    let text = printed(&program(
        "reader, writer = await asyncio.open_connection('127.0.0.1', PORT)
writer.write(b'hello\\n')
await writer.drain()
buffer = bytearray(8)
print(await reader.readline(), await reader.readexactly(8), await reader.read(1))
print(await reader.readinto(buffer), buffer, await reader.read(-1), await reader.read(5), await reader.readline())
try:
    await reader.readexactly(1)
except EOFError:
    print('over')
writer.close()
await writer.wait_closed()
try:
    writer.write(b'more')
except OSError as e:
    print(e)",
        port,
    ));
    let expected = "b'a line\\n' b'exactly6' b' '\r\n8 bytearray(b'and8byte') b'sthe rest\\nof it' b'' b''\r\nover\r\n[Errno 9] EBADF\r\n";
    assert_eq!(text, expected);
}

#[test]
fn what_a_stream_does_not_take_at_once_goes_later() {
    const LENGTH: usize = 8 << 20;
    let (go, wait) = std::sync::mpsc::channel();
    let port = peer(move |mut stream| {
        let () = wait.recv().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert!(all.len() == LENGTH && all.iter().enumerate().all(|(at, byte)| *byte == (at >> 16) as u8));
    });
    let main = program(
        "reader, writer = await asyncio.open_connection('127.0.0.1', PORT)
for i in range(128):
    writer.write(bytes([i]) * 65536)
print(len(writer.out_buf) > 0)
await writer.drain()
print(len(writer.out_buf))
writer.close()
await writer.wait_closed()",
        port,
    );
    // More than an ESP32 has memory for.
    let mut board = Board::start("k230", &[("main.py", &main)]);
    board.until("True\r\n");
    go.send(()).unwrap();
    board.end();
    assert_eq!(board.output, "0\r\n");
}

#[test]
fn a_server_serves_all_its_clients_at_once() {
    let port = nobody();
    let main = "import asyncio
async def serve(reader, writer):
    name = (await reader.readline()).strip()
    print(name.decode(), writer.get_extra_info('peername')[0])
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(name + b': ' + line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
    print('gone')
async def main():
    async with await asyncio.start_server(serve, '127.0.0.1', PORT) as server:
        print('ready')
        await asyncio.sleep(1000)
asyncio.run(main())";
    let mut board = Board::start("esp32", &[("main.py", &main.replace("PORT", &port.to_string()))]);
    board.until("ready\r\n");
    let mut clients = ["one", "two", "three"].map(|name| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        writeln!(stream, "{name}").unwrap();
        board.until(&format!("{name} 127.0.0.1\r\n"));
        BufReader::new(stream)
    });
    for (client, name) in clients.iter_mut().zip(["one", "two", "three"]).rev() {
        client.get_mut().write_all(b"hel").unwrap();
        client.get_mut().write_all(b"lo\n").unwrap();
        assert_eq!(line(client), format!("{name}: hello\n"));
    }
    for client in &mut clients {
        client.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(line(client), "");
        board.until("gone\r\n");
    }
}

#[test]
fn a_server_that_is_closed_lets_go_of_its_port() {
    let text = printed(&program(
        "for i in range(3):
    server = await asyncio.start_server(None, '127.0.0.1', PORT)
    try:
        await asyncio.start_server(None, '127.0.0.1', PORT)
    except OSError:
        print('taken')
    server.close()
    await server.wait_closed()
task = asyncio.create_task(asyncio.start_server(None, '127.0.0.1', PORT))
await asyncio.sleep(0)
task.cancel()
try:
    await task
except asyncio.CancelledError:
    print('cancelled')
async with await asyncio.start_server(None, '127.0.0.1', PORT):
    print('free')",
        nobody(),
    ));
    assert_eq!(text, "taken\r\ntaken\r\ntaken\r\ncancelled\r\nfree\r\n");
}

#[test]
fn a_read_that_takes_too_long_can_be_tried_again() {
    let (go, wait) = std::sync::mpsc::channel();
    let port = peer(move |mut stream| {
        let () = wait.recv().unwrap();
        stream.write_all(b"late\n").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let main = program(
        "reader, writer = await asyncio.open_connection('127.0.0.1', PORT)
for i in range(2):
    try:
        await asyncio.wait_for(reader.readline(), 0.02)
    except asyncio.TimeoutError:
        print('nothing yet')
print(await asyncio.wait_for(reader.readline(), 1000))",
        port,
    );
    let mut board = Board::start("esp32", &[("main.py", &main)]);
    board.until("nothing yet\r\nnothing yet\r\n");
    go.send(()).unwrap();
    board.end();
    assert_eq!(board.output, "b'late\\n'\r\n");
}

#[test]
fn a_dial_that_nobody_takes_is_an_error() {
    let text = printed(&program(
        "try:
    reader, writer = await asyncio.open_connection('127.0.0.1', PORT)
    print(await reader.read(1))
except OSError as e:
    print(e)",
        nobody(),
    ));
    assert_eq!(text, "[Errno 104] ECONNRESET\r\n");
}

#[test]
fn both_ends_may_be_in_one_program() {
    let text = printed(&program(
        "async def serve(reader, writer):
    writer.write((await reader.readexactly(3)).upper())
    await writer.drain()
    await reader.read()
    writer.close()
    await writer.wait_closed()
async def ask(word):
    reader, writer = await asyncio.open_connection('127.0.0.1', PORT)
    writer.write(word)
    await writer.drain()
    answer = await reader.readexactly(3)
    writer.close()
    await writer.wait_closed()
    return answer
async with await asyncio.start_server(serve, '127.0.0.1', PORT):
    print(await asyncio.gather(ask('abc'), ask('def'), ask('ghi')))",
        nobody(),
    ));
    assert_eq!(text, "[b'ABC', b'DEF', b'GHI']\r\n");
}
