//! Detects file changes by polling, which works on every file system and for files that editors replace.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use gslb_api::degraded::{Concern, Degraded};
use tracing::warn;

use crate::files::reader;

/// Identifies the state of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
}

impl Fingerprint {
    /// The state of the file at `path`; `None` if it is missing or inaccessible.
    fn of(path: &Path) -> Option<Self> {
        let seen = fs::metadata(path).ok()?;
        let modified = (seen.mtime(), seen.mtime_nsec());
        Some(Self { device: seen.dev(), inode: seen.ino(), octets: seen.size(), modified })
    }
}

/// A watched file, and its state just before it was read: if that changes, the file must be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    as_read: Option<Fingerprint>,
}

impl SourceFile {
    /// Records the state of the file at `path`. Call this before reading the file.
    pub fn before_reading(path: &Path) -> Self {
        let path_read = path.to_owned();
        let as_read = reader::guarded(path, move |_| Fingerprint::of(&path_read)).ok().flatten();
        Self { path: path.into(), as_read }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A polled file.
struct WatchedFile {
    /// Its state when it was last read.
    as_read: Option<Fingerprint>,
    /// Its state when it was last reported or read.
    reported: Option<Fingerprint>,
    /// A different state, seen at the last poll.
    changing: Option<Option<Fingerprint>>,
}

/// File states between polls.
#[derive(Default)]
pub struct Poller(HashMap<PathBuf, WatchedFile>);

impl Poller {
    /// Polls `files`, and returns those that have changed since they were last read or reported, and are unchanged
    /// since the last poll: a file that is still being written is reported once it is stable.
    pub fn poll(&mut self, files: &[SourceFile]) -> Vec<PathBuf> {
        self.0.retain(|path, _| files.iter().any(|file| file.path == *path));
        files.iter().filter(|file| self.has_changed(file)).map(|file| file.path.clone()).collect()
    }

    fn has_changed(&mut self, file: &SourceFile) -> bool {
        let now = Fingerprint::of(&file.path);
        let read = || WatchedFile { as_read: file.as_read, reported: file.as_read, changing: None };
        let watched = self.0.entry(file.path.clone()).or_insert_with(read);
        if watched.as_read != file.as_read {
            *watched = read();
        }
        if now == watched.reported {
            watched.changing = None;
            return false;
        }
        let is_stable = watched.changing == Some(now);
        if is_stable {
            (watched.reported, watched.changing) = (now, None);
        } else {
            watched.changing = Some(now);
        }
        is_stable
    }
}

/// How long one poll may take before its thread is abandoned and replaced: a file system may hang.
const POLL_TIMEOUT: Duration = Duration::from_secs(10);

/// A thread that polls files. It ends when this is dropped.
pub struct Watcher {
    /// Closed to end the thread.
    _running: Sender<()>,
}

impl Watcher {
    /// Polls the current `files` every `period`, and calls `changed` with those that have changed.
    /// While polls take too long, `concerns` reports it.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        period: Duration,
        mut files: impl FnMut() -> Vec<SourceFile> + Send + 'static,
        mut changed: impl FnMut(Vec<PathBuf>) + Send + 'static,
        concerns: Arc<Degraded>,
    ) -> io::Result<Self> {
        let (running, ended) = mpsc::channel::<()>();
        let mut poll_thread = PollThread::start()?;
        thread::Builder::new().name("watch".to_owned()).spawn(move || {
            while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                let polled = poll_thread.poll(files());
                note(&concerns, polled.is_some());
                match polled {
                    Some(paths) if paths.is_empty() => {}
                    Some(paths) => changed(paths),
                    None => {
                        // If no thread can be started now, try again at the next poll.
                        poll_thread = PollThread::start().unwrap_or(poll_thread);
                    }
                }
            }
        })?;
        Ok(Self { _running: running })
    }
}

/// Records whether polling works.
fn note(concerns: &Degraded, answers: bool) {
    if answers {
        return concerns.clear(Concern::Reload);
    }
    let seconds = POLL_TIMEOUT.as_secs();
    let why = format!(
        "checking the files takes longer than {seconds} s: their file system does not respond, and changes are not noticed"
    );
    warn!("{why}");
    concerns.set(Concern::Reload, why);
}

