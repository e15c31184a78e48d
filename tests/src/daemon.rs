//! Prometheus' programs, started for a test and killed when dropped.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::eventually;
use crate::lines::Lines;

/// A program that logs its listen address.
pub struct Daemon {
    child: Child,
    /// Its address.
    pub address: SocketAddr,
}

impl Daemon {
    /// Starts `command`, and waits until it is ready.
    ///
    /// # Panics If it does not get there.
    pub fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program} cannot be run ({error}); tests/run has it"));
        let mut daemon = Self { child, address: SocketAddr::from(([0; 4], 0)) };
        let mut log = Lines::of(daemon.child.stderr.take().expect("standard error is a pipe"));
        let line = log.next_with("msg=\"Listening on\"");
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).map(str::parse);
        daemon.address = address.and_then(Result::ok).unwrap_or_else(|| panic!("no address in {line:?}"));
        let ready = format!("http://{}/-/ready", daemon.address);
        eventually("it is ready", || crate::ask::curl(&ready).status == 200);
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
