//! What was received and not read when TIME-WAIT began, which smoltcp throws away at its end.

use std::collections::VecDeque;

use smoltcp::socket::tcp::{Socket, State};

/// The last bytes of a connection, for whoever reads late.
#[derive(Default)]
pub(crate) struct Rest(VecDeque<u8>);

impl Rest {
    /// Takes them where it is time; to be called whenever the socket may have come further.
    pub(crate) fn keep(&mut self, socket: &mut Socket<'static>) {
        while socket.state() == State::TimeWait && socket.recv_queue() > 0 {
            let taken = socket.recv(|bytes| {
                self.0.extend(&*bytes);
                (bytes.len(), ())
            });
            if taken.is_err() {
                return;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives as much of them as there is room for; with `peek`, they can be read again.
    pub(crate) fn read(&mut self, into: &mut [u8], peek: bool) -> usize {
        let count = into.len().min(self.0.len());
        into.iter_mut().zip(&self.0).for_each(|(to, byte)| *to = *byte);
        if !peek {
            self.0.drain(..count);
        }
        count
    }
}
