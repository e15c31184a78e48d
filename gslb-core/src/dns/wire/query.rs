//! Parses a datagram as a query, or returns why it is not one.

use super::edns::Edns;
use super::number::{Rcode, rtype};
use super::qname::NameKey;
use crate::dns::name::MAX_LABEL;

/// Length of a header in octets (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;
/// Maximum number of records after the question; a query needs one.
const MAX_RECORDS: u32 = 32;
/// The record counts of nearly every query: one question and one additional record, which is OPT.
const USUAL: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 1];

/// Header fields that a response copies from its query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Message ID.
    pub id: u16,
    /// Opcode, 0 to 15.
    pub opcode: u8,
    /// RD bit.
    pub recursion_desired: bool,
}

/// A parsed query. Its name is in a [`NameKey`]; nothing here points into the message, so that the response can
/// overwrite it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query {
    /// Header fields for the response.
    pub head: Head,
    /// Length of the question section that the response repeats; 0 if there is none that could be parsed.
    pub question: usize,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// The OPT record, if there is one.
    pub edns: Option<Edns>,
}

/// Why a message cannot be answered normally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Shorter than a header: no response.
    Short,
    /// A response: never answered, since that could start a loop.
    Response,
    /// A query without a question for a server cookie (RFC 7873 §5.4).
    CookieOnly,
    /// Not a valid query: answered with this response code and what could be parsed.
    Refuse(Rcode),
}

impl Query {
    /// Parses the message in the first `len` octets of `buffer` and stores the queried name in `key`. The rest of the
    /// buffer may be read, since that is faster, but has no effect.
    ///
    /// This fills `self` instead of returning a value, because moving it would cost as much as parsing it.
    #[inline(always)]
    pub fn read(&mut self, buffer: &[u8], len: usize, key: &mut NameKey) -> Result<(), Fault> {
        let (&[id_high, id_low, flags, _, counts @ ..], body) =
            buffer.split_first_chunk::<HEADER>().filter(|_| len >= HEADER).ok_or(Fault::Short)?;
        if flags & 0x80 != 0 {
            return Err(Fault::Response);
        }
        self.head = Head {
            id: u16::from_be_bytes([id_high, id_low]),
            opcode: flags >> 3 & 0x0F,
            recursion_desired: flags & 0x01 != 0,
        };
        (self.question, self.edns) = (0, None);
        if counts != USUAL || self.head.opcode != 0 {
            let [questions_high, questions_low, ..] = counts;
            return match u16::from_be_bytes([questions_high, questions_low]) {
                0 | 1 => self.read_unusual(buffer, len, key),
                // Not worth reading.
                _ => Err(self.refused()),
            };
        }
        self.read_question(body, len - HEADER, key).ok_or(Fault::Refuse(Rcode::FormErr))?;
        let mut records = Records { buffer, len, at: HEADER + self.question };
        records.additional(&mut self.edns).and_then(|()| records.end()).map_err(Fault::Refuse)
    }

    /// Parses a query with other records than one OPT record, or finds that the message is no query.
    #[inline(never)]
    fn read_unusual(&mut self, buffer: &[u8], len: usize, key: &mut NameKey) -> Result<(), Fault> {
        let (header, body) = buffer.split_first_chunk::<HEADER>().ok_or(Fault::Short)?;
        let &[_, _, _, _, q0, q1, an0, an1, ns0, ns1, ar0, ar1] = header;
        let questions = u16::from_be_bytes([q0, q1]);
        if questions == 1 && self.read_question(body, len - HEADER, key).is_none() {
            return Err(self.refused());
        }
        let [before, additional] = [
            u32::from(u16::from_be_bytes([an0, an1])) + u32::from(u16::from_be_bytes([ns0, ns1])),
            u32::from(u16::from_be_bytes([ar0, ar1])),
        ];
        let records = Records { buffer, len, at: HEADER + self.question };
        let read = records.read(before, additional, &mut self.edns).map_err(Fault::Refuse);
        if self.head.opcode == 0 && questions == 1 {
            return read;
        }
        if self.head.opcode == 0 && read.is_ok() && self.edns.is_some_and(|edns| edns.cookie.client().is_some()) {
            return Err(Fault::CookieOnly);
        }
        // Whether the rest is well-formed does not matter. If the sender speaks EDNS, so does the response (RFC 6891
        // §7).
        self.question = 0;
        Err(self.refused())
    }

