//! HTTP clients that stall, stay, or come in crowds: each is bounded, and the others are answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use gslb::config::Config;
use gslb::daemon::{Bound, control_runtime};

use crate::http::{get, provided};
use crate::published;
use crate::query::PATIENCE;

/// Serves with these changes to the default, until `with` is done.
fn serving(change: impl FnOnce(&mut Config), with: impl FnOnce(SocketAddr)) {
    let mut config = Config::default();
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.api.listen = "127.0.0.1:0".parse().unwrap();
    change(&mut config);
    let bound = Bound::bind(&config).unwrap();
    let api = bound.api();
    let running = bound
        .start(control_runtime().unwrap(), &config, published(), config.dns.settings().into(), provided())
        .unwrap();
    with(api);
    running.stop();
}

fn connect(api: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Requests `/livez` and reads the response, leaving the connection open.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        answer.push(octet[0]);
    }
}

/// Waits for the server to close the connection.
fn closed(mut stream: TcpStream) -> bool {
    matches!(stream.read_to_end(&mut Vec::new()), Ok(_) | Err(_))
}

#[test]
fn endless_headers_and_idle_connections_time_out() {
    let change = |config: &mut Config| config.api.header_timeout = Duration::from_secs(2);
    serving(change, |api| {
        let mut slow = connect(api);
        slow.write_all(b"GET /livez HTTP/1.1\r\nhost: loc").unwrap();
        let silent = connect(api);
        let mut idle = connect(api);
        ask(&mut idle);
        for stream in [slow, silent, idle] {
            assert!(closed(stream));
        }
        assert_eq!(get(api, "/livez").0, 200);
    });
}

#[test]
fn too_long_a_header_is_refused() {
    serving(
        |_| {},
        |api| {
            for header in [format!("a: {}\r\n", "x".repeat(1 << 20)), "a: b\r\n".repeat(200)] {
                let mut stream = connect(api);
                let _ = stream.write_all(format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{header}\r\n").as_bytes());
                let mut answer = Vec::new();
                let _ = stream.read_to_end(&mut answer);
                assert!(
                    answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"),
                    "{}",
                    String::from_utf8_lossy(&answer)
                );
            }
            assert_eq!(get(api, "/livez").0, 200);
        },
    );
}

#[test]
fn at_the_maximum_the_idlest_connection_is_closed() {
    serving(
        |config| config.api.connections = 3,
        |api| {
            let mut connections: Vec<TcpStream> = (0..3).map(|_| connect(api)).collect();
            connections.iter_mut().for_each(ask);
            ask(&mut connections[0]);
            assert_eq!(get(api, "/livez").0, 200);
            assert!(closed(connections.remove(1)));
            ask(&mut connections[0]);
        },
    );
}

#[test]
fn a_client_over_its_share_loses_its_own_idlest_connection() {
    serving(
        |config| config.api.connections_per_client = 2,
        |api| {
            let mut connections: Vec<TcpStream> = (0..2).map(|_| connect(api)).collect();
            connections.iter_mut().for_each(ask);
            ask(&mut connections[0]);
            assert_eq!(get(api, "/livez").0, 200, "open connections do not block others at the same address");
            assert!(closed(connections.remove(1)));
            ask(&mut connections[0]);
        },
    );
}

#[test]
fn an_address_that_others_can_reach_needs_tls() {
    let mut config = Config::default();
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        config.api.listen = address.parse().unwrap();
        let error = Bound::bind(&config).err().unwrap().to_string();
        assert!(error.starts_with(&format!("HTTP on {address} is reachable from other hosts")), "{error}");
        assert!(error.contains("add tls = {"), "{error}");
    }
}
