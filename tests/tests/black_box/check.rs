//! `gslb check`, and the errors of every subcommand: with their locations and an exit code.

use gslb_tests::folder::Folder;

use crate::sites::{EXAMPLE, document, small, zone};

/// Where problems were reported, as `file:line:column: kind`.
fn places(output: &str) -> Vec<&str> {
    let kinds = [": error: ", ": warning: "];
    let cut = |line: &'_ str| kinds.iter().find_map(|kind| Some(line.find(kind)? + kind.len() - 2));
    output.lines().filter_map(|line| Some(&line[..cut(line)?])).collect()
}

#[test]
fn a_valid_document_passes() {
    let folder = small("");
    let ran = folder.gslb("check site.toml");
    assert_eq!(ran.out, "site.toml: OK: 1 service, 1 pool, 0 data centers, 1 zone\n", "{}", ran.err);
    assert_eq!(ran.code, 0);
    let ran = folder.gslb(&format!("check {EXAMPLE}/site.toml"));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("OK: 6 services, 8 pools, 6 data centers, 1 zone\n"), "{}", ran.out);
}

#[test]
fn suspicious_changes_are_reported_and_accepted() {
    let folder = small("");
    folder.write("site.toml", document("192.0.2.1") + "[pools.unused]\nendpoints.one = { address = \"192.0.2.2\" }\n");
    let ran = folder.gslb("check site.toml");
    assert_eq!(places(&ran.out), ["site.toml:7:8: warning"], "{}", ran.out);
    assert!(ran.out.ends_with(", with 1 warning\n"), "{}", ran.out);
    assert_eq!(ran.code, 0);
}

#[test]
fn every_problem_of_a_document_is_reported_at_once() {
    let document = "\
[zones.\"example.com\"]
file = \"example.com.zone\"
[zones.\"example.net\"]
file = \"missing.zone\"
[pools.here]
endpoints.one = { address = \"192.0.2.300\" }
[policies.round]
failover = [\"round\", \"here\"]
[services.\"www.example.com\"]
polcy = \"here\"
[services.\"ftp.example.com\"]
policy = \"her\"
ttl = 30
[services.\"www.example.org\"]
policy = \"here\"
";
    let expected = [
        "site.toml:4:8: error",
        "site.toml:6:29: error",
        "site.toml:7:11: error",
        "site.toml:9:11: error",
        "site.toml:10:1: error",
        "site.toml:12:10: error",
        "site.toml:13:7: error",
        "site.toml:14:11: error",
    ];
    let folder = Folder::with(&[("site.toml", document), ("example.com.zone", &zone("first"))]);
    let ran = folder.gslb("check site.toml");
    assert_eq!(places(&ran.out), expected, "{}", ran.out);
    assert!(ran.out.ends_with("site.toml: 8 problems\n"), "{}", ran.out);
    assert_eq!(ran.out.matches("\n    help: ").count(), expected.len(), "{}", ran.out);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
}

#[test]
fn problems_of_zone_files_and_toml_are_located() {
    let bad_zone = zone("first") + "bad IN A 192.0.2\nalias IN CNAME www\nalias IN TXT \"too\"\n";
    let folder = Folder::with(&[("site.toml", &document("192.0.2.1")), ("example.com.zone", &bad_zone)]);
    let ran = folder.gslb("check site.toml");
    assert_eq!(places(&ran.out), ["example.com.zone:6:10: error", "example.com.zone:7:1: error"], "{}", ran.out);
    assert_eq!(ran.code, 1);

    folder.write("site.toml", document("192.0.2.1").replace("policy = \"here\"", "policy = \"here\n[zones"));
    let ran = folder.gslb("check site.toml");
    assert_eq!(ran.code, 1);
    assert!(places(&ran.out).iter().any(|place| place.starts_with("site.toml:6:")), "{}", ran.out);
    assert!(places(&ran.out).iter().any(|place| place.starts_with("site.toml:7:")), "{}", ran.out);
}

#[test]
fn unreadable_files_are_named() {
    let folder = small("[geo]\ndatabases = [\"missing.mmdb\"]\n");
    for (arguments, output) in [
        ("check missing.toml", "gslb: cannot read missing.toml: "),
        ("serve --document missing.toml", "gslb: cannot read missing.toml: "),
        ("explain www.example.com --document missing.toml", "gslb: cannot read missing.toml: "),
        ("check site.toml --config missing.toml", "gslb: cannot read missing.toml: "),
        ("check site.toml --config gslb.toml", "gslb: missing.mmdb: cannot be read: "),
        ("serve --strict --document site.toml --config gslb.toml", "gslb: missing.mmdb: cannot be read: "),
    ] {
        let ran = folder.gslb(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments}: {}", ran.err);
        assert!(ran.err.starts_with(output) && ran.err.contains("No such file"), "{arguments}: {}", ran.err);
    }
}

#[test]
fn invalid_arguments_are_reported_and_nothing_is_done() {
    let folder = small("");
    for (arguments, output) in [
        ("", "Usage: gslb <COMMAND>"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("check", "<site.toml>"),
        ("check site.toml again.toml", "unexpected argument 'again.toml'"),
        ("serve --watch", "--document <site.toml>"),
        ("demo --listen 5353", "invalid value '5353'"),
        ("explain www.example.com NOTYPE --document site.toml", "write a mnemonic such as AAAA, or TYPE and a number"),
        ("explain www.example.com --document site.toml --client 192.0.2.0/33", "write 203.0.113.0/24"),
        ("explain www..example.com --document site.toml", "invalid value 'www..example.com'"),
    ] {
        let ran = folder.gslb(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments}: {}", ran.err);
        assert!(ran.err.contains(output), "{arguments}: {}", ran.err);
    }
    for arguments in ["--help", "--version", "help serve"] {
        let ran = folder.gslb(arguments);
        assert!(ran.code == 0 && ran.out.contains("gslb"), "{arguments}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn serve_does_not_start_with_a_broken_document() {
    let folder = small("");
    folder.write("site.toml", document("192.0.2.300").replace("policy = \"here\"", "policy = \"there\""));
    let ran = folder.gslb("serve --config gslb.toml --document site.toml");
    assert_eq!(places(&ran.err), ["site.toml:4:29: error", "site.toml:6:10: error"], "{}", ran.err);
    assert!(!ran.err.contains("answering"), "{}", ran.err);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
}
