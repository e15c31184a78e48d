//! What is up? Outcomes of probes in, states of endpoints out; no I/O and no clock.

mod outcome;
mod target;

pub use outcome::{Failure, MAX_EVIDENCE, Outcome};
pub use target::{Member, Target, Targets};
