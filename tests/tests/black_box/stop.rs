//! The stop: received queries are answered, and the exit code is 0.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{TcpStream, UdpSocket};

use gslb_tests::server::Server;
use gslb_tests::{PATIENCE, ask};

use crate::sites::small;

/// As many as fit into a receive buffer of the system's default size.
const QUERIES: u16 = 200;

/// A query for `www.example.com A`.
fn query(id: u16) -> Vec<u8> {
    let header = [0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    [&id.to_be_bytes()[..], &header, b"\x03www\x07example\x03com\x00", &[0, 1, 0, 1]].concat()
}

#[test]
fn queries_received_before_sigterm_are_answered() {
    let server = small("").serve();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    // Loopback datagrams are received when the call returns.
    (0..QUERIES).for_each(|id| assert!(client.send(&query(id)).is_ok()));
    let ended = server.stop();
    let mut answered = BTreeSet::new();
    let mut buffer = [0; 512];
    while answered.len() < usize::from(QUERIES) {
        let length =
            client.recv(&mut buffer).unwrap_or_else(|error| panic!("{} answers, then {error}", answered.len()));
        assert_eq!((buffer[2..4].to_vec(), &buffer[length - 4..length]), (vec![0x85, 0x00], &[192, 0, 2, 1][..]));
        answered.insert([buffer[0], buffer[1]]);
    }
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(ended.log.contains(&format!("stopped after {QUERIES} datagrams and 0 TCP connections")), "{}", ended.log);
}

#[test]
fn open_connections_do_not_delay_the_stop() {
    let server = small("").serve();
    let mut idle = [server.address(), server.api].map(|address| TcpStream::connect(address).unwrap());
    assert_eq!(ask::dig(server.address(), "+tcp www.example.com").data(), ["192.0.2.1"]);
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    for stream in &mut idle {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)), "it is closed without data");
    }
}

#[test]
fn both_commands_end_well_by_both_signals() {
    for signal in ["TERM", "INT"] {
        let folder = small("");
        for server in [folder.serve(), Server::demo()] {
            server.signal(signal);
            let ended = server.end();
            assert_eq!(ended.code, Some(0), "{signal}: {}", ended.log);
            assert!(ended.log.contains("stopping"), "{}", ended.log);
        }
    }
}

#[test]
fn a_running_reload_does_not_delay_the_stop() {
    // The bundled database takes longest.
    let mut server = Server::demo();
    server.signal("HUP");
    server.await_log("received SIGHUP, reloading");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}