/// A thread that accesses the file system, which may hang.
struct PollThread {
    files: Sender<Vec<SourceFile>>,
    changed: Receiver<Vec<PathBuf>>,
}

impl PollThread {
    fn start() -> io::Result<Self> {
        let ((files, requests), (results, changed)) = (mpsc::channel::<Vec<SourceFile>>(), mpsc::channel());
        let mut poller = Poller::default();
        thread::Builder::new().name("poll".to_owned()).spawn(move || {
            while let Ok(files) = requests.recv() {
                if results.send(poller.poll(&files)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { files, changed })
    }

    /// The `files` that have changed; `None` after a timeout.
    fn poll(&self, files: Vec<SourceFile>) -> Option<Vec<PathBuf>> {
        self.files.send(files).ok()?;
        self.changed.recv_timeout(POLL_TIMEOUT).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty folder, deleted at the end of the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("gslb-watch-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_change_is_reported_once_and_only_when_stable() {
        let folder = Folder::new("rest");
        let file = folder.0.join("site.toml");
        fs::write(&file, "a").unwrap();
        let files = [SourceFile::before_reading(&file)];
        let mut poller = Poller::default();
        assert!(poller.poll(&files).is_empty(), "as it was read");
        fs::write(&file, "ab").unwrap();
        assert!(poller.poll(&files).is_empty(), "it may still be written");
        fs::write(&file, "abc").unwrap();
        assert!(poller.poll(&files).is_empty(), "and it was");
        assert_eq!(poller.poll(&files), [file]);
        assert!(poller.poll(&files).is_empty());
    }

    #[test]
    fn a_change_between_reading_and_the_first_poll_is_reported() {
        let folder = Folder::new("between");
        let file = folder.0.join("site.toml");
        fs::write(&file, "a").unwrap();
        let mut poller = Poller::default();
        for text in ["ab", "abc"] {
            let files = [SourceFile::before_reading(&file)];
            fs::write(&file, text).unwrap();
            assert!(poller.poll(&files).is_empty(), "it may still be written");
            assert_eq!(poller.poll(&files), std::slice::from_ref(&file));
        }
    }

    #[test]
    fn a_replaced_removed_or_created_file_has_changed() {
        let folder = Folder::new("replaced");
        let (file, other) = (folder.0.join("a"), folder.0.join("b"));
        let files = [SourceFile::before_reading(&file)];
        let mut poller = Poller::default();
        assert!(poller.poll(&files).is_empty());
        for change in [
            Box::new(|| fs::write(&file, "1").unwrap()) as Box<dyn Fn()>,
            Box::new(|| {
                fs::write(&other, "2").unwrap();
                fs::rename(&other, &file).unwrap();
            }),
            Box::new(|| fs::remove_file(&file).unwrap()),
        ] {
            change();
            assert!(poller.poll(&files).is_empty());
            assert_eq!(poller.poll(&files), std::slice::from_ref(&file));
        }
    }

    #[test]
    fn a_slow_poll_is_reported_until_one_completes() {
        let concerns = Degraded::default();
        note(&concerns, false);
        let reasons = concerns.reasons(1);
        assert!(reasons[0].0 == Concern::Reload && reasons[0].1.contains("changes are not noticed"), "{reasons:?}");
        note(&concerns, true);
        assert!(concerns.reasons(1).is_empty());
    }

    #[test]
    fn a_watcher_reports_and_ends() {
        let folder = Folder::new("thread");
        let file = folder.0.join("site.toml");
        let (changed_tx, reasons) = mpsc::channel();
        let watched = SourceFile::before_reading(&file);
        let watcher = Watcher::start(
            Duration::from_millis(5),
            move || vec![watched.clone()],
            move |paths| changed_tx.send(paths).unwrap(),
            Arc::default(),
        )
        .unwrap();
        fs::write(&file, "made").unwrap();
        assert_eq!(reasons.recv().unwrap(), [file]);
        drop(watcher);
        assert!(reasons.recv().is_err());
    }
}
