//! Other programs query in all their ways, and understand the responses.

use std::collections::BTreeMap;
use std::process::Command;

use gslb_tests::answer::{Answer, Record, records};
use gslb_tests::ask::{dig, kdig};
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::program::run;
use gslb_tests::server::Server;

use crate::sites::{EXAMPLE, document, small, zone};

/// Serves the small site, with lines on who answers in its configuration, and in its zone a record of an unknown type
/// and a set of six TXT records, 1.6 kB in all.
fn serve(identity: &str) -> (Folder, Server) {
    let process = PROCESS.replace("[dns]\n", &format!("[dns]\n{identity}"));
    let many: String = (0..6).map(|index| format!("many IN TXT \"{index} {}\"\n", "x".repeat(250))).collect();
    let records = format!("{}odd IN TYPE65280 \\# 4 C0000201\n{many}", zone("first"));
    let files = [("gslb.toml", &process), ("site.toml", &document("192.0.2.1")), ("example.com.zone", &records)];
    let folder = Folder::with(&files.map(|(name, text)| (name, text.as_str())));
    let server = folder.serve();
    (folder, server)
}

/// dig's line about EDNS: version, flags and size.
fn edns(answer: &Answer) -> Option<&str> {
    answer.text.lines().find(|line| line.starts_with("; EDNS:"))
}

#[test]
fn every_record_of_the_example_equals_what_bind_reads() {
    let demo = Server::demo();
    let mut sets = BTreeMap::<(String, String), Vec<Record>>::new();
    let file = format!("{EXAMPLE}/example.com.zone");
    let read =
        run(Command::new("named-compilezone").args("-q -f text -F text -D -o - example.com".split(' ')).arg(file));
    assert_eq!(read.code, 0, "{}", read.err);
    for record in records(&format!(";; ZONE SECTION:\n{}", read.out)) {
        sets.entry((record.owner.clone(), record.rtype.clone())).or_default().push(record);
    }
    assert!(sets.len() >= 14, "{}", read.out);
    let fields = |record: &Record| (record.owner.clone(), record.ttl, record.rtype.clone(), record.data.clone());
    for ((owner, rtype), set) in sets {
        let answer = dig(demo.address(), &format!("{owner} {rtype}"));
        let got: Vec<_> = answer.records.iter().map(fields).collect();
        for record in set.iter().map(fields) {
            assert!(got.contains(&record), "{record:?} is not in:\n{}", answer.text);
        }
    }
}

#[test]
fn udp_and_tcp_give_the_same_with_and_without_edns() {
    let (_folder, server) = serve("");
    for name in ["www.example.com", "example.com TXT", "odd.example.com TYPE65280", "no.example.com", "example.org"] {
        let answers = ["", "+tcp", "+noedns", "+tcp +noedns", "+nocookie +norecurse +adflag +cdflag", "+dnssec +tcp"]
            .map(|flags| dig(server.address(), &format!("{flags} {name}")));
        for answer in &answers {
            let same = |section| answer.section(section).eq(answers[0].section(section));
            assert!(answer.status == answers[0].status && same("ANSWER") && same("AUTHORITY"), "{}", answer.text);
            assert_eq!(edns(answer).is_some(), !answer.text.contains("+noedns"), "{}", answer.text);
            assert!(
                answer.has("qr") && !["ra", "ad", "cd", "tc"].iter().any(|flag| answer.has(flag)),
                "{}",
                answer.text
            );
        }
        assert!(answers[1].text.contains("(TCP)") && answers[0].text.contains("(UDP)"), "{}", answers[1].text);
        assert_eq!(kdig(server.address(), name).data(), answers[0].data());
    }
}

#[test]
fn queries_share_a_connection() {
    let (_folder, server) = serve("");
    for ask in [dig, kdig] {
        let before = server.metric("gslb_tcp_accepted_total");
        let answers = ask(server.address(), "+tcp +keepopen www.example.com A example.com TXT www.example.com A");
        assert_eq!(answers.text.matches("HEADER").count(), 3, "{}", answers.text);
        assert_eq!(server.metric("gslb_tcp_accepted_total"), before + 1);
    }
    let answers = dig(server.address(), "+tcp +keepalive www.example.com");
    assert!(answers.text.contains("; TCP KEEPALIVE: 10.0 secs"), "{}", answers.text);
}

