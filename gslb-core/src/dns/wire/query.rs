//! Parses a datagram as a query, or returns why it is not one.

use super::edns::Edns;
use super::number::{Rcode, rtype};
use super::qname::{Malformed, NameKey};
use crate::dns::name::MAX_LABEL;

/// Length of a header in octets (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;
/// Maximum number of records after the question; a query needs one.
const MAX_RECORDS: u32 = 32;
/// The counts of a header with one question and no records, as one number.
const ONE_QUESTION: u64 = 1 << 48;
/// Length in octets of QTYPE and QCLASS.
const QUESTION_FIELDS: usize = 4;
/// Length in octets of an OPT record without options (RFC 6891 §6.1.2).
const OPT_FIELDS: usize = 11;

const _: () = assert!(NameKey::AFTER == QUESTION_FIELDS + OPT_FIELDS + Edns::USUAL, "a usual query is read at once");

/// Header fields that a response copies from its query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Message ID.
    pub id: u16,
    /// The octet of the header that has these two, in which all other bits are 0.
    opcode_and_rd: u8,
}

impl Head {
    /// The bits of opcode and RD in the third octet of a header.
    const ECHOED: u8 = 0b0111_1001;

    /// The fields of a header that begins with this ID and these flags.
    #[inline]
    fn new(id: [u8; 2], flags: u8) -> Head {
        Head { id: u16::from_be_bytes(id), opcode_and_rd: flags & Head::ECHOED }
    }

    /// Opcode, 0 to 15.
    #[inline]
    pub fn opcode(self) -> u8 {
        self.opcode_and_rd >> 3
    }

    /// Opcode and RD, where a response has them in the third octet of its header.
    #[inline]
    pub fn echoed(self) -> u8 {
        self.opcode_and_rd
    }
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
        let Some((header, window)) = split(buffer) else { return self.read_short(buffer, len, key) };
        let &[id_high, id_low, flags, _, counts @ ..] = header;
        if len < HEADER {
            return Err(Fault::Short);
        }
        if flags & 0x80 != 0 {
            return Err(Fault::Response);
        }
        self.head = Head::new([id_high, id_low], flags);
        (self.question, self.edns) = (0, None);
        let [questions_high, questions_low, ..] = counts;
        let questions = u16::from_be_bytes([questions_high, questions_low]);
        // Several questions are not worth reading.
        if self.head.opcode() != 0 {
            return if questions > 1 { Err(Fault::Refuse(Rcode::NotImp)) } else { self.read_unusual(buffer, len, key) };
        }
        // Nearly every query has one question, and an OPT record or no record.
        let records = u64::from_be_bytes(counts).wrapping_sub(ONE_QUESTION);
        if records > 1 {
            return if questions > 1 {
                Err(Fault::Refuse(Rcode::FormErr))
            } else {
                self.read_unusual(buffer, len, key)
            };
        }
        let Ok(after) = self.read_question(window, key) else { return Err(Fault::Refuse(Rcode::FormErr)) };
        if records == 1 && self.read_usual_opt(after, len) {
            return Ok(());
        }
        self.read_records(buffer, len, 0, records as u32).map_err(Fault::Refuse)
    }

    /// Parses a message in a small buffer.
    #[cold]
    fn read_short(&mut self, buffer: &[u8], len: usize, key: &mut NameKey) -> Result<(), Fault> {
        let mut larger = [0; HEADER + NameKey::WINDOW];
        larger.iter_mut().zip(buffer).for_each(|(to, from)| *to = *from);
        self.read(&larger, len.min(buffer.len()), key)
    }

    /// Parses a query with several records or another opcode, or finds that the message is no query.
    #[inline(never)]
    fn read_unusual(&mut self, buffer: &[u8], len: usize, key: &mut NameKey) -> Result<(), Fault> {
        let (header, window) = split(buffer).ok_or(Fault::Short)?;
        let &[_, _, _, _, q0, q1, an0, an1, ns0, ns1, ar0, ar1] = header;
        let questions = u16::from_be_bytes([q0, q1]);
        if questions == 1 && self.read_question(window, key).is_err() {
            return Err(self.refused());
        }
        let [before, additional] = [
            u32::from(u16::from_be_bytes([an0, an1])) + u32::from(u16::from_be_bytes([ns0, ns1])),
            u32::from(u16::from_be_bytes([ar0, ar1])),
        ];
        let read = self.read_records(buffer, len, before, additional).map_err(Fault::Refuse);
        if self.head.opcode() == 0 && questions == 1 {
            return read;
        }
        if self.head.opcode() == 0 && read.is_ok() && self.edns.is_some_and(|edns| edns.cookie.client().is_some()) {
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
        Fault::Refuse(if self.head.opcode() == 0 { Rcode::FormErr } else { Rcode::NotImp })
    }

    /// Parses the question, and returns what follows the name: QTYPE and QCLASS, and usually an OPT record. Whether the
    /// message is as long remains to be checked.
    #[inline(always)]
    fn read_question<'w>(
        &mut self,
        window: &'w [u8; NameKey::WINDOW],
        key: &mut NameKey,
    ) -> Result<&'w [u8; NameKey::AFTER], Malformed> {
        let (name, after) = key.fill_from(window)?;
        let [type_high, type_low, class_high, class_low, ..] = *after;
        self.question = name + QUESTION_FIELDS;
        self.qtype = u16::from_be_bytes([type_high, type_low]);
        self.qclass = u16::from_be_bytes([class_high, class_low]);
        Ok(after)
    }

    /// Parses the OPT record of a usual query, which ends the message. Otherwise, or if there is any mistake,
    /// [`Query::read_records`] has to read it.
    #[inline(always)]
    fn read_usual_opt(&mut self, after: &[u8; NameKey::AFTER], len: usize) -> bool {
        let [_, _, _, _, root, y0, y1, c0, c1, t0, t1, t2, t3, l0, l1, ref options @ ..] = *after;
        let options_len = usize::from(u16::from_be_bytes([l0, l1]));
        if [root, y0] != [0, 0] || y1 != OPT || HEADER + self.question + OPT_FIELDS + options_len != len {
            return false;
        }
        let mut edns = Edns::from_fields(u16::from_be_bytes([c0, c1]), u32::from_be_bytes([t0, t1, t2, t3]));
        if edns.version != 0 || !edns.read_usual(options, options_len) {
            return false;
        }
        self.edns = Some(edns);
        true
    }

    /// Checks that the question ends within the message. Then parses so many records between it and the additional
    /// section, and so many in that section.
    #[inline(never)]
    fn read_records(&mut self, buffer: &[u8], len: usize, before: u32, additional: u32) -> Result<(), Rcode> {
        let message = buffer.get(..len).ok_or(Rcode::FormErr)?;
        let at = HEADER + self.question;
        if at > len {
            self.question = 0;
            return Err(Rcode::FormErr);
        }
        Records { message, at }.read(before, additional, &mut self.edns)
    }
}

