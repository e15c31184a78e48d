//! HTTP: health, metrics, and problem documents for everything else; and the demo's origins.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gslb::backend::Backend;
use gslb::config::Config;
use gslb::daemon::origins::{Origin, Origins};
use gslb::daemon::{Bound, Provided, Restarting, Running, control_runtime};
use gslb::files::reload::Next;
use gslb_api::traffic::tail::Tail;
use gslb_core::table::Published;

use crate::published;
use crate::query::{PATIENCE, ask, query};

/// One exchange: status, headers in lower case, body.
fn exchange(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    exchange(address, "GET", path)
}

/// A backend without files, which stalls on request.
#[derive(Default)]
struct Stalling(AtomicBool);

impl Backend for Stalling {
    fn stall(&self) -> Option<String> {
        self.0.load(Ordering::Relaxed).then(|| "Nothing moves.".to_owned())
    }
}

/// What a server without an API provides.
pub(crate) fn provided() -> Provided {
    Provided {
        restarting: Restarting::never("a test"),
        backend: Arc::new(Stalling::default()),
        reloads: Arc::default(),
        concerns: Arc::default(),
        collectors: Vec::new(),
        sample: Arc::default(),
        tail: Tail::default(),
        routes: axum::Router::new(),
        begun: Next::Wait,
    }
}

/// A server on free ports.
fn serve() -> (Running, SocketAddr, SocketAddr) {
    serve_on(published(), Arc::default())
}

fn serve_on(published: Arc<Published>, backend: Arc<Stalling>) -> (Running, SocketAddr, SocketAddr) {
    let mut config = Config::default();
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.api.listen = "127.0.0.1:0".parse().unwrap();
    let bound = Bound::bind(&config).unwrap();
    let (dns, api) = (bound.dns()[0], bound.api());
    let (settings, provided) = (Arc::new(config.dns.settings()), Provided { backend, ..provided() });
    (bound.start(control_runtime().unwrap(), &config, published, settings, provided).unwrap(), dns, api)
}

#[test]
fn two_hosts_in_a_request_are_refused_on_every_path() {
    let (running, _, address) = serve();
    let status = |head: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{head}\r\nconnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response.split(' ').nth(1).unwrap().to_owned()
    };
    for path in ["/livez", "/readyz", "/metrics", "/api/v1/pools", "/nothing"] {
        let two = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nhost: evil.example");
        assert_eq!(status(&two), "400", "{path}");
        assert_eq!(status(&format!("GET {path} HTTP/1.1\r\nhost:")), "400", "{path}");
        let other = format!("GET http://{address}{path} HTTP/1.1\r\nhost: evil.example");
        assert_eq!(status(&other), "400", "{path}");
    }
    assert_eq!(status(&format!("GET /livez HTTP/1.1\r\nhost: {address}")), "200");
    assert_eq!(status("GET /livez HTTP/1.0"), "200");
    running.stop();
}

#[test]
fn health_and_metrics_are_served() {
    let (published, backend) = (published(), Arc::new(Stalling(AtomicBool::new(true))));
    let generation = published.load().generation();
    let (running, dns, api) = serve_on(published, Arc::clone(&backend));
    assert_eq!(get(api, "/livez").0, 200);
    let (status, _, body) = get(api, "/readyz");
    assert!(status == 503 && body.contains("Nothing moves."), "{body}");
    backend.0.store(false, Ordering::Relaxed);
    let (status, _, body) = get(api, "/readyz");
    assert_eq!((status, body), (200, format!("ready, serving table {generation}\n")));

    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(&query(1), dns).unwrap();
    client.recv(&mut [0; 512]).unwrap();
    let mut stream = TcpStream::connect(dns).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    ask(&mut stream, 2);
    let (status, head, body) = get(api, "/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let shown = format!("gslb_table_generation {generation}");
    for line in [&*shown, "gslb_tcp_accepted_total 1", "gslb_tcp_connections 1"] {
        assert!(body.lines().any(|other| other == line), "{line} is not in\n{body}");
    }
    drop(stream);
    let totals = running.stop();
    assert_eq!((totals.udp.received, totals.udp.sent, totals.tcp.accepted), (1, 1, 1));
}

#[test]
fn anything_else_is_a_problem_document() {
    let (running, _, api) = serve();
    for (method, path, expected) in [("GET", "/no\"where", 404), ("POST", "/metrics", 405), ("DELETE", "/livez", 405)] {
        let (status, head, body) = exchange(api, method, path);
        assert_eq!(status, expected);
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        assert_eq!(head.contains("\nallow: get,head"), expected == 405, "{head}");
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], expected);
    }
    assert_eq!(exchange(api, "HEAD", "/livez").2, "");
    running.stop();
}

#[test]
fn an_address_in_use_is_named_with_advice() {
    let (running, dns, api) = serve();
    let mut config = Config::default();
    config.dns.listen = vec![dns];
    let error = Bound::bind(&config).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {dns} (TCP): ")), "{error}");
    assert!(error.contains("another process has port"), "{error}");
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.api.listen = api;
    let error = Bound::bind(&config).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {api} (HTTP): ")), "{error}");
    running.stop();
}

#[test]
fn origins_name_themselves() {
    let origin = |last, data_center: &str| Origin {
        address: IpAddr::V4(Ipv4Addr::new(127, 7, 0, last)),
        data_center: data_center.to_owned(),
        endpoint: format!("{data_center}-{last}"),
    };
    let origins = Origins::bind(&[origin(1, "fra"), origin(2, "iad")], 0).unwrap();
    let port = origins.port();
    assert!(Origins::bind(&[origin(2, "iad")], port).is_err(), "the port is taken");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let serving = runtime.spawn(origins.serve());
    let address = |last| SocketAddr::from((Ipv4Addr::new(127, 7, 0, last), port));
    assert_eq!(get(address(1), "/").2, "You have reached endpoint fra-1 (127.7.0.1) in data center fra.\n");
    assert_eq!(get(address(2), "/a/b?c").2, "You have reached endpoint iad-2 (127.7.0.2) in data center iad.\n");
    let (status, _, body) = get(address(2), "/healthz");
    assert_eq!((status, body.as_str()), (200, "ok\n"));
    serving.abort();
}

#[test]
fn metrics_are_not_served_to_pages_of_other_origins() {
    let (running, _, api) = serve();
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(api).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    };
    assert!(ask("/metrics").starts_with("HTTP/1.1 421"));
    assert!(ask("/livez").starts_with("HTTP/1.1 200"), "a health check may use any name");
    running.stop();
}
