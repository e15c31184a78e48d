//! The zone files of `zones/` parse as in named-compilezone, in both directions.

use gslb_core::dns::name::Name;
use gslb_core::dns::rdata::{to_text, type_to_text, zone_types};
use gslb_core::dns::zonefile::{Parsed, Record, parse};
use gslb_core::problem::Severity;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

/// The content of a record: owner, TTL, type, rdata.
type Meaning = (Name, u32, u16, Box<[u8]>);

fn tests_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

fn read(file: &str, text: &[u8]) -> Parsed {
    let origin: Name = "example.".parse().unwrap();
    parse(file, text, &origin, &mut |name, _| {
        let text = std::fs::read(tests_dir().join(name)).map_err(|error| error.to_string())?;
        Ok((name.into(), text))
    })
}

fn records(file: &str, text: &[u8]) -> Vec<Record> {
    let parsed = read(file, text);
    let errors: Vec<String> =
        parsed.problems.iter().filter(|p| p.severity == Severity::Error).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    parsed.records
}

fn meanings(records: Vec<Record>) -> BTreeSet<Meaning> {
    records.into_iter().map(|record| (record.owner, record.ttl, record.rtype, record.rdata)).collect()
}

/// Runs named-compilezone without its whole-zone checks.
fn named(file: &Path) -> Output {
    let mut command = Command::new("named-compilezone");
    for check in ["-k", "-n", "-m", "-r", "-M", "-S", "-W"] {
        command.args([check, "ignore"]);
    }
    command.args(["-i", "none", "-s", "full", "-F", "text", "-o", "-", "example"]).arg(file);
    // Included files are relative to the directory it runs in.
    command.current_dir(tests_dir()).output().unwrap_or_else(|error| {
        panic!("named-compilezone cannot be run ({error}): install BIND 9.18's tools, Debian package bind9-utils")
    })
}

/// The records that named-compilezone prints for a file, as lines.
fn compiled(file: &Path) -> String {
    let output = named(file);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    text
}

/// A temporary file of this test.
fn scratch(name: &str, text: &str) -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn lines(records: &[Record]) -> String {
    let mut text = String::new();
    for Record { owner, ttl, rtype, rdata, .. } in records {
        writeln!(text, "{owner} {ttl} IN {} {}", type_to_text(*rtype), to_text(*rtype, rdata)).unwrap();
    }
    text
}

fn check_zone(zone: &str) {
    let path = tests_dir().join("zones").join(zone);
    let ours = records(zone, &std::fs::read(&path).unwrap());
    let text = lines(&ours);
    let ours = meanings(ours);
    let theirs = meanings(records("named's", compiled(&path).as_bytes()));
    let (missing, extra) = (theirs.difference(&ours), ours.difference(&theirs));
    assert_eq!(
        ours,
        theirs,
        "{zone}: missing {:?}, extra {:?}",
        missing.collect::<Vec<_>>(),
        extra.collect::<Vec<_>>()
    );

    let rewritten = compiled(&scratch(zone, &text));
    assert_eq!(meanings(records("rewritten", rewritten.as_bytes())), theirs, "{zone}: our text means something else");
}

#[test]
fn every_type() {
    check_zone("every-type.zone");
}

#[test]
fn hard_forms() {
    check_zone("hard.zone");
}

#[test]
fn ttl_of_the_soa() {
    check_zone("ttl-soa.zone");
}

#[test]
fn ttl_of_the_record_before() {
    check_zone("ttl-last.zone");
}

#[test]
fn every_type_is_in_the_zone_of_every_type() {
    let text = std::fs::read(tests_dir().join("zones/every-type.zone")).unwrap();
    let present: BTreeSet<u16> = records("every-type.zone", &text).iter().map(|record| record.rtype).collect();
    // BIND 9.18 does not know these two.
    let absent: Vec<_> =
        zone_types().filter(|(number, _)| !present.contains(number)).map(|(_, mnemonic)| mnemonic).collect();
    assert_eq!(absent, ["RESINFO", "WALLET"]);
}

#[test]
fn text_matches_named_exactly() {
    let path = tests_dir().join("zones/every-type.zone");
    let ours = records("every-type.zone", &std::fs::read(&path).unwrap());
    let squeezed = |line: &str| {
        let (_, rdata) = line.split_once(" IN ").or_else(|| line.split_once("\tIN\t")).unwrap_or_default();
        rdata.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let theirs = compiled(&path).lines().map(squeezed).collect::<BTreeSet<_>>();
    let different: Vec<String> = lines(&ours).lines().map(squeezed).filter(|line| !theirs.contains(line)).collect();
    let expected = [
        // IPv4-compatible addresses are deprecated (RFC 4291 §2.5.5.1) and written like any other.
        "AAAA ::c000:202",
        // named interprets signature times relative to today, which a pure function cannot.
        "RRSIG TYPE65280 15 3 3600 21060207062815 19700101000000 2143 foo. AAAA",
    ];
    let (dohpath, others): (Vec<String>, Vec<String>) =
        different.into_iter().partition(|line| line.contains("dohpath=\"/dns-query{?dns}\""));
    assert_eq!(others, expected);
    // BIND 9.18 reads dohpath but writes key7.
    assert_eq!(dohpath.len(), 1);
}

#[test]
fn an_ipseckey_needs_no_key_where_its_algorithm_is_0() {
    // BIND requires a key there; NSD and Knot follow RFC 4025 §2.4.
    for (line, rdata) in [("IPSECKEY 10 1 0 192.0.2.38", "\\# 7 0A0100C0000226"), ("IPSECKEY 10 0 0 .", "\\# 3 0A0000")]
    {
        let text = |line: &str| format!("$TTL 60\n@ SOA ns.z. host.z. 1 2 3 4 5\n@ NS ns.z.\na {line}\n");
        let ours = records("key", text(line).as_bytes());
        assert_eq!(ours, records("key", text(&format!("IPSECKEY {rdata}")).as_bytes()), "{line}");
        assert_eq!(to_text(45, &ours[2].rdata), line.strip_prefix("IPSECKEY ").unwrap());
    }
}

#[test]
fn zone_files_that_named_refuses_are_refused() {
    let bad = std::fs::read_to_string(tests_dir().join("zones/bad-lines.zone")).unwrap();
    assert!(bad.lines().count() > 150);
    for (number, line) in bad.lines().enumerate() {
        let text = format!("$TTL 60\n@ SOA ns.z. host.z. 1 2 3 4 5\n@ NS ns.z.\n{line}\ngood TXT good\n");
        let output = named(&scratch(&format!("bad-{number}.zone"), &text));
        assert!(!output.status.success(), "named accepts: {line}");
        let parsed = read("bad.zone", text.as_bytes());
        let at: Vec<u32> = parsed.problems.iter().map(|problem| problem.location.line).collect();
        assert_eq!(at, [4], "{line}: {:?}", parsed.problems);
        let problem = &parsed.problems[0];
        assert_eq!(problem.severity, Severity::Error);
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{line}: {problem}");
        assert_eq!(parsed.records.len(), 3, "{line}: what is good is still read");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = std::fs::read(tests_dir().join("zones/bad-lines.zone")).unwrap();
    let parsed = read("bad-lines.zone", &[b"$TTL 1h\n", text.as_slice()].concat());
    let at: BTreeSet<u32> = parsed.problems.iter().map(|problem| problem.location.line).collect();
    let lines = u32::try_from(text.iter().filter(|&&octet| octet == b'\n').count()).unwrap();
    assert_eq!(at, (2..lines + 2).collect());
}
