//! What is up? Outcomes of probes in, states of endpoints out; no I/O and no clock.
//!
//! A target is probed, and its outcomes make a [`Run`]. By the [`Rule`] of its probe a run makes a verdict for each
//! endpoint that the target stands for, and those of several probes make one (`several.rs`); [`Endpoint`] makes a status of it, and [`MassFailureGuard`] keeps too many from turning down
//! at once. [`Health`] is all of that for a site: it says which states of the table have changed.

mod endpoint;
mod flaps;
pub(crate) mod mass_failure;
mod outcome;
mod probed;
mod saved;
mod several;
mod site;
mod status;
mod target;
mod verdict;
mod ways;

pub use endpoint::{Endpoint, Held, Rules, Source};
pub use flaps::{FLAP_WINDOW, Flaps, MAX_FLAPS};
pub use mass_failure::{Ended, MIN_HOSTS, MassFailureGuard};
pub use outcome::{Failure, MAX_EVIDENCE, Outcome};
pub use probed::{MAX_OUTCOMES, RecordedOutcome};
pub use saved::{SAVED_STATUS_FRESH_FOR, Saved, SavedKey, SavedStatus};
pub use site::{HOLD_TTL, Health};
pub use status::{Effects, MassFailureChange, ProbeAbility, ProbeStatus, Progress, Recovery, Status, Transition};
pub use target::{Member, Target, Targets};
pub use verdict::{Rule, Run};
