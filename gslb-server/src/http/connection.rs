//! One HTTP connection: the TLS handshake if TLS is on, then requests in order.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tower_service::Service as _;

use super::Shared;
use super::progress::Progress;
use crate::dns::tcp::connections::ConnectionSlot;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may stall while a response is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most octets of a request's header, and of read-ahead.
const HEADER_OCTETS: usize = 64 << 10;
/// Most header fields of a request; more are answered with 431 (RFC 6585 section 5).
const HEADER_FIELDS: usize = 100;

/// Serves until the client closes, violates the protocol or a limit, or the server stops. Connection errors concern
/// only the client, so they are not logged.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Shared,
    slot: &Arc<ConnectionSlot>,
    stop: watch::Receiver<bool>,
) {
    let Some(tls) = &shared.tls else { return serve_requests(stream, peer, shared, slot, stop).await };
    // Without a certificate, close the connection: never serve in cleartext.
    let Some(acceptor) = tls.acceptor() else { return };
    if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
        serve_requests(stream, peer, shared, slot, stop).await;
    }
}

async fn serve_requests<S>(
    stream: S,
    peer: SocketAddr,
    shared: &Shared,
    slot: &Arc<ConnectionSlot>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| {
        let busy = slot.busy();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // Routes are always ready.
        let answer = shared.routes.clone().call(request);
        async move {
            let _busy = busy;
            answer.await
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(shared.header);
    http.max_buf_size(HEADER_OCTETS).max_headers(HEADER_FIELDS);
    let mut connection = pin!(http.serve_connection(TokioIo::new(Progress::new(stream, WRITE_TIMEOUT)), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
