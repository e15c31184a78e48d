//! Reads the keys of `tcp` and `grpc` probes.

use std::sync::Arc;

use super::host;
use crate::notation::{Fields, Problems};
use crate::site::model::{GrpcProbe, MAX_PROBE_BODY, TcpProbe};

/// Maximum octets that a probe sends.
const MAX_SEND: usize = 1_024;
/// Maximum octets of a gRPC service name.
const MAX_SERVICE: usize = 255;

pub(super) fn tcp(fields: &Fields<'_, '_>, port: Option<u16>, problems: &mut Problems) -> Option<TcpProbe> {
    let send = text(fields, "send", r#""PING\r\n""#, MAX_SEND, problems);
    let expect = text(fields, "expect", "\"+PONG\"", MAX_PROBE_BODY, problems);
    Some(TcpProbe { port: port?, send, expect })
}

pub(super) fn grpc(fields: &Fields<'_, '_>, port: Option<u16>, problems: &mut Problems) -> Option<GrpcProbe> {
    let with_tls = fields.get("tls").and_then(|item| item.boolean(problems)).unwrap_or(false);
    let tls = host::certificate(fields, problems);
    for key in ["server_name", "verify", "certificate_days"] {
        if let Some(item) = fields.get(key).filter(|_| !with_tls) {
            item.error(problems, format!("`{key}` has no effect without TLS"), "add tls = true, or remove it");
        }
    }
    let host = host::read(fields, "host", problems);
    let service = match fields.get("service").and_then(|item| item.string("\"\"", problems)) {
        None | Some("") => "".into(),
        Some(_) => text(fields, "service", "\"example.Orders\"", MAX_SERVICE, problems).unwrap_or_default(),
    };
    Some(GrpcProbe { port: port?, tls: with_tls.then_some(tls), host, service })
}

/// Text of 1 to `most` octets.
pub(super) fn text(
    fields: &Fields<'_, '_>,
    key: &str,
    example: &str,
    most: usize,
    problems: &mut Problems,
) -> Option<Arc<str>> {
    let item = fields.get(key)?;
    let text = item.string(example, problems)?;
    if (1..=most).contains(&text.len()) {
        return Some(text.into());
    }
    let help = format!("write 1 to {most} octets, such as {example}, or remove `{key}`");
    item.error(problems, format!("this has {} octets", text.len()), help);
    None
}
