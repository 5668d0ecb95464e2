//! A board's console as a TCP server: what pyserial calls `socket://`, and telnet without its commands.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::{BoardRemote, Seat};
use crate::failure::{Failure, Operation};
use crate::holder;

/// Who takes nothing of the output for so long is let go: the board would have to wait, and all others with it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves the console on `address`, from threads of its own, as long as the program lives; gives where it is.
pub fn serve(board: BoardRemote, address: SocketAddr) -> Result<SocketAddr, Failure> {
    let refused =
        |error| Failure { holder: holder::of_port(address.port()), ..Failure::new(Operation::Listen, address, error) };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let board = board.clone();
            thread::spawn(move || sit(&board, stream));
        }
    });
    Ok(address)
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
