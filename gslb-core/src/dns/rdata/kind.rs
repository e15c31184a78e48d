//! The kinds of rdata fields.

use super::codes::Codes;

/// A kind of field. Kinds that take all remaining octets come last in their type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A domain name, uncompressed.
    Domain,
    /// One octet.
    U8,
    /// Two octets.
    U16,
    /// Four octets.
    U32,
    /// One octet that may be written by name.
    Code8(&'static Codes),
    /// Two octets that may be written by name.
    Code16(&'static Codes),
    /// The flags of a key.
    KeyFlags,
    /// A record type.
    TypeCode,
    /// A duration, optionally with units.
    Seconds,
    /// A point in time of a signature (RFC 4034 §3.2).
    Moment,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Four groups of hexadecimal digits with colons (RFC 6742 §2.1.1).
    Groups,
    /// Six octets with hyphens (RFC 7043 §3.2).
    Eui48,
    /// Eight octets with hyphens (RFC 7043 §4.2).
    Eui64,
    /// A character-string.
    Text,
    /// A character-string that may be missing.
    TextOrNothing,
    /// Character-strings to the end, at least one.
    Texts,
    /// All octets to the end, quoted or not (RFC 8659 §4.1.1).
    TextToEnd,
    /// All octets to the end, always quoted (RFC 7553 §4.4).
    QuotedToEnd,
    /// Letters and digits (RFC 8659 §4.1).
    Tag,
    /// Hexadecimal to the end, at least one octet.
    Hex,
    /// Base64 to the end, at least one octet.
    Base64,
    /// Base64 to the end, possibly empty.
    Base64OrNothing,
    /// Base64 to the end, or a hyphen for none.
    Base64OrDash,
    /// Base64 to the end, or nothing if the flags at the start of the rdata say that there is no key.
    KeyOrNothing,
    /// Base64 to the end, or nothing if the algorithm is 0, which means no key (RFC 4025 §2.4).
    IpsecKey,
    /// Digest type and digest of a delegation signer.
    DsDigest,
    /// Digest type and fingerprint of an SSH key.
    SshDigest,
    /// Hash algorithm and digest of a zone.
    ZoneDigest,
    /// A salt in hexadecimal after its length, or a hyphen for none.
    Salt,
    /// A hash in base32hex after its length.
    HashedName,
    /// A bitmap of types, at least one.
    Types,
    /// A bitmap of types, possibly empty.
    TypesOrNothing,
    /// A bitmap of types 1 to 127 (RFC 2535 §5.2).
    LowTypes,
    /// An IP protocol and its ports (RFC 1035 §3.4.2).
    Services,
    /// At least four digits (RFC 1183 §3.1).
    PsdnAddress,
    /// Hexadecimal after 0x (RFC 1706 §5).
    Nsap,
    /// An ATM end system address.
    AtmAddress,
    /// A geographical location (RFC 1876).
    Location,
    /// A substitution expression (RFC 3402 §3.2).
    Regexp,
    /// An address suffix (RFC 2874 §3.1).
    A6,
    /// Address prefixes (RFC 3123 §4).
    Prefixes,
    /// Precedence, gateway type, algorithm and gateway (RFC 4025 §2).
    IpsecGateway,
    /// Precedence, discovery bit, relay type and relay (RFC 8777 §4).
    AmtRelay,
    /// Host identity and rendezvous servers (RFC 8005 §5).
    HostIdentity,
    /// Service parameters (RFC 9460 §2.1).
    SvcParams,
}
