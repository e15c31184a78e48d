//! The OPT record of a query (RFC 6891).

use super::cookie::{self, CookieOption};
use super::message::OPT;
use super::subnet::{self, ClientSubnet, Family};

/// Option codes (IANA "DNS EDNS0 Option Codes").
pub mod option {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// TCP keepalive (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Extended DNS Error (RFC 8914).
    pub const EDE: u16 = 15;
}

/// Maximum number of options read. The rest is ignored like unknown options: no client needs more, and each takes time.
const MAX_OPTIONS: usize = 64;

/// The OPT record of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The sender's UDP payload size, as sent.
    pub payload: u16,
    /// EDNS version; only 0 exists.
    pub version: u8,
    /// DO bit (RFC 3225).
    pub dnssec_ok: bool,
    /// True if NSID is requested.
    pub nsid: bool,
    /// True if the TCP keepalive option is present.
    pub keepalive: bool,
    /// The client's network, if the resolver sent it.
    pub subnet: Option<ClientSubnet>,
    /// The family of a malformed client subnet; the query is malformed too.
    pub malformed_subnet: Option<Family>,
    /// The client's cookie, and the server cookie that it returns.
    pub cookie: CookieOption,
}

/// An option that runs past the record or violates its RFC: FORMERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Edns {
    /// Octets that [`Edns::read_usual`] reads: an option's code and length, and the longest client subnet.
    pub(super) const USUAL: usize = 4 + ClientSubnet::LONGEST;

    /// True if the response has no option, or a client subnet alone.
    #[inline(always)]
    pub fn is_usual(&self) -> bool {
        !self.nsid && !self.keepalive && self.cookie == CookieOption::Absent
    }

    /// Length in octets of the OPT record in the response to a usual one.
    #[inline(always)]
    pub fn usual_reply_len(&self) -> usize {
        OPT + self.subnet.as_ref().map_or(0, |subnet| 4 + subnet.option_len())
    }

    /// Parses the fields that an OPT record stores in CLASS and TTL.
    #[inline]
    pub fn from_fields(class: u16, ttl: u32) -> Edns {
        Edns {
            payload: class,
            version: (ttl >> 16) as u8,
            dnssec_ok: ttl & 0x8000 != 0,
            nsid: false,
            keepalive: false,
            subnet: None,
            malformed_subnet: None,
            cookie: CookieOption::Absent,
        }
    }

    /// Parses the rdata of `len` octets at the start of `rdata` if it has no option or is a single client subnet, as
    /// nearly always. Otherwise, or if there is any mistake, [`Edns::read_options`] has to read it.
    #[inline(always)]
    pub(super) fn read_usual(&mut self, rdata: &[u8; Edns::USUAL], len: usize) -> bool {
        const CODE: [u8; 2] = subnet::CODE.to_be_bytes();
        if len == 0 {
            return true;
        }
        let Some((&[c0, c1, l0, l1], data)) = rdata.split_first_chunk() else { return false };
        let data_len = usize::from(u16::from_be_bytes([l0, l1]));
        if [c0, c1] != CODE || 4 + data_len != len {
            return false;
        }
        self.subnet = data.first_chunk().and_then(|data| ClientSubnet::parse_from(data, data_len).ok());
        self.subnet.is_some()
    }

    /// Parses the options in the first `len` of `octets`; unknown ones are ignored (RFC 6891 §6.1.2).
    pub fn read_options(&mut self, octets: &[u8], len: usize) -> Result<(), Malformed> {
        let mut rest = octets.get(..len).ok_or(Malformed)?;
        for _ in 0..MAX_OPTIONS {
            if rest.is_empty() {
                return Ok(());
            }
            let (&[code_high, code_low, len_high, len_low], after) = rest.split_first_chunk().ok_or(Malformed)?;
            let len = usize::from(u16::from_be_bytes([len_high, len_low]));
            let (data, after) = after.split_at_checked(len).ok_or(Malformed)?;
            self.take_option(u16::from_be_bytes([code_high, code_low]), data)?;
            rest = after;
        }
        Ok(())
    }

    fn take_option(&mut self, code: u16, data: &[u8]) -> Result<(), Malformed> {
        match code {
            subnet::CODE => match ClientSubnet::parse(data, data.len()) {
                Ok(subnet) if self.subnet.is_none() => self.subnet = Some(subnet),
                _ => return Err(self.note_malformed(data)),
            },
            option::NSID => self.nsid = true,
            // RFC 7828 §3.2.1: a client sends it without a timeout.
            option::KEEPALIVE => self.keepalive = data.is_empty(),
            cookie::CODE => self.take_cookie(data),
            _ => {}
        }
        Ok(())
    }

    /// Records the first COOKIE option; others are ignored (RFC 7873 §5.2). Servers without cookies ignore a malformed
    /// one, so whether it is an error is decided when answering.
    #[cold]
    fn take_cookie(&mut self, data: &[u8]) {
        if self.cookie == CookieOption::Absent {
            self.cookie = CookieOption::parse(data, data.len());
        }
    }

    /// Records the family of a malformed or duplicate client subnet.
    #[cold]
    fn note_malformed(&mut self, data: &[u8]) -> Malformed {
        let family = data.get(1).copied().unwrap_or(0);
        self.malformed_subnet = Some(Family::of(family));
        Malformed
    }
}
