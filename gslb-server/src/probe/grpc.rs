//! Probes of kind `grpc`: one call of grpc.health.v1.Health/Check, over HTTP/2 with or without TLS.
//!
//! The messages have one field each, so they are encoded by hand: the request has the service's name, the response a
//! number (gRPC health checking protocol; Protocol Buffers wire format).

use std::pin::pin;

use gslb_core::health::{Failure, Target};
use gslb_core::site::model::GrpcProbe;
use h2::client;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connect::connect;
use super::fault::{Check, Fault};
use super::http::authority;
use super::notes::Notes;
use super::tls_clients::Inside;
use super::tools::Tools;

/// Most octets of a response's header, as HTTP/2 counts them (RFC 9113 §6.5.2).
const HEADER_OCTETS: u32 = 64 << 10;
/// Most octets of a response message; a well-formed one has two.
const MESSAGE_OCTETS: usize = 1_024;
/// Octets before a message: the compression flag and the length.
const PREFIX: usize = 5;
/// The status that means up.
const SERVING: u64 = 1;

pub(super) async fn check(probe: &GrpcProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let stream = connect(target, tools, notes).await?;
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let default_port = if probe.tls.is_some() { 443 } else { 80 };
    let uri =
        format!("{scheme}://{}/grpc.health.v1.Health/Check", authority(probe.host.as_deref(), target, default_port));
    match &probe.tls {
        None => call(stream, &uri, &probe.service, notes).await,
        Some(tls) => {
            let expected = (tls, probe.host.as_deref());
            let stream = tools.tls.connect(Inside::Http2, stream, target, expected, notes).await?;
            call(stream, &uri, &probe.service, notes).await
        }
    }
}

async fn call<S>(stream: S, uri: &str, service: &str, notes: &mut Notes) -> Check
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    notes.stage = "waiting for the response";
    let mut http = client::Builder::new();
    http.enable_push(false).max_header_list_size(HEADER_OCTETS).initial_window_size(MESSAGE_OCTETS as u32);
    let (sender, connection) = http.handshake::<S, Bytes>(stream).await.map_err(|error| fault(&error))?;
    let mut request = pin!(exchange(sender, uri, service));
    // The connection is driven here, not in a task, so that it does not outlive the probe.
    tokio::select! {
        biased;
        checked = &mut request => checked,
        _ = connection => request.await,
    }
}

async fn exchange(sender: client::SendRequest<Bytes>, uri: &str, service: &str) -> Check {
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("gslb-probe/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|error| Fault::new(Failure::System, error.to_string()))?;
    let to_fault = |error: h2::Error| fault(&error);
    let mut sender = sender.ready().await.map_err(to_fault)?;
    let (response, mut sending) = sender.send_request(request, false).map_err(to_fault)?;
    sending.send_data(encode(service).into(), true).map_err(to_fault)?;
    let response = response.await.map_err(to_fault)?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(Fault::new(Failure::Status(status), format!("HTTP status {status}")));
    }
    // A call that fails immediately has its status in the header.
    check_status(response.headers())?;
    let mut body = response.into_body();
    let mut message = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(to_fault)?;
        let _ = body.flow_control().release_capacity(piece.len());
        message.extend_from_slice(&piece);
        if message.len() > MESSAGE_OCTETS {
            return Err(Fault::protocol("the response is too long"));
        }
    }
    if let Some(trailers) = body.trailers().await.map_err(to_fault)? {
        check_status(&trailers)?;
    }
    judge(&message)
}

/// Fails if the header or trailer has an error status.
fn check_status(fields: &HeaderMap) -> Result<(), Fault> {
    match fields.get("grpc-status").map(|status| status.to_str().unwrap_or("unreadable")) {
        None | Some("0") => Ok(()),
        // NOT_FOUND: the server does not know the service.
        Some("5") => Err(Fault::new(Failure::NotServing, "the server does not know the service")),
        Some(status) => Err(Fault::new(Failure::NotServing, format!("gRPC status {status}"))),
    }
}

/// The request: field 1 is the service's name, omitted if empty.
fn encode(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        // At most 255 octets, so that the length has one or two octets of seven bits.
        let len = service.len();
        if len < 0x80 {
            message.push(len as u8);
        } else {
            message.extend([(len & 0x7F | 0x80) as u8, (len >> 7) as u8]);
        }
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend(message);
    framed
}

fn judge(framed: &[u8]) -> Check {
    let message = match framed.split_at_checked(PREFIX) {
        Some(([0, len @ ..], message)) if len == &(message.len() as u32).to_be_bytes()[..] => message,
        _ => return Err(Fault::protocol("the response is not a gRPC message")),
    };
    match decode(message) {
        Some(SERVING) => Ok("SERVING".to_owned()),
        Some(status) => {
            let names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
            let name =
                usize::try_from(status).ok().and_then(|at| names.get(at).copied()).unwrap_or("an unknown status");
            Err(Fault::new(Failure::NotServing, name))
        }
        None => Err(Fault::protocol("the response is not a grpc.health.v1 message")),
    }
}

/// The response: field 1 is the status, 0 if omitted. Unknown fields are skipped.
fn decode(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = varint(&mut message)?,
            (_, 0) => drop(varint(&mut message)?),
            (_, 1) => message = message.get(8..)?,
            (_, 2) => {
                let len = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(len..)?;
            }
            (_, 5) => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

/// A varint: groups of seven bits, least significant first.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(octet & 0x7F) << shift;
        if octet < 0x80 {
            return Some(number);
        }
    }
    None
}

fn fault(error: &h2::Error) -> Fault {
    match error.get_io() {
        Some(error) => Fault::of_io(error),
        None => Fault::protocol(format!("HTTP/2 error: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(framed: &[u8]) -> Failure {
        judge(framed).unwrap_err().failure
    }

    #[test]
    fn messages_follow_the_protocol_buffers_format() {
        assert_eq!(encode(""), [0, 0, 0, 0, 0]);
        assert_eq!(encode("ab"), [0, 0, 0, 0, 4, 0x0A, 2, b'a', b'b']);
        assert_eq!(encode(&"x".repeat(200))[..8], [0, 0, 0, 0, 203, 0x0A, 0xC8, 1]);
        assert!(judge(&[0, 0, 0, 0, 2, 8, 1]).is_ok());
        assert!(judge(&[0, 0, 0, 0, 5, 0x12, 1, b'x', 8, 1]).is_ok(), "a field that we do not know");
        assert_eq!(failure(&[0, 0, 0, 0, 2, 8, 2]), Failure::NotServing);
        assert_eq!(failure(&[0, 0, 0, 0, 0]), Failure::NotServing, "UNKNOWN is not written");
        let junk: [&[u8]; 6] = [
            b"",
            b"HTTP",
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 2, 0x12, 9],
        ];
        for framed in junk {
            assert_eq!(failure(framed), Failure::Protocol, "{framed:?}");
        }
    }
}
