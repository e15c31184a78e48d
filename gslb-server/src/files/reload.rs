//! Runs reloads, one at a time, on their own thread.

use crate::background;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use tracing::error;

use super::watch::SourceFile;

/// Why to reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// SIGHUP.
    Requested,
    /// These files have changed.
    Changed(Vec<PathBuf>),
    /// A refused file may be accepted by now.
    Retry,
}

impl Cause {
    /// Merges two causes: a request covers any change.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Changed(mut paths), Self::Changed(more)) => {
                paths.extend(more);
                paths.sort();
                paths.dedup();
                Self::Changed(paths)
            }
            _ => Self::Requested,
        }
    }

    /// Whether it concerns any of `files`.
    pub fn concerns(&self, files: &[&Path]) -> bool {
        match self {
            Self::Requested => true,
            Self::Retry => false,
            Self::Changed(paths) => paths.iter().any(|path| files.contains(&path.as_path())),
        }
    }

    /// The part that concerns who uses `files`.
    pub fn among(self, files: &[SourceFile]) -> Option<Self> {
        let Self::Changed(mut paths) = self else { return Some(self) };
        paths.retain(|path| files.iter().any(|file| file.path() == path));
        (!paths.is_empty()).then_some(Self::Changed(paths))
    }

    /// Whether it concerns any of `files`, and the part that concerns others.
    pub fn split(self, files: &[&Path]) -> (bool, Option<Self>) {
        match self {
            Self::Requested => (true, Some(Self::Requested)),
            Self::Retry => (false, Some(Self::Retry)),
            Self::Changed(paths) => {
                let all = paths.len();
                let others: Vec<PathBuf> = paths.into_iter().filter(|path| !files.contains(&path.as_path())).collect();
                (others.len() < all, (!others.is_empty()).then_some(Self::Changed(others)))
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => out.write_str("SIGHUP"),
            Self::Retry => out.write_str("retry"),
            Self::Changed(paths) => {
                let first = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
                let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
                write!(out, "{first}{more} changed")
            }
        }
    }
}

/// What to do after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait for a request or a change.
    Wait,
    /// Retry after a while: the reason for the refusal is transient.
    Retry,
}

/// Results of reloads, for metrics.
#[derive(Debug, Default)]
pub struct Reloads {
    published: AtomicU64,
    refused: AtomicU64,
    last_refused: AtomicBool,
    certificate_refused: AtomicBool,
}

impl Reloads {
    /// Records that a reload published a table or was refused.
    pub fn note(&self, published: bool) {
        let count = if published { &self.published } else { &self.refused };
        count.fetch_add(1, Relaxed);
        self.last_refused.store(!published, Relaxed);
    }

    /// Records whether any file is refused, by this reload or an earlier one.
    pub fn note_refused(&self, is_refused: bool) {
        self.last_refused.store(is_refused, Relaxed);
    }

    /// Records how many certificates were read and refused, and whether any is refused now, independently of the
    /// document.
    pub fn note_certificates(&self, refused: u64, any_is_refused: bool) {
        self.refused.fetch_add(refused, Relaxed);
        self.certificate_refused.store(any_is_refused, Relaxed);
    }

    /// Number of reloads that published a table, and of those that were refused.
    pub fn counts(&self) -> (u64, u64) {
        (self.published.load(Relaxed), self.refused.load(Relaxed))
    }

    /// True while files on disk are refused and something older is served.
    pub fn last_was_refused(&self) -> bool {
        self.last_refused.load(Relaxed) || self.certificate_refused.load(Relaxed)
    }
}

/// A message to the thread.
enum Message {
    Reload(Cause),
    Stop,
}

/// A thread that reloads on request.
pub struct Reloader {
    messages: Sender<Message>,
}

/// Requests reloads from a [`Reloader`].
#[derive(Clone)]
pub struct ReloadHandle(Sender<Message>);

impl ReloadHandle {
    /// Requests a reload. Requests during a reload are merged into one that follows it.
    pub fn request(&self, cause: Cause) {
        // After the stop there is no receiver, which is fine.
        let _ = self.0.send(Message::Reload(cause));
    }
}