    /// The fault of a message without exactly one readable question.
    #[inline]
    fn refused(&self) -> Fault {
        Fault::Refuse(if self.head.opcode == 0 { Rcode::FormErr } else { Rcode::NotImp })
    }

    #[inline(always)]
    fn read_question(&mut self, body: &[u8], len: usize, key: &mut NameKey) -> Option<()> {
        let (name, [type_high, type_low, class_high, class_low]) = key.fill_question(body).ok()?;
        if name + 4 > len {
            return None;
        }
        self.question = name + 4;
        self.qtype = u16::from_be_bytes([type_high, type_low]);
        self.qclass = u16::from_be_bytes([class_high, class_low]);
        Some(())
    }
}

/// The records after the question: searched for the OPT record, skipping the others.
struct Records<'a> {
    buffer: &'a [u8],
    /// Length of the message in the buffer.
    len: usize,
    at: usize,
}

impl Records<'_> {
    /// Reads all records: so many before the additional section, and so many in it.
    fn read(mut self, before: u32, additional: u32, edns: &mut Option<Edns>) -> Result<(), Rcode> {
        if before + additional > MAX_RECORDS {
            return Err(Rcode::FormErr);
        }
        for _ in 0..before {
            self.skip_record()?;
        }
        for _ in 0..additional {
            self.additional(edns)?;
        }
        self.end()
    }

    /// Checks that nothing follows.
    #[inline(always)]
    fn end(&self) -> Result<(), Rcode> {
        if self.at == self.len { Ok(()) } else { Err(Rcode::FormErr) }
    }

    /// Reads a record of the additional section; an OPT record goes into `edns`.
    #[inline(always)]
    fn additional(&mut self, edns: &mut Option<Edns>) -> Result<(), Rcode> {
        const OPT: u8 = rtype::OPT as u8;
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        // The owner of an OPT record is the root (RFC 6891 §6.1.2).
        let Some((&[0, 0, OPT, c0, c1, t0, t1, t2, t3, l0, l1], rdata)) = rest.split_first_chunk() else {
            return self.skip_record();
        };
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        self.at += 11 + len;
        if edns.is_some() || self.at > self.len {
            return Err(Rcode::FormErr);
        }
        let read = edns.insert(Edns::from_fields(u16::from_be_bytes([c0, c1]), u32::from_be_bytes([t0, t1, t2, t3])));
        if read.version != 0 {
            return Err(Rcode::BadVers);
        }
        read.read_options(rdata, len).map_err(|_| Rcode::FormErr)
    }

    /// Skips a record, which must not be an OPT record.
    #[cold]
    fn skip_record(&mut self) -> Result<(), Rcode> {
        let message = self.buffer.get(..self.len).unwrap_or_default();
        let fields_at = skip_name(message, self.at).ok_or(Rcode::FormErr)?;
        let fields = message.get(fields_at..).and_then(<[u8]>::first_chunk).ok_or(Rcode::FormErr)?;
        let &[type_high, type_low, _, _, _, _, _, _, len_high, len_low] = fields;
        self.at = fields_at + 10 + usize::from(u16::from_be_bytes([len_high, len_low]));
        if self.at > self.len || u16::from_be_bytes([type_high, type_low]) == rtype::OPT {
            return Err(Rcode::FormErr);
        }
        Ok(())
    }
}

/// The end of the name at `at`. A compression pointer ends it; it is not followed, and must point backwards (RFC 1035
/// §4.1.4).
fn skip_name(datagram: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        let len = usize::from(*datagram.get(at)?);
        at += 1;
        match len {
            0 => return Some(at),
            1..=MAX_LABEL if at + len - start < crate::dns::name::MAX_NAME => at += len,
            0xC0.. => {
                let target = (len & 0x3F) << 8 | usize::from(*datagram.get(at)?);
                return (HEADER..start).contains(&target).then_some(at + 1);
            }
            _ => return None,
        }
    }
}
