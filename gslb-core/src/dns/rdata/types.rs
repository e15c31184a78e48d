//! The table of record types: number, mnemonic and rdata fields, used for parsing and formatting.

use super::codes::{ALGORITHM, CERT_ALGORITHM, CERT_TYPE, DSYNC_SCHEME, KEY_PROTOCOL, NSEC3_HASH};
use super::kind::Kind::{self, *};

/// The rdata format of a type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout {
    /// Fields in order, each with its name in messages and its kind.
    Fields(&'static [(&'static str, Kind)]),
    /// Octets without structure, written as RFC 3597 §5 says.
    Opaque,
    /// Fields of a type no longer allowed in a zone (RFC 1035 §3.3.4, §3.3.5), and the type that replaced it.
    Obsolete(&'static [(&'static str, Kind)], &'static str),
    /// A query type or meta type, never in a zone (RFC 6895 §3.1).
    Meta,
}

/// One record type.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) number: u16,
    pub(crate) mnemonic: &'static str,
    pub(crate) layout: Layout,
}

impl Type {
    /// The fields of the rdata, if it has any.
    pub(crate) fn fields(&self) -> Option<&'static [(&'static str, Kind)]> {
        match self.layout {
            Layout::Fields(fields) | Layout::Obsolete(fields, _) => Some(fields),
            Layout::Opaque | Layout::Meta => None,
        }
    }
}

/// The type of this number, if it is known.
pub(crate) fn by_number(number: u16) -> Option<&'static Type> {
    let at = TYPES.binary_search_by_key(&number, |known| known.number).ok()?;
    TYPES.get(at)
}

/// The type of this mnemonic in any case, if it is known.
pub(crate) fn by_mnemonic(text: &str) -> Option<&'static Type> {
    TYPES.iter().find(|known| known.mnemonic.eq_ignore_ascii_case(text))
}

/// True for query types and meta types (RFC 6895 §3.1), and for 0.
pub(crate) fn is_meta(number: u16) -> bool {
    matches!(number, 0 | 41 | 128..=255)
}

/// All known types.
pub(crate) fn all() -> &'static [Type] {
    TYPES
}

