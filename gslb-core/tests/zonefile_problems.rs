//! Problems have the right file, line and column, even across parentheses, quotes and included files.

use gslb_core::dns::name::Name;
use gslb_core::dns::zonefile::{
    MAX_ENTRY_OCTETS, MAX_INCLUDE_DEPTH, MAX_INCLUDES, MAX_PROBLEMS, Parsed, RecordLimits, Source, parse,
    parse_with_limits,
};
use gslb_core::problem::Severity;
use std::cell::Cell;
use std::sync::Arc;

fn read(text: &[u8]) -> Parsed {
    with_files(text, &[])
}

fn with_files(text: &[u8], files: &[(&str, &str)]) -> Parsed {
    let origin: Name = "example.".parse().unwrap();
    parse("main", text, &origin, &mut |name, from| {
        let found = files.iter().find(|(file, _)| *file == name).ok_or(format!("{from} includes a missing file"))?;
        Ok((Arc::from(name), found.1.as_bytes().to_vec()))
    })
}

/// Locations of the errors as `file:line:column`.
fn places(parsed: &Parsed) -> Vec<String> {
    parsed.problems.iter().filter(|p| p.severity == Severity::Error).map(|p| p.location.to_string()).collect()
}

#[test]
fn an_open_parenthesis_is_reported_where_it_opens_and_reading_continues() {
    let parsed = read(b"$TTL 1\na A 192.0.2.1\nb TXT ( x\nc A 192.0.2\nd A 192.0.2.4\n");
    assert_eq!(places(&parsed), ["main:3:7", "main:4:5"]);
    assert_eq!(parsed.records.len(), 2);
    assert_eq!(places(&read(b"$TTL 1\na TXT ( x ( y )\n")), ["main:2:7"]);
    assert_eq!(places(&read(b"$TTL 1\na TXT x ) y\nb A 1.2.3\n")), ["main:2:9", "main:3:5"]);
}

#[test]
fn an_open_quote_is_reported_where_it_opens() {
    let parsed = read(b"$TTL 1\na TXT x \"y\nb TXT ok\nc TXT \"x\\\"\n");
    assert_eq!(places(&parsed), ["main:2:9", "main:4:7"]);
    assert_eq!(parsed.records.len(), 1);
    // The parenthesis inside the string is not reported as well.
    let parsed = read(b"$TTL 1\na TXT ( \"x )\nb TXT ok\n");
    assert_eq!(places(&parsed), ["main:2:9"]);
    assert_eq!(parsed.records.len(), 1);
}

#[test]
fn an_invalid_line_in_parentheses_does_not_affect_the_others() {
    let parsed = read(b"$TTL 1\na SOA ns host (\n 1 ; serial\n 2x\n 3 4 5 )\nb A 192.0.2.1\n");
    assert_eq!(places(&parsed), ["main:4:2"]);
    assert_eq!(parsed.records.len(), 1);
}

#[test]
fn columns_count_characters() {
    assert_eq!(places(&read("$TTL 1\nä\tTXT \"öü€\" \"x\n".as_bytes())), ["main:2:13"]);
    assert_eq!(places(&read(b"$TTL 1\r\n\r\na A x\r\n")), ["main:3:5"]);
    assert_eq!(places(&read(b"$TTL 1\r\ra A x\r")), ["main:3:5"]);
}

#[test]
fn problems_with_owner_and_data_are_both_reported() {
    assert_eq!(places(&read(b"$TTL 1\na..b A x\n MX y\n")), ["main:2:1", "main:2:8", "main:3:5"]);
}

#[test]
fn a_binary_file_is_reported_once() {
    let parsed = read(b"\xEF\xBB\xBF$TTL 1\na A 192.0.2.1\n");
    assert_eq!(places(&parsed), ["main:1:1"]);
    assert_eq!(parsed.records.len(), 1);
    assert_eq!(places(&read(b"\xFF\xFEa\0 \0")), ["main:1:1"]);
    assert_eq!(
        places(&read(b"$TTL 1\na TXT \"x\0\"\nb TXT x ; \0\n\0 A 192.0.2.1")),
        ["main:2:9", "main:3:11", "main:4:1"]
    );
}

