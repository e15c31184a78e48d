//! A smoothed latency: the average follows slowly, and ignores outliers unless they repeat.

use std::time::Duration;

/// A new value moves the average by this share of the difference, as in RFC 6298 §2.
const GAIN: f64 = 1.0 / 8.0;
/// The same for the mean deviation.
const DEVIATION_GAIN: f64 = 1.0 / 4.0;
/// A value is an outlier if it is this many deviations from the average.
const FAR_OUT: f64 = 4.0;
/// Minimum deviation: this share of the average, plus this many milliseconds.
const LEAST_DEVIATION: (f64, f64) = (0.05, 0.25);
/// After this many outliers in a row the average restarts: the network path has changed.
const NEW_LEVEL: u32 = 3;

/// A smoothed latency.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Smoothed(Option<State>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    /// In milliseconds, like all values here.
    average: f64,
    deviation: f64,
    far_out: u32,
}

impl Smoothed {
    /// Adds a value.
    pub fn add(&mut self, value: Duration) {
        let value = value.as_secs_f64() * 1e3;
        let Some(state) = &mut self.0 else {
            self.0 = Some(State::level(value));
            return;
        };
        let away = (value - state.average).abs();
        let usual = state.deviation.max(LEAST_DEVIATION.0 * state.average).max(LEAST_DEVIATION.1);
        if away > FAR_OUT * usual {
            state.far_out += 1;
            if state.far_out >= NEW_LEVEL {
                *state = State::level(value);
            }
            return;
        }
        state.far_out = 0;
        state.deviation += DEVIATION_GAIN * (away - state.deviation);
        state.average += GAIN * (value - state.average);
    }

    /// The latency; `None` before the first value.
    pub fn get(&self) -> Option<Duration> {
        self.0.map(|state| Duration::from_secs_f64(state.average / 1e3))
    }
}

impl State {
    fn level(value: f64) -> State {
        State { average: value, deviation: value / 2.0, far_out: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[u64]) -> f64 {
        let mut smoothed = Smoothed::default();
        values.iter().for_each(|value| smoothed.add(Duration::from_millis(*value)));
        smoothed.get().unwrap().as_secs_f64() * 1e3
    }

    #[test]
    fn one_outlier_is_ignored_and_three_set_a_new_level() {
        let steady = [20; 40];
        assert!((after(&steady) - 20.0).abs() < 1e-9);
        assert!((after(&[&steady[..], &[900]].concat()) - 20.0).abs() < 1e-9);
        assert!((after(&[&steady[..], &[900, 20, 900, 20, 900]].concat()) - 20.0).abs() < 1e-9);
        assert!((after(&[&steady[..], &[90, 90, 90]].concat()) - 90.0).abs() < 1e-9);
    }

    #[test]
    fn the_average_follows_slow_changes() {
        let rising: Vec<u64> = (20..60).flat_map(|value| [value; 8]).collect();
        assert!((after(&rising) - 59.0).abs() < 3.0, "{}", after(&rising));
        assert_eq!(Smoothed::default().get(), None);
    }
}
