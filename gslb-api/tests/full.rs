//! A process that may not make its files larger: writes fail with a reason, reads go on, and writes do once there is
//! room.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use gslb_api::store::{Commit, CommitError, EmbeddedStore, Revision, Store, wait};

/// Names the directory of the child process; the test process has none.
const DIRECTORY: &str = "GSLB_TEST_FULL_DIRECTORY";

fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

/// The child: fills its store until that fails, keeps trying, and prints the results.
#[test]
#[ignore = "what the child process runs"]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    let store = EmbeddedStore::open(Path::new(&directory)).unwrap();
    say("open");
    let mut acknowledged = Revision::ZERO;
    let mut is_full = false;
    for number in 0u64.. {
        match wait(store.commit(Commit::new().put(format!("key/{number}"), vec![7; 20_000]))) {
            Ok(_) if is_full => break,
            Ok(revision) => acknowledged = revision,
            Err(CommitError::Unavailable(unavailable)) => {
                if !is_full {
                    say(&format!("full {unavailable}"));
                }
                is_full = true;
                // Reads go on.
                let last = wait(store.read(&format!("key/{}", acknowledged.number() - 1))).unwrap();
                assert_eq!(last.unwrap().revision, acknowledged);
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
    say(&format!("again {acknowledged}"));
}

/// Allows files of `octets` to the child, from now on.
fn limit(child: &Child, octets: &str) {
    let status =
        Command::new("prlimit").arg(format!("--pid={}", child.id())).arg(format!("--fsize={octets}:")).status();
    assert!(status.expect("prlimit is part of util-linux").success());
}

#[test]
fn writing_resumes_when_the_disk_has_space_again() {
    let directory = tempfile::tempdir().unwrap();
    // SIGXFSZ would end the process; without it, the write fails, as on a full disk.
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    child.args(["child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]).env(DIRECTORY, directory.path());
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.unwrap();
        if line == "open" {
            let octets = fs::metadata(directory.path().join("store.redb")).unwrap().len();
            limit(&child, &(octets + 100_000).to_string());
        } else if line.starts_with("full ") {
            limit(&child, "unlimited");
        }
        lines.push(line);
    }
    assert!(child.wait().unwrap().success(), "{lines:#?}");
    let full = lines.iter().find(|line| line.starts_with("full ")).expect("the limit was reached");
    println!("{full}");
    assert!(full.contains("store.redb") && full.contains("File too large"), "{full}");
    let again = lines.iter().find_map(|line| line.strip_prefix("again ")).expect("writing went on");

    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert!(wait(store.revision()).unwrap().number() > again.parse().unwrap());
    for number in 0..again.parse::<u64>().unwrap() {
        let stored = wait(store.read(&format!("key/{number}"))).unwrap().expect("acknowledged writes exist");
        assert_eq!(stored.value.len(), 20_000);
    }
}
