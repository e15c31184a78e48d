//! Queries as no resolver should send them: other classes and types, options in every state, wrong counts, broken
//! names.

use super::query::{Edns, Query, wire_name};

/// A datagram's description and its octets.
pub(super) type Datagram = (String, Vec<u8>);

/// ANY, transfers, transactions, and meta types.
const METATYPES: [u16; 9] = [0, 41, 249, 250, 251, 252, 253, 254, 255];
/// CHAOS, Hesiod, none and any.
const CLASSES: [u16; 4] = [3, 4, 254, 255];

/// All of them.
pub(super) fn datagrams() -> Vec<Datagram> {
    let mut all = types_and_classes();
    all.extend(options());
    all.extend(counts());
    all.extend(names());
    all.extend(cut());
    for (at, (_, octets)) in all.iter_mut().enumerate() {
        let id = (at as u16).wrapping_mul(7919).to_be_bytes();
        octets.iter_mut().zip(id).for_each(|(octet, id)| *octet = id);
    }
    all
}

fn mail() -> Query {
    Query { name: wire_name("mail.example.test"), qtype: 1, ..Query::default() }
}

fn with_options(options: &[u8]) -> Vec<u8> {
    Query { edns: Some(Edns { payload: 1232, ttl: 0, options: options.to_vec() }), ..mail() }.octets()
}

fn types_and_classes() -> Vec<Datagram> {
    let mut all = Vec::new();
    for left in ["", "mail", "none", "c1", "del", "www.del", "x.wild", "ent", "x.old"] {
        for qtype in METATYPES {
            for edns in [None, Some(Edns { payload: 1232, ttl: 0, options: vec![] })] {
                let form = if edns.is_some() { "edns" } else { "plain" };
                let query = Query { name: wire_name(&format!("{left}.example.test")), qtype, edns, ..Query::default() };
                all.push((format!("{left} METATYPE{qtype} {form}"), query.octets()));
            }
        }
        for class in CLASSES {
            for qtype in [1, 6, 16, 255] {
                let query =
                    Query { name: wire_name(&format!("{left}.example.test")), qtype, class, ..Query::default() };
                all.push((format!("{left} TYPE{qtype} class {class}"), query.octets()));
            }
        }
    }
    for (name, qtype) in [("example.org", 255), ("example.org", 252), ("", 255)] {
        let query = Query { name: wire_name(name), qtype, ..Query::default() };
        all.push((format!("not ours: {name} METATYPE{qtype}"), query.octets()));
    }
    all
}

/// An option: its code, the announced length, and its data.
fn option(code: u16, len: u16, data: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &len.to_be_bytes(), data].concat()
}

