//! Health checking: probe outcomes in, endpoint states out; no I/O and no clock.
//!
//! Each target is probed, and consecutive equal outcomes form a [`Run`]. The [`Rule`] of the probe (rise and fall)
//! turns a run into a verdict for every endpoint of that target; `several.rs` combines the verdicts of several probes
//! into one.
//! [`Endpoint`] turns the verdict into a status, and [`MassFailureGuard`] keeps too many endpoints from going down at
//! once. [`Health`] does all of this for a site and reports which states changed.

mod endpoint;
mod flaps;
pub(crate) mod mass_failure;
mod outcome;
mod probed;
mod reachability;
mod saved;
mod several;
mod site;
mod status;
mod target;
mod verdict;

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
