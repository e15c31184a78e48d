//! Probes of kind `http` and `https`: one request per connection, without following redirects.

use std::pin::pin;

use gslb_core::health::{Failure, Target};
use gslb_core::site::model::{self, HttpProbe, MAX_PROBE_BODY};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::bounded::Interim;
use super::connect::connect;
use super::fault::{Check, Fault};
use super::notes::Notes;
use super::search::Search;
use super::tls_clients::Inside;
use super::tools::Tools;

/// Most octets of a response's header fields, each with its name, value, colon, space and line end.
const HEADER_OCTETS: usize = 64 << 10;
/// Most fields of a response's header.
const HEADER_FIELDS: usize = 256;
/// Additional octets for the status line and the end of the header.
const MAX_STATUS_LINE: usize = 1 << 10;
const AGENT: &str = concat!("gslb-probe/", env!("CARGO_PKG_VERSION"));

pub(super) async fn check(probe: &HttpProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let mut request = request(probe, target)?;
    let stream = connect(target, tools, notes).await?;
    let interim = stream.interim();
    count_interim(&mut request, interim.clone());
    match &probe.tls {
        None => exchange(stream, request, probe, &interim, notes).await,
        Some(tls) => {
            let expected = (tls, probe.host.as_deref());
            let stream = tools.tls.connect(Inside::Http1, stream, target, expected, notes).await?;
            exchange(stream, request, probe, &interim, notes).await
        }
    }
}

fn request(probe: &HttpProbe, target: &Target) -> Result<Request<Empty<Bytes>>, Fault> {
    let mut request = Request::builder()
        .method(probe.method.to_string().as_str())
        .uri(&*probe.path)
        .header(header::HOST, authority(probe.host.as_deref(), target, if probe.tls.is_some() { 443 } else { 80 }))
        .header(header::CONNECTION, "close")
        .header(header::ACCEPT, "*/*");
    if !probe.headers.iter().any(|(name, _)| &**name == "user-agent") {
        request = request.header(header::USER_AGENT, AGENT);
    }
    for (name, value) in &probe.headers {
        request = request.header(&**name, &**value);
    }
    request.body(Empty::new()).map_err(|error| Fault::new(Failure::System, error.to_string()))
}

/// Counts interim responses to `request`, which hyper skips without a limit.
fn count_interim(request: &mut Request<Empty<Bytes>>, interim: Interim) {
    hyper::ext::on_informational(request, move |_| interim.count());
}

/// The `Host` of a request: the one in the document, or the address with its port unless that is the default.
pub(super) fn authority(host: Option<&str>, target: &Target, default_port: u16) -> String {
    let host = match (host, &target.host) {
        (Some(host), _) if host.contains(':') => return format!("[{host}]"),
        (Some(host), _) => return host.to_owned(),
        (None, model::Target::Address(std::net::IpAddr::V6(address))) => format!("[{address}]"),
        (None, model::Target::Address(address)) => address.to_string(),
        (None, model::Target::Cname(name)) => name.to_string().trim_end_matches('.').to_owned(),
    };
    match target.kind.port() {
        Some(port) if port != default_port => format!("{host}:{port}"),
        _ => host,
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    probe: &HttpProbe,
    interim: &Interim,
    notes: &mut Notes,
) -> Check
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    notes.stage = "waiting for the response";
    let mut http = http1::Builder::new();
    http.max_buf_size(HEADER_OCTETS + MAX_STATUS_LINE).max_headers(HEADER_FIELDS);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(|error| fault(&error))?;
    let mut checking = pin!(async move {
        let response = sender.send_request(request).await.map_err(|error| fault(&error))?;
        if let Some(why) = interim.exceeded() {
            return Err(Fault::protocol(why));
        }
        read(response, probe, notes).await
    });
    // The connection is driven here, not in a task, so that it does not outlive the probe.
    tokio::select! {
        biased;
        checked = &mut checking => checked,
        _ = connection => checking.await,
    }
}

async fn read(response: Response<Incoming>, probe: &HttpProbe, notes: &mut Notes) -> Check {
    check_header_size(response.headers())?;
    let status = response.status().as_u16();
    if !probe.expect_status.iter().any(|&(first, last)| (first..=last).contains(&status)) {
        return Err(Fault::new(Failure::Status(status), format!("status {status}")));
    }
    let Some(text) = &probe.expect_body else { return Ok(format!("status {status}")) };
    notes.stage = "reading the body";
    let mut body = response.into_body();
    let mut search = Search::new(text.as_bytes(), MAX_PROBE_BODY);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| fault(&error))?;
        if frame.data_ref().is_some_and(|data| search.add(data)) {
            return Ok(format!("status {status}, with the expected text"));
        }
        if search.is_full() {
            break;
        }
    }
    let seen = search.seen();
    Err(Fault::new(Failure::Body, format!("status {status}, without the expected text in the first {seen} octets")))
}

/// Fails if a header is longer than [`HEADER_OCTETS`]. hyper limits the number of fields, but its octet limit does not
/// apply to a header that arrives whole.
fn check_header_size(header: &HeaderMap) -> Result<(), Fault> {
    let octets: usize = header.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    if octets > HEADER_OCTETS { Err(header_too_large()) } else { Ok(()) }
}

fn header_too_large() -> Fault {
    let kib = HEADER_OCTETS >> 10;
    Fault::protocol(format!("the response's header has more than {HEADER_FIELDS} fields or {kib} KiB"))
}

/// Classifies an HTTP error.
fn fault(error: &hyper::Error) -> Fault {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            return Fault::of_io(error);
        }
        cause = inner.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Fault::new(Failure::Unreachable, "closed the connection before its response was complete");
    }
    if error.is_parse_too_large() {
        return header_too_large();
    }
    Fault::protocol(format!("not an HTTP/1.1 response: {error}"))
}
