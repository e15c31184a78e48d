//! Expected responses: a line of text per query, and the check of a response.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The expected response to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// NOERROR with this address, and no other, in its answer section.
    Address(IpAddr),
    /// NOERROR with anything in its answer section.
    Answer,
    /// NXDOMAIN.
    NxDomain,
}

impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Address(address) => address.fmt(out),
            Expected::Answer => out.write_str("answer"),
            Expected::NxDomain => out.write_str("nxdomain"),
        }
    }
}

impl FromStr for Expected {
    type Err = std::net::AddrParseError;

    /// Parses a line as it is displayed.
    fn from_str(line: &str) -> Result<Self, Self::Err> {
        match line {
            "answer" => Ok(Expected::Answer),
            "nxdomain" => Ok(Expected::NxDomain),
            address => address.parse().map(Expected::Address),
        }
    }
}

impl Expected {
    /// Whether `response` is as expected. A malformed one is not.
    pub fn is_met_by(&self, response: &[u8]) -> bool {
        let noerror = rcode(response) == Some(0);
        match self {
            Expected::Address(address) => noerror && addresses(response).is_some_and(|all| all == [*address]),
            Expected::Answer => noerror && response.get(6..8).is_some_and(|count| count != [0, 0]),
            Expected::NxDomain => rcode(response) == Some(3),
        }
    }
}

/// The RCODE of a message's header, without the part in its OPT record.
pub fn rcode(message: &[u8]) -> Option<u8> {
    message.get(3).map(|octet| octet & 0x0F)
}

/// The addresses in the answer section of a response to one question; `None` if it is malformed.
pub fn addresses(response: &[u8]) -> Option<Vec<IpAddr>> {
    let answers = u16::from_be_bytes([*response.get(6)?, *response.get(7)?]);
    let mut rest = after_name(response.get(12..)?)?.get(4..)?;
    let mut found = Vec::new();
    for _ in 0..answers {
        let (fixed, after) = after_name(rest)?.split_first_chunk::<10>()?;
        let (rdata, after) = after.split_at_checked(usize::from(u16::from_be_bytes([fixed[8], fixed[9]])))?;
        match (fixed[1], rdata.len()) {
            (1, 4) => found.push(IpAddr::from(<[u8; 4]>::try_from(rdata).ok()?)),
            (28, 16) => found.push(IpAddr::from(<[u8; 16]>::try_from(rdata).ok()?)),
            _ => {}
        }
        rest = after;
    }
    Some(found)
}

/// The octets after a name, which ends with the root label or with a pointer (RFC 1035 section 4.1.4).
fn after_name(mut octets: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(*octets.first()?);
        match length {
            0 => return octets.get(1..),
            0xC0.. => return octets.get(2..),
            _ => octets = octets.get(1 + length..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response to `a. A` with one address.
    const RESPONSE: [u8; 35] = [
        0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0,
        2, 1,
    ];

    #[test]
    fn a_response_is_compared_with_the_expectation() {
        let met = |line: &str| line.parse::<Expected>().unwrap().is_met_by(&RESPONSE);
        assert!(met("192.0.2.1") && met("answer"));
        assert!(!met("192.0.2.2") && !met("nxdomain") && !met("2001:db8::1"));
        assert!(!Expected::Answer.is_met_by(&[]));
        for end in 0..RESPONSE.len() {
            assert_eq!(addresses(&RESPONSE[..end]), None);
        }
    }
}
