//! Well-known services: an IP protocol and a bitmap of ports (RFC 1035 §3.4.2).

use super::bitmap::{ones, set, trimmed};
use super::phrase::Phrase;
use super::token::{Fault, Token, Tokens, decimal};
use super::wire::{Unreadable, Wire};

/// Size of a bitmap of all ports, in octets.
const ALL_PORTS: usize = 65_536 / 8;

/// Protocols that have names here; others are written by number.
const PROTOCOLS: &[(&str, u16)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("ospf", 89),
    ("sctp", 132),
    ("udplite", 136),
];

/// Services that have names here; others are written by number.
const SERVICES: &[(&str, u16)] = &[
    ("tcpmux", 1),
    ("echo", 7),
    ("discard", 9),
    ("systat", 11),
    ("daytime", 13),
    ("netstat", 15),
    ("qotd", 17),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("whois", 43),
    ("tacacs", 49),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("bgp", 179),
    ("irc", 194),
    ("ldap", 389),
    ("https", 443),
    ("submissions", 465),
    ("syslog", 514),
    ("submission", 587),
    ("ldaps", 636),
    ("domain-s", 853),
    ("imaps", 993),
    ("pop3s", 995),
];

pub(super) fn read(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let protocol = tokens.next("protocol")?;
    rdata.push(number("protocol", PROTOCOLS, &protocol, 255)? as u8);
    let mut ports = vec![0u8; ALL_PORTS];
    while let Some(token) = tokens.take() {
        set(&mut ports, number("port", SERVICES, &token, u16::MAX)?);
    }
    rdata.extend_from_slice(trimmed(&ports));
    Ok(())
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    out.token(wire.u8()?);
    let ports = std::mem::take(&mut wire.0);
    if ports.len() > ALL_PORTS {
        return Err(Unreadable::Malformed);
    }
    // Trailing zero octets are meaningless but allowed, and a list of ports would lose them.
    if trimmed(ports).len() != ports.len() {
        return Err(Unreadable::NoText);
    }
    for port in ones(ports) {
        out.token(port);
    }
    Ok(())
}

fn number(label: &str, names: &[(&str, u16)], token: &Token<'_>, most: u16) -> Result<u16, Fault> {
    let text = token.bare(label)?;
    let named = names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|&(_, value)| value);
    let value = named.or_else(|| u16::try_from(decimal(text)?).ok()).filter(|&value| value <= most);
    value.ok_or_else(|| {
        token.fault(
            format!("\"{}\" is not a {label}", token.shown()),
            format!("write the {label} as a number from 0 to {most}; only the most usual names are known"),
        )
    })
}
