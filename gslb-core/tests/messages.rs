//! Headers, questions and malformed messages: one test per requirement.

mod support;

use gslb_core::respond::Transport;
use support::{Server, ask};

const DOCUMENT: &str = r#"
zones."example.com".file = "zone"
pools.p.endpoints.a.address = "192.0.2.1"
services."www.example.com".policy = "p"
"#;
const ZONE: &str = r"
@ 60 IN SOA ns h 1 2 3 4 60
@ 60 IN NS ns.example.net.
a 60 IN A 192.0.2.10
a\.b 60 IN TXT dot
\000\255 60 IN TXT octets
x 60 IN TYPE65280 \# 2 abcd
";

fn server() -> Server {
    Server::new(support::table(DOCUMENT, ZONE, &[]))
}

fn flags(response: &[u8]) -> u16 {
    u16::from_be_bytes([response[2], response[3]])
}

fn counts(response: &[u8]) -> [u16; 4] {
    [4, 6, 8, 10].map(|at| u16::from_be_bytes([response[at], response[at + 1]]))
}

#[test]
fn a_response_is_never_answered() {
    let mut server = server();
    for opcode in 0..16u16 {
        for rcode in 0..16u16 {
            let mut question = ask("a.example.com", 1);
            question.flags = 0x8000 | opcode << 11 | rcode;
            for transport in [Transport::Udp, Transport::Tcp] {
                assert_eq!(server.send(&question.octets(), question.resolver, transport), None);
            }
        }
    }
    assert_eq!(server.worker.tally().stray.get(), 512);
}

#[test]
fn id_and_rd_are_repeated_and_the_other_flags_are_clear() {
    let mut server = server();
    for (sent, expected) in [(0x0000, 0x8400), (0x0100, 0x8500), (0x07F0, 0x8500), (0x0630, 0x8400)] {
        let mut question = ask("a.example.com", 1).dnssec();
        (question.flags, question.id) = (sent, 0xBEEF);
        let response = server.raw(&question.octets()).unwrap();
        assert_eq!(response[..2], [0xBE, 0xEF]);
        assert_eq!(flags(&response), expected, "flags {sent:04x}");
    }
}

#[test]
fn unknown_opcodes_are_not_implemented() {
    let mut server = server();
    for opcode in (1..16u16).filter(|opcode| *opcode != 0) {
        let mut question = ask("a.example.com", 6).edns();
        question.flags = opcode << 11 | 0x0100;
        let response = server.raw(&question.octets()).unwrap();
        assert_eq!(flags(&response), 0x8104 | opcode << 11);
        assert_eq!((counts(&response), response.len()), ([0, 0, 0, 1], 23), "a header, and EDNS as it was sent");
        question.edns = None;
        let response = server.raw(&question.octets()).unwrap();
        assert_eq!((counts(&response), response.len()), ([0; 4], 12), "a header and nothing else");
    }
}

#[test]
fn only_one_question_is_answered() {
    let mut server = server();
    let mut without = ask("a.example.com", 1).edns().octets();
    without.drain(12..12 + 19);
    without[5] = 0;
    let response = server.raw(&without).unwrap();
    assert_eq!((flags(&response), counts(&response)), (0x8101, [0, 0, 0, 1]), "no question, but EDNS");
    let good = ask("a.example.com", 1).octets();
    for count in [0u16, 2, 3, 0xFFFF] {
        let mut octets = good.clone();
        octets[4..6].copy_from_slice(&count.to_be_bytes());
        if count == 2 {
            octets.extend_from_slice(&good[12..]);
        }
        let response = server.raw(&octets).unwrap();
        assert_eq!((flags(&response), counts(&response)), (0x8101, [0; 4]), "QDCOUNT {count}");
    }
}

#[test]
fn messages_shorter_than_a_header_are_dropped_and_counted() {
    let mut server = server();
    for len in 0..12 {
        assert_eq!(server.raw(&vec![0; len]), None);
    }
    assert_eq!(server.worker.tally().short.get(), 12);
}

