//! Writes a response: never beyond its size limit, and never part of an RRset.

use super::cookie;
use super::edns::{Edns, option};
use super::number::{Ede, Rcode};
use super::query::{HEADER, Head};
use super::subnet::{self, ClientSubnet};

/// Length of an OPT record without options.
pub(super) const OPT: usize = 11;
/// Maximum length in octets of an OPT record whose only option is a client subnet.
const USUAL_OPT: usize = OPT + 8 + 16;

/// Does not fit into the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The section that records are added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The answer section.
    Answer,
    /// SOA of a negative answer, NS of a referral.
    Authority,
    /// Glue.
    Additional,
}

impl Section {
    /// The place of this section's count in [`Message::counts`].
    #[inline]
    fn shift(self) -> u32 {
        match self {
            Section::Answer => 32,
            Section::Authority => 16,
            Section::Additional => 0,
        }
    }
}

/// A response being written in place over its query: the question stays where it is, records follow, and the header is
/// written last.
#[derive(Debug)]
pub struct Message<'a> {
    octets: &'a mut [u8],
    len: usize,
    limit: usize,
    /// Records per section, as the last six octets of a header have them.
    counts: u64,
    /// AA bit.
    pub authoritative: bool,
    /// TC bit: an RRset did not fit.
    pub truncated: bool,
    /// Response code.
    pub rcode: Rcode,
    /// Why, if the response is an error.
    pub ede: Option<Ede>,
}

/// The OPT record of a response.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptReply<'a> {
    /// Our UDP payload size.
    pub payload: u16,
    /// DO bit, copied from the query (RFC 3225 §3).
    pub dnssec_ok: bool,
    /// Identifier to send.
    pub nsid: Option<&'a [u8]>,
    /// Idle timeout of the connection in units of 100 ms.
    pub keepalive: Option<u16>,
    /// Client subnet, as received.
    pub subnet: Option<&'a ClientSubnet>,
    /// Client cookie, as received, and server cookie.
    pub cookie: Option<[u8; cookie::BOTH]>,
    /// Extended DNS Error to send.
    pub ede: Option<Ede>,
}

/// Octets of an Extended DNS Error without text.
const EDE: usize = 6;

impl<'a> OptReply<'a> {
    /// Adds an Extended DNS Error if the message has `octets` left for this record.
    #[cold]
    pub fn add_error(&mut self, ede: Ede, octets: usize) {
        if self.wire_len() + EDE <= octets {
            self.ede = Some(ede);
        }
    }

    /// Length of the record in wire form.
    #[inline]
    pub fn wire_len(&self) -> usize {
        OPT + self.nsid.map_or(0, |nsid| 4 + nsid.len())
            + self.keepalive.map_or(0, |_| 6)
            + self.subnet.map_or(0, |subnet| 4 + subnet.option_len())
            + self.cookie.map_or(0, |cookie| 4 + cookie.len())
            + self.ede.map_or(0, |_| EDE)
    }
}

/// Everything in an OPT record of `len` octets but its options (RFC 6891 §6.1.2).
#[inline(always)]
fn opt_fields(rcode: Rcode, payload: u16, dnssec_ok: bool, len: usize) -> [u8; OPT] {
    let ([p0, p1], [l0, l1]) = (payload.to_be_bytes(), ((len - OPT) as u16).to_be_bytes());
    let extended = (rcode as u16 >> 4) as u8;
    [0, 0, 41, p0, p1, extended, 0, u8::from(dnssec_ok) << 7, 0, l0, l1]
}

