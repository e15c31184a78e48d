//! Noticing that a file has changed, by looking: what works on every file system, and for files that editors replace.

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

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
}

impl Fingerprint {
    /// The state of the file at `path`; nothing while there is none that can be seen.
    fn of(path: &Path) -> Option<Self> {
        let seen = fs::metadata(path).ok()?;
        let modified = (seen.mtime(), seen.mtime_nsec());
        Some(Self { device: seen.dev(), inode: seen.ino(), octets: seen.size(), modified })
    }
}

/// A file that somebody reads, and its state just before it was read: a later one is a reason to read it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    as_read: Option<Fingerprint>,
}

impl SourceFile {
    /// Takes the state of the file at `path`, which is to be read after this and not before.
    pub fn before_reading(path: &Path) -> Self {
        let asked = path.to_owned();
        let as_read = reader::guarded(path, move |_| Fingerprint::of(&asked)).ok().flatten();
        Self { path: path.into(), as_read }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that is looked at.
struct Watched {
    /// Its state when it was last read.
    as_read: Option<Fingerprint>,
    /// Its state when it was last told or read.
    told: Option<Fingerprint>,
    /// Another state, that was seen at the last look.
    changing: Option<Option<Fingerprint>>,
}

/// Remembers files from look to look.
#[derive(Default)]
pub struct Looks(HashMap<PathBuf, Watched>);

impl Looks {
    /// Looks at `files`, and returns those that have changed since they were last read or told, and are the same now
    /// as at the last look: a file that is still being written is told once it is at rest.
    pub fn look(&mut self, files: &[SourceFile]) -> Vec<PathBuf> {
        self.0.retain(|path, _| files.iter().any(|file| file.path == *path));
        files.iter().filter(|file| self.has_changed(file)).map(|file| file.path.clone()).collect()
    }

    fn has_changed(&mut self, file: &SourceFile) -> bool {
        let now = Fingerprint::of(&file.path);
        let read = || Watched { as_read: file.as_read, told: file.as_read, changing: None };
        let watched = self.0.entry(file.path.clone()).or_insert_with(read);
        if watched.as_read != file.as_read {
            *watched = read();
        }
        if now == watched.told {
            watched.changing = None;
            return false;
        }
        let at_rest = watched.changing == Some(now);
        if at_rest {
            (watched.told, watched.changing) = (now, None);
        } else {
            watched.changing = Some(now);
        }
        at_rest
    }
}

/// How long one look may take, before its thread is left behind and another one looks: a file system may not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A thread that looks at files. It ends when this is dropped; nobody waits for it.
pub struct Watcher {
    /// Closed to end the thread.
    _running: Sender<()>,
}

impl Watcher {
    /// Looks every `period` at the files that `files` names then, and calls `changed` with those that have changed. While a
    /// look takes long, `concerns` says so.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(
        period: Duration,
        mut files: impl FnMut() -> Vec<SourceFile> + Send + 'static,
        mut changed: impl FnMut(Vec<PathBuf>) + Send + 'static,
        concerns: Arc<Degraded>,
    ) -> io::Result<Self> {
        let (running, ended) = mpsc::channel::<()>();
        let mut looker = Looker::start()?;
        thread::Builder::new().name("watch".to_owned()).spawn(move || {
            while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                let looked = looker.look(files());
                note(&concerns, looked.is_some());
                match looked {
                    Some(paths) if paths.is_empty() => {}
                    Some(paths) => changed(paths),
                    None => {
                        // Where there is no thread to be had now, there may be at the next look.
                        looker = Looker::start().unwrap_or(looker);
                    }
                }
            }
        })?;
        Ok(Self { _running: running })
    }
}

/// Notes whether the file system answers who looks at the files.
fn note(concerns: &Degraded, answers: bool) {
    if answers {
        return concerns.clear(Concern::Reload);
    }
    let seconds = PATIENCE.as_secs();
    let why = format!(
        "looking at the files takes longer than {seconds} s: their file system does not answer, and no change is noticed"
    );
    warn!("{why}");
    concerns.set(Concern::Reload, why);
}

