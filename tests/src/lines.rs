//! Lines that a running program writes, collected as they come and awaited with patience.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::PATIENCE;

/// All that a program has written to one stream so far, and how much of it has been looked at.
pub(crate) struct Lines {
    shared: Arc<(Mutex<Collected>, Condvar)>,
    seen: usize,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Collects the lines of `stream` until it ends.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<Collected>, Condvar)>::default();
        let filled = Arc::clone(&shared);
        thread::spawn(move || {
            let (collected, changed) = &*filled;
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                collected.lock().unwrap().lines.push(line);
                changed.notify_all();
            }
            collected.lock().unwrap().ended = true;
            changed.notify_all();
        });
        Self { shared, seen: 0 }
    }

    /// The next line with `part`, after the last awaited one.
    pub(crate) fn next_with(&mut self, part: &str) -> String {
        let (collected, changed) = &*self.shared;
        let find = |all: &Collected| all.lines.iter().skip(self.seen).position(|line| line.contains(part));
        let guard = collected.lock().unwrap();
        let (all, _) = changed.wait_timeout_while(guard, PATIENCE, |all| find(all).is_none() && !all.ended).unwrap();
        let found = find(&all).and_then(|index| Some((index, all.lines.get(self.seen + index)?.clone())));
        drop(all); // So that a panic leaves the lock to the thread that collects.
        let (index, line) = found.unwrap_or_else(|| panic!("no line with {part:?} is next in:\n{}", self.text()));
        self.seen += index + 1;
        line
    }

    /// Waits for the end of the stream, and returns all of it.
    pub(crate) fn to_end(&self) -> String {
        let (collected, changed) = &*self.shared;
        let guard = collected.lock().unwrap();
        let (all, _) = changed.wait_timeout_while(guard, PATIENCE, |all| !all.ended).unwrap();
        let (text, ended) = (all.text(), all.ended);
        drop(all);
        assert!(ended, "the program does not end:\n{text}");
        text
    }

    /// All that has been written so far.
    pub(crate) fn text(&self) -> String {
        self.shared.0.lock().unwrap().text()
    }
}

impl Collected {
    fn text(&self) -> String {
        self.lines.join("\n")
    }
}