const fn of(number: u16, mnemonic: &'static str, fields: &'static [(&'static str, Kind)]) -> Type {
    Type { number, mnemonic, layout: Layout::Fields(fields) }
}

const fn opaque(number: u16, mnemonic: &'static str) -> Type {
    Type { number, mnemonic, layout: Layout::Opaque }
}

const fn meta(number: u16, mnemonic: &'static str) -> Type {
    Type { number, mnemonic, layout: Layout::Meta }
}

const SIGNATURE: &[(&str, Kind)] = &[
    ("type covered", TypeCode),
    ("algorithm", Code8(&ALGORITHM)),
    ("number of labels", U8),
    ("original TTL", U32),
    ("expiration time", Moment),
    ("inception time", Moment),
    ("key tag", U16),
    ("signer's name", Domain),
    ("signature", Base64),
];

const PUBLIC_KEY: &[(&str, Kind)] = &[
    ("flags", KeyFlags),
    ("protocol", Code8(&KEY_PROTOCOL)),
    ("algorithm", Code8(&ALGORITHM)),
    ("public key", Base64),
];

const DELEGATION: &[(&str, Kind)] = &[("key tag", U16), ("algorithm", Code8(&ALGORITHM)), ("digest", DsDigest)];

const ASSOCIATION: &[(&str, Kind)] =
    &[("certificate usage", U8), ("selector", U8), ("matching type", U8), ("certificate data", Hex)];

const NSEC3_PARAMETERS: &[(&str, Kind)] =
    &[("hash algorithm", Code8(&NSEC3_HASH)), ("flags", U8), ("iterations", U16), ("salt", Salt)];

const SERVICE_BINDING: &[(&str, Kind)] =
    &[("priority", U16), ("target name", Domain), ("service parameters", SvcParams)];

/// Sorted by number.
static TYPES: &[Type] = &[
    of(1, "A", &[("address", Ipv4)]),
    of(2, "NS", &[("name server", Domain)]),
    Type { number: 3, mnemonic: "MD", layout: Layout::Obsolete(&[("mail destination", Domain)], "MX") },
    Type { number: 4, mnemonic: "MF", layout: Layout::Obsolete(&[("mail forwarder", Domain)], "MX") },
    of(5, "CNAME", &[("canonical name", Domain)]),
    of(
        6,
        "SOA",
        &[
            ("primary name server", Domain),
            ("mailbox", Domain),
            ("serial", U32),
            ("refresh time", Seconds),
            ("retry time", Seconds),
            ("expire time", Seconds),
            ("minimum TTL", Seconds),
        ],
    ),
    of(7, "MB", &[("mailbox host", Domain)]),
    of(8, "MG", &[("mailbox", Domain)]),
    of(9, "MR", &[("new mailbox", Domain)]),
    opaque(10, "NULL"),
    of(11, "WKS", &[("address", Ipv4), ("protocol and ports", Services)]),
    of(12, "PTR", &[("name", Domain)]),
    of(13, "HINFO", &[("CPU", Text), ("operating system", Text)]),
    of(14, "MINFO", &[("responsible mailbox", Domain), ("error mailbox", Domain)]),
    of(15, "MX", &[("preference", U16), ("mail exchange", Domain)]),
    of(16, "TXT", &[("text", Texts)]),
    of(17, "RP", &[("mailbox", Domain), ("name of the text", Domain)]),
    of(18, "AFSDB", &[("subtype", U16), ("host name", Domain)]),
    of(19, "X25", &[("PSDN address", PsdnAddress)]),
    of(20, "ISDN", &[("ISDN address", Text), ("subaddress", TextOrNothing)]),
    of(21, "RT", &[("preference", U16), ("intermediate host", Domain)]),
    of(22, "NSAP", &[("NSAP address", Nsap)]),
    of(23, "NSAP-PTR", &[("owner name", Domain)]),
    of(24, "SIG", SIGNATURE),
    of(
        25,
        "KEY",
        &[
            ("flags", KeyFlags),
            ("protocol", Code8(&KEY_PROTOCOL)),
            ("algorithm", Code8(&ALGORITHM)),
            ("public key", KeyOrNothing),
        ],
    ),
    of(26, "PX", &[("preference", U16), ("RFC 822 domain", Domain), ("X.400 domain", Domain)]),
    of(27, "GPOS", &[("longitude", Text), ("latitude", Text), ("altitude", Text)]),
    of(28, "AAAA", &[("address", Ipv6)]),
    of(29, "LOC", &[("location", Location)]),
    of(30, "NXT", &[("next name", Domain), ("types", LowTypes)]),
    of(31, "EID", &[("endpoint identifier", Hex)]),
    of(32, "NIMLOC", &[("locator", Hex)]),
    of(33, "SRV", &[("priority", U16), ("weight", U16), ("port", U16), ("target", Domain)]),
    of(34, "ATMA", &[("ATM address", AtmAddress)]),
    of(
        35,
        "NAPTR",
        &[
            ("order", U16),
            ("preference", U16),
            ("flags", Text),
            ("services", Text),
            ("regular expression", Regexp),
            ("replacement", Domain),
        ],
    ),
    of(36, "KX", &[("preference", U16), ("key exchanger", Domain)]),
    of(
        37,
        "CERT",
        &[
            ("certificate type", Code16(&CERT_TYPE)),
            ("key tag", U16),
            ("algorithm", Code8(&CERT_ALGORITHM)),
            ("certificate", Base64),
        ],
    ),
    of(38, "A6", &[("prefix length, address suffix and prefix name", A6)]),
    of(39, "DNAME", &[("target", Domain)]),
    of(40, "SINK", &[("meaning", U8), ("coding", U8), ("subcoding", U8), ("data", Base64OrNothing)]),
    meta(41, "OPT"),
    of(42, "APL", &[("address prefixes", Prefixes)]),
    of(43, "DS", DELEGATION),
    of(44, "SSHFP", &[("algorithm", U8), ("fingerprint", SshDigest)]),
    of(45, "IPSECKEY", &[("gateway", IpsecGateway), ("public key", IpsecKey)]),
    of(46, "RRSIG", SIGNATURE),
    of(47, "NSEC", &[("next name", Domain), ("types", Types)]),
    of(48, "DNSKEY", PUBLIC_KEY),
    of(49, "DHCID", &[("digest", Base64)]),
    of(
        50,
        "NSEC3",
        &[
            ("hash algorithm", Code8(&NSEC3_HASH)),
            ("flags", U8),
            ("iterations", U16),
            ("salt", Salt),
            ("next hashed owner", HashedName),
            ("types", TypesOrNothing),
        ],
    ),
    of(51, "NSEC3PARAM", NSEC3_PARAMETERS),
    of(52, "TLSA", ASSOCIATION),
    of(53, "SMIMEA", ASSOCIATION),
    of(55, "HIP", &[("host identity", HostIdentity)]),
    of(56, "NINFO", &[("text", Texts)]),
    of(57, "RKEY", PUBLIC_KEY),
    of(58, "TALINK", &[("previous name", Domain), ("next name", Domain)]),
    of(59, "CDS", DELEGATION),
    of(60, "CDNSKEY", PUBLIC_KEY),
    of(61, "OPENPGPKEY", &[("public key", Base64)]),
    of(62, "CSYNC", &[("serial", U32), ("flags", U16), ("types", TypesOrNothing)]),
    of(63, "ZONEMD", &[("serial", U32), ("scheme", U8), ("digest", ZoneDigest)]),
    of(64, "SVCB", SERVICE_BINDING),
    of(65, "HTTPS", SERVICE_BINDING),
    // RFC 9859 §2: which notifications a parent takes, and where.
    of(66, "DSYNC", &[("type", TypeCode), ("scheme", Code8(&DSYNC_SCHEME)), ("port", U16), ("target", Domain)]),
    // RFC 9886: a host identity tag, and what a broadcast remote ID is registered with; both are CBOR in base64.
    of(67, "HHIT", &[("data", Base64)]),
    of(68, "BRID", &[("data", Base64)]),
    of(99, "SPF", &[("text", Texts)]),
    opaque(103, "UNSPEC"),
    of(104, "NID", &[("preference", U16), ("node identifier", Groups)]),
    of(105, "L32", &[("preference", U16), ("locator", Ipv4)]),
    of(106, "L64", &[("preference", U16), ("locator", Groups)]),
    of(107, "LP", &[("preference", U16), ("name", Domain)]),
    of(108, "EUI48", &[("address", Eui48)]),
    of(109, "EUI64", &[("address", Eui64)]),
    meta(249, "TKEY"),
    meta(250, "TSIG"),
    meta(251, "IXFR"),
    meta(252, "AXFR"),
    meta(253, "MAILB"),
    meta(254, "MAILA"),
    meta(255, "ANY"),
    of(256, "URI", &[("priority", U16), ("weight", U16), ("target", QuotedToEnd)]),
    of(257, "CAA", &[("flags", U8), ("tag", Tag), ("value", TextToEnd)]),
    of(258, "AVC", &[("text", Texts)]),
    of(
        259,
        "DOA",
        &[("enterprise number", U32), ("type", U32), ("location", U8), ("media type", Text), ("data", Base64OrDash)],
    ),
    of(260, "AMTRELAY", &[("relay", AmtRelay)]),
    of(261, "RESINFO", &[("text", Texts)]),
    of(262, "WALLET", &[("text", Texts)]),
    of(32768, "TA", DELEGATION),
    of(32769, "DLV", DELEGATION),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_mnemonics_are_unique() {
        assert!(TYPES.is_sorted_by(|a, b| a.number < b.number));
        for known in TYPES {
            assert_eq!(by_mnemonic(&known.mnemonic.to_lowercase()).map(|found| found.number), Some(known.number));
            assert_eq!(matches!(known.layout, Layout::Meta), is_meta(known.number), "{}", known.mnemonic);
        }
    }
}
