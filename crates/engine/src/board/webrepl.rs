//! A board's console as MicroPython's WebREPL: a WebSocket with a password, and files beside the console. Thonny and
//! the WebREPL page speak it; it needs no serial port, on any system.
//!
//! Source: MicroPython's `extmod/modwebrepl.c` for what is said; RFC 6455 for how, which the library does.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socklab_board::flash::Flash;
use tungstenite::handshake::HandshakeRole;
use tungstenite::handshake::server::{ErrorResponse, Request as Opening, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::{BoardRemote, Door};
use crate::failure::Failure;

/// A request for a file: magic, what is wanted, 9 bytes of no use here, size, length of the name, the name.
const REQUEST: usize = 82;
/// The longest block of a file, in bytes.
const BLOCK: usize = 1024;
/// What our answers begin with; the number that follows is 0 where all is well.
const ANSWER: [u8; 2] = *b"WB";
const DONE: u16 = 0;
const REFUSED: u16 = 1;

/// How long a client has for its part of a closing that we began.
const PARTING: Duration = Duration::from_secs(1);

/// Serves the console and the files of `flash` on `address`, from threads of its own, until what is given is dropped.
pub fn serve(board: BoardRemote, flash: Flash, password: String, address: SocketAddr) -> Result<Door, Failure> {
    let house = House { board, flash, password, last: Mutex::default() };
    Door::open(address, move |stream| house.receive(&stream))
}

/// What all connections share.
struct House {
    board: BoardRemote,
    flash: Flash,
    password: String,
    /// The connection in use. The next one ends it: Thonny opens it while the old one still looks open.
    last: Mutex<Option<TcpStream>>,
}

/// One socket, read by one thread and written by two, a frame at a time.
struct Shared {
    reading: TcpStream,
    writing: Arc<Mutex<TcpStream>>,
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading.read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Pages that may speak to the board: those of this machine, files, and the client of MicroPython's own site. Any page
/// at all can make a browser connect; programs say no origin.
#[expect(clippy::result_large_err, reason = "the library's own type")]
fn from_here(request: &Opening, response: Response) -> Result<Response, ErrorResponse> {
    let origin = request.headers().get("origin").map(|origin| origin.to_str().unwrap_or("?"));
    let is_ours = origin.is_none_or(|origin| {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        matches!(host, "null" | "" | "localhost" | "127.0.0.1" | "[::1]" | "micropython.org")
    });
    match is_ours {
        true => Ok(response),
        false => {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            Err(refusal)
        }
    }
}

type Socket = WebSocket<Shared>;

impl House {
    /// One connection, to its end. An error is its end too, and concerns nobody else.
    fn receive(&self, stream: &TcpStream) {
        let _ = self.welcome(stream);
        // `last` holds the socket on: without this, the client would wait for its end.
        let _ = stream.shutdown(Shutdown::Both); // the client may have gone first
    }

    fn welcome(&self, stream: &TcpStream) -> tungstenite::Result<()> {
        stream.set_nodelay(true)?;
        let writing = Arc::new(Mutex::new(stream.try_clone()?));
        let shared = Shared { reading: stream.try_clone()?, writing: Arc::clone(&writing) };
        let mut socket = match tungstenite::accept_hdr(shared, from_here) {
            Ok(socket) => socket,
            Err(refused) => return Ok(answer_plainly(stream, &refused)?),
        };
        let result = match self.ask_password(&mut socket)? {
            true => self.converse(&mut socket, stream.try_clone()?, writing),
            false => {
                socket.send(Message::text("\r\nAccess denied\r\n"))?;
                socket.close(None)?;
                // Bytes of the client's that nobody has read would take ours with them.
                stream.set_read_timeout(Some(PARTING))?;
                while socket.read().is_ok() {}
                Ok(())
            }
        };
        let _ = socket.flush(); // our part of a closing that the client began
        result
    }

    /// What comes after the password.
    fn converse(
        &self,
        socket: &mut Socket,
        whole: TcpStream,
        writing: Arc<Mutex<TcpStream>>,
    ) -> tungstenite::Result<()> {
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(whole);
        if let Some(before) = before {
            let _ = before.shutdown(Shutdown::Both); // it may have gone by itself
        }
        socket.send(Message::text("\r\nWebREPL connected\r\n>>> "))?;
        let mut output = Output { writing, tail: Vec::new() };
        let seat = self.board.attach(move |bytes| output.write(bytes));
        loop {
            match socket.read()? {
                Message::Text(text) => drop(seat.type_in(text.as_bytes())),
                Message::Binary(bytes) => self.file(socket, bytes.to_vec())?,
                Message::Close(_) => return Ok(()),
                _ => {}
            }
        }
    }

    fn ask_password(&self, socket: &mut Socket) -> tungstenite::Result<bool> {
        socket.send(Message::text("Password: "))?;
        let mut given = String::new();
        loop {
            if let Message::Text(text) = socket.read()? {
                given.push_str(&text);
            }
            if let Some((given, _)) = given.split_once(['\r', '\n']) {
                return Ok(given == self.password);
            }
        }
    }

    /// A file that is put or got.
    fn file(&self, socket: &mut Socket, mut request: Vec<u8>) -> tungstenite::Result<()> {
        while request.len() < REQUEST {
            request.extend_from_slice(&next_block(socket)?);
        }
        let Some(Request { kind, size, name }) = Request::parse(&request) else { return answer(socket, REFUSED) };
        match kind {
            b'\x01' => self.put(socket, &name, size),
            b'\x02' => self.get(socket, &name),
            b'\x03' => socket.send(Message::binary(vec![1, 29, 0])),
            _ => answer(socket, REFUSED),
        }
    }

    fn put(&self, socket: &mut Socket, name: &str, size: usize) -> tungstenite::Result<()> {
        let Ok(mut file) = self.flash.create(name) else { return answer(socket, REFUSED) };
        answer(socket, DONE)?;
        let mut left = size;
        let mut good = true;
        while left > 0 {
            let block = next_block(socket)?;
            good &= file.write_all(&block).is_ok();
            left = left.saturating_sub(block.len());
        }
        answer(socket, if good { DONE } else { REFUSED })
    }

    fn get(&self, socket: &mut Socket, name: &str) -> tungstenite::Result<()> {
        let Ok(text) = self.flash.bytes(name) else { return answer(socket, REFUSED) };
        answer(socket, DONE)?;
        // A block for each byte that asks for one; an empty one is the end.
        for block in text.chunks(BLOCK).chain([&[][..]]) {
            next_block(socket)?;
            let mut frame = (block.len() as u16).to_le_bytes().to_vec();
            frame.extend_from_slice(block);
            socket.send(Message::binary(frame))?;
        }
        answer(socket, DONE)
    }
}

/// Says to a browser, or to whatever else does not speak WebSocket, what this is. Strangers' pages have had their answer.
fn answer_plainly<R: HandshakeRole>(mut stream: &TcpStream, refused: &HandshakeError<R>) -> io::Result<()> {
    let status = match refused {
        HandshakeError::Failure(Error::Protocol(_)) => "426 Upgrade Required\r\nUpgrade: websocket",
        HandshakeError::Failure(Error::HttpFormat(_) | Error::Capacity(_) | Error::Utf8(_)) => "400 Bad Request",
        _ => return Ok(()),
    };
    let text = "This is a board's WebREPL, a WebSocket: open it with Thonny or a WebREPL page.\n\
                这是板子的 WebREPL（WebSocket）：请用 Thonny 或 WebREPL 网页打开。\n";
    let length = text.len();
    let kind = "Content-Type: text/plain; charset=utf-8";
    write!(stream, "HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}")
}

struct Request {
    kind: u8,
    size: usize,
    name: String,
}

impl Request {
    fn parse(bytes: &[u8]) -> Option<Request> {
        let bytes = bytes.get(..REQUEST).filter(|bytes| bytes.starts_with(b"WA"))?;
        let size = u32::from_le_bytes(*bytes[12..].first_chunk()?) as usize;
        let length = usize::from(u16::from_le_bytes(*bytes[16..].first_chunk()?));
        let name = String::from_utf8(bytes.get(18..18 + length)?.to_vec()).ok()?;
        Some(Request { kind: bytes[2], size, name })
    }
}

fn answer(socket: &mut Socket, number: u16) -> tungstenite::Result<()> {
    let [low, high] = number.to_le_bytes();
    socket.send(Message::binary(vec![ANSWER[0], ANSWER[1], low, high]))
}

/// The next bytes of the file protocol.
fn next_block(socket: &mut Socket) -> tungstenite::Result<Vec<u8>> {
    loop {
        match socket.read()? {
            Message::Binary(bytes) => return Ok(bytes.to_vec()),
            Message::Close(_) => return Err(tungstenite::Error::ConnectionClosed),
            _ => {}
        }
    }
}

/// The board's output on its way out, in text frames, none of which may end within a character.
struct Output {
    writing: Arc<Mutex<TcpStream>>,
    tail: Vec<u8>,
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tail.extend_from_slice(bytes);
        let whole = whole_characters(&self.tail);
        let rest = self.tail.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.tail, rest)).into_owned();
        if text.is_empty() {
            return Ok(());
        }
        let mut frame = Vec::new();
        Frame::message(text.into_bytes(), OpCode::Data(Data::Text), true)
            .format(&mut frame)
            .map_err(io::Error::other)?;
        self.writing.lock().unwrap_or_else(PoisonError::into_inner).write_all(&frame)
    }
}

/// How many bytes there are before a character that is not complete.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_never_cut() {
        let text = "a中文".as_bytes();
        for (length, whole) in [(1, 1), (2, 1), (3, 1), (4, 4), (6, 4), (7, 7)] {
            assert_eq!(whole_characters(&text[..length]), whole);
        }
        assert_eq!(whole_characters(b"\xff\xe4"), 2, "what is no text at all is not waited for");
    }

    #[test]
    fn a_request_is_82_bytes() {
        let mut request = vec![0; REQUEST];
        request[..3].copy_from_slice(b"WA\x01");
        request[12..16].copy_from_slice(&1000u32.to_le_bytes());
        request[16..18].copy_from_slice(&7u16.to_le_bytes());
        request[18..25].copy_from_slice(b"main.py");
        let Request { kind, size, name } = Request::parse(&request).expect("a request");
        assert_eq!((kind, size, name.as_str()), (1, 1000, "main.py"));
        request[16] = 200;
        assert!(Request::parse(&request).is_none(), "a name longer than the request");
    }
}
