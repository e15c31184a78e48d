//! A DNS server of another project, started for a test and killed when dropped.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use crate::eventually;

/// A running DNS server.
pub struct DnsDaemon {
    child: Child,
}

impl DnsDaemon {
    /// A port of 127.0.0.1 that is free for UDP and TCP now.
    ///
    /// # Panics
    /// If there is none.
    pub fn free_port() -> u16 {
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = listener.local_addr().expect("it is bound").port();
            if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    }

    /// Starts `program`, and waits until it listens on `port` of 127.0.0.1 over TCP.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(program: &str, arguments: &[&str], port: u16) -> Self {
        let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{program} cannot be run ({error}); tests/run has it"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("it listens", || {
            let ended = child.try_wait().expect("it is a child");
            assert!(ended.is_none(), "{program} has ended: {ended:?}");
            std::net::TcpStream::connect(address).is_ok()
        });
        Self { child }
    }
}

impl Drop for DnsDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
