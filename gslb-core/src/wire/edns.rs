//! What a query's OPT record says (RFC 6891), read once and without copying.

use super::subnet::{self, ClientSubnet};

/// Option codes (IANA "DNS EDNS0 Option Codes").
pub mod option {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// TCP keepalive (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
}

/// A record with more options than this is malformed: no client has use for as many, and each costs time.
const MAX_OPTIONS: usize = 64;

/// The OPT record of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns<'a> {
    /// Octets the sender can take in a datagram, as sent.
    pub payload: u16,
    /// Version; only 0 exists.
    pub version: u8,
    /// DO bit (RFC 3225).
    pub dnssec_ok: bool,
    /// True where the name server's identifier is asked for.
    pub nsid: bool,
    /// True where the TCP keepalive option is present.
    pub keepalive: bool,
    /// The client's network, where the resolver tells it.
    pub subnet: Option<ClientSubnet<'a>>,
}

/// An option that runs past the record, or is not what its RFC says: FORMERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl<'a> Edns<'a> {
    /// Reads the fields that an OPT record keeps where others have class and TTL.
    pub fn from_fields(class: u16, ttl: u32) -> Edns<'a> {
        Edns {
            payload: class,
            version: (ttl >> 16) as u8,
            dnssec_ok: ttl & 0x8000 != 0,
            nsid: false,
            keepalive: false,
            subnet: None,
        }
    }

    /// Reads the options; unknown ones are passed over (RFC 6891 §6.1.2).
    #[inline]
    pub fn read_options(&mut self, mut octets: &'a [u8]) -> Result<(), Malformed> {
        for _ in 0..=MAX_OPTIONS {
            let (code, data, rest) = match octets {
                [] => return Ok(()),
                &[code_high, code_low, len_high, len_low, ref rest @ ..] => {
                    let len = usize::from(u16::from_be_bytes([len_high, len_low]));
                    let (data, rest) = rest.split_at_checked(len).ok_or(Malformed)?;
                    (u16::from_be_bytes([code_high, code_low]), data, rest)
                }
                _ => return Err(Malformed),
            };
            self.take_option(code, data)?;
            octets = rest;
        }
        Err(Malformed)
    }

    #[inline]
    fn take_option(&mut self, code: u16, data: &'a [u8]) -> Result<(), Malformed> {
        match code {
            subnet::CODE if self.subnet.is_some() => return Err(Malformed),
            subnet::CODE => self.subnet = Some(ClientSubnet::parse(data).map_err(|_| Malformed)?),
            option::NSID => self.nsid = true,
            // RFC 7828 §3.2.1: a client sends it without a timeout.
            option::KEEPALIVE => self.keepalive = data.is_empty(),
            _ => {}
        }
        Ok(())
    }
}