#[test]
fn edns_is_answered_in_kind() {
    let (_folder, server) = serve("");
    for (answers, expected) in [
        ("www.example.com", "; EDNS: version: 0, flags:; udp: 1232"),
        ("+dnssec www.example.com", "; EDNS: version: 0, flags: do; udp: 1232"),
        ("+ednsflags=0x7fff www.example.com", "; EDNS: version: 0, flags:; udp: 1232"),
        ("+bufsize=4096 www.example.com", "; EDNS: version: 0, flags:; udp: 1232"),
    ] {
        let answer = dig(server.address(), answers);
        assert_eq!((edns(&answer), answer.data()), (Some(expected), vec!["192.0.2.1"]), "{}", answer.text);
    }
    for option in ["65001", "65001:abcd", "9", "12:00000000", "100:ff"] {
        let answer = dig(server.address(), &format!("+ednsopt={option} www.example.com"));
        assert_eq!(answer.data(), ["192.0.2.1"], "{}", answer.text);
        assert!(!answer.text.contains("; OPT="), "an option came back:\n{}", answer.text);
    }
}

#[test]
fn another_version_of_edns_is_refused_and_then_negotiated() {
    let (_folder, server) = serve("");
    for version in [1, 100, 255] {
        let refused = dig(server.address(), &format!("+edns={version} +noednsneg www.example.com"));
        assert_eq!((refused.status.as_str(), refused.records.len()), ("BADVERS", 0), "{}", refused.text);
        assert_eq!(edns(&refused), Some("; EDNS: version: 0, flags:; udp: 1232"));
        let negotiated = dig(server.address(), &format!("+edns={version} www.example.com"));
        assert_eq!(negotiated.data(), ["192.0.2.1"], "{}", negotiated.text);
    }
}

#[test]
fn an_invalid_client_subnet_is_a_format_error_and_without_one_scope_is_0() {
    let (_folder, server) = serve("");
    // An unknown family, an octet too few, an octet too many, a bit beyond the prefix, a scope in a query.
    for option in ["00031800c00002", "00011800c000", "00011800c0000201", "00011700c00003", "00011818c00002"] {
        let answer = dig(server.address(), &format!("+ednsopt=8:{option} www.example.com"));
        assert_eq!((answer.status.as_str(), answer.records.len()), ("FORMERR", 0), "{option}: {}", answer.text);
        assert!(edns(&answer).is_some(), "{}", answer.text);
    }
    let answer = dig(server.address(), "+subnet=0 www.example.com");
    assert_eq!((answer.data(), answer.subnet.as_deref()), (vec!["192.0.2.1"], Some("0.0.0.0/0/0")));
    let answer = dig(server.address(), "+subnet=2001:db8::/32 www.example.com");
    assert_eq!(answer.subnet.as_deref(), Some("2001:db8::/32/0"), "one answer for every client");
}

#[test]
fn unsupported_types_are_named() {
    let (_folder, server) = serve("");
    for opcode in [1, 2, 3, 4, 5, 6, 15] {
        for body in ["", "+header-only"] {
            let answer = dig(server.address(), &format!("+opcode={opcode} +noedns {body} www.example.com"));
            assert_eq!((answer.status.as_str(), answer.records.len()), ("NOTIMP", 0), "{}", answer.text);
        }
    }
    // RFC 7873 section 5.4: without a question, but with a cookie, it asks for a server cookie.
    let learned = dig(server.address(), "+header-only +cookie");
    assert!(learned.status == "NOERROR" && learned.text.contains("(good)"), "{}", learned.text);
    for question in ["+header-only +nocookie", "+header-only +noedns", "+header-only +nocookie +tcp"] {
        let answer = dig(server.address(), question);
        assert_eq!((answer.status.as_str(), answer.records.len()), ("FORMERR", 0), "{}", answer.text);
    }
    for question in
        ["+comments example.com AXFR", "+comments example.com IXFR=1", "example.com HS SOA", ". NS", "com. SOA"]
    {
        let answer = dig(server.address(), question);
        assert_eq!((answer.status.as_str(), answer.records.len()), ("REFUSED", 0), "{}", answer.text);
    }
}