fn options() -> Vec<Datagram> {
    let whole = |code: u16, data: &[u8]| option(code, data.len() as u16, data);
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for (what, code, data) in [
        ("padding", 12, &[0; 40][..]),
        ("padding, empty", 12, &[]),
        ("timeout of TCP", 11, &[]),
        ("reserved code 0", 0, &[1]),
        ("largest code", 65535, &[1, 2, 3]),
        ("client cookie", 10, &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("both cookies", 10, &[7; 24]),
        ("extended error", 15, &[0, 0]),
        ("subnet", 8, &[0, 1, 24, 0, 192, 0, 2]),
        ("subnet of IPv6", 8, &[0, 2, 56, 0, 0x20, 1, 0x0D, 0xB8, 0, 0, 0]),
        ("subnet of all", 8, &[0, 1, 0, 0]),
    ] {
        all.push((format!("option: {what}"), whole(code, data)));
    }
    for count in [2, 64, 65, 100] {
        all.push((format!("option: {count} of them"), whole(65001, &[1, 2]).repeat(count)));
    }
    for (what, data) in [
        ("longer than the record", option(65001, 9, &[1])),
        ("longer than the message", option(65001, 65535, &[])),
        ("half a header", vec![0xFD, 0xE9, 0]),
        ("one octet", vec![0]),
        ("whole, and half a header", [whole(65001, &[1]), vec![0xFD, 0xE9]].concat()),
    ] {
        all.push((format!("broken option: {what}"), data));
    }
    all.into_iter().map(|(what, options)| (what, with_options(&options))).collect()
}

/// An OPT record with an owner, an announced length of options, and their data.
fn opt(owner: &[u8], len: u16) -> Vec<u8> {
    [owner, &[0, 41, 4, 0xD0, 0, 0, 0, 0], &len.to_be_bytes()].concat()
}

fn counts() -> Vec<Datagram> {
    let plain = mail().octets();
    let counted = |counts: [u16; 4], more: &[u8]| {
        let mut octets = plain.clone();
        let counts = counts.into_iter().flat_map(u16::to_be_bytes);
        octets.iter_mut().skip(4).zip(counts).for_each(|(octet, count)| *octet = count);
        [octets, more.to_vec()].concat()
    };
    let a: Vec<u8> = [&[0xC0, 12][..], &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]].concat();
    let question = &plain[12..];
    let mut header = counted([0; 4], &[]);
    header.truncate(12);
    vec![
        ("counts: no question, nothing else".to_owned(), header.clone()),
        ("counts: no question, an OPT".to_owned(), {
            let mut octets = [header, opt(&[0], 0)].concat();
            octets[11] = 1;
            octets
        }),
        ("counts: no question, and one there".to_owned(), counted([0; 4], &[])),
        ("counts: two questions, one there".to_owned(), counted([2, 0, 0, 0], &[])),
        ("counts: two questions".to_owned(), counted([2, 0, 0, 0], question)),
        ("counts: an answer, none there".to_owned(), counted([1, 1, 0, 0], &[])),
        ("counts: an answer".to_owned(), counted([1, 1, 0, 0], &a)),
        ("counts: an authority record".to_owned(), counted([1, 0, 1, 0], &a)),
        ("counts: an additional record".to_owned(), counted([1, 0, 0, 1], &a)),
        ("counts: an additional record and OPT".to_owned(), counted([1, 0, 0, 2], &[a.clone(), opt(&[0], 0)].concat())),
        ("counts: OPT and an additional record".to_owned(), counted([1, 0, 0, 2], &[opt(&[0], 0), a].concat())),
        ("counts: two OPT".to_owned(), counted([1, 0, 0, 2], &[opt(&[0], 0), opt(&[0], 0)].concat())),
        ("counts: OPT as an answer".to_owned(), counted([1, 1, 0, 0], &opt(&[0], 0))),
        ("counts: OPT of a name".to_owned(), counted([1, 0, 0, 1], &opt(&[1, b'a', 0], 0))),
        ("counts: OPT longer than the message".to_owned(), counted([1, 0, 0, 1], &opt(&[0], 9))),
        ("counts: octets after the end".to_owned(), counted([1, 0, 0, 0], &[1, 2, 3])),
        ("counts: octets after OPT".to_owned(), counted([1, 0, 0, 1], &[opt(&[0], 0), vec![0; 8]].concat())),
        ("counts: all are 65535".to_owned(), counted([65535; 4], &[])),
    ]
}

fn names() -> Vec<Datagram> {
    let query = |name: &[u8]| Query { name: name.to_vec(), qtype: 1, ..Query::default() }.octets();
    let label = |len: u8| [&[len][..], &vec![b'a'; usize::from(len)]].concat();
    let longest: Vec<u8> = [label(63), label(63), label(63), label(46), wire_name("example.test")].concat();
    let longer: Vec<u8> = [label(63), label(63), label(63), label(47), wire_name("example.test")].concat();
    let mixed = wire_name("MAIL.eXaMpLe.tEsT");
    let binary = [&[3, 0, 0xFF, b'.'][..], &wire_name("example.test")].concat();
    let binary_wild = [&[3, 0, 0xFF, b'.'][..], &wire_name("wild.example.test")].concat();
    let most_labels = [[1, b'a'].repeat(120), wire_name("example.test")].concat();
    vec![
        ("name: mixed case".to_owned(), query(&mixed)),
        ("name: mixed case of an alias".to_owned(), query(&wire_name("C1.eXaMpLe.tEsT"))),
        ("name: binary".to_owned(), query(&binary)),
        ("name: binary, below a wildcard".to_owned(), query(&binary_wild)),
        ("name: the longest".to_owned(), query(&longest)),
        ("name: one octet too long".to_owned(), query(&longer)),
        ("name: most labels".to_owned(), query(&most_labels)),
        ("name: the longest below a DNAME".to_owned(), {
            query(&[label(63), label(63), label(63), label(42), wire_name("old.example.test")].concat())
        }),
        ("broken name: pointer to itself".to_owned(), query(&[0xC0, 12])),
        ("broken name: pointer ahead".to_owned(), query(&[0xC0, 40])),
        ("broken name: pointer into the header".to_owned(), query(&[1, b'a', 0xC0, 2])),
        ("broken name: label of type 01".to_owned(), query(&[0x41, b'a', 0])),
        ("broken name: label of type 10".to_owned(), query(&[0x81, b'a', 0])),
        ("broken name: label longer than the message".to_owned(), query(&[63, b'a', 0])),
    ]
}

/// A query truncated after each of its octets, and non-queries.
fn cut() -> Vec<Datagram> {
    let whole = with_options(&option(65001, 2, &[1, 2]));
    let mut all: Vec<Datagram> =
        (0..whole.len()).map(|len| (format!("cut after {len} octets"), whole[..len].to_vec())).collect();
    let mut response = mail().octets();
    response[2] |= 0x80;
    all.push(("a response".to_owned(), response));
    all
}
