//! What is known of some endpoints at one moment, taken from who publishes as quickly as can be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gslb_core::health::{Held, Member, Status};

use crate::change::{Active, Refusal};
use crate::control::Control;

/// Statuses, and what was in force then.
#[derive(Debug)]
pub(crate) struct Known {
    /// What was in force.
    pub active: Arc<Active>,
    /// The statuses asked for, as far as there are such endpoints, and how long a hold-down still lasts.
    pub statuses: HashMap<Member, (Status, Option<Duration>)>,
    /// How long failures of too many endpoints have been doubted.
    pub doubted: Option<Duration>,
}

/// What is known of `members`, which are endpoints of what `base` says is in force. Where another document is by now,
/// numbers mean others: then nothing is told of them.
///
/// # Errors
/// [`Refusal::Internal`] where nothing is published any more.
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
        Known { active, statuses, doubted: keeper.mass_failure_for() }
    });
    look.await
}
