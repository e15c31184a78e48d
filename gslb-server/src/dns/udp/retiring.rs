//! Threads that read sockets which no worker needs, until they can be emptied and closed.

use std::io;
use std::sync::Arc;
use std::thread;

use gslb_core::limit::Limiter;
use gslb_core::respond::{Settings, Worker};
use gslb_core::table::Published;
use parking_lot::Mutex;

use super::{Listener, Stop, counts, seed, worker};
use crate::capture::sample::Reservoir;
use crate::capture::tap;
use crate::dns::cookies::WorkerCookies;
use crate::dns::protection::Protection;

/// The threads. Dropping it ends them and leaves the sockets as they are.
pub struct Retiring(Arc<Stop>);

impl Retiring {
    /// Answers on `sockets`, each on a thread of its own.
    ///
    /// # Errors
    /// When the system starts no more threads; those already started are stopped.
    pub fn start(
        sockets: Vec<Listener>,
        published: &Arc<Published>,
        settings: &Arc<Settings>,
        protection: &Protection,
    ) -> io::Result<Self> {
        let (retiring, peers) = (Self(Arc::default()), sockets.len());
        for (socket, proxies) in sockets {
            let (published, settings, stop) = (Arc::clone(published), Arc::clone(settings), Arc::clone(&retiring.0));
            let (cookies, limits) = (protection.cookies.clone(), protection.limits.clone());
            let run = move || {
                let board = counts::Board {
                    tally: Arc::default(),
                    counting: counts::Counting::default(),
                    sample: Mutex::new(Reservoir::new(0, seed())),
                };
                for tap in tap::none(1) {
                    let (mut worker, proxies) = (Worker::new(Arc::clone(&settings), seed()), proxies.clone());
                    worker.set_limiter(limits.clone().map(|limits| Limiter::new(limits, peers, seed())));
                    let cookies = cookies.clone().map(WorkerCookies::new);
                    worker::UdpWorker::new(&socket, proxies, &published, &board, worker, cookies, tap).retire(&stop);
                }
            };
            thread::Builder::new().name("udp-retired".to_owned()).spawn(run)?;
        }
        Ok(retiring)
    }

    /// Lets the threads answer what the sockets have received, then close them. New datagrams go to the other sockets
    /// on the address.
    pub fn finish(self) {
        self.0.set(Stop::CLOSE);
    }
}

impl Drop for Retiring {
    fn drop(&mut self) {
        self.0.set(Stop::LEAVE);
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use gslb_core::site::model::Site;
    use gslb_core::table::{RoutingTable, compile};

    use super::*;

    fn retiring() -> (Retiring, UdpSocket) {
        let socket = crate::dns::udp::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
        let other = socket.try_clone().unwrap();
        let topology = compile::compile(Site::default(), &[], &Arc::default(), None).topology.unwrap();
        let published = Arc::new(Published::new(RoutingTable::initial(topology)));
        (Retiring::start(vec![(socket, None)], &published, &Arc::default(), &Protection::default()).unwrap(), other)
    }

    #[test]
    fn a_start_that_fails_leaves_the_sockets_to_the_predecessor() {
        let (retiring, predecessor) = retiring();
        drop(retiring);
        predecessor.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        // The thread may still take some.
        while predecessor.recv(&mut [0; 1]).is_err() {
            client.send_to(b"x", predecessor.local_addr().unwrap()).unwrap();
        }
        assert!(predecessor.peer_addr().is_err());
    }

    #[test]
    fn a_finished_socket_receives_nothing_more() {
        let (retiring, other) = retiring();
        assert!(other.peer_addr().is_err(), "a predecessor may still need it");
        retiring.finish();
        while other.peer_addr().is_err() {
            thread::yield_now();
        }
    }
}
