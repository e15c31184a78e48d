//! A read-only data directory: its entries are served, and writes are refused until it is writable.

use std::env;
use std::path::Path;
use std::process::Command;

use gslb_api::store::{Commit, CommitError, EmbeddedStore, Store, wait};

/// Names the directory of the child process; the test process has none.
const DIRECTORY: &str = "GSLB_TEST_READ_ONLY_DIRECTORY";

/// The child, for which the directory is read-only.
#[test]
#[ignore = "what the child process runs"]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    let store = EmbeddedStore::open(Path::new(&directory)).unwrap();
    assert_eq!(&*wait(store.read("key")).unwrap().unwrap().value, b"value");
    for _ in 0..2 {
        let refused = wait(store.commit(Commit::new().put("key", b"other".to_vec())));
        let Err(CommitError::Unavailable(unavailable)) = refused else { panic!("{refused:?}") };
        assert!(unavailable.to_string().contains("Read-only file system"), "{unavailable}");
    }
    assert_eq!(&*wait(store.read("key")).unwrap().unwrap().value, b"value", "what was not written is not read");
}

#[test]
fn a_read_only_store_is_served_and_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    wait(store.commit(Commit::new().put("key", b"value".to_vec()))).unwrap();
    drop(store);
    // A separate mount, which disappears with the child; other users than root get a user namespace.
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && exec \"$2\" --ignored --exact child";
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([directory.path(), &env::current_exe().unwrap()])
        .env(DIRECTORY, directory.path())
        .output()
        .expect("unshare is part of util-linux");
    let output = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&output));
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(&*wait(store.read("key")).unwrap().unwrap().value, b"value");
    wait(store.commit(Commit::new().put("key", b"other".to_vec()))).unwrap();
}
