//! Reloads, one at a time and away from everything that answers.

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

/// Why to reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Someone asked, by SIGHUP.
    Asked,
    /// These files have changed.
    Changed(Vec<PathBuf>),
    /// What was refused may be taken by now.
    Again,
}

impl Cause {
    /// Both causes in one: being asked covers any change.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Changed(mut paths), Self::Changed(more)) => {
                paths.extend(more);
                paths.sort();
                paths.dedup();
                Self::Changed(paths)
            }
            _ => Self::Asked,
        }
    }

    /// Whether it concerns any of `files`, and what of it concerns others.
    pub fn divided(self, files: &[&Path]) -> (bool, Option<Self>) {
        match self {
            Self::Asked => (true, Some(Self::Asked)),
            Self::Again => (false, Some(Self::Again)),
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
            Self::Asked => out.write_str("SIGHUP"),
            Self::Again => out.write_str("another try"),
            Self::Changed(paths) => {
                let first = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
                let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
                write!(out, "{first}{more} changed")
            }
        }
    }
}

/// What is to follow a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until somebody asks or a file changes.
    Await,
    /// The same again after a while: it was refused for a reason that passes by itself.
    Again,
}

/// How reloads went, for whoever watches from outside.
#[derive(Debug, Default)]
pub struct Reloads {
    published: AtomicU64,
    refused: AtomicU64,
    last_refused: AtomicBool,
    certificate_refused: AtomicBool,
}

impl Reloads {
    /// Notes that a reload put a new table in force, or was refused.
    pub fn note(&self, published: bool) {
        let count = if published { &self.published } else { &self.refused };
        count.fetch_add(1, Relaxed);
        self.last_refused.store(!published, Relaxed);
    }

    /// Notes whether anything in the files is not served, of this reload or an earlier one.
    pub fn note_refused(&self, is_refused: bool) {
        self.last_refused.store(is_refused, Relaxed);
    }

    /// Notes whether the certificate in the files is in use. The document's fate is another matter.
    pub fn note_certificate(&self, in_use: bool) {
        if !in_use {
            self.refused.fetch_add(1, Relaxed);
        }
        self.certificate_refused.store(!in_use, Relaxed);
    }

    /// Reloads that put a new table in force, and those that were refused.
    pub fn counts(&self) -> (u64, u64) {
        (self.published.load(Relaxed), self.refused.load(Relaxed))
    }

    /// True while what is on disk is not what is served, because it was refused.
    pub fn last_was_refused(&self) -> bool {
        self.last_refused.load(Relaxed) || self.certificate_refused.load(Relaxed)
    }
}

/// What is sent to the thread.
enum Order {
    Reload(Cause),
    Stop,
}

/// A thread that reloads when asked.
pub struct Reloader {
    orders: Sender<Order>,
}

/// Asks a [`Reloader`].
#[derive(Clone)]
pub struct ReloadRequester(Sender<Order>);

impl ReloadRequester {
    /// Asks for a reload. What is asked while one is under way is done after it, all at once.
    pub fn ask(&self, cause: Cause) {
        // After the stop nobody listens, and nobody need to.
        let _ = self.0.send(Order::Reload(cause));
    }
}

impl Reloader {
    /// Starts the thread, for which `begun` is what follows the first reading. What is to be tried again is, after the time
    /// `again`. A panic in `reload` is told and ends only that reload.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(
        begun: Next,
        again: Duration,
        mut reload: impl FnMut(Cause) -> Next + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
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
        Ok(Self { orders })
    }

    /// Where to ask.
    pub fn requester(&self) -> ReloadRequester {
        ReloadRequester(self.orders.clone())
    }

    /// Takes no further orders. A reload under way is left to itself: it may take long, and nothing waits for it.
    pub fn stop(self) {
        let _ = self.orders.send(Order::Stop);
    }
}

/// Waits for an order, and joins those that have come meanwhile; nothing once the stop is among them. Where none comes in
/// time, what follows is done by itself.
fn next(orders: &Receiver<Order>, follows: Next, again: Duration) -> Option<Cause> {
    let order = match follows {
        Next::Await => orders.recv().ok()?,
        Next::Again => match orders.recv_timeout(again) {
            Err(RecvTimeoutError::Timeout) => return Some(Cause::Again),
            order => order.ok()?,
        },
    };
    let Order::Reload(mut cause) = order else { return None };
    while let Ok(order) = orders.try_recv() {
        let Order::Reload(more) = order else { return None };
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
    fn what_is_asked_during_a_reload_is_done_after_it_at_once() {
        let (begun, begins) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let reloader = Reloader::start(Next::Await, Duration::MAX, move |cause| {
            begun.send(cause).unwrap();
            goes_on.recv().unwrap();
            Next::Await
        })
        .unwrap();
        let ask = reloader.requester();
        ask.ask(changed(&["a"]));
        assert_eq!(begins.recv().unwrap(), changed(&["a"]));
        ask.ask(changed(&["c", "b"]));
        ask.ask(changed(&["b"]));
        go_on.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), changed(&["b", "c"]));
        ask.ask(changed(&["a"]));
        ask.ask(Cause::Asked);
        go_on.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), Cause::Asked);
        ask.ask(Cause::Asked);
        reloader.stop();
        go_on.send(()).unwrap();
        assert!(begins.recv().is_err(), "after the stop nothing is reloaded");
    }

    #[test]
    fn what_is_refused_for_a_while_is_tried_until_it_is_taken() {
        let (begun, begins) = mpsc::channel();
        let mut tries = 0;
        let reloader = Reloader::start(Next::Again, Duration::from_millis(1), move |cause| {
            tries += 1;
            begun.send(cause).unwrap();
            if tries < 3 { Next::Again } else { Next::Await }
        })
        .unwrap();
        assert_eq!([(); 3].map(|()| begins.recv().unwrap()), [Cause::Again, Cause::Again, Cause::Again]);
        reloader.requester().ask(Cause::Asked);
        assert_eq!(begins.recv().unwrap(), Cause::Asked, "once it is taken, it is tried when asked");
        reloader.stop();
    }

    #[test]
    fn a_reload_that_panics_is_not_the_last() {
        let (begun, begins) = mpsc::channel();
        let reloader = Reloader::start(Next::Await, Duration::MAX, move |cause| {
            begun.send(cause.clone()).unwrap();
            assert_eq!(cause, Cause::Asked, "this reload is meant to panic");
            Next::Await
        })
        .unwrap();
        let ask = reloader.requester();
        ask.ask(changed(&["a"]));
        assert_eq!(begins.recv().unwrap(), changed(&["a"]));
        ask.ask(Cause::Asked);
        assert_eq!(begins.recv().unwrap(), Cause::Asked);
        reloader.stop();
    }
}