#[test]
fn the_server_identifies_itself_if_configured() {
    let (_folder, server) = serve("nsid = \"fra-1\"\nversion = \"gslb of the tests\"\nid_server = \"fra-1.test\"\n");
    for (name, expected) in [
        ("version.bind", "\"gslb of the tests\""),
        ("VERSION.server", "\"gslb of the tests\""),
        ("hostname.bind", "\"fra-1.test\""),
        ("id.server", "\"fra-1.test\""),
    ] {
        for ask in [dig, kdig] {
            assert_eq!(ask(server.address(), &format!("CH TXT {name}")).data(), [expected]);
        }
    }
    let answers = dig(server.address(), "+nsid www.example.com");
    assert!(answers.text.contains("; NSID: 66 72 61 2d 31 (\"fra-1\")"), "{}", answers.text);
    let answers = kdig(server.address(), "+nsid www.example.com");
    assert!(answers.text.contains(";; NSID: 6672612D31 \"fra-1\""), "{}", answers.text);
    assert!(!dig(server.address(), "www.example.com").text.contains("NSID"), "not requested");
}

#[test]
fn the_server_does_not_identify_itself_unless_configured() {
    let (_folder, server) = serve("");
    for name in ["version.bind", "version.server", "hostname.bind", "id.server"] {
        let answer = dig(server.address(), &format!("CH TXT {name}"));
        assert_eq!((answer.status.as_str(), answer.records.len()), ("REFUSED", 0), "{}", answer.text);
    }
    let answer = dig(server.address(), "+nsid www.example.com");
    assert!(answer.data() == ["192.0.2.1"] && !answer.text.contains("NSID"), "{}", answer.text);
}

#[test]
fn any_gets_one_small_answer() {
    let (_folder, server) = serve("");
    for name in ["example.com", "www.example.com", "many.example.com"] {
        for transport in ["+tcp", "+notcp"] {
            let answer = dig(server.address(), &format!("{transport} {name} ANY"));
            assert_eq!(answer.data(), ["\"RFC8482\" \"\""], "{}", answer.text);
        }
    }
}

#[test]
fn an_answer_too_long_for_udp_is_complete_over_tcp() {
    let (_folder, server) = serve("");
    for size in ["+bufsize=512", "+bufsize=1232", "+bufsize=4096", "+bufsize=65535", "+noedns"] {
        let cut = dig(server.address(), &format!("{size} +ignore many.example.com TXT"));
        assert!(cut.has("tc"), "{}", cut.text);
        assert!(cut.section("ANSWER").next().is_none(), "no part of a set:\n{}", cut.text);
        assert_eq!(edns(&cut).is_some(), size != "+noedns", "{}", cut.text);
        let whole = dig(server.address(), &format!("{size} many.example.com TXT"));
        assert!(whole.text.contains("Truncated, retrying in TCP mode."), "{}", whole.text);
        assert!(whole.data().len() == 6 && !whole.has("tc"), "{}", whole.text);
        assert_eq!(kdig(server.address(), &format!("{size} many.example.com TXT")).data(), whole.data());
    }
}

#[test]
fn the_case_of_the_question_is_kept() {
    let (_folder, server) = serve("");
    for name in ["wWw.exAMple.cOm", "WWW.EXAMPLE.COM", "www.example.com"] {
        let answer = dig(server.address(), name);
        assert!(answer.text.contains(&format!(";{name}.\t")), "{}", answer.text);
        assert_eq!(answer.data(), ["192.0.2.1"], "{}", answer.text);
    }
}

#[test]
fn unknown_types_pass_through() {
    let (_folder, server) = serve("");
    for ask in [dig, kdig] {
        assert_eq!(ask(server.address(), "odd.example.com TYPE65280").data(), ["\\# 4 C0000201"]);
        let other = ask(server.address(), "odd.example.com TYPE65281");
        assert_eq!((other.status.as_str(), other.data().len()), ("NOERROR", 0), "{}", other.text);
        assert_eq!(other.section("AUTHORITY").map(|record| record.rtype.as_str()).collect::<Vec<_>>(), ["SOA"]);
        assert_eq!(ask(server.address(), "example.com TYPE65535").status, "NOERROR");
    }
}

#[test]
fn kdig_writes_the_answer_as_json() {
    let server = small("").serve();
    let answers = kdig(server.address(), "+json +subnet=192.0.2.0/24 www.example.com A");
    for line in ["\"AA\": 1,", "\"RCODE\": 0,", "\"ANCOUNT\": 1,", "\"rdataA\": \"192.0.2.1\","] {
        assert!(answers.text.lines().any(|written| written.trim() == line), "no {line}:\n{}", answers.text);
    }
    // The OPT record: client subnet, family 1, source 24, scope 0, and three octets of address.
    assert!(answers.text.contains("\"RDATAHEX\": \"0008000700011800C00002\""), "{}", answers.text);
}
