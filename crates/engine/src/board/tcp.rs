//! A board's console as a TCP server: what pyserial calls `socket://`, and telnet without its commands.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{BoardRemote, Door, Seat};
use crate::failure::Failure;

/// Who takes nothing of the output for so long is let go: the board would have to wait, and all others with it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves the console on `address`, from threads of its own, until what is given is dropped.
pub fn serve(board: BoardRemote, address: SocketAddr) -> Result<Door, Failure> {
    Door::open(address, move |stream| drop(sit(&board, stream)))
}

/// One connection, to its end. An error is its end too.
fn sit(board: &BoardRemote, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut output = stream.try_clone()?;
    let seat: Seat = board.attach(move |bytes| output.write_all(bytes));
    let mut buffer = [0; 4096];
    let mut is_first = true;
    loop {
        let count = stream.read(&mut buffer)?;
        if std::mem::take(&mut is_first) && is_web_request(&buffer[..count]) {
            return Ok(());
        }
        if count == 0 || !seat.type_in(&buffer[..count]) {
            return Ok(());
        }
    }
}

/// Whether a browser has come: a page from anywhere can have it send to any port of this machine.
fn is_web_request(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let methods: [&[u8]; 7] = [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH "];
    methods.iter().any(|method| line.starts_with(method)) && line.windows(6).any(|part| part == b" HTTP/")
}
