//! Documents as people write them: in several files, in git, with comments; and what the history shows later.

use std::fs;
use std::process::Command;

use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::program::run;

use crate::change::{folder, json, two};
use crate::sites::zone;

fn pool(name: &str, last: u8) -> String {
    format!("# ask the owner of {name}\n[pools.{name}]\nendpoints.a = {{ address = \"192.0.2.{last}\" }}\n")
}

/// A site whose pools are in separate files.
fn in_parts() -> Folder {
    let site = "include = [\"pools/*.toml\"]\n[zones.\"example.com\"]\nfile = \"example.com.zone\"\n\
                [services.\"www.example.com\"]\npolicy = { failover = [\"a\"] } # one of them\n";
    let folder = Folder::with(&[("gslb.toml", PROCESS), ("site.toml", site), ("example.com.zone", &zone("first"))]);
    fs::create_dir(folder.path("pools")).unwrap();
    folder.write("pools/a.toml", pool("a", 1));
    folder
}

#[test]
fn included_and_added_files_are_watched() {
    let folder = in_parts();
    let mut server = folder.serve();
    let pools = || json(&folder, &server, "get pools").as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(pools(), ["a"]);
    folder.write("pools/b.toml", pool("b", 2));
    eventually("a file that is new is read", || pools() == ["a", "b"]);
    folder.write("pools/b.toml", pool("c", 3));
    eventually("a file that has changed is read", || pools() == ["a", "c"]);
    let text = folder.ask(&server, "get document -o toml").out;
    for part in ["# ask the owner of a", "# ask the owner of c", "# one of them", "records = '''"] {
        assert!(text.contains(part), "{text}");
    }
    folder.write("pools/b.toml", "[pools.b]\nendpoints.a = { adress = \"192.0.2.1\" }\n");
    server.await_log("pools/b.toml:2:");
    folder.remove("pools/b.toml");
    let pools = || json(&folder, &server, "get pools").as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    eventually("a removed file is no longer part of it", || pools() == ["a"]);
}

#[test]
fn an_applied_document_is_returned_with_its_comments() {
    let folder = folder("# the end\n");
    let server = folder.serve_store();
    let text = folder.ask(&server, "get document -o toml").out;
    assert!(text.ends_with("# the end\n"), "{text}");
    folder.write("site.toml", two("\"fra\", \"iad\"", "# another end\n"));
    assert_eq!(folder.ask(&server, "apply site.toml --yes --base latest").code, 0);
    let text = folder.ask(&server, "-q get document -o toml");
    assert!(text.out.ends_with("# another end\n") && text.err.is_empty(), "{}{}", text.out, text.err);
    folder.write("again.toml", &text.out);
    let same = folder.ask(&server, "apply again.toml --yes --base latest");
    assert!(same.out.contains("nothing to change"), "{}{}", same.out, same.err);
    let first = folder.ask(&server, "history 1 -o toml").out;
    assert!(first.ends_with("# the end\n"), "{first}");
    assert_eq!(folder.ask(&server, "status -o toml").code, 1);
}

#[test]
fn a_frozen_file_in_git_is_thawed_and_history_names_the_commit() {
    let frozen =
        |until: &str| two("\"iad\", \"fra\"", &format!("[safety]\nfrozen = [\"2020-01-01T00:00:00Z/{until}\"]\n"));
    let folder = folder("");
    folder.write("site.toml", frozen("2036-01-01T00:00:00Z"));
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]);
        let ran = run(git.args(arguments).current_dir(folder.path("")));
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    };
    git(&["init", "-q"]);
    git(&["add", "site.toml", "example.com.zone"]);
    git(&["commit", "-q", "-m", "freeze until 2036"]);
    let mut server = folder.serve();
    folder.write("site.toml", frozen("2026-01-01T00:00:00Z"));
    git(&["commit", "-q", "-a", "-m", "the year is 2026"]);
    server.await_log("frozen: no change of the document until 2036");
    let thawed = folder.ask(&server, "thaw --reason typo");
    assert!(thawed.code == 0 && thawed.out.contains("THAWED until 20"), "{}{}", thawed.out, thawed.err);
    assert!(folder.ask(&server, "status").out.contains("frozen windows stop no change (typo)"));
    server.signal("HUP");
    eventually("the corrected file is in force", || {
        folder.ask(&server, "history").out.lines().any(|line| line.contains("the year is 2026"))
    });
    let history = json(&folder, &server, "history");
    let commits: Vec<&str> =
        history["revisions"].as_array().unwrap().iter().filter_map(|it| it["commit"]["message"].as_str()).collect();
    assert_eq!(commits, ["the year is 2026", "freeze until 2036"]);
    assert_eq!(folder.ask(&server, "thaw --end").code, 0);
    assert!(folder.ask(&server, "thaw").out.contains("frozen windows hold"));
}

#[test]
fn past_events_have_their_times_after_a_restart_and_no_connection_is_lost() {
    let folder = folder("");
    let server = folder.serve_store();
    assert_eq!(folder.ask(&server, "drain pool/fra --reason power").code, 0);
    server.stop();
    let server = folder.start("serve --config gslb.toml");
    let output = folder.ask(&server, "events --after 0 -n 2");
    assert_eq!(output.code, 0, "{}", output.err);
    let lines: Vec<&str> = output.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", output.out);
    assert!(lines[0].contains("document: revision 1 is in force"), "{}", output.out);
    assert!(lines[1].contains("drain pool/fra"), "{}", output.out);
    assert!(
        lines.iter().all(|line| line.split_whitespace().nth(1).is_some_and(|day| day.starts_with("20"))),
        "{}",
        output.out
    );
    assert!(!output.err.contains("lost"), "{}", output.err);
}

#[test]
fn a_real_drill_breaks_rules_only_with_a_reason() {
    let folder = folder("[safety]\nmin_data_centers_up = 2\n");
    let server = folder.serve_store();
    let drill = format!("drill --data-center fra --for 2s --really --dns {} -o json", server.address());
    let refused = folder.ask(&server, &drill);
    assert_eq!(refused.code, 6, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("min_data_centers_up"), "{}", refused.err);
    assert_eq!(json(&folder, &server, "overrides").as_object().unwrap().len(), 0, "nothing was forced");
    let done = folder.ask(&server, &format!("{drill} --override-rules agreed"));
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert!(report["redirect_ms"].is_number() && report["restore_ms"].is_number(), "{report}");
    let audit = json(&folder, &server, "audit")["entries"].clone();
    let forced = audit.as_array().unwrap().iter().find(|entry| entry["override_rules"] == "agreed");
    assert!(
        forced.is_some_and(|entry| entry["broke"][0].as_str().unwrap().starts_with("min_data_centers_up")),
        "{audit}"
    );
}
