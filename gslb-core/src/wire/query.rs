//! A datagram read as a query, or the reason why it is none.

use super::edns::Edns;
use super::number::{Rcode, rtype};
use super::qname::NameKey;
use crate::name::MAX_LABEL;

/// Octets of a header (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;
/// Records of answer, authority and additional section that are read before a query is refused; a query needs one.
const MAX_RECORDS: u32 = 32;

/// What every response repeats of its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Message ID.
    pub id: u16,
    /// Opcode, 0 to 15.
    pub opcode: u8,
    /// RD bit.
    pub recursion_desired: bool,
}

/// A well-formed query with one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// What the response repeats of the header.
    pub head: Head,
    /// Question section as received: name, type, class.
    pub question: &'a [u8],
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// The OPT record, where there is one.
    pub edns: Option<Edns<'a>>,
}

impl<'a> Query<'a> {
    /// The name asked for in wire form, with its case.
    pub fn qname(&self) -> &'a [u8] {
        self.question.get(..self.question.len().saturating_sub(4)).unwrap_or_default()
    }
}

/// Why a datagram is not answered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// Shorter than a header.
    Short,
    /// A response: answering one could start a loop.
    Response,
}

/// What is said about a datagram that is not a query that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// What the response repeats of the header.
    pub head: Head,
    /// Why.
    pub rcode: Rcode,
    /// Question section to repeat; empty where it could not be read.
    pub question: &'a [u8],
    /// The OPT record, where one was seen.
    pub edns: Option<Edns<'a>>,
}

/// Why there is no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault<'a> {
    /// No response.
    Ignore(Ignored),
    /// An error response.
    Refuse(Refusal<'a>),
}

/// Reads `datagram`, and leaves the name asked for in `key`.
#[inline(always)] // So that the query's fields stay where they are computed, instead of being moved into a result.
pub fn parse<'a>(datagram: &'a [u8], key: &mut NameKey) -> Result<Query<'a>, Fault<'a>> {
    let Some((header, body)) = datagram.split_first_chunk::<HEADER>() else {
        return Err(Fault::Ignore(Ignored::Short));
    };
    let [id_high, id_low, flags, _, qd_high, qd_low, an_high, an_low, ns_high, ns_low, ar_high, ar_low] = *header;
    if flags & 0x80 != 0 {
        return Err(Fault::Ignore(Ignored::Response));
    }
    let head = Head {
        id: u16::from_be_bytes([id_high, id_low]),
        opcode: flags >> 3 & 0x0F,
        recursion_desired: flags & 0x01 != 0,
    };
    let refuse = |rcode, question, edns| Fault::Refuse(Refusal { head, rcode, question, edns });
    let records = |questions: usize| Records {
        datagram,
        at: HEADER + questions,
        before_additional: u32::from(u16::from_be_bytes([an_high, an_low]))
            + u32::from(u16::from_be_bytes([ns_high, ns_low])),
        additional: u32::from(u16::from_be_bytes([ar_high, ar_low])),
    };
    let questions = u16::from_be_bytes([qd_high, qd_low]);
    if head.opcode != 0 || questions != 1 {
        let rcode = if head.opcode != 0 { Rcode::NotImp } else { Rcode::FormErr };
        let len = match questions {
            0 => Some(0),
            1 => read_question(body, key).map(|(question, ..)| question.len()),
            _ => None,
        };
        return Err(refuse(rcode, &[], len.and_then(|len| records(len).opt())));
    }
    let (question, qtype, qclass) = read_question(body, key).ok_or_else(|| refuse(Rcode::FormErr, &[], None))?;
    let mut edns = None;
    match records(question.len()).read(&mut edns) {
        Ok(()) => Ok(Query { head, question, qtype, qclass, edns }),
        Err(rcode) => Err(refuse(rcode, question, edns)),
    }
}

#[inline(always)]
fn read_question<'a>(body: &'a [u8], key: &mut NameKey) -> Option<(&'a [u8], u16, u16)> {
    let name = key.fill(body).ok()?;
    let question = body.get(..name + 4)?;
    let &[type_high, type_low, class_high, class_low] = question.last_chunk::<4>()?;
    Some((question, u16::from_be_bytes([type_high, type_low]), u16::from_be_bytes([class_high, class_low])))
}

/// The records that follow the question: looked through for the OPT record, the others only passed over.
struct Records<'a> {
    datagram: &'a [u8],
    at: usize,
    before_additional: u32,
    additional: u32,
}

impl<'a> Records<'a> {
    /// The OPT record of a message that is refused anyway: its sender speaks EDNS, so the refusal does (RFC 6891 §7).
    #[cold]
    fn opt(self) -> Option<Edns<'a>> {
        let mut edns = None;
        // Whether the rest is well formed does not matter any more.
        let _ = self.read(&mut edns);
        edns
    }

    #[inline(always)]
    fn read(mut self, edns: &mut Option<Edns<'a>>) -> Result<(), Rcode> {
        if self.before_additional + self.additional > MAX_RECORDS {
            return Err(Rcode::FormErr);
        }
        for _ in 0..self.before_additional {
            self.next(None)?;
        }
        for _ in 0..self.additional {
            self.next(Some(edns))?;
        }
        if self.at == self.datagram.len() { Ok(()) } else { Err(Rcode::FormErr) }
    }

    /// Steps over one record; an OPT record is kept in `edns`, and has no place in other sections.
    #[inline]
    fn next(&mut self, edns: Option<&mut Option<Edns<'a>>>) -> Result<(), Rcode> {
        let owner_is_root = self.datagram.get(self.at) == Some(&0);
        let fields_at = skip_name(self.datagram, self.at).ok_or(Rcode::FormErr)?;
        let rest = self.datagram.get(fields_at..).ok_or(Rcode::FormErr)?;
        let (&[t0, t1, c0, c1, ttl0, ttl1, ttl2, ttl3, l0, l1], rest) =
            rest.split_first_chunk::<10>().ok_or(Rcode::FormErr)?;
        let rdata = rest.get(..usize::from(u16::from_be_bytes([l0, l1]))).ok_or(Rcode::FormErr)?;
        self.at = fields_at + 10 + rdata.len();
        if u16::from_be_bytes([t0, t1]) != rtype::OPT {
            return Ok(());
        }
        match edns {
            Some(found @ None) if owner_is_root => {
                let read = found.insert(Edns::from_fields(
                    u16::from_be_bytes([c0, c1]),
                    u32::from_be_bytes([ttl0, ttl1, ttl2, ttl3]),
                ));
                if read.version != 0 {
                    return Err(Rcode::BadVers);
                }
                read.read_options(rdata).map_err(|_| Rcode::FormErr)
            }
            _ => Err(Rcode::FormErr),
        }
    }
}

/// Where the name at `at` ends. A pointer ends it, is not followed, and must point backwards (RFC 1035 §4.1.4).
fn skip_name(datagram: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        let len = usize::from(*datagram.get(at)?);
        at += 1;
        match len {
            0 => return Some(at),
            1..=MAX_LABEL if at + len - start < crate::name::MAX_NAME => at += len,
            0xC0.. => {
                let target = (len & 0x3F) << 8 | usize::from(*datagram.get(at)?);
                return (HEADER..start).contains(&target).then_some(at + 1);
            }
            _ => return None,
        }
    }
}
