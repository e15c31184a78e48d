//! A document and its zones while they are served: what is mended is taken up, and what is broken changes nothing.

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::server::Server;

use crate::sites::{document, small, zone};

/// The addresses of the service.
fn addresses(server: &Server) -> Vec<String> {
    dig(server.address(), "www.example.com A").data().into_iter().map(str::to_owned).collect()
}

/// The text in the zone.
fn text(server: &Server) -> Vec<String> {
    dig(server.address(), "example.com TXT").data().into_iter().map(str::to_owned).collect()
}

#[test]
fn a_changed_file_is_taken_up_without_a_signal() {
    let folder = small("");
    let server = folder.serve();
    assert_eq!(
        (addresses(&server), text(&server), server.generation()),
        (vec!["192.0.2.1".into()], vec!["\"first\"".into()], 1)
    );
    folder.write("site.toml", document("192.0.2.2"));
    eventually("the document is read again", || server.generation() == 2);
    assert_eq!(addresses(&server), ["192.0.2.2"]);
    folder.replace("example.com.zone", zone("second"));
    eventually("the zone is read again", || server.generation() == 3);
    assert_eq!(text(&server), ["\"second\""]);
    assert_eq!(addresses(&server), ["192.0.2.2"]);
}

#[test]
fn a_signal_reads_everything_again() {
    let folder = small("");
    let mut server = folder.serve();
    for (generation, signal) in [(2, "HUP"), (3, "HUP")] {
        server.signal(signal);
        server.await_log("reading everything again, as asked");
        eventually("a new table is in force", || server.generation() == generation);
    }
    folder.write("site.toml", document("192.0.2.2"));
    folder.write("example.com.zone", zone("second"));
    server.signal("HUP");
    eventually("both are read again", || {
        (addresses(&server), text(&server)) == (vec!["192.0.2.2".into()], vec!["\"second\"".into()])
    });
}

#[test]
fn a_broken_change_is_refused_and_what_mends_it_is_taken_up() {
    let folder = small("");
    let mut server = folder.serve();
    let (good, good_zone) = (document("192.0.2.1"), zone("first"));
    let broken_zone = zone("second") + "bad IN A 192.0.2\n";
    for (file, broken, told, mended) in [
        ("site.toml", document("192.0.2.300").as_str(), "site.toml:4:29: error: pools.here.endpoints.one", &good),
        ("site.toml", "[zones", "site.toml:1:7: error: ", &good),
        ("example.com.zone", &broken_zone, "example.com.zone:6:10: error: ", &good_zone),
        ("example.com.zone", "", "example.com.zone:1:1: error: ", &good_zone),
    ] {
        let before = server.generation();
        folder.write(file, broken);
        server.await_log(&format!("not reloaded, generation {before} is served on: "));
        server.await_log(told);
        assert_eq!((addresses(&server), text(&server)), (vec!["192.0.2.1".into()], vec!["\"first\"".into()]));
        assert_eq!(server.generation(), before);
        folder.write(file, mended);
        eventually("the mended file is read", || server.generation() > before);
    }
}

#[test]
fn a_document_that_is_emptied_is_refused() {
    // What is left of a file when the disk was full, or its author was interrupted.
    let folder = small("");
    let mut server = folder.serve();
    folder.write("site.toml", "");
    server.await_log("not reloaded, generation 1 is served on: ");
    assert_eq!((addresses(&server), text(&server)), (vec!["192.0.2.1".into()], vec!["\"first\"".into()]));
}

#[test]
fn a_file_that_goes_and_comes_back_is_missed_meanwhile() {
    let folder = small("");
    let mut server = folder.serve();
    for (file, content) in [("site.toml", document("192.0.2.2")), ("example.com.zone", zone("second"))] {
        let (before, answers) = (server.generation(), (addresses(&server), text(&server)));
        folder.remove(file);
        let told = server.await_log(&format!("not reloaded, generation {before} is served on: "));
        assert!(told.contains("cannot read site.toml: ") || told.ends_with("is served on: "), "{told}");
        assert_eq!((addresses(&server), text(&server), server.generation()), (answers.0, answers.1, before));
        folder.write(file, content);
        eventually("it is read again", || server.generation() > before);
    }
    assert_eq!((addresses(&server), text(&server)), (vec!["192.0.2.2".into()], vec!["\"second\"".into()]));
}