/// The header at the start of a buffer, and what follows it: more octets than a usual query has.
#[inline(always)]
fn split(buffer: &[u8]) -> Option<(&[u8; HEADER], &[u8; NameKey::WINDOW])> {
    let (header, rest) = buffer.split_first_chunk()?;
    Some((header, rest.first_chunk()?))
}

/// An OPT record starts with the root as its owner (RFC 6891 §6.1.2), a zero, and the lower octet of its type.
const OPT: u8 = rtype::OPT as u8;

/// The records after the question: searched for the OPT record, skipping the others.
struct Records<'a> {
    message: &'a [u8],
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
        // Nothing may follow.
        if self.at == self.message.len() { Ok(()) } else { Err(Rcode::FormErr) }
    }

    /// Reads a record of the additional section; an OPT record goes into `edns`.
    fn additional(&mut self, edns: &mut Option<Edns>) -> Result<(), Rcode> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let Some((&[0, 0, OPT, c0, c1, t0, t1, t2, t3, l0, l1], rdata)) = rest.split_first_chunk::<OPT_FIELDS>() else {
            return self.skip_record();
        };
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        self.at += OPT_FIELDS + len;
        if edns.is_some() || len > rdata.len() {
            return Err(Rcode::FormErr);
        }
        let read = edns.insert(Edns::from_fields(u16::from_be_bytes([c0, c1]), u32::from_be_bytes([t0, t1, t2, t3])));
        if read.version != 0 {
            return Err(Rcode::BadVers);
        }
        read.read_options(rdata, len).map_err(|_| Rcode::FormErr)
    }

    /// Skips a record, which must not be an OPT record.
    fn skip_record(&mut self) -> Result<(), Rcode> {
        let fields_at = skip_name(self.message, self.at).ok_or(Rcode::FormErr)?;
        let fields = self.message.get(fields_at..).and_then(<[u8]>::first_chunk).ok_or(Rcode::FormErr)?;
        let &[type_high, type_low, _, _, _, _, _, _, len_high, len_low] = fields;
        self.at = fields_at + 10 + usize::from(u16::from_be_bytes([len_high, len_low]));
        if self.at > self.message.len() || u16::from_be_bytes([type_high, type_low]) == rtype::OPT {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::name::Name;
    use crate::dns::wire::cookie::{self, CookieOption};
    use crate::dns::wire::edns::option;
    use crate::dns::wire::subnet::{self, ClientSubnet, Family};

    /// What a message says, or why it is refused.
    type Parsed = Result<(Query, Vec<u8>), Fault>;

    /// Octets that are read from the front.
    struct Cursor<'a>(&'a [u8]);

    impl<'a> Cursor<'a> {
        fn take(&mut self, count: usize) -> Option<&'a [u8]> {
            let (taken, rest) = self.0.split_at_checked(count)?;
            self.0 = rest;
            Some(taken)
        }

        fn number(&mut self, octets: usize) -> Option<u32> {
            Some(self.take(octets)?.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
        }

        fn name(&mut self) -> Option<Vec<u8>> {
            let mut name = Vec::new();
            loop {
                let len = self.number(1)? as u8;
                name.push(len);
                if len > 63 || name.len() > 255 {
                    return None;
                }
                if len == 0 {
                    return Some(name);
                }
                name.extend_from_slice(self.take(usize::from(len))?);
            }
        }
    }

    /// Parses a query with one question and at most one record, field by field as the RFCs have them.
    fn plainly(message: &[u8]) -> Parsed {
        let mut cursor = Cursor(message);
        let header: Option<Vec<u32>> = (0..6).map(|_| cursor.number(2)).collect();
        let Some([id, flags, 1, 0, 0, records @ 0..=1]) = header.as_deref() else { panic!("another kind of message") };
        if flags & 0x8000 != 0 {
            return Err(Fault::Response);
        }
        assert_eq!(flags >> 11 & 0xF, 0, "another kind of message");
        let refused = |rcode| Err(Fault::Refuse(rcode));
        let Some((name, qtype, qclass)) = (|| Some((cursor.name()?, cursor.number(2)?, cursor.number(2)?)))() else {
            return refused(Rcode::FormErr);
        };
        let mut query = Query {
            head: Head::new((*id as u16).to_be_bytes(), (flags >> 8) as u8),
            question: name.len() + 4,
            qtype: qtype as u16,
            qclass: qclass as u16,
            edns: None,
        };
        if *records == 1 {
            let Some(edns) = plain_record(&mut cursor) else { return refused(Rcode::FormErr) };
            if edns.is_some_and(|edns| edns.version != 0) {
                return refused(Rcode::BadVers);
            }
            query.edns = edns;
        }
        if cursor.0.is_empty() { Ok((query, name.to_ascii_lowercase())) } else { refused(Rcode::FormErr) }
    }

    /// Parses a record, and returns what is in it if it is OPT. No owner here is compressed.
    fn plain_record(cursor: &mut Cursor<'_>) -> Option<Option<Edns>> {
        let (owner, rtype) = (cursor.name()?, cursor.number(2)?);
        let mut edns = Edns::from_fields(cursor.number(2)? as u16, cursor.number(4)?);
        let len = cursor.number(2)?;
        if rtype != u32::from(rtype::OPT) {
            return cursor.take(len as usize).map(|_| None);
        }
        if owner != [0] {
            return None;
        }
        let mut options = Cursor(cursor.take(len as usize)?);
        while !options.0.is_empty() && edns.version == 0 {
            let (code, len) = (options.number(2)?, options.number(2)?);
            let mut data = Cursor(options.take(len as usize)?);
            match code as u16 {
                subnet::CODE if edns.subnet.is_none() => edns.subnet = Some(plain_subnet(&mut data)?),
                subnet::CODE => return None,
                option::NSID => edns.nsid = true,
                option::KEEPALIVE => edns.keepalive = data.0.is_empty(),
                cookie::CODE if edns.cookie == CookieOption::Absent => {
                    edns.cookie = CookieOption::parse(data.0, data.0.len());
                }
                _ => {}
            }
        }
        Some(Some(edns))
    }

    fn plain_subnet(data: &mut Cursor<'_>) -> Option<ClientSubnet> {
        let whole = data.0;
        let (family, source, scope) = (data.number(2)?, data.number(1)?, data.number(1)?);
        let longest = [0, 32, 128].get(family as usize)?;
        let mut address = [data.0, &[0; 16]].concat();
        address.truncate(16);
        let beyond = u128::from_be_bytes(address.clone().try_into().unwrap()).checked_shl(source).unwrap_or(0);
        let ends_there = data.0.len() == (source as usize).div_ceil(8);
        if scope != 0 || source > *longest || !ends_there || beyond != 0 {
            return None;
        }
        let parsed = ClientSubnet::parse(whole, whole.len()).expect("it is valid");
        assert_eq!(parsed.family(), [Family::Other, Family::V4, Family::V6][family as usize]);
        assert_eq!(u32::from(parsed.source), source);
        match parsed.address() {
            std::net::IpAddr::V4(v4) if family == 1 => assert_eq!(v4.octets(), address[..4]),
            std::net::IpAddr::V6(v6) => assert_eq!(v6.octets(), address[..]),
            std::net::IpAddr::V4(_) => {}
        }
        Some(parsed)
    }

    /// The same by [`Query::read`], in a buffer of the message's size and in larger ones with other octets in them.
    fn parsed(message: &[u8]) -> Parsed {
        let all = [(0, 0), (400, 0), (400, 0xFF), (NameKey::WINDOW + HEADER - message.len().min(200), 1)];
        let mut all = all.map(|(more, stale)| {
            let buffer = [message, &vec![stale; more]].concat();
            let (mut query, mut key) = (Query::default(), NameKey::default());
            query.read(&buffer, message.len(), &mut key).map(|()| (query, key.suffix(0).to_vec()))
        });
        assert!(all.iter().all(|parsed| *parsed == all[0]), "{message:x?}: {all:?}");
        std::mem::replace(&mut all[0], Err(Fault::Short))
    }

    fn query(name: &str, additional: &[&[u8]]) -> Vec<u8> {
        let records = additional.len() as u8;
        let name: Name = name.parse().unwrap();
        let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, records];
        [&header[..], name.as_wire(), &[0, 1, 0, 1], &additional.concat()].concat()
    }

    fn opt(options: &[&[u8]]) -> Vec<u8> {
        let options = options.concat();
        [&[0, 0, 41, 4, 0xD0, 0, 0, 0x80, 0, 0, options.len() as u8], &options[..]].concat()
    }

    #[test]
    fn every_mutation_of_a_query_is_parsed_as_a_plain_parser_does() {
        let v4: &[u8] = &[0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100];
        let v4_odd: &[u8] = &[0, 8, 0, 7, 0, 1, 20, 0, 198, 51, 96];
        let v6: &[u8] = &[0, 8, 0, 11, 0, 2, 56, 0, 0x2a, 2, 0x26, 0xf0, 0, 0x12, 0x34];
        let half: &[u8] = &[0, 8, 0, 12, 0, 2, 64, 0, 0x2a, 2, 0x26, 0xf0, 0, 0x12, 0x34, 1];
        let odd: &[u8] = &[0, 8, 0, 13, 0, 2, 67, 0, 0x2a, 2, 0x26, 0xf0, 0, 0x12, 0x34, 1, 0xE0];
        let whole: &[u8] = &[0, 8, 0, 20, 0, 2, 128, 0, 0x2a, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        let private: &[u8] = &[0, 8, 0, 4, 0, 0, 0, 0];
        let cookie: &[u8] = &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        let (nsid, keepalive): (&[u8], &[u8]) = (&[0, 3, 0, 0], &[0, 11, 0, 0]);
        let sets: [&[&[u8]]; 12] = [
            &[],
            &[v4],
            &[v4_odd],
            &[v6],
            &[half],
            &[odd],
            &[whole],
            &[private],
            &[cookie],
            &[cookie, v4],
            &[v4, nsid],
            &[keepalive, v4, v4],
        ];
        let mut queries: Vec<Vec<u8>> = sets.iter().map(|options| query("Geo.Example.com", &[&opt(options)])).collect();
        queries.extend([query("a.b", &[]), query(".", &[]), query(".", &[&opt(&[v4])])]);
        queries.push(query(&["long-label"; 23].join("."), &[&opt(&[v6])]));
        for query in queries {
            assert_eq!(parsed(&query), plainly(&query), "{query:x?}");
            for at in 2..query.len() {
                // The opcode and the counts make another kind of message.
                if (4..HEADER).contains(&at) {
                    continue;
                }
                for flip in 1..=u8::MAX {
                    let mut mutant = query.clone();
                    mutant[at] ^= flip;
                    if mutant[2] & 0x78 == 0 {
                        assert_eq!(parsed(&mutant), plainly(&mutant), "{mutant:x?}");
                    }
                }
                let shorter = &query[..at.max(HEADER)];
                assert_eq!(parsed(shorter), plainly(shorter), "{shorter:x?}");
                let mut repeated = query.clone();
                repeated.insert(at.max(HEADER), query[at]);
                assert_eq!(parsed(&repeated), plainly(&repeated), "{repeated:x?}");
            }
        }
    }
}
