//! Parses our own responses for display: expands names, and shows records in presentation form.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::dns::name::{MAX_NAME, Name};
use crate::dns::rdata;
use crate::dns::wire::edns::option;
use crate::dns::wire::number::rtype;
use crate::dns::wire::query::HEADER;
use crate::dns::wire::subnet;

/// A parsed response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Message ID.
    pub id: u16,
    /// Response code, including the extended bits.
    pub rcode: u16,
    /// AA bit.
    pub authoritative: bool,
    /// TC bit.
    pub truncated: bool,
    /// QNAME and QTYPE; `None` without a question.
    pub question: Option<(Name, u16)>,
    /// The code of the Extended DNS Error option.
    pub extended_error: Option<u16>,
    /// Records of the answer, authority and additional sections, without the OPT record.
    pub sections: [Vec<Record>; 3],
    /// The client subnet option: family, source and scope prefix length.
    pub subnet: Option<(u16, u8, u8)>,
    /// The network in that option; `None` without it, or if its prefix length is 0.
    pub client: Option<IpNet>,
}

/// A record of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Owner name.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Class.
    pub class: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// Rdata, with names expanded.
    pub rdata: Vec<u8>,
}

/// The octets are not a valid response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed response")]
pub struct Malformed;

impl Response {
    /// Parses a whole message with at most one question.
    pub fn parse(message: &[u8]) -> Result<Response, Malformed> {
        let mut reader = Reader { message, at: 0 };
        let [id, flags, questions, answers, authority, additional] = reader.words()?;
        let mut response = Response {
            id,
            rcode: flags & 0x0F,
            authoritative: flags & 0x0400 != 0,
            truncated: flags & 0x0200 != 0,
            question: None,
            extended_error: None,
            sections: Default::default(),
            subnet: None,
            client: None,
        };
        for _ in 0..questions {
            let name = reader.name()?;
            let [qtype, _class] = reader.words()?;
            response.question = Some((name, qtype));
        }
        for (section, count) in response.sections.iter_mut().zip([answers, authority, additional]) {
            for _ in 0..count {
                let record = reader.record()?;
                if record.rtype == rtype::OPT {
                    response.rcode |= (record.ttl >> 24 << 4) as u16;
                    response.extended_error = extended_error(&record.rdata);
                    if let Some((family, source, scope, address)) = client_subnet(&record.rdata) {
                        response.subnet = Some((family, source, scope));
                        response.client = network(family, source, address);
                    }
                } else {
                    section.push(record);
                }
            }
        }
        if reader.at == message.len() { Ok(response) } else { Err(Malformed) }
    }
}

impl Record {
    /// The record as a zone file line.
    pub fn to_line(&self) -> String {
        let class = if self.class == 3 { "CH" } else { "IN" };
        let (rtype, rdata) = (rdata::type_to_text(self.rtype), rdata::to_text(self.rtype, &self.rdata));
        format!("{}\t{}\t{class}\t{rtype}\t{rdata}", self.owner, self.ttl)
    }
}

/// The data of the first option with this code.
fn option_data(wanted: u16, mut options: &[u8]) -> Option<&[u8]> {
    while let &[code_high, code_low, len_high, len_low, ref rest @ ..] = options {
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([len_high, len_low])))?;
        if u16::from_be_bytes([code_high, code_low]) == wanted {
            return Some(data);
        }
        options = rest;
    }
    None
}

/// Family, source and scope prefix length of the client subnet option, and the octets of its address.
fn client_subnet(options: &[u8]) -> Option<(u16, u8, u8, &[u8])> {
    let &[high, low, source, scope, ref address @ ..] = option_data(subnet::CODE, options)? else { return None };
    Some((u16::from_be_bytes([high, low]), source, scope, address))
}

/// The code of the Extended DNS Error option.
fn extended_error(options: &[u8]) -> Option<u16> {
    let &[high, low, ..] = option_data(option::EDE, options)? else { return None };
    Some(u16::from_be_bytes([high, low]))
}

/// The network in a client subnet option.
fn network(family: u16, source: u8, octets: &[u8]) -> Option<IpNet> {
    let mut whole = [0; 16];
    whole.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
    let address: IpAddr = match (family, source) {
        (_, 0) => return None,
        (1, _) => <[u8; 4]>::try_from(whole.get(..4)?).ok()?.into(),
        (2, _) => whole.into(),
        _ => return None,
    };
    IpNet::new(address, source).ok().map(|network| network.trunc())
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.message.get(self.at..self.at + len).ok_or(Malformed)?;
        self.at += len;
        Ok(taken)
    }

    fn words<const N: usize>(&mut self) -> Result<[u16; N], Malformed> {
        let mut words = [0; N];
        for (word, pair) in words.iter_mut().zip(self.take(2 * N)?.chunks_exact(2)) {
            *word = u16::from_be_bytes([pair[0], pair[1]]);
        }
        Ok(words)
    }

    fn record(&mut self) -> Result<Record, Malformed> {
        let owner = self.name()?;
        let [rtype, class, ttl_high, ttl_low, len] = self.words()?;
        let end = self.at + usize::from(len);
        let rdata = self.rdata(rtype, end)?;
        Ok(Record { owner, rtype, class, ttl: u32::from(ttl_high) << 16 | u32::from(ttl_low), rdata })
    }

    /// Rdata up to `end`; only the types of RFC 1035 may contain compressed names (RFC 3597 §4).
    fn rdata(&mut self, rtype: u16, end: usize) -> Result<Vec<u8>, Malformed> {
        let (before, names) = match rtype {
            2..=5 | 7..=9 | 12 => (0, 1),
            6 | 14 => (0, 2),
            15 => (2, 1),
            _ => (0, 0),
        };
        let mut rdata = self.take(before)?.to_vec();
        for _ in 0..names {
            rdata.extend_from_slice(self.name()?.as_wire());
        }
        rdata.extend_from_slice(self.take(end.checked_sub(self.at).ok_or(Malformed)?)?);
        Ok(rdata)
    }

    /// Expands a name. Pointers must lead strictly backward, so it terminates.
    fn name(&mut self) -> Result<Name, Malformed> {
        let mut labels: Vec<&[u8]> = Vec::new();
        let (mut at, mut before, mut end) = (self.at, self.at, None);
        let mut total = 1;
        loop {
            let len = usize::from(*self.message.get(at).ok_or(Malformed)?);
            match len {
                0 => break,
                1..=63 => labels.push(self.message.get(at + 1..at + 1 + len).ok_or(Malformed)?),
                0xC0.. => {
                    let target = (len & 0x3F) << 8 | usize::from(*self.message.get(at + 1).ok_or(Malformed)?);
                    if !(HEADER..before).contains(&target) {
                        return Err(Malformed);
                    }
                    end.get_or_insert(at + 2);
                    (at, before) = (target, target);
                    continue;
                }
                _ => return Err(Malformed),
            }
            at += 1 + len;
            total += 1 + len;
            if total > MAX_NAME {
                return Err(Malformed);
            }
        }
        self.at = end.unwrap_or(at + 1);
        Name::from_labels(labels).map_err(|_| Malformed)
    }
}