impl Reloader {
    /// Starts the thread; `begun` is what to do after the initial load. Retries happen after `again`. A panic in
    /// `reload` is logged and ends only that reload.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        begun: Next,
        again: Duration,
        mut reload: impl FnMut(Cause) -> Next + Send + 'static,
    ) -> io::Result<Self> {
        let (messages, received) = mpsc::channel();
        thread::Builder::new().name("reload".to_owned()).spawn(move || {
            background::enter();
            let mut follows = begun;
            while let Some(cause) = next(&received, follows, again) {
                follows = catch_unwind(AssertUnwindSafe(|| reload(cause))).unwrap_or_else(|_| {
                    error!("internal error: the reload failed; the table before it stays in use");
                    follows
                });
            }
        })?;
        Ok(Self { messages })
    }

    /// A handle to request reloads.
    pub fn requester(&self) -> ReloadHandle {
        ReloadHandle(self.messages.clone())
    }

    /// Stops the thread without waiting for a running reload, which may take long.
    pub fn stop(self) {
        let _ = self.messages.send(Message::Stop);
    }
}

/// Waits for a message and merges all that have arrived; `None` once one is a stop. Without a message in time, a due
/// retry is returned.
fn next(messages: &Receiver<Message>, follows: Next, again: Duration) -> Option<Cause> {
    let message = match follows {
        Next::Wait => messages.recv().ok()?,
        Next::Retry => match messages.recv_timeout(again) {
            Err(RecvTimeoutError::Timeout) => return Some(Cause::Retry),
            message => message.ok()?,
        },
    };
    let Message::Reload(mut cause) = message else { return None };
    while let Ok(message) = messages.try_recv() {
        let Message::Reload(more) = message else { return None };
        cause = cause.and(more);
    }
    Some(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(paths: &[&str]) -> Cause {
        Cause::Changed(paths.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn requests_during_a_reload_are_merged_into_one() {
        let (begun, begins) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let reloader = Reloader::start(Next::Wait, Duration::MAX, move |cause| {
            begun.send(cause).unwrap();
            goes_on.recv().unwrap();
            Next::Wait
        })
        .unwrap();
        let handle = reloader.requester();
        handle.request(changed(&["a"]));
        assert_eq!(begins.recv().unwrap(), changed(&["a"]));
        handle.request(changed(&["c", "b"]));
        handle.request(changed(&["b"]));
        go_on.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), changed(&["b", "c"]));
        handle.request(changed(&["a"]));
        handle.request(Cause::Requested);
        go_on.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), Cause::Requested);
        handle.request(Cause::Requested);
        reloader.stop();
        go_on.send(()).unwrap();
        assert!(begins.recv().is_err(), "after the stop nothing is reloaded");
    }

    #[test]
    fn a_file_of_several_users_concerns_each_of_them() {
        let cause = changed(&["api.pem", "site.toml"]);
        for certificate in [["api.pem", "api.key"], ["dot.pem", "api.pem"]] {
            assert!(cause.concerns(&certificate.map(Path::new)));
        }
        assert!(!cause.concerns(&[Path::new("dot.key")]));
        let files = ["site.toml", "ca.pem"].map(|path| SourceFile::before_reading(Path::new(path)));
        assert_eq!(cause.among(&files), Some(changed(&["site.toml"])));
        assert_eq!(changed(&["dot.pem"]).among(&files), None);
        assert_eq!(Cause::Retry.among(&[]), Some(Cause::Retry));
    }

    #[test]
    fn a_transient_refusal_is_retried_until_it_is_accepted() {
        let (begun, begins) = mpsc::channel();
        let mut tries = 0;
        let reloader = Reloader::start(Next::Retry, Duration::from_millis(1), move |cause| {
            tries += 1;
            begun.send(cause).unwrap();
            if tries < 3 { Next::Retry } else { Next::Wait }
        })
        .unwrap();
        assert_eq!([(); 3].map(|()| begins.recv().unwrap()), [Cause::Retry, Cause::Retry, Cause::Retry]);
        reloader.requester().request(Cause::Requested);
        assert_eq!(begins.recv().unwrap(), Cause::Requested, "once accepted, only requests reload");
        reloader.stop();
    }

    #[test]
    fn a_panicking_reload_does_not_end_the_thread() {
        let (begun, begins) = mpsc::channel();
        let reloader = Reloader::start(Next::Wait, Duration::MAX, move |cause| {
            begun.send(cause.clone()).unwrap();
            assert_eq!(cause, Cause::Requested, "this reload panics on purpose");
            Next::Wait
        })
        .unwrap();
        let handle = reloader.requester();
        handle.request(changed(&["a"]));
        assert_eq!(begins.recv().unwrap(), changed(&["a"]));
        handle.request(Cause::Requested);
        assert_eq!(begins.recv().unwrap(), Cause::Requested);
        reloader.stop();
    }
}