/// A thread that asks the file system, which may never answer.
struct Looker {
    files: Sender<Vec<SourceFile>>,
    changed: Receiver<Vec<PathBuf>>,
}

impl Looker {
    fn start() -> io::Result<Self> {
        let ((files, asked), (tell, changed)) = (mpsc::channel::<Vec<SourceFile>>(), mpsc::channel());
        let mut looks = Looks::default();
        thread::Builder::new().name("look".to_owned()).spawn(move || {
            while let Ok(files) = asked.recv() {
                if tell.send(looks.look(&files)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { files, changed })
    }

    /// Those of `files` that have changed; none where there is no answer in time.
    fn look(&self, files: Vec<SourceFile>) -> Option<Vec<PathBuf>> {
        self.files.send(files).ok()?;
        self.changed.recv_timeout(PATIENCE).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty folder, gone at the end of the test.
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
    fn a_change_is_told_once_and_only_at_rest() {
        let folder = Folder::new("rest");
        let file = folder.0.join("site.toml");
        fs::write(&file, "a").unwrap();
        let files = [SourceFile::before_reading(&file)];
        let mut looks = Looks::default();
        assert!(looks.look(&files).is_empty(), "as it was read");
        fs::write(&file, "ab").unwrap();
        assert!(looks.look(&files).is_empty(), "it may still be written");
        fs::write(&file, "abc").unwrap();
        assert!(looks.look(&files).is_empty(), "and it was");
        assert_eq!(looks.look(&files), [file]);
        assert!(looks.look(&files).is_empty());
    }

    #[test]
    fn a_change_between_reading_and_the_first_look_is_told() {
        let folder = Folder::new("between");
        let file = folder.0.join("site.toml");
        fs::write(&file, "a").unwrap();
        let mut looks = Looks::default();
        for text in ["ab", "abc"] {
            let files = [SourceFile::before_reading(&file)];
            fs::write(&file, text).unwrap();
            assert!(looks.look(&files).is_empty(), "it may still be written");
            assert_eq!(looks.look(&files), std::slice::from_ref(&file));
        }
    }

    #[test]
    fn a_file_that_is_replaced_removed_or_made_has_changed() {
        let folder = Folder::new("replaced");
        let (file, other) = (folder.0.join("a"), folder.0.join("b"));
        let files = [SourceFile::before_reading(&file)];
        let mut looks = Looks::default();
        assert!(looks.look(&files).is_empty());
        for change in [
            Box::new(|| fs::write(&file, "1").unwrap()) as Box<dyn Fn()>,
            Box::new(|| {
                fs::write(&other, "2").unwrap();
                fs::rename(&other, &file).unwrap();
            }),
            Box::new(|| fs::remove_file(&file).unwrap()),
        ] {
            change();
            assert!(looks.look(&files).is_empty());
            assert_eq!(looks.look(&files), std::slice::from_ref(&file));
        }
    }

    #[test]
    fn a_look_that_takes_long_is_reported_until_one_is_answered() {
        let concerns = Degraded::default();
        note(&concerns, false);
        let told = concerns.reasons(1);
        assert!(told[0].0 == Concern::Reload && told[0].1.contains("no change is noticed"), "{told:?}");
        note(&concerns, true);
        assert!(concerns.reasons(1).is_empty());
    }

    #[test]
    fn a_watcher_tells_and_ends() {
        let folder = Folder::new("thread");
        let file = folder.0.join("site.toml");
        let (tell, told) = mpsc::channel();
        let watched = SourceFile::before_reading(&file);
        let watcher = Watcher::start(
            Duration::from_millis(5),
            move || vec![watched.clone()],
            move |paths| tell.send(paths).unwrap(),
            Arc::default(),
        )
        .unwrap();
        fs::write(&file, "made").unwrap();
        assert_eq!(told.recv().unwrap(), [file]);
        drop(watcher);
        assert!(told.recv().is_err());
    }
}
