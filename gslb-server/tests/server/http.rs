//! HTTP: health, metrics, and problem documents for everything else; and the demo's origins.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gslb::config::Config;
use gslb::daemon::origins::{Origin, Origins};
use gslb::daemon::{Bound, Hooks, Running, control_runtime};
use gslb::files::reload::Next;
use gslb::telemetry::metrics::Generation;
use gslb_api::traffic::tail::Tail;

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

/// Hooks that do nothing.
pub(crate) fn hooks() -> Hooks {
    Hooks {
        reloads: Arc::default(),
        stall: Arc::new(|| None),
        degraded: Arc::new(Vec::new),
        concerns: Arc::default(),
        collectors: Vec::new(),
        sample: Arc::default(),
        tail: Tail::default(),
        routes: axum::Router::new(),
        stopping: Box::new(|| {}),
        generation: Arc::new(|| None),
        files: Box::new(Vec::new),
        begun: Next::Wait,
        reload: Box::new(|_| Next::Wait),
    }
}

/// A server on free ports; `generation` 0 means no table.
fn serve(generation: &Arc<AtomicU64>) -> (Running, SocketAddr, SocketAddr) {
    let mut config = Config::default();
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.api.listen = "127.0.0.1:0".parse().unwrap();
    let bound = Bound::bind(&config).unwrap();
    let (dns, api) = (bound.dns()[0], bound.api());
    let generation = generation.clone();
    let generation: Generation =
        Arc::new(move || Some(generation.load(Ordering::Relaxed)).filter(|number| *number > 0));
    let hooks = Hooks { generation, ..hooks() };
    (
        bound.start(control_runtime().unwrap(), &config, published(), Arc::new(config.dns.settings()), hooks).unwrap(),
        dns,
        api,
    )
}

#[test]
fn two_hosts_in_a_request_are_refused_on_every_path() {
    let (running, _, address) = serve(&Arc::new(AtomicU64::new(1)));
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
    let generation = Arc::new(AtomicU64::new(0));
    let (running, dns, api) = serve(&generation);
    assert_eq!(get(api, "/livez").0, 200);
    assert_eq!(get(api, "/readyz").0, 503);
    generation.store(42, Ordering::Relaxed);
    let (status, _, body) = get(api, "/readyz");
    assert_eq!((status, body.as_str()), (200, "ready, serving table 42\n"));

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
    for line in ["gslb_table_generation 42", "gslb_tcp_accepted_total 1", "gslb_tcp_connections 1"] {
        assert!(body.lines().any(|other| other == line), "{line} is not in\n{body}");
    }
    drop(stream);
    let totals = running.stop();
    assert_eq!((totals.udp.received, totals.udp.sent, totals.tcp.accepted), (1, 1, 1));
}

#[test]
fn anything_else_is_a_problem_document() {
    let (running, _, api) = serve(&Arc::default());
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
    let (running, dns, api) = serve(&Arc::default());
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
    let (running, _, api) = serve(&Arc::default());
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
