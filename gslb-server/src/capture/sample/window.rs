//! Sampled answers of the last minutes, by name, for dry runs.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use gslb_api::traffic::sample::SampledAnswer;
use parking_lot::Mutex;

/// How long an answer is kept.
pub const SPAN: Duration = Duration::from_secs(600);
/// Answers expire in slices of this length.
const SLICE: Duration = Duration::from_secs(10);
/// Most distinct answers; beyond that, the oldest are dropped early.
pub const MAX_ANSWERS: usize = 65_536;

/// Distinct answers, and how many answers each represents.
type Slice = HashMap<SampledAnswer, u64>;

/// A shared sample of the answers of the last ten minutes.
#[derive(Debug, Default)]
pub struct Window(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The oldest first, each with the time at which it began.
    slices: VecDeque<(Instant, Slice)>,
    /// Distinct answers in all slices.
    kept: usize,
}

impl Window {
    /// Adds answers at time `now`. Returns the weight of answers that were dropped early.
    pub fn add(&self, answers: impl IntoIterator<Item = (SampledAnswer, u64)>, now: Instant) -> u64 {
        let mut inner = self.0.lock();
        inner.forget_old(now);
        if inner.slices.back().is_none_or(|(began, _)| now.duration_since(*began) >= SLICE) {
            inner.slices.push_back((now, Slice::new()));
        }
        let mut lost = 0;
        for (answer, weight) in answers {
            let Some((_, slice)) = inner.slices.back_mut() else { break };
            let before = slice.len();
            *slice.entry(answer).or_default() += weight;
            inner.kept += inner.slices.back().map_or(0, |(_, slice)| slice.len()) - before;
            while inner.kept > MAX_ANSWERS && inner.slices.len() > 1 {
                lost += inner.forget_oldest();
            }
            if inner.kept > MAX_ANSWERS {
                // All of them are in one slice.
                lost += inner.forget_oldest();
                inner.slices.push_back((now, Slice::new()));
            }
        }
        lost
    }

    /// All answers at time `now`, each once.
    pub fn answers(&self, now: Instant) -> Vec<(SampledAnswer, u64)> {
        let mut inner = self.0.lock();
        inner.forget_old(now);
        let mut all = Slice::new();
        for (answer, weight) in inner.slices.iter().flat_map(|(_, slice)| slice) {
            *all.entry(answer.clone()).or_default() += weight;
        }
        all.into_iter().collect()
    }
}

impl Inner {
    fn forget_old(&mut self, now: Instant) {
        while self.slices.front().is_some_and(|(began, _)| now.saturating_duration_since(*began) >= SPAN) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> u64 {
        let Some((_, slice)) = self.slices.pop_front() else { return 0 };
        self.kept -= slice.len();
        slice.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(number: u32) -> SampledAnswer {
        let client = ipnet::IpNet::new(std::net::Ipv4Addr::from(number << 8).into(), 24).unwrap();
        SampledAnswer { service: "www.example.com".parse().unwrap(), client, pool: Some("fra".into()) }
    }

    #[test]
    fn equal_answers_are_merged_and_old_ones_expire() {
        let (window, start) = (Window::default(), Instant::now());
        window.add([(answer(1), 2), (answer(2), 1), (answer(1), 3)], start);
        window.add([(answer(1), 10)], start + SPAN / 2);
        let mut all = window.answers(start + SPAN / 2);
        all.sort_by_key(|(_, weight)| *weight);
        assert_eq!(all, [(answer(2), 1), (answer(1), 15)]);
        assert_eq!(window.answers(start + SPAN), [(answer(1), 10)]);
        assert!(window.answers(start + SPAN * 2).is_empty());
    }

    #[test]
    fn it_is_bounded_and_reports_what_it_lost() {
        let (window, start) = (Window::default(), Instant::now());
        let half = MAX_ANSWERS as u32 / 2;
        let some = |range: std::ops::Range<u32>| range.map(|number| (answer(number), 2));
        assert_eq!(window.add(some(0..half), start), 0);
        assert_eq!(window.add(some(half..2 * half), start + SLICE), 0);
        assert_eq!(window.add(some(2 * half..2 * half + 1), start + SLICE * 2), 2 * u64::from(half));
        assert_eq!(window.answers(start + SLICE * 2).len(), half as usize + 1);
        // Even if all answers arrive at once.
        let lost = window.add(some(0..3 * half), start + SLICE * 3);
        assert!(lost > 0 && window.answers(start + SLICE * 3).len() <= MAX_ANSWERS);
    }
}
