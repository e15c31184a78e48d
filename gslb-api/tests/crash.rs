//! Acknowledged commits are on the disk: a committing process is killed at two hundred moments.

use std::env;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use gslb_api::store::{Commit, EmbeddedStore, Order, Revision, Store, Time, wait};

/// Names the directory that the child process commits to; the test process has none.
const DIRECTORY: &str = "GSLB_TEST_CRASH_DIRECTORY";

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the life of a child begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    WithProcess,
    WithCommit,
}

/// Threads of the child that commit.
const WRITERS: u64 = 3;

/// The child: commits forever, each with its number as value, and prints acknowledged ones.
#[test]
#[ignore = "what the child process runs"]
fn child() {
    let Ok(directory) = env::var(DIRECTORY) else { return };
    let store = Arc::new(EmbeddedStore::open(Path::new(&directory)).unwrap());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                for round in 0u64.. {
                    let value = format!("{writer}-{round}").repeat(usize::try_from(round % 50).unwrap());
                    // The two keys belong together: a crash must not part them.
                    let (left, right) = (format!("left/{writer}"), format!("right/{writer}"));
                    let commit = Commit::new().put(left, value.as_bytes()).put(right, value.as_bytes());
                    let short_lived = format!("short/{writer}/{round}");
                    let commit = commit.put_until(short_lived, *b"", Time::from_millis(round));
                    let revision = wait(store.commit(commit)).unwrap();
                    // One write call, so that a line is never partial.
                    let line = format!("{revision} {writer} {round}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                    if round % 20 == 19 {
                        wait(store.expire(Time::from_millis(round))).unwrap();
                    }
                }
            });
        }
    });
}

/// The acknowledged commits of a child.
#[derive(Default)]
struct Acknowledged {
    revision: u64,
    /// The last round of each writer.
    rounds: [Option<u64>; WRITERS as usize],
}

/// Runs a child, kills it after `life`, and returns the acknowledged commits. Its life begins with its process, or with
/// the first acknowledged commit: a busy machine may not get to any in so short a time.
fn run_and_kill(directory: &Path, life: Duration, begins: Begins) -> Acknowledged {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["child", "--exact", "--ignored", "--nocapture", "--test-threads=1"]).env(DIRECTORY, directory);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let (first_tx, first_rx) = mpsc::channel();
    let listener = thread::spawn(move || {
        let mut acknowledged = Acknowledged::default();
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
            let [revision, writer, round] = numbers[..] else { continue };
            acknowledged.revision = acknowledged.revision.max(revision);
            acknowledged.rounds[writer as usize] = Some(round);
            let _ = first_tx.send(());
        }
        acknowledged
    });
    if begins == Begins::WithCommit {
        first_rx.recv_timeout(PATIENCE).expect("something is acknowledged");
    }
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap()
}

/// Checks that the store opens with everything acknowledged in it; returns its revision.
fn inspect(directory: &Path, acknowledged: &Acknowledged) -> Revision {
    let store = EmbeddedStore::open(directory).unwrap();
    let revision = wait(store.revision()).unwrap();
    assert!(revision.number() >= acknowledged.revision, "{revision} is before {}", acknowledged.revision);
    for (writer, round) in acknowledged.rounds.iter().enumerate() {
        let [left, right] = ["left", "right"].map(|side| wait(store.read(&format!("{side}/{writer}"))).unwrap());
        assert_eq!(left, right, "a commit is done in part");
        let Some(round) = round else { continue };
        let value = String::from_utf8(left.unwrap().value.to_vec()).unwrap();
        // One more commit, not yet acknowledged, may be there.
        let possible = [*round, round + 1].map(|round| format!("{writer}-{round}").repeat((round % 50) as usize));
        assert!(possible.contains(&value), "writer {writer} had {round} acknowledged, and there is {value:.40}");
    }
    let page = wait(store.range("", None, 1000, Order::Ascending)).unwrap();
    assert!(page.entries.iter().all(|entry| entry.versioned.revision <= revision));
    revision
}

#[test]
fn acknowledged_writes_survive_two_hundred_kills() {
    const KILLS: u64 = 200;
    let parent = tempfile::tempdir().unwrap();
    let (mut acknowledged_commits, mut last) = (0, Revision::ZERO);
    // Moments from the start of the process, which makes or opens the store, to somewhere among its commits.
    let mut moment = 0x2545_f491_4f6c_dd1du64;
    for kill in 0..KILLS {
        // A directory sees ten kills, so that a store is also made, and recovers from a crash after a crash.
        let directory = parent.path().join((kill / 10).to_string());
        if kill % 10 == 0 {
            last = Revision::ZERO;
        }
        moment ^= moment << 13;
        moment ^= moment >> 7;
        moment ^= moment << 17;
        let begins = if kill % 2 == 0 { Begins::WithProcess } else { Begins::WithCommit };
        let acknowledged = run_and_kill(&directory, Duration::from_micros(2_000 + moment % 60_000), begins);
        let revision = inspect(&directory, &acknowledged);
        assert!(revision >= last, "revisions never fall");
        acknowledged_commits += acknowledged.rounds.iter().flatten().map(|round| round + 1).sum::<u64>();
        last = revision;
    }
    println!("{KILLS} kills, {acknowledged_commits} acknowledged commits");
}