#[test]
fn every_cut_of_a_query_is_a_format_error() {
    let mut server = server();
    let whole = ask("a.example.com", 1).subnet("192.0.2.0/24").octets();
    for len in 12..whole.len() {
        let response = server.raw(&whole[..len]).unwrap();
        assert_eq!(response[..2], whole[..2]);
        assert_eq!(flags(&response), 0x8101, "cut to {len} octets");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(flags(&server.raw(&longer).unwrap()), 0x8101, "an octet too many");
}

#[test]
fn names_beyond_the_limits_are_format_errors() {
    let mut server = server();
    let header = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let names: &[(&str, Vec<u8>)] = &[
        ("pointer to itself", vec![0xC0, 12]),
        ("pointer into the header", vec![0xC0, 0]),
        ("pointer forwards", vec![0xC0, 20]),
        ("label type 0x40", vec![0x40, 0]),
        ("label type 0x80", vec![0x80, 0]),
        ("label of 64 octets", [vec![64], vec![b'a'; 64], vec![0]].concat()),
        ("name of 256 octets", [[1, b'a'].repeat(127), vec![2, b'a', b'a', 0]].concat()),
    ];
    for (what, name) in names {
        let octets = [&header[..], name, &[0, 1, 0, 1]].concat();
        assert_eq!(flags(&server.raw(&octets).unwrap()), 0x8001, "{what}");
    }
    let longest = [&header[..], &[1, b'a'].repeat(127), &[0, 0, 1, 0, 1]].concat();
    assert_eq!(flags(&server.raw(&longest).unwrap()), 0x8005, "255 octets are a name");
}

#[test]
fn pointers_in_other_records_must_point_backward() {
    let mut server = server();
    let with_owner = |owner: &[u8]| {
        let mut octets = ask("a.example.com", 1).octets();
        octets[11] = 1;
        [&octets[..], owner, &[0, 16, 0, 1, 0, 0, 0, 0, 0, 0]].concat()
    };
    assert_eq!(flags(&server.raw(&with_owner(&[0xC0, 12])).unwrap()), 0x8500);
    for bad in [&[0xC0, 0][..], &[0xC0, 11], &[0xC0, 200], &[0xFF, 0xFF], &[1, b'a', 0xC0, 40], &[0x80, 0]] {
        assert_eq!(flags(&server.raw(&with_owner(bad)).unwrap()), 0x8101, "{bad:?}");
    }
}

#[test]
fn labels_may_contain_any_octet_and_are_case_insensitive() {
    let mut server = server();
    assert_eq!(server.answers(&ask(r"a\.b.example.com", 16)), ["\"dot\""]);
    assert_eq!(server.ask(&ask("a.b.example.com", 16)).rcode, 3, "a dot inside a label is not a separator");
    assert_eq!(server.answers(&ask(r"\000\255.example.com", 16)), ["\"octets\""]);
    let mixed = ask("A.eXaMpLe.CoM", 1);
    let response = server.raw(&mixed.octets()).unwrap();
    assert_eq!(response[12..27], mixed.octets()[12..27], "the question comes back as it was sent");
    assert_eq!(server.answers(&mixed), ["192.0.2.10"]);
}

#[test]
fn all_types_and_classes_get_a_response() {
    let mut server = server();
    for qtype in 0..=u16::MAX {
        let response = server.ask(&ask("a.example.com", qtype));
        let expected = match qtype {
            251 | 252 => 5,
            // NXNAME (RFC 9824 §3.5)
            128 => 1,
            _ => 0,
        };
        assert_eq!(response.rcode, expected, "type {qtype}");
        assert_eq!(response.sections[0].len(), usize::from(matches!(qtype, 1 | 255)), "type {qtype}");
        assert_eq!(server.ask(&ask("www.example.com", qtype).edns()).rcode, expected, "type {qtype} of a service");
    }
    for qclass in [0, 2, 3, 4, 254, 255, 65_535] {
        let mut question = ask("a.example.com", 1);
        question.qclass = qclass;
        assert_eq!(server.ask(&question).rcode, 5, "class {qclass}");
    }
    assert_eq!(server.answers(&ask("x.example.com", 65_280)), [r"\# 2 ABCD"]);
}

#[test]
fn queries_outside_our_zones_get_a_small_refusal() {
    let mut server = server();
    for name in ["com", ".", "example.org", "notexample.com", "xexample.com"] {
        for qtype in [1, 2, 6, 43, 255] {
            let response = server.raw(&ask(name, qtype).octets()).unwrap();
            assert_eq!(flags(&response), 0x8105, "{name}");
            assert_eq!(counts(&response), [1, 0, 0, 0], "{name}: no referral upwards");
        }
    }
}

#[test]
fn many_records_and_options_cost_no_more_than_a_query() {
    let mut server = server();
    let mut octets = ask("a.example.com", 1).octets();
    octets[10..12].copy_from_slice(&2000u16.to_be_bytes());
    (0..2000).for_each(|_| octets.extend_from_slice(&[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0]));
    assert_eq!(flags(&server.raw(&octets).unwrap()), 0x8101);
    let many = (0..1000).fold(ask("a.example.com", 1), |ask, _| ask.option(65_001, b""));
    assert_eq!(server.ask(&many).rcode, 0, "options beyond those that are read are ignored");
}
