//! What stands still that must not: without probes or the control task, statuses are not what the endpoints are.

use std::time::Duration;

use gslb_api::Api;

use crate::probe::Pulse;

/// How long the control task may be out of sight. It looks at the clock ten times a second, whatever else it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the control task of `api` stands still, which alone puts changes and verdicts in force.
pub fn control_is_stalled(api: &Api) -> bool {
    api.meters().since_tick().is_some_and(|since| since > PATIENCE)
}

/// What stands still, in a sentence.
pub fn told(api: &Api, probes: Pulse) -> Option<String> {
    if control_is_stalled(api) {
        let seconds = api.meters().since_tick().unwrap_or_default().as_secs();
        return Some(format!(
            "The control task has not been at work for {seconds} s: no change and no status of an endpoint is put in force."
        ));
    }
    let seconds = probes.since_beat.max(probes.since_result).as_secs();
    probes.stalled.then(|| {
        format!(
            "No probe has said anything of an endpoint for {seconds} s: statuses are not what the endpoints are now."
        )
    })
}
