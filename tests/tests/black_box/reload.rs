//! Reloads of a document and its zones: fixes are applied, and errors change nothing.

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::server::Server;

use crate::sites::{document, small, zone};

/// The address of the service, and the text in the zone.
fn answers(server: &Server) -> [String; 2] {
    ["www.example.com A", "example.com TXT"].map(|question| dig(server.address(), question).data().join(" "))
}

#[test]
fn a_changed_file_is_reloaded_without_a_signal() {
    let folder = small("");
    let server = folder.serve();
    assert_eq!(answers(&server), ["192.0.2.1", "\"first\""]);
    folder.write("site.toml", document("192.0.2.2"));
    eventually("the document is read again", || server.generation() == 2);
    assert_eq!(answers(&server), ["192.0.2.2", "\"first\""]);
    folder.replace("example.com.zone", zone("second"));
    eventually("the zone is read again", || server.generation() == 3);
    assert_eq!(answers(&server), ["192.0.2.2", "\"second\""]);
}

#[test]
fn a_signal_reads_everything_again() {
    let folder = small("");
    let mut server = folder.serve();
    for generation in [2, 3] {
        server.signal("HUP");
        server.await_log("reloading all files, as requested");
        eventually("a new table is in force", || server.generation() == generation);
    }
    folder.write("site.toml", document("192.0.2.2"));
    folder.write("example.com.zone", zone("second"));
    server.signal("HUP");
    eventually("both are read again", || answers(&server) == ["192.0.2.2", "\"second\""]);
}

#[test]
fn an_invalid_change_is_refused_and_its_fix_is_applied() {
    let folder = small("");
    let mut server = folder.serve();
    let (good, good_zone) = (document("192.0.2.1"), zone("first"));
    let broken_zone = zone("second") + "bad IN A 192.0.2\n";
    for (file, broken, line, mended) in [
        ("site.toml", document("192.0.2.300").as_str(), "site.toml:4:29: error: pools.here.endpoints.one", &good),
        ("site.toml", "[zones", "site.toml:1:7: error: ", &good),
        ("example.com.zone", &broken_zone, "example.com.zone:6:10: error: ", &good_zone),
        ("example.com.zone", "", "the zone file has no SOA record at example.com.", &good_zone),
    ] {
        let before = server.generation();
        folder.write(file, broken);
        server.await_log(&format!("reload failed, still serving generation {before}: "));
        server.await_log(line);
        assert_eq!(answers(&server), ["192.0.2.1", "\"first\""]);
        assert_eq!(server.generation(), before);
        eventually("the refusal shows", || server.metric("gslb_reload_refused") == 1);
        folder.write(file, mended);
        eventually("the fixed file is read, and the refusal ends", || server.metric("gslb_reload_refused") == 0);
        assert_eq!(server.generation(), before, "the previous content is served");
    }
}

#[test]
fn a_document_that_is_emptied_is_refused() {
    // A file truncated by a full disk or an interruption.
    let folder = small("");
    let mut server = folder.serve();
    folder.write("site.toml", "");
    let line = server.await_log("generation ");
    assert!(line.contains("reload failed, still serving generation 1: "), "{line}");
    assert_eq!(answers(&server), ["192.0.2.1", "\"first\""]);
}

#[test]
fn a_missing_file_is_not_needed_until_it_returns() {
    let folder = small("");
    let mut server = folder.serve();
    for (file, content) in [("site.toml", document("192.0.2.2")), ("example.com.zone", zone("second"))] {
        let before = (answers(&server), server.generation());
        folder.remove(file);
        server.await_log(&format!("reload failed, still serving generation {}: ", before.1));
        assert_eq!((answers(&server), server.generation()), before);
        folder.write(file, content);
        eventually("it is read again", || server.generation() > before.1);
    }
    assert_eq!(answers(&server), ["192.0.2.2", "\"second\""]);
}
