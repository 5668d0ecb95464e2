//! A board's console as a TCP server: what pyserial calls `socket://`, and telnet without its commands.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::{BoardRemote, Seat};
use crate::failure::{Failure, Operation};
use crate::holder;

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
    let mut output = stream.try_clone()?;
    let seat: Seat = board.attach(move |bytes| output.write_all(bytes));
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 || !seat.type_in(&buffer[..count]) {
            return Ok(());
        }
    }
}
