//! Messages to a service manager: ready when it answers, alive while it makes progress, and when it stops.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;

use gslb_tests::PATIENCE;
use gslb_tests::ask::dig;

use crate::sites::small;

#[test]
fn a_service_manager_gets_ready_watchdog_and_stopping() {
    let folder = small("");
    let path = folder.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let receive = || {
        let mut octets = [0; 64];
        let length = manager.recv(&mut octets).expect("a message arrives in time");
        String::from_utf8_lossy(&octets[..length]).into_owned()
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1000000")];
    let server = folder.start_with("serve --config gslb.toml --document site.toml", &environment);
    assert_eq!(receive(), "READY=1");
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    for _ in 0..3 {
        assert_eq!(receive(), "WATCHDOG=1");
    }
    server.signal("TERM");
    while receive() != "STOPPING=1" {}
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_broken_service_manager_socket_is_reported_and_answers_continue() {
    let folder = small("");
    folder.write("file", "");
    fs::create_dir(folder.path("directory")).unwrap();
    symlink("loop", folder.path("loop")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    let _stream = UnixListener::bind(folder.path("stream")).unwrap();
    drop(UnixDatagram::bind(folder.path("refusing")).unwrap());
    let long = "x".repeat(200);
    let _unread = full(&folder.path("full"));
    let addresses = [
        "",
        "@",
        "none/notify",
        "file",
        "file/notify",
        "directory",
        "loop",
        "pipe",
        "stream",
        "refusing",
        "full",
        "vsock:2:9999",
        "@nobody",
        &long,
        &format!("@{long}"),
    ];
    for address in addresses {
        let environment = [("NOTIFY_SOCKET", address), ("WATCHDOG_USEC", "1000")];
        let server = folder.start_with("serve --config gslb.toml --document site.toml", &environment);
        assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"], "{address}");
        let ended = server.stop();
        assert_eq!(ended.code, Some(0), "{address}");
        assert!(ended.log.contains("cannot notify the service manager"), "{address}: {}", ended.log);
    }
}

/// A socket at `path` without a reader, and with a full queue.
fn full(path: &Path) -> UnixDatagram {
    let unread = UnixDatagram::bind(path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(b"READY=1", path).is_ok() {}
    unread
}
