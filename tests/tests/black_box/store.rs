//! Persistence: the first start, later starts, a killed process, and a file that remains authoritative.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use gslb_tests::ask::dig;
use gslb_tests::folder::Folder;
use gslb_tests::program::gslb;
use gslb_tests::server::Server;

use crate::change::{answers, folder, two};
use crate::sites::zone;

#[test]
fn an_empty_store_takes_the_document_and_later_starts_read_the_store() {
    let folder = folder("");
    let mut server = folder.serve_store();
    server.stop_and(|log| {
        assert!(log.contains("the store in gslb-data was empty: site.toml is its revision 1"), "{log}");
        assert!(log.contains("the first admin token is in gslb-data/admin.token"), "{log}");
    });
    let mode = fs::metadata(folder.path("gslb-data/admin.token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = folder.token();

    // The current content of the file does not matter, not even whether it can be read.
    folder.write("site.toml", "broken");
    server = folder.serve_store();
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
    server.stop_and(|log| {
        assert!(log.contains("serving revision 1 of the store in gslb-data; site.toml was not read"), "{log}");
        assert!(!log.contains("admin token"), "{log}");
    });
    server = folder.start("serve --config gslb.toml");
    assert_eq!((answers(&server), folder.token()), (["192.0.2.1".into(), "192.0.2.2".into()], token));
    assert_eq!(folder.ask(&server, "history").code, 0, "the token is still good");
}

#[test]
fn a_server_may_start_with_nothing() {
    let folder = folder("");
    let server = folder.start("serve --config gslb.toml");
    assert_eq!(dig(server.address(), "www.example.com A").status, "REFUSED");
    assert_eq!(folder.ask(&server, "apply site.toml --yes --base latest").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn acknowledged_writes_survive_a_kill() {
    let folder = folder("");
    let mut server = folder.serve_store();
    for round in 1..4 {
        let patch = format!("patch pools iad {{\"endpoints\":{{\"iad-1\":{{\"address\":\"192.0.2.10{round}\"}}}}}}");
        assert_eq!(folder.ask(&server, &patch).code, 0);
        assert_eq!(folder.ask(&server, &format!("drain pool/fra --reason r{round}")).code, 0);
        server.signal("KILL");
        assert_eq!(server.end().code, None);
        server = folder.serve_store();
        assert_eq!(answers(&server), [(); 2].map(|()| format!("192.0.2.10{round}")));
    }
}

#[test]
fn with_watch_the_file_is_authoritative_and_overrides_still_work() {
    let folder = folder("");
    let server = folder.serve();
    folder.write("pool.toml", "endpoints.one = { address = \"192.0.2.7\" }\n");
    for arguments in
        ["put pools new pool.toml", "delete pools fra", "rollback 1", "apply site.toml --yes --base latest"]
    {
        folder.write("site.toml", two("\"iad\", \"fra\"", "# the same\n"));
        let ran = folder.ask(&server, arguments);
        // A document that changes nothing need not be applied.
        if arguments.starts_with("apply") {
            assert_eq!(ran.code, 0, "{}", ran.err);
        } else {
            assert!(ran.code == 1 && ran.err.contains("(409)") && ran.err.contains("file"), "{arguments}: {}", ran.err);
        }
    }
    assert_eq!(folder.ask(&server, "drain pool/fra --reason test").code, 0);
    assert_eq!(answers(&server), ["192.0.2.2", "192.0.2.2"]);
    folder.write("site.toml", two("\"fra\"", ""));
    gslb_tests::eventually("the file is read", || answers(&server)[1] == "192.0.2.1");
    folder.write("example.com.zone", zone("second") + "$INCLUDE more.zone\n");
    folder.write("more.zone", "more IN TXT \"more\"\n");
    gslb_tests::eventually("an included file is read", || {
        dig(server.address(), "more.example.com TXT").data() == ["\"more\""]
    });
}

#[test]
fn one_data_directory_is_for_one_server() {
    let folder = folder("");
    let _server = folder.serve_store();
    let second = folder.gslb("serve --config gslb.toml");
    assert_eq!(second.code, 1);
    assert!(second.err.contains("gslb-data"), "{}", second.err);
}

#[test]
fn with_watch_a_file_refused_by_a_time_window_is_applied_after_it() {
    let folder = folder("");
    let mut server = folder.serve();
    assert_eq!(folder.ask(&server, "force down pool/fra --reason fire --id fire").code, 0);
    // Without iad, the service would be left without an endpoint that is up.
    folder.write("site.toml", two("\"fra\"", "").replace("[\"fra\", \"iad\"]", "[\"fra\"]"));
    server.await_log("retrying automatically");
    assert_eq!(folder.ask(&server, "overrides delete fire").code, 0);
    // The file is not touched again.
    gslb_tests::eventually("the file is taken", || answers(&server)[1] == "192.0.2.1");
    let audit = crate::change::json(&folder, &server, "audit -n 20");
    let refused = audit["entries"].as_array().unwrap().iter().filter(|entry| entry["outcome"] == "refused").count();
    assert_eq!(refused, 1, "a retry is not reported again: {audit}");
}

#[test]
fn tokens_created_offline_are_in_the_audit() {
    let folder = folder("");
    folder.serve_store().stop();
    let made = folder.gslb("token create ada --role operator --data-dir gslb-data -o json");
    let made: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(folder.gslb(&format!("token revoke {id} --data-dir gslb-data")).code, 0);
    let server = folder.serve_store();
    let audit = crate::change::json(&folder, &server, "audit -n 2");
    let member = |at: usize, key: &str| audit["entries"][at][key].as_str().unwrap_or_default().to_owned();
    assert_eq!([member(0, "request"), member(1, "request")], ["token revoke", "token create"]);
    assert_eq!((member(0, "who"), &audit["entries"][0]["before"]["name"]), ("command".to_owned(), &"ada".into()));
    assert!(!audit.to_string().contains(made["token"].as_str().unwrap()), "secrets are their holders'");
}

/// Nothing can be saved: a drain still takes effect and reports that it is not saved, and a document is refused.
fn drains_unsaved(folder: &Folder, server: &Server, why: &str) {
    let drained = folder.ask(server, "drain pool/fra --reason fire");
    assert_eq!(drained.code, 0, "{}", drained.err);
    assert!(drained.err.contains("NOT SAVED") && drained.err.contains(why), "{}", drained.err);
    assert_eq!(answers(server), ["192.0.2.2", "192.0.2.2"]);
    let listed = folder.ask(server, "overrides").out;
    assert!(listed.contains("until removed, not saved") && listed.contains("lost by a restart"), "{listed}");
    let status = folder.ask(server, "status").out;
    assert!(status.contains("DEGRADED, overrides: not saved: set drain-pool-fra"), "{status}");
    assert_eq!(server.metric("gslb_overrides_unsaved"), 1);
    let refused = folder.ask(server, PATCH);
    assert!(refused.code != 0 && refused.err.contains("(503)") && refused.err.contains(why), "{}", refused.err);
}

/// Saving works again: a change saves what waits, and a restart finds it.
fn saves(folder: &Folder, server: Server) {
    gslb_tests::eventually("a document is taken again", || folder.ask(&server, PATCH).code == 0);
    assert_eq!(server.metric("gslb_overrides_unsaved"), 0);
    gslb_tests::eventually("nothing is degraded", || !server.get("/readyz").body.contains("degraded"));
    server.signal("KILL");
    server.end();
    let server = folder.serve_store();
    assert_eq!(answers(&server), ["192.0.2.2", "192.0.2.2"]);
    assert!(!folder.ask(&server, "overrides").out.contains("not saved"));
}

const PATCH: &str = "patch pools iad {\"min_up\":1} --yes";

#[test]
fn a_removed_store_file_is_noticed_and_used_again_once_restored() {
    let folder = folder("");
    let server = folder.serve_store();
    let (file, away) = (folder.path("gslb-data/store.redb"), folder.path("away"));
    fs::rename(&file, &away).unwrap();
    let is_reported = || {
        server.get("/readyz").body.contains("degraded: store: cannot write gslb-data/store.redb: the file was removed")
    };
    gslb_tests::eventually("it is noticed before it is needed", is_reported);
    drains_unsaved(&folder, &server, "restore the store's own file");
    fs::copy(&away, &file).unwrap();
    saves(&folder, server);
}

#[test]
fn a_data_center_can_be_drained_with_a_full_disk() {
    let folder = folder("");
    let mut command = Command::new("sh");
    // Without the signal that ends a process whose file becomes too large, the write fails as on a full disk.
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(gslb()).current_dir(folder.path(""));
    let server = Server::start(command.args(["serve", "--config", "gslb.toml", "--document", "site.toml"]));
    let limit = |octets: &str| {
        let (pid, octets) = (format!("--pid={}", server.pid()), format!("--fsize={octets}:"));
        assert!(Command::new("prlimit").args([pid, octets]).status().expect("it is part of util-linux").success());
    };
    limit("1");
    // A restart loses nothing that was set and ended while nothing could be saved.
    assert!(folder.ask(&server, "drain pool/iad --reason test").err.contains("NOT SAVED"));
    let ended = folder.ask(&server, "undrain pool/iad");
    assert!(ended.code == 0 && !ended.err.contains("NOT SAVED"), "{ended:?}");
    assert!(!folder.ask(&server, "overrides").out.contains("not saved"));
    assert!(!folder.ask(&server, "status").out.contains("DEGRADED"));
    drains_unsaved(&folder, &server, "File too large");
    limit("unlimited");
    saves(&folder, server);
}
