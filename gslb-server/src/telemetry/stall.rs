//! Detects a stalled control task or prober, which makes endpoint statuses stale.

use std::time::Duration;

use gslb_api::Api;

use crate::probe::Pulse;

/// How long the control task may go without a sign of life. It normally shows one ten times a second.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the control task of `api`, which alone activates changes and verdicts, has stalled.
pub fn control_is_stalled(api: &Api) -> bool {
    api.meters().since_tick().is_some_and(|since| since > STALL_TIMEOUT)
}

/// What has stalled, in a sentence; `None` if nothing has.
pub fn describe(api: &Api, probes: Pulse) -> Option<String> {
    if control_is_stalled(api) {
        let seconds = api.meters().since_tick().unwrap_or_default().as_secs();
        return Some(format!(
            "The control task has been stalled for {seconds} s: changes and endpoint statuses do not take effect."
        ));
    }
    let seconds = probes.since_beat.max(probes.since_result).as_secs();
    probes.stalled.then(|| format!("No probe has returned a result for {seconds} s: endpoint statuses are stale."))
}
