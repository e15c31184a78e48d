//! Zones with inline records.

use gslb_core::dns::zonefile::Loader;
use gslb_core::problem::{FileError, ProblemKind};
use gslb_core::site::document::{Reading, no_files, read, read_json};
use serde_json::json;

use super::SOUND;

fn with_records(records: &str) -> Reading {
    let document = json!({ "zones": { "example.com": { "records": records } } });
    read_json("site.json", &document, &mut no_files)
}

#[test]
fn records_are_read_like_a_file() {
    let reading = with_records(SOUND);
    assert!(reading.problems.is_empty(), "{:?}", reading.problems);
    assert_eq!(reading.site.unwrap().zones[0].records.len(), 3);
    let toml = format!("[zones.\"example.com\"]\nrecords = '''{SOUND}'''\n");
    assert_eq!(read("site.toml", &toml, &mut no_files).site.unwrap().zones[0].records.len(), 3);
}

#[test]
fn problems_in_records_say_the_line_and_point_at_the_key() {
    let reading = with_records(&format!("{SOUND}www IN A 192.0.2.300\n"));
    let [problem] = &*reading.problems else { panic!("{:?}", reading.problems) };
    assert_eq!(problem.path.pointer(), "/zones/example.com/records");
    let message = problem.to_string();
    assert!(message.starts_with("site.json#/zones/example.com/records:6:"), "{message}");
    // A rule about the whole zone, which the parser does not check.
    let reading = with_records(&format!("{SOUND}@ IN CNAME www.example.net.\n"));
    assert!(reading.site.is_none());
    assert!(reading.problems.iter().all(|problem| problem.path.pointer() == "/zones/example.com/records"));
}

#[test]
fn inline_records_cannot_include_files() {
    let reading = with_records(&format!("{SOUND}$INCLUDE /etc/passwd\n"));
    let [problem] = &*reading.problems else { panic!("{:?}", reading.problems) };
    assert!(problem.message.contains("`records` must contain the whole zone"), "{problem}");
}

#[test]
fn a_zone_has_either_a_file_or_records() {
    for (zone, message) in [
        (json!({}), "neither `file` nor `records`"),
        (json!({ "file": "a.zone", "records": SOUND }), "either a `file` or `records`"),
        (json!({ "file": "a.zone" }), "not a file, so it cannot refer to other files"),
        (json!({ "records": 5 }), "expected a string"),
    ] {
        let reading = read_json("site.json", &json!({ "zones": { "example.com": zone } }), &mut no_files);
        assert!(reading.problems[0].message.contains(message), "{:?}", reading.problems);
        assert!(reading.site.is_none());
    }
}

#[test]
fn a_file_that_may_be_readable_later_is_a_problem_of_its_own_kind() {
    let late = || FileError { message: "its disk does not respond".to_owned(), is_transient: true };
    let document = json!({ "zones": { "example.com": { "file": "a.zone" } } });
    let kinds = |load: &mut Loader<'_>| -> Vec<ProblemKind> {
        read_json("site.json", &document, load).problems.into_iter().map(|problem| problem.kind).collect()
    };
    assert_eq!(kinds(&mut |_, _| Err(late())), [ProblemKind::FileUnavailable]);
    assert_eq!(kinds(&mut |_, _| Err("no such file".into())), [ProblemKind::Other]);
    let included = kinds(&mut |name, _| match name {
        "a.zone" => Ok((name.into(), b"$INCLUDE b.zone\n".to_vec())),
        _ => Err(late()),
    });
    assert!(included.contains(&ProblemKind::FileUnavailable), "{included:?}");
}
