//! Rise and fall: how many equal outcomes in a row make a verdict.

/// The latest run of equal outcomes of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    passes: bool,
    length: u32,
}

/// How many outcomes in a row change the verdict; both are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Successes needed to go up.
    pub rise: u32,
    /// Failures needed to go down.
    pub fall: u32,
}

impl Run {
    /// Adds an outcome.
    pub fn observe(&mut self, passed: bool) {
        let length = if self.passes == passed { self.length } else { 0 };
        *self = Run { passes: passed, length: length.saturating_add(1) };
    }

    /// Counts as enough failures for any rule. Used when a push deadline passes, which has waited long enough.
    pub fn fail_at_once(&mut self) {
        *self = Run { passes: false, length: u32::MAX };
    }

    /// True if the latest outcome is a success.
    pub fn is_passing(self) -> bool {
        self.passes && self.length > 0
    }

    /// True if the latest outcome is a failure.
    pub fn is_failing(self) -> bool {
        !self.passes && self.length > 0
    }

    /// Number of outcomes in the run.
    pub fn length(self) -> u32 {
        self.length
    }
}

impl Rule {
    /// The verdict after `run`: a new one if the run is long enough, else the one `before`.
    pub fn verdict(self, run: Run, before: Option<bool>) -> Option<bool> {
        let needed = if run.passes { self.rise } else { self.fall };
        if run.length >= needed { Some(run.passes) } else { before }
    }

    /// How many more outcomes like the latest one would change the verdict from `up`, at least 1; `None` if the latest
    /// outcome agrees with `up`.
    pub fn missing(self, run: Run, up: bool) -> Option<u32> {
        let needed = if run.passes { self.rise } else { self.fall };
        (run.length > 0 && run.passes != up).then(|| needed.saturating_sub(run.length).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { rise: 2, fall: 3 };

    fn after(outcomes: &str, before: Option<bool>) -> (Option<bool>, Run) {
        let mut run = Run::default();
        let verdict = outcomes.chars().fold(before, |verdict, outcome| {
            run.observe(outcome == '+');
            RULE.verdict(run, verdict)
        });
        (verdict, run)
    }

    #[test]
    fn a_verdict_needs_consecutive_outcomes() {
        for (outcomes, before, expected) in [
            ("", None, None),
            ("+", None, None),
            ("++", None, Some(true)),
            ("--", None, None),
            ("---", None, Some(false)),
            ("--+--", Some(true), Some(true)),
            ("---", Some(true), Some(false)),
            ("+-+-+", Some(false), Some(false)),
            ("-++", Some(false), Some(true)),
        ] {
            assert_eq!(after(outcomes, before).0, expected, "{outcomes}");
        }
    }

    #[test]
    fn progress_counts_down_to_the_next_outcome() {
        for (outcomes, up, missing) in [
            ("", true, None),
            ("+", true, None),
            ("-", true, Some(2)),
            ("--", true, Some(1)),
            ("-----", true, Some(1)),
            ("-", false, None),
            ("+", false, Some(1)),
        ] {
            assert_eq!(RULE.missing(after(outcomes, None).1, up), missing, "{outcomes}");
        }
    }

    #[test]
    fn an_immediate_failure_needs_no_further_outcome() {
        let mut run = Run::default();
        run.observe(true);
        run.fail_at_once();
        assert_eq!(RULE.verdict(run, Some(true)), Some(false));
        run.observe(false);
        assert_eq!(run.length(), u32::MAX, "the length does not overflow");
    }
}
