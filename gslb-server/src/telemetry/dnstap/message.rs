//! dnstap messages: each answer becomes one for its query and one for its response.
//!
//! The structs are the part of `dnstap.proto` that an authoritative server uses; `prost` encodes them. They are written
//! by hand so that the build needs no protoc. One of each is reused, so that a frame allocates nothing once its buffers
//! have grown.

use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use gslb_core::respond::Transport;
use prost::Message as _;

use crate::capture::tap::Record;

/// `Dnstap.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Message = 1,
}

/// `Message.Type`, of which an authoritative server has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Event {
    AuthQuery = 1,
    AuthResponse = 2,
}

/// `SocketFamily`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Family {
    Inet = 1,
    Inet6 = 2,
}

/// `SocketProtocol`: the ones in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Protocol {
    Udp = 1,
    Tcp = 2,
    Dot = 3,
}

/// `Dnstap`.
#[derive(Clone, PartialEq, prost::Message)]
struct Dnstap {
    #[prost(bytes = "vec", optional, tag = "1")]
    identity: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    version: Option<Vec<u8>>,
    #[prost(message, optional, tag = "14")]
    message: Option<Message>,
    #[prost(enumeration = "Kind", required, tag = "15")]
    kind: i32,
}

/// `Message`.
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(enumeration = "Event", required, tag = "1")]
    event: i32,
    #[prost(enumeration = "Family", optional, tag = "2")]
    family: Option<i32>,
    #[prost(enumeration = "Protocol", optional, tag = "3")]
    protocol: Option<i32>,
    /// Of the resolver.
    #[prost(bytes = "vec", optional, tag = "4")]
    query_address: Option<Vec<u8>>,
    /// Of this server.
    #[prost(bytes = "vec", optional, tag = "5")]
    response_address: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "6")]
    query_port: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    response_port: Option<u32>,
    #[prost(uint64, optional, tag = "8")]
    query_seconds: Option<u64>,
    #[prost(fixed32, optional, tag = "9")]
    query_nanoseconds: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "10")]
    query: Option<Vec<u8>>,
    /// Apex of the zone, in wire form.
    #[prost(bytes = "vec", optional, tag = "11")]
    zone: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "12")]
    response_seconds: Option<u64>,
    #[prost(fixed32, optional, tag = "13")]
    response_nanoseconds: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "14")]
    response: Option<Vec<u8>>,
}

/// Encodes answers as dnstap messages.
pub(super) struct Encoder {
    /// One for queries and one for responses.
    frames: [Dnstap; 2],
}

impl Encoder {
    /// An encoder with this server's identity and version.
    pub(super) fn new(identity: String, version: String) -> Self {
        let message = |event: Event| Message { event: event as i32, ..Message::default() };
        let (identity, version) = (Some(identity.into_bytes()), Some(version.into_bytes()));
        let frame = |event| Dnstap {
            identity: identity.clone(),
            version: version.clone(),
            message: Some(message(event)),
            kind: Kind::Message as i32,
        };
        Self { frames: [frame(Event::AuthQuery), frame(Event::AuthResponse)] }
    }

    /// Encodes the messages of an answer, each with one call of `write`.
    pub(super) fn encode(
        &mut self,
        record: &Record<'_>,
        zone: Option<&[u8]>,
        mut write: impl FnMut(&dyn Fn(&mut Vec<u8>)),
    ) {
        for frame in &mut self.frames {
            let Some(message) = &mut frame.message else { continue };
            message.fill(record, zone);
            if message.event == Event::AuthQuery as i32 {
                put(&mut message.query, Some(record.query));
            } else {
                let (seconds, nanoseconds) = moment(record.answered);
                (message.response_seconds, message.response_nanoseconds) = (Some(seconds), Some(nanoseconds));
                put(&mut message.response, Some(record.response));
            }
            let frame = &*frame;
            write(&|out| frame.encode_raw_to(out));
        }
    }
}

impl Dnstap {
    fn encode_raw_to(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = self.encode(out);
    }
}

