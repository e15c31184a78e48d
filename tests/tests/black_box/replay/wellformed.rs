//! Queries as resolvers send them: every name with every type, in five forms.

use super::odd::Datagram;
use super::query::{Edns, Query, wire_name};

/// Left parts of queried names.
const NAMES: [&str; 58] = [
    "",
    "ns1",
    "mail",
    "MaIl",
    "three",
    "ent",
    "b.ent",
    "a.b.ent",
    "c.ent",
    "wild",
    "x.wild",
    "y.x.wild",
    "host.wild",
    "x.host.wild",
    "ent.wild",
    "sub.ent.wild",
    "x.ent.wild",
    "*.wild",
    "x.cwild",
    "*.cwild",
    "c1",
    "c2",
    "C3",
    "toapex",
    "dangling",
    "outside",
    "loop1",
    "self",
    "towild",
    "todelegated",
    "tochild",
    "old",
    "sub.old",
    "x.old",
    "a.b.old",
    "todname",
    "out",
    "www.out",
    "del",
    "www.del",
    "ns.del",
    "a.b.c.del",
    "nods",
    "x.nods",
    "child",
    "www.child",
    "none.child",
    "ns.child",
    "_sip._udp",
    "_udp",
    "odd",
    "caa",
    "svc",
    "ptr",
    "none",
    "x.none",
    "x.mail",
    "big",
];

/// Queried types: A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, DNAME, DS, RRSIG, NSEC, DNSKEY, HTTPS, CAA, an
/// unknown one, and the largest.
const TYPES: [u16; 19] = [1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 39, 43, 46, 47, 48, 65, 257, 65280, 65535];

/// All queries, each with a label for messages.
pub(super) fn queries() -> Vec<Datagram> {
    let mut queries = Vec::new();
    let mut id = 0u16;
    let mut add = |what: String, query: Query| {
        id = id.wrapping_add(7919);
        queries.push((what, Query { id, ..query }.octets()));
    };
    let edns = |payload, ttl, options: &[u8]| Some(Edns { payload, ttl, options: options.to_vec() });
    let forms: [(&str, u16, Option<Edns>); 5] = [
        ("plain", 0, None),
        ("rd", 0x0100, None),
        ("edns", 0, edns(1232, 0, &[])),
        ("do", 0x0110, edns(4096, 0x8000, &[])),
        ("512", 0x0120, edns(512, 0, &[0xFD, 0xE9, 0, 1, 7])),
    ];
    for left in NAMES {
        let name = wire_name(&format!("{left}.example.test"));
        for qtype in TYPES {
            for (form, flags, edns) in &forms {
                let query = Query { flags: *flags, name: name.clone(), qtype, edns: edns.clone(), ..Query::default() };
                add(format!("{left} TYPE{qtype} {form}"), query);
            }
        }
    }
    for name in ["", "test", "example.org", "xexample.test", "www.example.org"] {
        for qtype in [1, 2, 6, 43] {
            for (form, flags, edns) in &forms {
                let query =
                    Query { flags: *flags, name: wire_name(name), qtype, edns: edns.clone(), ..Query::default() };
                add(format!("not ours: {name} TYPE{qtype} {form}"), query);
            }
        }
    }
    let mail = wire_name("mail.example.test");
    for version in 1..4u32 {
        let query = Query { name: mail.clone(), qtype: 1, edns: edns(1232, version << 16, &[]), ..Query::default() };
        add(format!("edns version {version}"), query);
    }
    for opcode in 1..16u16 {
        let query = Query { flags: opcode << 11, name: mail.clone(), qtype: 1, ..Query::default() };
        add(format!("opcode {opcode}"), query);
    }
    for flag in [0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010] {
        let query = Query { flags: flag, name: mail.clone(), qtype: 1, ..Query::default() };
        add(format!("flag {flag:#06x}"), query);
    }
    queries
}
