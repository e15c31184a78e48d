//! Probes of kind `dns`: one query with a random ID and port, and checks of the response.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use gslb_core::dns::rdata::{embedded_names, type_to_text};
use gslb_core::dns::wire::number::{Rcode, class};
use gslb_core::explain::response::Response;
use gslb_core::health::{Failure, Target};
use gslb_core::site::model::{DnsProbe, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use super::connect::{addresses, connect};
use super::fault::{Check, Fault};
use super::notes::Notes;
use super::tools::Tools;

/// Octets of a message's header (RFC 1035 §4.1.1).
const HEADER: usize = 12;
const NO_ERROR: u16 = Rcode::NoError as u16;
/// Most datagrams to read in search of the response.
const MAX_DATAGRAMS: usize = 64;
/// Most octets to read of a datagram; without EDNS it has at most 512 (RFC 1035 §4.2.1).
const MAX_DATAGRAM: usize = 4_096;

pub(super) async fn check(probe: &DnsProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let query = query(probe)?;
    match probe.transport {
        Transport::Udp => over_udp(&query, probe, target, tools, notes).await,
        Transport::Tcp => over_tcp(&query, probe, target, tools, notes).await,
    }
}

/// A minimal query: without EDNS or the RD bit, since the target is an authoritative server.
fn query(probe: &DnsProbe) -> Result<Vec<u8>, Fault> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| Fault::new(Failure::System, error.to_string()))?;
    let mut query = Vec::with_capacity(HEADER + probe.name.wire_len() + 4);
    query.extend_from_slice(&id);
    query.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend_from_slice(probe.name.as_wire());
    query.extend_from_slice(&probe.rtype.to_be_bytes());
    query.extend_from_slice(&class::IN.to_be_bytes());
    Ok(query)
}

async fn over_udp(query: &[u8], probe: &DnsProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let Some(&address) = addresses(target, tools, notes).await?.first() else {
        return Err(Fault::new(Failure::Resolve, "no address"));
    };
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    notes.stage = "waiting for the response";
    let to_fault = |error: std::io::Error| Fault::from_connect_error(&error, address);
    // The system picks a random port. Once connected, it accepts datagrams from that server only (RFC 5452 §9).
    let socket = UdpSocket::bind((any, 0)).await.map_err(to_fault)?;
    socket.connect(SocketAddr::new(address, probe.port)).await.map_err(to_fault)?;
    let sent = Instant::now();
    socket.send(query).await.map_err(to_fault)?;
    let mut datagram = [0; MAX_DATAGRAM];
    for _ in 0..MAX_DATAGRAMS {
        let len = socket.recv(&mut datagram).await.map_err(to_fault)?;
        let message = datagram.get(..len).unwrap_or_default();
        // A datagram that is no response to this query is ignored: it may be spoofed.
        if answers(query, message) {
            notes.latency = Some(sent.elapsed());
            return judge(probe, message);
        }
        notes.stage = "waiting for the response; received unrelated datagrams";
    }
    Err(Fault::protocol(format!("sent {MAX_DATAGRAMS} datagrams, but no response to the query")))
}

async fn over_tcp(query: &[u8], probe: &DnsProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let mut stream = connect(target, tools, notes).await?;
    notes.stage = "waiting for the response";
    let to_fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Fault::new(Failure::Unreachable, "closed the connection before its response")
        }
        _ => Fault::of_io(&error),
    };
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(query);
    stream.write_all(&framed).await.map_err(to_fault)?;
    let mut len = [0; 2];
    stream.read_exact(&mut len).await.map_err(to_fault)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).await.map_err(to_fault)?;
    if answers(query, &message) {
        judge(probe, &message)
    } else {
        Err(Fault::protocol("the message is not a response to the query"))
    }
}

/// Whether `message` is a response with the ID and question of `query`. A server that could not parse the query may
/// omit the question.
fn answers(query: &[u8], message: &[u8]) -> bool {
    let Some((header, rest)) = message.split_at_checked(HEADER) else { return false };
    let is_response = header[0..2] == query[0..2] && header[2] & 0xF8 == 0x80;
    let question = &query[HEADER..];
    let same = rest.get(..question.len()).is_some_and(|echoed| echoed.eq_ignore_ascii_case(question));
    is_response && (same && header[4..6] == [0, 1] || header[4..6] == [0, 0] && header[3] & 0x0F != 0)
}

fn judge(probe: &DnsProbe, message: &[u8]) -> Check {
    let Ok(response) = Response::parse(message) else {
        return Err(Fault::protocol("malformed response"));
    };
    let rcode = rcode(response.rcode);
    if response.rcode != probe.expect_rcode {
        return Err(Fault::new(Failure::Rcode(response.rcode), rcode));
    }
    let answer = &response.sections[0];
    let Some(wanted) = &probe.expect_answer else {
        // A server that has lost its zone may also answer NOERROR, with a referral.
        let knows = response.authoritative || answer.iter().any(|record| record.rtype == probe.rtype);
        if response.rcode != NO_ERROR || knows {
            return Ok(rcode);
        }
        let rtype = type_to_text(probe.rtype);
        return Err(Fault::new(
            Failure::Body,
            format!("{rcode}, but neither authoritative nor with a record of type {rtype}"),
        ));
    };
    if answer.iter().any(|record| record.rtype == probe.rtype && is_same(probe.rtype, &record.rdata, wanted)) {
        return Ok(format!("{rcode}, with the expected answer"));
    }
    let truncated = if response.truncated { ", truncated" } else { "" };
    let count = answer.len();
    Err(Fault::new(Failure::Body, format!("{rcode}, {count} records{truncated}, without the expected answer")))
}

/// Whether two rdata are equal; names compare case-insensitively (RFC 4343 §3).
fn is_same(rtype: u16, one: &[u8], other: &[u8]) -> bool {
    let fold = |rdata: &[u8]| {
        let mut folded = rdata.to_vec();
        for (start, len) in embedded_names(rtype, rdata) {
            if let Some(name) = folded.get_mut(start..start + len) {
                name.make_ascii_lowercase();
            }
        }
        folded
    };
    fold(one) == fold(other)
}

fn rcode(rcode: u16) -> String {
    let known = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"];
    known.get(usize::from(rcode)).map_or_else(|| format!("rcode {rcode}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_response_to_this_query_counts() {
        let name = "www.example.com".parse().unwrap();
        let probe =
            DnsProbe { port: 53, transport: Transport::Udp, name, rtype: 1, expect_rcode: 0, expect_answer: None };
        let query = query(&probe).unwrap();
        let mut good = query.clone();
        good[2] = 0x84;
        assert!(answers(&query, &good));
        let changed = |at: usize, to: u8| {
            let mut message = good.clone();
            message[at] = to;
            message
        };
        assert!(answers(&query, &changed(13, b'W')), "another case of letters");
        assert!(!answers(&query, &changed(0, !good[0])), "another ID");
        assert!(!answers(&query, &query), "a query");
        assert!(!answers(&query, &changed(2, 0xA8)), "another opcode");
        assert!(!answers(&query, &changed(14, b'x')), "another name");
        assert!(!answers(&query, &changed(good.len() - 3, 28)), "another type");
        assert!(!answers(&query, &good[..HEADER]) && !answers(&query, b"") && !answers(&query, &changed(5, 0)));
        let mut unread = good[..HEADER].to_vec();
        (unread[3], unread[5]) = (1, 0);
        assert!(answers(&query, &unread), "FORMERR without question");
    }
}
