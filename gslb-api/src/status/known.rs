//! A snapshot of some endpoints' health, taken quickly from the publisher task.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gslb_core::health::{Held, Member, Status};

use crate::change::{Active, Refusal};
use crate::control::Control;

/// Statuses, with the active state of that moment.
#[derive(Debug)]
pub(crate) struct Known {
    /// The active state.
    pub active: Arc<Active>,
    /// The requested statuses, of endpoints that exist, each with the time left of a hold-down.
    pub statuses: HashMap<Member, (Status, Option<Duration>)>,
    /// How long a mass failure has been suspected.
    pub mass_failure_for: Option<Duration>,
}

/// The statuses of `members`, which are endpoints of `base`. If another document is active by now, the numbers have another
/// meaning, and no statuses are returned.
///
/// # Errors
/// [`Refusal::Internal`] if the control task has ended.
pub(crate) async fn known(control: &Control, base: &Arc<Active>, members: Vec<Member>) -> Result<Known, Refusal> {
    let base = Arc::clone(base);
    let look = control.look(move |keeper, active| {
        let is_same = active.table.has_topology_of(&base.table);
        let status = |member: Member| {
            let status = keeper.status(member)?;
            let left = match status.held {
                Some(Held::HoldDown { until }) => Some(keeper.until(until)),
                _ => None,
            };
            Some((member, (status, left)))
        };
        let statuses = members.into_iter().filter(|_| is_same).filter_map(status).collect();
        let active = Arc::clone(if is_same { active } else { &base });
        Known { active, statuses, mass_failure_for: keeper.mass_failure_for() }
    });
    look.await
}
