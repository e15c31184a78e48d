//! grpc: servers that serve, do not serve, do not know the service, or do not speak HTTP/2.

use std::io::Write as _;
use std::net::SocketAddr;

use gslb_core::health::Failure;
use hyper::body::Bytes;
use hyper::{HeaderMap, Response};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::origin::{Origin, hang};
use crate::{failure, pass};

/// A server's response to one call: the message and the gRPC status.
type Answer = fn(&[u8]) -> (Vec<u8>, &'static str);

/// A gRPC server that stops when dropped.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn new(answer: Answer) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let Ok(mut http) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((request, mut respond))) = http.accept().await {
                        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                        assert_eq!(request.headers()["content-type"], "application/grpc");
                        tokio::spawn(async move {
                            let request_body = request.into_body().data().await.unwrap().unwrap();
                            let (message, status) = answer(&request_body);
                            let mut trailers = HeaderMap::new();
                            trailers.insert("grpc-status", status.parse().unwrap());
                            if message.is_empty() {
                                let mut response = Response::new(());
                                *response.headers_mut() = trailers;
                                let _ = respond.send_response(response, true);
                                return;
                            }
                            let Ok(mut body) = respond.send_response(Response::new(()), false) else { return };
                            let _ = body.send_data(Bytes::from(message), false);
                            let _ = body.send_trailers(trailers);
                        });
                    }
                });
            }
        });
        Self { address, _runtime: runtime }
    }

    fn probe(&self, service: &str) -> String {
        format!("kind = \"grpc\", port = {}, timeout = \"5s\", service = \"{service}\"", self.address.port())
    }
}

#[test]
fn the_status_of_the_service_decides() {
    let server = Server::new(|request_body| match request_body {
        [0, 0, 0, 0, 0] => (vec![0, 0, 0, 0, 2, 8, 1], "0"),
        [0, 0, 0, 0, 8, 0x0A, 6, b'o', b'r', b'd', b'e', b'r', b's'] => (vec![0, 0, 0, 0, 2, 8, 2], "0"),
        _ => (Vec::new(), "5"),
    });
    assert_eq!(pass(&server.probe("")), "SERVING");
    assert_eq!(failure(&server.probe("orders")), (Failure::NotServing, "NOT_SERVING".to_owned()));
    let unknown = (Failure::NotServing, "the server does not know the service".to_owned());
    assert_eq!(failure(&server.probe("other")), unknown);
}

#[test]
fn calls_that_fail_and_messages_without_end_fail() {
    let server = Server::new(|_| (vec![0, 0, 0, 0, 2, 8, 1], "14"));
    assert_eq!(failure(&server.probe("")), (Failure::NotServing, "gRPC status 14".to_owned()));
    let endless = Server::new(|_| (vec![0; 100_000], "0"));
    assert_eq!(failure(&endless.probe("")).0, Failure::Protocol);
}

#[test]
fn servers_without_http2_fail() {
    let web = Origin::saying("HTTP/1.1 400 Bad Request\r\n\r\n");
    let probe = |origin: &Origin| format!("kind = \"grpc\", port = {}, timeout = \"2s\"", origin.port());
    // It closes with our preface unread, which the system may report first.
    assert!(matches!(failure(&probe(&web)).0, Failure::Protocol | Failure::Unreachable));
    let mute = Origin::new(hang);
    assert_eq!(failure(&probe(&mute)).0, Failure::Timeout);
}

#[test]
fn a_server_that_only_pings_times_out() {
    let origin = Origin::new(|mut stream| {
        // SETTINGS, then PING forever (RFC 9113 §6.7); the acknowledgements are read, so that writing does not stall.
        let mut reader = stream.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8].repeat(50);
        while stream.write_all(&ping).is_ok() {}
    });
    let probe = format!("kind = \"grpc\", port = {}, timeout = \"60s\", interval = \"60s\"", origin.port());
    let (why, evidence) = failure(&probe);
    assert!(why == Failure::Protocol && evidence.contains("sent more than 256 KiB"), "{why:?} {evidence}");
}