#[test]
fn a_missing_ttl_is_reported_once() {
    assert_eq!(places(&read(b"a A 192.0.2.1\nb A 192.0.2.2\n")), ["main:1:1"]);
    assert_eq!(places(&read(b"$TTL x\na A 192.0.2.1\n")), ["main:1:6"]);
    assert_eq!(places(&read(b"@ SOA ns host 1 2 3 4\na A 192.0.2.1\n")), ["main:1:21"]);
    assert_eq!(places(&read(b"a 5 A x\nb A 192.0.2.1\n")), ["main:1:7"]);
}

#[test]
fn long_ttls_and_the_minimum_of_the_soa_are_warnings() {
    let parsed = read(b"@ SOA ns host 1 2 3 4 5\na 3000000000 A 192.0.2.1\n$TTL 4294967295\n");
    assert!(places(&parsed).is_empty());
    let warned: Vec<u32> = parsed.problems.iter().map(|problem| problem.location.line).collect();
    assert_eq!(warned, [1, 2, 3]);
    assert_eq!(parsed.records.iter().map(|record| record.ttl).collect::<Vec<_>>(), [5, 0]);
}

#[test]
fn problems_in_included_files_have_their_own_locations() {
    let parsed = with_files(b"$TTL 1\n$INCLUDE one\n$INCLUDE two\na A x\n", &[("one", "b A 192.0.2.1\n  A y\n")]);
    assert_eq!(places(&parsed), ["one:2:5", "main:3:10", "main:4:5"]);
    assert!(parsed.problems[1].message.contains("main includes a missing file"), "{}", parsed.problems[1]);
    assert_eq!(parsed.records[0].location.to_string(), "one:1:1");
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let parsed = with_files(b"$TTL 1\n$INCLUDE loop\n", &[("loop", "a A 192.0.2.1\n$INCLUDE loop\n")]);
    assert_eq!(places(&parsed), ["loop:2:1"]);
    assert_eq!(parsed.records.len(), MAX_INCLUDE_DEPTH);
}

#[test]
fn files_over_the_limits_are_refused() {
    let long = format!("$TTL 1\na TXT {}\nb TXT ok\n", "x ".repeat(MAX_ENTRY_OCTETS));
    let parsed = read(long.as_bytes());
    assert_eq!(places(&parsed), ["main:2:1"]);
    assert_eq!(parsed.records.len(), 1);

    let parsed = read("a A x\n".repeat(2 * MAX_PROBLEMS).as_bytes());
    assert_eq!(parsed.problems.len(), MAX_PROBLEMS + 1);
    let parsed = read("(\n".repeat(20_000).as_bytes());
    assert_eq!(parsed.problems.len(), MAX_PROBLEMS + 1);

    let parsed = read(b"$TTL 1\n$GENERATE 0-2000000 a$ A 192.0.2.1\n$GENERATE 0-300 a$ A 192.0.2.$\n");
    assert_eq!(places(&parsed), ["main:2:11", "main:3:22"]);
    assert!(parsed.problems[1].message.starts_with("for 256:"), "{}", parsed.problems[1]);
    assert_eq!(parsed.records.len(), 256);

    let octets = "\"x\" ".repeat(40_000);
    assert_eq!(places(&read(format!("$TTL 1\na TXT {octets}\n").as_bytes())), ["main:2:3"]);
}

#[test]
fn newer_service_parameters_and_types_are_known() {
    let text = b"$TTL 1\na SVCB 1 . ohttp dohpath=/q{?dns}\nb RESINFO qnamemin\nc WALLET eth x\n";
    let parsed = read(text);
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    let shown = |index: usize| {
        let record = &parsed.records[index];
        gslb_core::dns::rdata::to_text(record.rtype, &record.rdata)
    };
    assert_eq!(shown(0), "1 . dohpath=\"/q{?dns}\" ohttp");
    assert_eq!(shown(1), "\"qnamemin\"");
}

#[test]
fn generated_records_stop_at_the_limit() {
    let text = b"$TTL 1\n$GENERATE 0-1048575 a$ A 192.0.2.1\nb A 192.0.2.2\n";
    let within = |records, octets| {
        let mut none = |_: &str, _: &str| Err("none".into());
        let limits = RecordLimits { records, octets, memory: &Cell::new(usize::MAX) };
        parse_with_limits(limits, Source::File, "main", text, &"example.com".parse().unwrap(), &mut none)
    };
    let few = within(10, usize::MAX);
    assert_eq!((few.records.len(), few.is_truncated, few.problems.len()), (10, true, 0));
    let short = within(usize::MAX, 100);
    assert!(short.is_truncated && short.records.len() < 10, "{}", short.records.len());
}

