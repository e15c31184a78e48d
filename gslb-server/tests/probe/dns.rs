//! dns: name servers that answer well, badly, from the wrong address, or not at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use gslb_core::health::Failure;

use crate::origin::Origin;
use crate::{failure, pass};

/// A name server that answers each query with the datagrams that a function makes of it.
struct NameServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    fn new(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut datagram = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut datagram) {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                answer(&datagram[..len]).iter().for_each(|reply| drop(socket.send_to(reply, from)));
            }
        });
        Self { address, stop, thread: Some(thread) }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"stop", self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

/// A response to `query` with this rcode, and records of these rdata, owned by the queried name.
fn response(query: &[u8], rcode: u8, rtype: u8, answers: &[&[u8]]) -> Vec<u8> {
    let mut message = query.to_vec();
    (message[2], message[3], message[7]) = (0x84, rcode, answers.len() as u8);
    for rdata in answers {
        message.extend_from_slice(&[0xC0, 12, 0, rtype, 0, 1, 0, 0, 0, 60, 0, rdata.len() as u8]);
        message.extend_from_slice(rdata);
    }
    message
}

fn probe(port: u16, rest: &str) -> String {
    format!("kind = \"dns\", port = {port}, name = \"www.example.com\", timeout = \"5s\"{rest}")
}

#[test]
fn rcode_and_answer_decide() {
    let server = NameServer::new(|query| vec![response(query, 0, 1, &[&[192, 0, 2, 1], &[192, 0, 2, 2]])]);
    let port = server.address.port();
    assert_eq!(pass(&probe(port, ", type = \"A\"")), "NOERROR");
    assert_eq!(
        pass(&probe(port, ", type = \"A\", expect_answer = \"192.0.2.2\"")),
        "NOERROR, with the expected answer"
    );
    let (why, evidence) = failure(&probe(port, ", type = \"A\", expect_answer = \"192.0.2.3\""));
    assert_eq!((why, &*evidence), (Failure::Body, "NOERROR, 2 records, without the expected answer"));
    assert_eq!(failure(&probe(port, ", expect_rcode = \"NXDOMAIN\"")).0, Failure::Rcode(0));
    let lame = NameServer::new(|query| vec![response(query, 2, 6, &[])]);
    assert_eq!(failure(&probe(lame.address.port(), "")), (Failure::Rcode(2), "SERVFAIL".to_owned()));
    assert_eq!(pass(&probe(lame.address.port(), ", expect_rcode = \"SERVFAIL\"")), "SERVFAIL");
}

#[test]
fn a_server_that_has_lost_its_zone_is_not_up() {
    let without_authority = |query: &[u8], answers: &[&[u8]]| {
        let mut message = response(query, 0, 1, answers);
        message[2] = 0x80;
        message
    };
    let lame = NameServer::new(move |query| vec![without_authority(query, &[])]);
    let (why, evidence) = failure(&probe(lame.address.port(), ""));
    assert_eq!((why, &*evidence), (Failure::Body, "NOERROR, but neither authoritative nor with a record of type SOA"));
    // The probe may check that a resolver answers at all, and a name may have no record of the type.
    let resolver = NameServer::new(move |query| vec![without_authority(query, &[&[192, 0, 2, 1]])]);
    assert_eq!(pass(&probe(resolver.address.port(), ", type = \"A\"")), "NOERROR");
    let empty = NameServer::new(|query| vec![response(query, 0, 1, &[])]);
    assert_eq!(pass(&probe(empty.address.port(), "")), "NOERROR");
}

#[test]
fn names_in_answers_may_be_compressed_and_in_any_case() {
    // 10 MAIL.example.com, whose end is that of the question.
    let server = NameServer::new(|query| vec![response(query, 0, 15, &[b"\0\x0a\x04MAIL\xc0\x10"])]);
    let rest = ", type = \"MX\", expect_answer = \"10 mail.example.com.\"";
    assert_eq!(pass(&probe(server.address.port(), rest)), "NOERROR, with the expected answer");
}

#[test]
fn responses_to_other_queries_are_ignored() {
    let server = NameServer::new(|query| {
        let good = response(query, 0, 1, &[]);
        let changed = |at: usize| {
            let mut message = good.clone();
            message[at] = !message[at];
            message
        };
        // Another ID, no response, another name, a stub; then the real one.
        vec![changed(0), query.to_vec(), changed(14), b"x".to_vec(), good]
    });
    assert_eq!(pass(&probe(server.address.port(), "")), "NOERROR");
    let forger = NameServer::new(|query| {
        let mut message = response(query, 0, 1, &[]);
        message[0] = !message[0];
        vec![message]
    });
    let (why, evidence) =
        failure(&format!("{}, interval = \"300ms\"", probe(forger.address.port(), "").replace("5s", "300ms")));
    assert_eq!(why, Failure::Timeout, "{evidence}");
}

#[test]
fn silence_junk_and_refused_connections_fail() {
    let mute = NameServer::new(|_| Vec::new());
    assert_eq!(failure(&probe(mute.address.port(), "").replace("5s", "200ms")).0, Failure::Timeout);
    let junk = NameServer::new(|query| {
        let mut message = response(query, 0, 1, &[&[192, 0, 2, 1]]);
        message.truncate(message.len() - 2);
        vec![message]
    });
    assert_eq!(failure(&probe(junk.address.port(), "")).0, Failure::Protocol);
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(failure(&probe(port, "")).0, Failure::Refused);
}

#[test]
fn dns_probes_retry_over_tcp() {
    let server = Origin::new(|mut stream| {
        let mut len = [0; 2];
        stream.read_exact(&mut len).unwrap();
        let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut query).unwrap();
        let reply = response(&query, 0, 1, &[&[192, 0, 2, 1]]);
        let _ = stream.write_all(&(reply.len() as u16).to_be_bytes());
        let _ = stream.write_all(&reply);
    });
    let rest = ", transport = \"tcp\", type = \"A\", expect_answer = \"192.0.2.1\"";
    assert_eq!(pass(&probe(server.port(), rest)), "NOERROR, with the expected answer");
    let closing = Origin::new(drop);
    assert_eq!(failure(&probe(closing.port(), rest)).0, Failure::Unreachable);
    let junk = Origin::saying("HTTP/1.1 400 Bad Request\r\n\r\n");
    let probe = probe(junk.port(), rest).replace("5s", "300ms");
    assert!(matches!(failure(&probe).0, Failure::Protocol | Failure::Unreachable | Failure::Timeout));
}