impl<'a> Message<'a> {
    /// Starts a response of at most `limit` octets after the question section in `octets`, which has `question` octets.
    #[inline]
    pub fn new(octets: &'a mut [u8], limit: usize, question: usize) -> Message<'a> {
        let limit = limit.min(octets.len());
        Message {
            octets,
            len: HEADER + question,
            limit,
            counts: 0,
            authoritative: false,
            truncated: false,
            rcode: Rcode::NoError,
            ede: None,
        }
    }

    /// Makes the response an error.
    #[cold]
    pub fn fail(&mut self, rcode: Rcode, ede: Ede) {
        (self.rcode, self.ede) = (rcode, Some(ede));
    }

    /// Number of octets written so far, which is the offset of the next one.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nothing follows the header yet.
    pub fn is_empty(&self) -> bool {
        self.len <= HEADER
    }

    /// The octets from `at` on: those written, and whatever follows them in the buffer.
    pub fn tail(&self, at: usize) -> &[u8] {
        self.octets.get(at..).unwrap_or_default()
    }

    /// Drops everything after `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Reserves `octets` of the limit until [`Message::release`].
    pub fn reserve(&mut self, octets: usize) {
        self.limit = self.limit.saturating_sub(octets);
    }

    /// Releases reserved octets.
    pub fn release(&mut self, octets: usize) {
        self.limit = (self.limit + octets).min(self.octets.len());
    }

    /// Octets of the limit that are left.
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    /// Appends octets.
    #[inline]
    pub fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let buffer = self.octets.get_mut(self.len..self.limit).ok_or(Full)?;
        buffer.get_mut(..octets.len()).ok_or(Full)?.copy_from_slice(octets);
        self.len += octets.len();
        Ok(())
    }

    /// Appends the records of an RRset, counts them, and returns what was written, so that its pointers can be set.
    #[inline]
    pub fn put_records(&mut self, section: Section, records: u16, octets: &[u8]) -> Result<&mut [u8], Full> {
        let end = self.len + octets.len();
        if end > self.limit {
            return Err(Full);
        }
        self.count(section, records);
        let written = self.octets.get_mut(self.len..end).ok_or(Full)?;
        written.copy_from_slice(octets);
        self.len = end;
        Ok(written)
    }

    /// Appends octets of a length known at compile time, which is faster.
    #[inline]
    pub fn put_array<const N: usize>(&mut self, octets: [u8; N]) -> Result<(), Full> {
        let buffer = self.octets.get_mut(self.len..self.limit).and_then(<[u8]>::first_chunk_mut).ok_or(Full)?;
        *buffer = octets;
        self.len += N;
        Ok(())
    }

    /// Appends a record: the octets up to RDLENGTH, and its rdata.
    #[inline]
    pub fn put_record<const N: usize>(&mut self, head: [u8; 12], rdata: [u8; N]) -> Result<(), Full> {
        let buffer = self.octets.get_mut(self.len..self.limit).ok_or(Full)?;
        let (head_buffer, rest) = buffer.split_first_chunk_mut().ok_or(Full)?;
        *rest.first_chunk_mut().ok_or(Full)? = rdata;
        *head_buffer = head;
        self.len += head.len() + N;
        Ok(())
    }

