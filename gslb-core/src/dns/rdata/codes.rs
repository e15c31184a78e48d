//! Numbers that have names: algorithms, certificate types, key protocols and key flags.

use super::phrase::Phrase;
use super::token::{Fault, Token, decimal};

/// The names of a number field.
#[derive(Debug)]
pub(crate) struct Codes {
    /// Name and value; if a value has several names, the first is written.
    names: &'static [(&'static str, u16)],
    /// Whether presentation form uses the name (CERT) or the number (everything else).
    shown: bool,
}

const ALGORITHM_NAMES: &[(&str, u16)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("NSEC3DSA", 6),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3RSASHA1", 7),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECCGOST", 12),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// DNSSEC algorithms (RFC 4034 appendix A.1 and its registry).
pub(crate) static ALGORITHM: Codes = Codes { names: ALGORITHM_NAMES, shown: false };

/// The same algorithms in a CERT record, where they are written by name (RFC 4398 §2.2).
pub(crate) static CERT_ALGORITHM: Codes = Codes { names: ALGORITHM_NAMES, shown: true };

/// Certificate types (RFC 4398 §2.1).
pub(crate) static CERT_TYPE: Codes = Codes {
    names: &[
        ("PKIX", 1),
        ("SPKI", 2),
        ("PGP", 3),
        ("IPKIX", 4),
        ("ISPKI", 5),
        ("IPGP", 6),
        ("ACPKIX", 7),
        ("IACPKIX", 8),
        ("URI", 253),
        ("OID", 254),
    ],
    shown: true,
};

/// Key protocols (RFC 2535 §3.1.3; RFC 4034 §2.1.2 leaves DNSSEC only).
pub(crate) static KEY_PROTOCOL: Codes =
    Codes { names: &[("NONE", 0), ("TLS", 1), ("EMAIL", 2), ("DNSSEC", 3), ("IPSEC", 4), ("ALL", 255)], shown: false };

/// Digest types of delegation signers (RFC 4034 appendix A.2 and its registry).
pub(crate) static DIGEST: Codes = Codes {
    names: &[("SHA-1", 1), ("SHA1", 1), ("SHA-256", 2), ("SHA256", 2), ("GOST", 3), ("SHA-384", 4), ("SHA384", 4)],
    shown: false,
};

/// Schemes of DSYNC, written by name as BIND does (RFC 9859 §2.2).
pub(crate) static DSYNC_SCHEME: Codes = Codes { names: &[("NOTIFY", 1)], shown: true };

/// Hash algorithms of NSEC3 (RFC 5155 §11).
pub(crate) static NSEC3_HASH: Codes = Codes { names: &[("SHA-1", 1)], shown: false };

/// Key flags (RFC 2535 §3.1.2, RFC 4034 §2.1.1); several are joined by `|`.
const KEY_FLAGS: &[(&str, u16)] = &[
    ("NOCONF", 0x4000),
    ("NOAUTH", 0x8000),
    ("NOKEY", 0xC000),
    ("FLAG2", 0x2000),
    ("EXTEND", 0x1000),
    ("FLAG4", 0x0800),
    ("FLAG5", 0x0400),
    ("USER", 0x0000),
    ("ZONE", 0x0100),
    ("HOST", 0x0200),
    ("NTYP3", 0x0300),
    ("FLAG8", 0x0080),
    ("FLAG9", 0x0040),
    ("FLAG10", 0x0020),
    ("FLAG11", 0x0010),
    ("KSK", 0x0001),
];

impl Codes {
    /// Reads a name in any case, or a number from 0 to `most`.
    pub(crate) fn read(&self, label: &str, token: Token<'_>, most: u16) -> Result<u16, Fault> {
        let text = token.bare(label)?;
        let number = decimal(text).and_then(|value| u16::try_from(value).ok()).filter(|&value| value <= most);
        number.or_else(|| value_of(self.names, text)).ok_or_else(|| {
            let names: Vec<&str> = self.names.iter().map(|&(name, _)| name).collect();
            token.fault(
                format!("the {label} \"{}\" is neither a number from 0 to {most} nor a known name", token.shown()),
                format!("write a number from 0 to {most}, or one of {}", names.join(", ")),
            )
        })
    }

    /// Writes `value` by name if its type does so and there is one, else as a number.
    pub(crate) fn write(&self, value: u16, out: &mut Phrase) {
        match self.names.iter().find(|&&(_, known)| self.shown && known == value) {
            Some((name, _)) => out.token(name),
            None => out.token(value),
        }
    }
}

/// Reads key flags: a decimal number, a hexadecimal one after `0x`, or names joined by `|`.
pub(crate) fn read_key_flags(label: &str, token: Token<'_>) -> Result<u16, Fault> {
    let text = token.bare(label)?;
    let number = match text.strip_prefix(b"0x") {
        Some(digits) => std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok()),
        None => decimal(text),
    };
    let flags = number.and_then(|value| u16::try_from(value).ok()).or_else(|| {
        text.split(|&octet| octet == b'|').try_fold(0, |flags, name| Some(flags | value_of(KEY_FLAGS, name)?))
    });
    flags.ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" are not key flags", token.shown()),
            "write a number from 0 to 65535 (256 is a zone key, 257 a key signing key), or names such as ZONE|KSK",
        )
    })
}

fn value_of(names: &[(&str, u16)], text: &[u8]) -> Option<u16> {
    names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|&(_, value)| value)
}
