//! What a service manager hears of a server: ready when it answers, alive while it goes on, and when it stops.

use std::os::unix::net::UnixDatagram;

use gslb_tests::PATIENCE;
use gslb_tests::ask::dig;

use crate::sites::small;

#[test]
fn a_service_manager_hears_ready_alive_and_stopping() {
    let folder = small("");
    let path = folder.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut octets = [0; 64];
        let heard = manager.recv(&mut octets).expect("a word comes in time");
        String::from_utf8_lossy(&octets[..heard]).into_owned()
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1000000")];
    let server = folder.start_with("serve --config gslb.toml --document site.toml", &environment);
    assert_eq!(hear(), "READY=1");
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    for _ in 0..3 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    server.signal("TERM");
    while hear() != "STOPPING=1" {}
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_socket_that_is_not_there_is_told_and_without_one_nothing_is() {
    let folder = small("");
    let ran = gslb_tests::program::run(
        std::process::Command::new(gslb_tests::program::gslb())
            .args(["serve", "--config", "gslb.toml", "--document", "site.toml"])
            .current_dir(folder.path(""))
            .env("NOTIFY_SOCKET", folder.path("none")),
    );
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("NOTIFY_SOCKET"), "{}", ran.err);
}
