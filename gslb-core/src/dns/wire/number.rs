//! IANA numbers with special treatment when answering.

/// Record types (IANA "Resource Record (RR) TYPEs").
pub mod rtype {
    #![allow(missing_docs, reason = "each constant is the type of its name")]
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const HINFO: u16 = 13;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const SIG: u16 = 24;
    pub const KEY: u16 = 25;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const NSEC3: u16 = 50;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const NXNAME: u16 = 128;
    pub const ANY: u16 = 255;

    /// True for types that may coexist with a CNAME and are answered there (RFC 4035 §2.5, RFC 3007 §3.1.1, RFC 2181
    /// §10.1; NSEC3, whose owner is the hash of another name).
    pub fn may_coexist_with_cname(rtype: u16) -> bool {
        matches!(rtype, SIG | KEY | RRSIG | NSEC | NSEC3)
    }
}

/// Classes (RFC 1035 §3.2.4).
pub mod class {
    #![allow(missing_docs, reason = "each constant is the class of its name")]
    pub const IN: u16 = 1;
    pub const CH: u16 = 3;
}

/// Response codes, extended ones included (RFC 1035 §4.1.1, RFC 6891 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Rcode {
    /// Success, with or without data.
    NoError = 0,
    /// The query is malformed.
    FormErr = 1,
    /// Server failure.
    ServFail = 2,
    /// The name does not exist.
    NxDomain = 3,
    /// Unsupported opcode.
    NotImp = 4,
    /// Not our zone, or not allowed for this client.
    Refused = 5,
    /// A DNAME substitution made a name that is too long (RFC 6672 §2.2).
    YxDomain = 6,
    /// Unsupported EDNS version.
    BadVers = 16,
    /// The query has no valid server cookie, and needs one (RFC 7873 §5.2.3).
    BadCookie = 23,
}

impl Rcode {
    /// Its mnemonic, as dig prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Rcode::NoError => "NOERROR",
            Rcode::FormErr => "FORMERR",
            Rcode::ServFail => "SERVFAIL",
            Rcode::NxDomain => "NXDOMAIN",
            Rcode::NotImp => "NOTIMP",
            Rcode::Refused => "REFUSED",
            Rcode::YxDomain => "YXDOMAIN",
            Rcode::BadVers => "BADVERS",
            Rcode::BadCookie => "BADCOOKIE",
        }
    }
}

/// Extended DNS Errors (RFC 8914; IANA "Extended DNS Error Codes"): why a response is not what its client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Ede {
    /// None of the other codes fits: nothing is up, or a rate limit concerns the response.
    Other = 0,
    /// Not allowed for this client.
    Prohibited = 18,
    /// Not our zone.
    NotAuthoritative = 20,
    /// A type that no query may have (RFC 9824 §3.5).
    InvalidQueryType = 30,
}

impl Ede {
    /// All of them.
    pub const ALL: [Ede; 4] = [Ede::Other, Ede::Prohibited, Ede::NotAuthoritative, Ede::InvalidQueryType];

    /// Its purpose, as IANA lists it.
    pub fn as_str(self) -> &'static str {
        match self {
            Ede::Other => "Other",
            Ede::Prohibited => "Prohibited",
            Ede::NotAuthoritative => "Not Authoritative",
            Ede::InvalidQueryType => "Invalid Query Type",
        }
    }
}