impl Message {
    /// Sets the fields that queries and responses share.
    fn fill(&mut self, record: &Record<'_>, zone: Option<&[u8]>) {
        let (resolver, local) = (canonical(record.path.resolver), canonical(record.path.local));
        self.family = Some(if resolver.is_ipv4() { Family::Inet } else { Family::Inet6 } as i32);
        let protocol = match record.path.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
            Transport::Tls => Protocol::Dot,
        };
        self.protocol = Some(protocol as i32);
        put_address(&mut self.query_address, resolver.ip());
        put_address(&mut self.response_address, local.ip());
        (self.query_port, self.response_port) = (Some(resolver.port().into()), Some(local.port().into()));
        let (seconds, nanoseconds) = moment(record.received_at);
        (self.query_seconds, self.query_nanoseconds) = (Some(seconds), Some(nanoseconds));
        put(&mut self.zone, zone);
    }
}

/// Seconds since 1970, and the remaining nanoseconds.
fn moment(time: SystemTime) -> (u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.subsec_nanos())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Copies octets into a field, reusing its buffer.
fn put(field: &mut Option<Vec<u8>>, octets: Option<&[u8]>) {
    let Some(octets) = octets else {
        *field = None;
        return;
    };
    let buffer = field.get_or_insert_default();
    buffer.clear();
    buffer.extend_from_slice(octets);
}

fn put_address(field: &mut Option<Vec<u8>>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => put(field, Some(&v4.octets())),
        IpAddr::V6(v6) => put(field, Some(&v6.octets())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::tap::{QueryPath, WantedBy};
    use std::time::Duration;

    fn record<'a>(resolver: &str, transport: Transport, query: &'a [u8], response: &'a [u8]) -> Record<'a> {
        let received_at = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        Record {
            path: QueryPath { transport, resolver: resolver.parse().unwrap(), local: "192.0.2.53:53".parse().unwrap() },
            received_at,
            answered: received_at + Duration::from_nanos(1_000),
            generation: 1,
            topology_id: 1,
            decisions: &[],
            chosen: &[],
            wanted: WantedBy { dnstap: true, tail: false },
            query,
            response,
        }
    }

    #[test]
    fn an_answer_becomes_a_query_and_a_response_without_fields_of_the_previous_one() {
        let mut encoder = Encoder::new("fra-1".to_owned(), "gslb 1".to_owned());
        let mut encoded = |record: &Record<'_>, zone: Option<&[u8]>| {
            let mut all = Vec::new();
            encoder.encode(record, zone, |write| {
                let mut out = Vec::new();
                write(&mut out);
                all.push(Dnstap::decode(&out[..]).unwrap());
            });
            <[Dnstap; 2]>::try_from(all)
                .unwrap()
                .map(|it| (it.identity.unwrap(), it.version.unwrap(), it.message.unwrap()))
        };
        let first = record("[2001:db8::1]:4096", Transport::Tcp, b"a longer query", b"a longer response");
        encoded(&first, Some(b"\x07example\x03com\x00"));
        let second = record("198.51.100.7:1024", Transport::Udp, b"query", b"response");
        let [(identity, version, query), (_, _, response)] = encoded(&second, None);
        assert_eq!((&identity[..], &version[..]), (&b"fra-1"[..], &b"gslb 1"[..]));
        let received_at = (Some(1_700_000_000), Some(123_456_789));
        let expected = Message {
            event: Event::AuthQuery as i32,
            family: Some(Family::Inet as i32),
            protocol: Some(Protocol::Udp as i32),
            query_address: Some(vec![198, 51, 100, 7]),
            response_address: Some(vec![192, 0, 2, 53]),
            query_port: Some(1024),
            response_port: Some(53),
            query_seconds: received_at.0,
            query_nanoseconds: received_at.1,
            query: Some(b"query".to_vec()),
            ..Message::default()
        };
        assert_eq!(query, expected);
        let expected = Message {
            event: Event::AuthResponse as i32,
            query: None,
            response_seconds: Some(1_700_000_000),
            response_nanoseconds: Some(123_457_789),
            response: Some(b"response".to_vec()),
            ..expected
        };
        assert_eq!(response, expected);
        let [(_, _, query), _] = encoded(&first, Some(b"\x03com\x00"));
        assert_eq!((query.family, query.protocol), (Some(Family::Inet6 as i32), Some(Protocol::Tcp as i32)));
        assert_eq!((query.query_address.unwrap().len(), query.zone.as_deref()), (16, Some(&b"\x03com\x00"[..])));
        let third = record("198.51.100.7:1024", Transport::Tls, b"query", b"response");
        let [(_, _, query), _] = encoded(&third, None);
        assert_eq!(query.protocol, Some(3), "DOT in dnstap.proto");
    }
}
