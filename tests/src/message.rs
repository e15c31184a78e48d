//! A DNS message taken apart, so that the responses of different servers can be compared (RFC 1035 §4.1).

use std::collections::BTreeSet;

/// A response, with names in lower case and nothing compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// QR, opcode, AA, TC, RD, RA, Z, AD, CD and the lower four bits of the rcode: octets 2 and 3.
    pub flags: u16,
    /// How many questions it has.
    pub questions: u16,
    /// Name, type and class of the question, as octets.
    pub question: Vec<u8>,
    /// Records of the answer, authority and additional section, without the OPT record.
    pub sections: [BTreeSet<Record>; 3],
    /// Number of records in the three sections without the OPT record: more than in the sets if one is repeated.
    pub counts: [usize; 3],
    /// The OPT record's extended rcode, version and flags, if there is one.
    pub edns: Option<u32>,
}

/// Owner, type, class, TTL and rdata.
pub type Record = (Vec<u8>, u16, u16, u32, Vec<u8>);

const OPT: u16 = 41;

impl Message {
    /// Parses `octets`; `None` if they are not a complete message.
    pub fn parse(octets: &[u8]) -> Option<Message> {
        let mut reader = Reader { octets, at: 12 };
        let [flags, questions] = [2, 4].map(|at| u16_at(octets, at));
        let question_at = reader.at;
        let mut question = Vec::new();
        for _ in 0..questions? {
            question.extend(reader.name()?);
            question.extend_from_slice(reader.take(4)?);
        }
        debug_assert!(question_at <= reader.at);
        let mut message = Message {
            flags: flags?,
            questions: questions?,
            question,
            sections: Default::default(),
            counts: [0; 3],
            edns: None,
        };
        for section in 0..3 {
            for _ in 0..u16_at(octets, 6 + 2 * section)? {
                let record = reader.record()?;
                if record.1 == OPT {
                    message.edns = Some(record.3);
                } else {
                    message.counts[section] += 1;
                    message.sections[section].insert(record);
                }
            }
        }
        (reader.at == octets.len()).then_some(message)
    }

    /// The TC bit.
    pub fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }
}

struct Reader<'m> {
    octets: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn take(&mut self, len: usize) -> Option<&'m [u8]> {
        let taken = self.octets.get(self.at..self.at + len)?;
        self.at += len;
        Some(taken)
    }

    /// A name, in lower case and without pointers.
    fn name(&mut self) -> Option<Vec<u8>> {
        let (name, after) = name_at(self.octets, self.at)?;
        self.at = after;
        Some(name)
    }

    fn record(&mut self) -> Option<Record> {
        let owner = self.name()?;
        let fixed = self.take(10)?;
        let [rtype, class, ttl_high, ttl_low, len] = [0, 2, 4, 6, 8].map(|at| u16_at(fixed, at));
        let ttl = u32::from(ttl_high?) << 16 | u32::from(ttl_low?);
        let (start, end) = (self.at, self.at + usize::from(len?));
        let rdata = plain_rdata(self.octets, rtype?, start, end)?;
        self.take(end - start)?;
        Some((owner, rtype?, class?, ttl, rdata))
    }
}

/// Rdata with the names of types that may be compressed written out and in lower case.
fn plain_rdata(octets: &[u8], rtype: u16, start: usize, end: usize) -> Option<Vec<u8>> {
    // Octets before the names, and how many names.
    let (before, names) = match rtype {
        2 | 5 | 12 | 39 => (0, 1),
        6 => (0, 2),
        15 => (2, 1),
        33 => (6, 1),
        _ => (end - start, 0),
    };
    let mut rdata = octets.get(start..start + before)?.to_vec();
    let mut at = start + before;
    for _ in 0..names {
        let (name, after) = name_at(octets, at)?;
        rdata.extend(name);
        at = after;
    }
    rdata.extend_from_slice(octets.get(at..end)?);
    Some(rdata)
}

fn name_at(octets: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut after) = (Vec::new(), None);
    // A name has at most 127 labels; pointers may at most double the steps.
    for _ in 0..256 {
        let len = *octets.get(at)?;
        match len {
            0 => {
                name.push(0);
                return Some((name, after.unwrap_or(at + 1)));
            }
            0xC0.. => {
                after = after.or(Some(at + 2));
                at = usize::from(u16_at(octets, at)? & 0x3FFF);
            }
            _ => {
                let label = octets.get(at..=at + usize::from(len))?;
                name.extend(label.iter().map(u8::to_ascii_lowercase));
                at += 1 + usize::from(len);
            }
        }
    }
    None
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at + 2)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}
