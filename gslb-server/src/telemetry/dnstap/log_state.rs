//! Decides which changes of the reader to log: each one once, even if the reader keeps reconnecting.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How long a reader must stay connected and keep up to count as stable.
const STABLE_AFTER: Duration = Duration::from_secs(5);
/// How long a slow reader must keep up until it is logged as caught up.
const CAUGHT_UP_AFTER: Duration = Duration::from_secs(30);
/// Most reasons that are logged until a reader is stable.
const MAX_REASONS: usize = 8;

/// A log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A reader takes frames.
    Connected,
    /// There is no reader, and why.
    NoReader(String),
    /// There may be one, but we lack permission to write to it.
    Forbidden(String),
    /// It does not keep up.
    Slow,
    /// It keeps up again.
    CaughtUp,
}

/// What is known of the reader, and what has been logged.
#[derive(Debug, Default)]
pub(super) struct LogState {
    /// When the current reader connected.
    opened: Option<Instant>,
    /// The current reader is stable.
    is_stable: bool,
    /// The previous reader disconnected before it was stable.
    flaps: bool,
    /// The last line logged was `Connected`.
    reads: bool,
    /// Reasons for having no reader, logged since one was stable.
    reasons: Vec<String>,
    /// Frames dropped for slowness at the last check.
    dropped: u64,
    /// When frames were last dropped, if that was logged.
    slow: Option<Instant>,
}

impl LogState {
    /// A reader has connected.
    pub(super) fn opened(&mut self, now: Instant) -> Option<Line> {
        (self.opened, self.is_stable) = (Some(now), false);
        // A reader that keeps reconnecting is logged once it is stable.
        if self.flaps { None } else { self.reads() }
    }

    fn reads(&mut self) -> Option<Line> {
        let is_news = !self.reads;
        self.reads = true;
        self.reasons.clear();
        is_news.then_some(Line::Connected)
    }

    /// There is no reader, or it has disconnected.
    pub(super) fn disconnected(&mut self, error: &io::Error) -> Option<Line> {
        let has_gone = self.opened.take().is_some();
        self.flaps = if has_gone { !self.is_stable } else { self.flaps };
        self.slow = None;
        let why = if has_gone { format!("the reader disconnected: {error}") } else { error.to_string() };
        // After a disconnect, a refused connection is expected and not logged.
        let follows = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        let is_logged = self.reasons.contains(&why) || self.reasons.len() >= MAX_REASONS;
        if is_logged || (!has_gone && follows && !self.reasons.is_empty()) {
            return None;
        }
        self.reasons.push(why.clone());
        self.reads = false;
        let forbidden = !has_gone && error.kind() == ErrorKind::PermissionDenied;
        Some(if forbidden { Line::Forbidden(why) } else { Line::NoReader(why) })
    }

    /// A reader is connected; `took_all` if no frames wait for it, and `dropped` frames were dropped for slowness so
    /// far. The second value is true when it becomes stable.
    pub(super) fn keeps_running(&mut self, took_all: bool, dropped: u64, now: Instant) -> (Option<Line>, bool) {
        let has_lost = dropped != std::mem::replace(&mut self.dropped, dropped);
        if has_lost {
            let is_news = self.slow.replace(now).is_none();
            return (is_news.then_some(Line::Slow), false);
        }
        if self.slow.is_some_and(|since| took_all && now.saturating_duration_since(since) >= CAUGHT_UP_AFTER) {
            self.slow = None;
            return (Some(Line::CaughtUp), false);
        }
        let stays = self.opened.is_some_and(|opened| now.saturating_duration_since(opened) >= STABLE_AFTER);
        if self.is_stable || !stays || !took_all {
            return (None, false);
        }
        (self.is_stable, self.flaps) = (true, false);
        (self.reads(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> io::Error {
        kind.into()
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_reader_that_keeps_reconnecting_is_logged_once() {
        let (mut log_state, start) = (LogState::default(), Instant::now());
        let mut lines = Vec::new();
        for second in 0..100 {
            lines.extend(log_state.opened(after(start, second)));
            lines.extend(log_state.keeps_running(true, 0, after(start, second)).0);
            lines.extend(log_state.disconnected(&io::Error::other("closed")));
            lines.extend(log_state.disconnected(&error(ErrorKind::ConnectionRefused)));
        }
        let gone = Line::NoReader("the reader disconnected: closed".to_owned());
        assert_eq!(lines, [Line::Connected, gone]);
        // At last it stays connected.
        assert_eq!(log_state.opened(after(start, 100)), None);
        assert_eq!(log_state.keeps_running(true, 0, after(start, 104)), (None, false));
        assert_eq!(log_state.keeps_running(true, 0, after(start, 105)), (Some(Line::Connected), true));
        assert_eq!(log_state.keeps_running(true, 0, after(start, 106)), (None, false));
    }

    #[test]
    fn each_disconnect_of_a_stable_reader_is_logged_once() {
        let (mut log_state, start) = (LogState::default(), Instant::now());
        for day in 0..3 {
            let now = after(start, day * 86_400);
            assert_eq!(log_state.opened(now), Some(Line::Connected));
            assert!(log_state.keeps_running(true, 0, after(now, 60)).1);
            assert!(matches!(log_state.disconnected(&io::Error::other("closed")), Some(Line::NoReader(_))));
            assert_eq!(log_state.disconnected(&error(ErrorKind::ConnectionRefused)), None);
            assert_eq!(log_state.disconnected(&error(ErrorKind::NotFound)), None, "its socket has gone too");
        }
    }

    #[test]
    fn missing_permission_is_logged() {
        let mut log_state = LogState::default();
        assert!(matches!(log_state.disconnected(&error(ErrorKind::NotFound)), Some(Line::NoReader(_))));
        let denied = error(ErrorKind::PermissionDenied);
        assert!(
            matches!(log_state.disconnected(&denied), Some(Line::Forbidden(why)) if why.contains("permission denied"))
        );
        assert_eq!(
            (log_state.disconnected(&denied), log_state.disconnected(&error(ErrorKind::NotFound))),
            (None, None)
        );
    }

    #[test]
    fn a_slow_reader_is_logged_once_and_again_when_it_catches_up() {
        let (mut log_state, start) = (LogState::default(), Instant::now());
        log_state.opened(start);
        assert_eq!(log_state.keeps_running(false, 0, start).0, None, "waiting frames are not lost");
        assert_eq!(log_state.keeps_running(false, 10, after(start, 1)).0, Some(Line::Slow));
        for second in 2..100 {
            assert_eq!(log_state.keeps_running(second % 2 == 0, 10 * second, after(start, second)).0, None);
        }
        assert_eq!(log_state.keeps_running(false, 990, after(start, 200)).0, None, "it takes nothing");
        assert_eq!(log_state.keeps_running(true, 990, after(start, 201)).0, Some(Line::CaughtUp));
        assert_eq!(log_state.keeps_running(true, 991, after(start, 202)).0, Some(Line::Slow));
    }
}