    /// Overwrites two octets.
    #[inline]
    pub fn patch(&mut self, at: usize, value: u16) {
        if let Some(place) = self.octets.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// The two octets at `at`.
    pub fn read_u16(&self, at: usize) -> u16 {
        match self.octets.get(at..at + 2) {
            Some(&[high, low]) => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }

    /// Adds to the record count of a section.
    #[inline]
    pub fn count(&mut self, section: Section, records: u16) {
        self.counts += u64::from(records) << section.shift();
    }

    /// Records in a section so far.
    pub fn records(&self, section: Section) -> u16 {
        (self.counts >> section.shift()) as u16
    }

    /// Appends the OPT record of a response to a [usual](Edns::is_usual) one; `scope` goes into the client subnet option
    /// (RFC 7871 §7.2.1).
    #[inline(always)]
    pub fn put_usual_opt(&mut self, edns: &Edns, payload: u16, scope: u8) -> Result<(), Full> {
        let (dnssec_ok, subnet) = (edns.dnssec_ok, edns.subnet.as_ref());
        let len = edns.usual_reply_len();
        let end = self.len + len;
        let window = self.octets.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut::<USUAL_OPT>);
        let Some(window) = window.filter(|_| end <= self.limit) else {
            return self.put_opt(&OptReply { payload, dnssec_ok, subnet, ..OptReply::default() }, len, scope);
        };
        let Some((fields, options)) = window.split_first_chunk_mut() else { return Err(Full) };
        *fields = opt_fields(self.rcode, payload, dnssec_ok, len);
        if let (Some(subnet), Some((option, address))) = (subnet, options.split_first_chunk_mut()) {
            // All 16 octets of the address are copied at once; only those of the option are sent.
            let all = address.first_chunk_mut();
            let ([f0, f1, f2, f3], octets) = subnet.answered(scope);
            let [len_high, len_low] = (subnet.option_len() as u16).to_be_bytes();
            *option = [0, subnet::CODE as u8, len_high, len_low, f0, f1, f2, f3];
            *all.ok_or(Full)? = octets;
        }
        self.len = end;
        self.count(Section::Additional, 1);
        Ok(())
    }

    /// Appends the OPT record of `len` octets, its [wire length](OptReply::wire_len); `scope` goes into the client
    /// subnet option (RFC 7871 §7.2.1).
    #[inline]
    pub fn put_opt(&mut self, reply: &OptReply<'_>, len: usize, scope: u8) -> Result<(), Full> {
        self.put_array(opt_fields(self.rcode, reply.payload, reply.dnssec_ok, len))?;
        if reply.nsid.is_some() || reply.keepalive.is_some() {
            self.put_rare_options(reply)?;
        }
        if let Some(subnet) = reply.subnet {
            self.put_subnet(subnet, scope)?;
        }
        if let Some(cookie) = &reply.cookie {
            self.put_option(cookie::CODE, cookie)?;
        }
        if let Some(ede) = reply.ede {
            self.put_option(option::EDE, &(ede as u16).to_be_bytes())?;
        }
        self.count(Section::Additional, 1);
        Ok(())
    }

    #[inline]
    fn put_rare_options(&mut self, reply: &OptReply<'_>) -> Result<(), Full> {
        if let Some(nsid) = reply.nsid {
            self.put_option(option::NSID, nsid)?;
        }
        reply.keepalive.map_or(Ok(()), |timeout| self.put_option(option::KEEPALIVE, &timeout.to_be_bytes()))
    }

    #[inline]
    fn put_subnet(&mut self, subnet: &ClientSubnet, scope: u8) -> Result<(), Full> {
        let len = subnet.option_len();
        let end = self.len + 4 + len;
        let Some((option, rest)) = self.octets.get_mut(self.len..).and_then(<[u8]>::split_first_chunk_mut) else {
            return Err(Full);
        };
        if end > self.limit {
            return Err(Full);
        }
        let ([f0, f1, f2, f3], address) = subnet.answered(scope);
        let [len_high, len_low] = (len as u16).to_be_bytes();
        *option = [0, subnet::CODE as u8, len_high, len_low, f0, f1, f2, f3];
        match rest.first_chunk_mut() {
            // Copy all 16 octets of the address at once; only those of the option are sent.
            Some(place) => *place = address,
            None => rest.iter_mut().zip(address).for_each(|(place, octet)| *place = octet),
        }
        self.len = end;
        Ok(())
    }

    #[inline]
    fn put_option(&mut self, code: u16, data: &[u8]) -> Result<(), Full> {
        let ([code_high, code_low], [len_high, len_low]) = (code.to_be_bytes(), (data.len() as u16).to_be_bytes());
        self.put_array([code_high, code_low, len_high, len_low])?;
        self.put(data)
    }

    /// Writes the header; returns the length of the message.
    #[inline]
    pub fn finish(&mut self, head: Head, questions: u16) -> usize {
        let flags = 0x80 | head.echoed() | u8::from(self.authoritative) << 2 | u8::from(self.truncated) << 1;
        let [id_high, id_low] = head.id.to_be_bytes();
        let counts = self.counts | u64::from(questions) << 48;
        if let Some((front, rest)) = self.octets.split_first_chunk_mut()
            && let Some(back) = rest.first_chunk_mut()
        {
            *front = [id_high, id_low, flags, self.rcode as u8 & 0x0F];
            *back = counts.to_be_bytes();
        }
        self.len
    }
}
