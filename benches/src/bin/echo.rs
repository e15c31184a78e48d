//! Sends every datagram back: what answering costs a server that does nothing, with the system calls that gslb makes.
//!
//! `echo ADDRESS:PORT`; port 0 chooses a free one. Prints the address, and runs until it is stopped.

use std::error::Error;
use std::io::ErrorKind;
use std::os::fd::AsFd;

use gslb::dns::udp::mmsg::{Batch, Datagram, Wait};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: echo ADDRESS:PORT")?.parse()?;
    let sockets = gslb::dns::udp::bind(address, 1)?;
    let socket = &sockets[0];
    println!("{}", socket.local_addr()?);
    let mut batch = Batch::new(false);
    loop {
        let received = match batch.receive(socket.as_fd(), Wait::ForFirst) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            // Word that a client closed its socket before an earlier reply came.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(error.into()),
        };
        for index in 0..received {
            if let Datagram::Whole { len, .. } = batch.datagram(index) {
                batch.reply(index, len);
            }
        }
        let mut next = 0;
        while next < batch.replies() {
            // A reply that cannot be sent is skipped.
            next += batch.send(socket.as_fd(), next).unwrap_or(1);
        }
    }
}
