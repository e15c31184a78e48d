//! How many commits a second the embedded store makes durable, with 1 and with 16 writers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gslb_api::store::{Commit, EmbeddedStore, Store, wait};

/// How long each count of writers commits.
const PERIOD: Duration = Duration::from_secs(4);

fn main() {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "commit-rate-data".to_owned());
    let store = EmbeddedStore::open(Path::new(&directory)).expect("the directory can hold a store");
    for writers in [1, 16] {
        let (started, commits) = (Instant::now(), AtomicU64::new(0));
        thread::scope(|scope| {
            for writer in 0..writers {
                let (store, commits) = (&store, &commits);
                scope.spawn(move || {
                    while started.elapsed() < PERIOD {
                        let commit = Commit::new().put(format!("health/{writer}"), [0; 200]);
                        wait(store.commit(commit)).expect("the disk takes it");
                        commits.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        let rate = commits.load(Relaxed) as f64 / started.elapsed().as_secs_f64();
        println!("{writers:2} writers: {rate:6.0} commits/s of 200 octets");
    }
}
