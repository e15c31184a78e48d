//! The differences that have a reason, with the RFC that gives it.

/// A difference with a reason. An empty part matches any.
pub(super) struct Explained {
    /// The other server.
    who: &'static str,
    /// Part of the query's description.
    query: &'static str,
    transport: &'static str,
    /// Part of the difference.
    difference: &'static str,
    /// Why ours is right, or why both are.
    pub(super) reason: &'static str,
}

pub(super) const EXPLAINED: [Explained; 23] = [
    Explained::new("Knot", "opcode", "", "0 questions", "RFC 8906 §3.1.4: NOTIMP may be a header alone, as NSD's is"),
    Explained::new("Knot", "opcode 4", "", "flags", "RFC 1996 §3.10 is not implemented: NOTIMP (RFC 8906 §3.1.4)"),
    Explained::new("NSD", "opcode 4", "", "flags", "RFC 1996 §3.10 is not implemented: NOTIMP (RFC 8906 §3.1.4)"),
    Explained::new("Knot", "opcode 5", "", "flags", "RFC 2136 §3.1 is not implemented: NOTIMP (RFC 8906 §3.1.4)"),
    Explained::new(
        "Knot",
        "TYPE46",
        "",
        "",
        "RFC 1034 §4.3.2: a type that is not at an alias is looked up at its target, as with NSD",
    ),
    Explained::new(
        "Knot",
        "TYPE47",
        "",
        "",
        "RFC 1034 §4.3.2: a type that is not at an alias is looked up at its target, as with NSD",
    ),
    Explained::new(
        "Knot",
        "tochild",
        "",
        "",
        "RFC 1034 §4.3.2: an alias is followed into every zone of the server, as with NSD",
    ),
    Explained::new(
        "",
        " do",
        "",
        "TYPE43]",
        "RFC 4035 §3.1.4: DS goes with a referral; NSD and Knot leave it out of unsigned zones",
    ),
    Explained::new(
        "",
        "METATYPE255",
        "",
        "theirs 0x8403",
        "RFC 8482 §4.1: ANY gets one set of records; an alias is one, and is not followed",
    ),
    Explained::new("", "METATYPE255", "", "TYPE13]", "RFC 8482 §4.2: ANY gets a HINFO record"),
    Explained::new(
        "Knot",
        "METATYPE0",
        "",
        "theirs 0x8004",
        "RFC 6895 §3.1: nothing is of the reserved type 0, so that there is no data, as with NSD",
    ),
    Explained::new("", "METATYPE251", "", "flags 0x8005", "RFC 5936 §2.2.1: transfers are refused, IXFR as AXFR"),
    Explained::new("", "METATYPE252", "", "flags 0x8005", "RFC 5936 §2.2.1: transfers are refused"),
    Explained::new(
        "",
        "class 255",
        "",
        "flags 0x8005",
        "RFC 1035 §6.2: who has one class cannot answer for all of them",
    ),
    Explained::new(
        "NSD",
        "",
        "",
        "1 questions, theirs 0",
        "RFC 1035 §4.1.1: a response has the question wherever it could be read, as with Knot",
    ),
    Explained::new(
        "Knot",
        "",
        "",
        "answered: true, theirs false",
        "RFC 1035 §4.1.1: what cannot be read is a FORMERR, as with NSD",
    ),
    Explained::new(
        "NSD",
        "",
        "TCP",
        "answered: true, theirs false",
        "RFC 1035 §4.1.1: what cannot be read is a FORMERR, over TCP as over UDP",
    ),
    Explained::new(
        "Knot",
        "",
        "",
        "OPT Some(0), theirs None",
        "RFC 6891 §7: the response to a query with an OPT record has one, a FORMERR as well",
    ),
    Explained::new(
        "Knot",
        "longest below a DNAME",
        "",
        "authority",
        "RFC 6672 §2.2: YXDOMAIN comes with the DNAME record; SOA goes with negative answers only, as with NSD",
    ),
    Explained::new(
        "Knot",
        "counts: OPT of a name",
        "",
        "flags",
        "RFC 6891 §6.1.2: the owner of OPT is the root, as with NSD",
    ),
    Explained::new(
        "NSD",
        "counts: no question, an OPT",
        "",
        "flags",
        "RFC 7873 §5.4: a query without a question has a cookie option, or is a FORMERR",
    ),
    Explained::new(
        "NSD",
        "counts: octets after",
        "",
        "flags",
        "RFC 1035 §4.1: a message ends with the records that its header counts",
    ),
    Explained::new(
        "NSD",
        "counts:",
        "",
        "flags 0x8400, theirs 0x8001",
        "RFC 1035 §4.1.1: other sections of a query are not forbidden; they are ignored, as with Knot",
    ),
];

impl Explained {
    const fn new(
        who: &'static str,
        query: &'static str,
        transport: &'static str,
        difference: &'static str,
        reason: &'static str,
    ) -> Self {
        Self { who, query, transport, difference, reason }
    }

    pub(super) fn explains(&self, other: &str, query: &str, transport: &str, differs: &str) -> bool {
        (self.who.is_empty() || self.who == other)
            && query.contains(self.query)
            && transport.contains(self.transport)
            && differs.contains(self.difference)
    }
}