/// Files that are not zone files, and contain `hunter2`.
const SECRETS: &[&str] = &[
    "root:$6$hunter2:19000:0:99999:7:::\ndaemon:*:19000:0:hunter2:7:::\n",
    "gslb_hunter2\ngslb_hunter2\n",
    "password: hunter2\nuser: hunter2\n",
    "password = hunter2\n[hunter2]\nkey = \"hunter2\"\n",
    "{\"token\": \"hunter2\", \"list\": [\"hunter2\"]}\n",
    "machine example.com login hunter2 password hunter2\n",
    "key \"xfr\" { algorithm hmac-sha256; secret \"hunter2\"; };\n",
    "-----BEGIN PRIVATE KEY-----\nhunter2MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n",
    "export TOKEN=hunter2 # hunter2\n",
    "$hunter2 hunter2\n$TTL hunter2\n$ORIGIN hunter2..\n$INCLUDE hunter2\n$GENERATE hunter2\n",
    "secret A hunter2\nsecret 1 SVCB 1 . hunter2=1\nsecret 1 LOC hunter2\nsecret IN hunter2\nsecret CH A hunter2\n",
    "hunter2.hunter2..hunter2 A 192.0.2.1\n  hunter2\n\"hunter2\" hunter2\n(hunter2\nhunter2\n",
    "a 1 TXT \\hunter2 \\999\n@ 1 SOA hunter2 hunter2 hunter2\na 4294967296hunter2 A 1.2.3.4\n",
];

#[test]
fn a_file_that_is_not_a_zone_file_is_not_quoted() {
    for secret in SECRETS {
        for parsed in [read(secret.as_bytes()), with_files(b"$TTL 1\n$INCLUDE secret\n", &[("secret", secret)])] {
            assert!(!places(&parsed).is_empty(), "{secret}");
            let messages: String = parsed.problems.iter().map(|problem| format!("{problem}\n")).collect();
            assert!(!messages.contains("hunter2"), "{secret}\n{messages}");
        }
    }
    let messages = read(b"password hunter2\n").problems[0].to_string();
    assert!(
        messages.contains("\"***\" is not a record type") && messages.contains("is it the right file?"),
        "{messages}"
    );
}

#[test]
fn a_zone_file_is_quoted_from_its_first_valid_entry_on() {
    let parsed = read(b"a 1 AA 192.0.2.1\na 1 A 192.0.2.1\nb 1 AB 192.0.2.1\n");
    let messages: Vec<&str> = parsed.problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(messages, ["\"***\" is not a record type", "\"AB\" is not a record type"]);
    let mut none = |_: &str, _: &str| Err("none".into());
    let limits = RecordLimits { records: 10, octets: 1000, memory: &Cell::new(usize::MAX) };
    let origin = "example.com".parse().unwrap();
    let own = parse_with_limits(limits, Source::Document, "main", b"a 1 AA 192.0.2.1\n", &origin, &mut none);
    assert_eq!(own.problems[0].message, "\"AA\" is not a record type", "the document's author sees its text anyway");
}

#[test]
fn recursive_includes_stop_at_the_limit() {
    let text = "$INCLUDE next\n".repeat(60);
    let (mut queried, origin) = (0, "example.com".parse().unwrap());
    // Each file includes the next one 60 times, the last one has a record: there would be 60^15 of them.
    let parsed = parse("0", text.as_bytes(), &origin, &mut |_, from| {
        queried += 1;
        let depth = from.parse::<usize>().unwrap() + 1;
        let text = if depth < 15 { text.as_str() } else { "a 1 A 192.0.2.1\n" };
        Ok((depth.to_string().into(), text.as_bytes().to_vec()))
    });
    assert_eq!((queried, parsed.problems.len()), (MAX_INCLUDES, 1));
    let messages = parsed.problems[0].to_string();
    assert!(messages.starts_with("14:") && messages.contains("the zone includes more than 10000 files"), "{messages}");
}
