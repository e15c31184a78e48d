//! What the log is told of readers: each change of theirs once, however often one comes and goes.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How long a reader has to stay, and to take what there is, until it counts as one that stays.
const SETTLED: Duration = Duration::from_secs(5);
/// How long a slow reader has to take everything until it counts as quick again.
const QUICK: Duration = Duration::from_secs(30);
/// Most reasons that are told until a reader stays.
const MAX_REASONS: usize = 8;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A reader takes frames.
    Reads,
    /// There is none, or no more, and why.
    Nobody(String),
    /// There may be one, and we are not allowed to write to it.
    Forbidden(String),
    /// It takes less than there is.
    Slow,
    /// It takes everything again.
    Quick,
}

/// What is known of readers and has been told of them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// When the reader that is there came.
    opened: Option<Instant>,
    /// It has stayed.
    has_settled: bool,
    /// The one before came and went.
    flaps: bool,
    /// That there is a reader was told, and nothing else since.
    reads: bool,
    /// Why there was none, as told since one stayed.
    reasons: Vec<String>,
    /// Frames that were dropped for slowness, when that was looked at last.
    dropped: u64,
    /// When there were more of them, where that was told.
    slow: Option<Instant>,
}

impl Told {
    /// A reader has come.
    pub(super) fn opened(&mut self, now: Instant) -> Option<Line> {
        (self.opened, self.has_settled) = (Some(now), false);
        // What comes and goes all the time is told when it stays.
        if self.flaps { None } else { self.reads() }
    }

    fn reads(&mut self) -> Option<Line> {
        let is_news = !self.reads;
        self.reads = true;
        self.reasons.clear();
        is_news.then_some(Line::Reads)
    }

    /// There is none, or the one that was there has gone.
    pub(super) fn away(&mut self, error: &io::Error) -> Option<Line> {
        let has_gone = self.opened.take().is_some();
        self.flaps = if has_gone { !self.has_settled } else { self.flaps };
        self.slow = None;
        let why = if has_gone { format!("the reader has gone: {error}") } else { error.to_string() };
        // Where one has gone, that nobody listens is no news.
        let follows = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        let is_told = self.reasons.contains(&why) || self.reasons.len() >= MAX_REASONS;
        if is_told || (!has_gone && follows && !self.reasons.is_empty()) {
            return None;
        }
        self.reasons.push(why.clone());
        self.reads = false;
        let forbidden = !has_gone && error.kind() == ErrorKind::PermissionDenied;
        Some(if forbidden { Line::Forbidden(why) } else { Line::Nobody(why) })
    }

    /// A reader is there; nothing waits for it where `took_all`, and so many frames were `dropped` for slowness so far.
    /// The second value is true when it turns out to stay.
    pub(super) fn goes_on(&mut self, took_all: bool, dropped: u64, now: Instant) -> (Option<Line>, bool) {
        let has_lost = dropped != std::mem::replace(&mut self.dropped, dropped);
        if has_lost {
            let is_news = self.slow.replace(now).is_none();
            return (is_news.then_some(Line::Slow), false);
        }
        if self.slow.is_some_and(|since| took_all && now.saturating_duration_since(since) >= QUICK) {
            self.slow = None;
            return (Some(Line::Quick), false);
        }
        let stays = self.opened.is_some_and(|opened| now.saturating_duration_since(opened) >= SETTLED);
        if self.has_settled || !stays || !took_all {
            return (None, false);
        }
        (self.has_settled, self.flaps) = (true, false);
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
    fn a_reader_that_accepts_and_goes_is_told_once() {
        let (mut told, start) = (Told::default(), Instant::now());
        let mut lines = Vec::new();
        for second in 0..100 {
            lines.extend(told.opened(after(start, second)));
            lines.extend(told.goes_on(true, 0, after(start, second)).0);
            lines.extend(told.away(&io::Error::other("closed")));
            lines.extend(told.away(&error(ErrorKind::ConnectionRefused)));
        }
        let gone = Line::Nobody("the reader has gone: closed".to_owned());
        assert_eq!(lines, [Line::Reads, gone]);
        // At last one stays.
        assert_eq!(told.opened(after(start, 100)), None);
        assert_eq!(told.goes_on(true, 0, after(start, 104)), (None, false));
        assert_eq!(told.goes_on(true, 0, after(start, 105)), (Some(Line::Reads), true));
        assert_eq!(told.goes_on(true, 0, after(start, 106)), (None, false));
    }

    #[test]
    fn each_reader_that_stayed_and_goes_has_one_line() {
        let (mut told, start) = (Told::default(), Instant::now());
        for day in 0..3 {
            let now = after(start, day * 86_400);
            assert_eq!(told.opened(now), Some(Line::Reads));
            assert!(told.goes_on(true, 0, after(now, 60)).1);
            assert!(matches!(told.away(&io::Error::other("closed")), Some(Line::Nobody(_))));
            assert_eq!(told.away(&error(ErrorKind::ConnectionRefused)), None);
            assert_eq!(told.away(&error(ErrorKind::NotFound)), None, "its socket has gone too");
        }
    }

    #[test]
    fn who_may_not_write_is_told_that() {
        let mut told = Told::default();
        assert!(matches!(told.away(&error(ErrorKind::NotFound)), Some(Line::Nobody(_))));
        let denied = error(ErrorKind::PermissionDenied);
        assert!(matches!(told.away(&denied), Some(Line::Forbidden(why)) if why.contains("permission denied")));
        assert_eq!((told.away(&denied), told.away(&error(ErrorKind::NotFound))), (None, None));
    }

    #[test]
    fn a_slow_reader_is_told_once_and_when_it_is_quick_again() {
        let (mut told, start) = (Told::default(), Instant::now());
        told.opened(start);
        assert_eq!(told.goes_on(false, 0, start).0, None, "what waits is not lost");
        assert_eq!(told.goes_on(false, 10, after(start, 1)).0, Some(Line::Slow));
        for second in 2..100 {
            assert_eq!(told.goes_on(second % 2 == 0, 10 * second, after(start, second)).0, None);
        }
        assert_eq!(told.goes_on(false, 990, after(start, 200)).0, None, "it takes nothing");
        assert_eq!(told.goes_on(true, 990, after(start, 201)).0, Some(Line::Quick));
        assert_eq!(told.goes_on(true, 991, after(start, 202)).0, Some(Line::Slow));
    }
}
