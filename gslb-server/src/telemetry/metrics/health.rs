//! Health: status changes, mass failures, latencies of data centers, certificates and probe verdicts.

use gslb_api::Api;
use gslb_api::evidence::Evidence;
use gslb_core::health::Member;
use gslb_core::site::model::{PoolId, Site};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Collector, Family};

/// How long to wait for the control task; after that, the other metrics are returned without it.
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Health as known to `api`. Requests run on `runtime`, which must not be a single thread that is gathering metrics.
pub fn collector(api: Api, runtime: Handle) -> Collector {
    Collector::new("health", move || {
        let mut families = vec![status_changes(&api)];
        let request = async { timeout(EVIDENCE_TIMEOUT, api.evidence()).await };
        if let Ok(Ok(evidence)) = runtime.block_on(request) {
            families.extend(of_evidence(&evidence, api.node()));
        }
        families
    })
}

fn status_changes(api: &Api) -> Family {
    let mut changes = Family::counter("gslb_status_changes_total", "Status changes of an endpoint, by new status.");
    for ((pool, endpoint), changed) in api.status_changes() {
        for (to, count) in [("up", changed.up), ("down", changed.down)] {
            changes.add(&[("endpoint", &*endpoint), ("pool", &*pool), ("to", to)], count as f64);
        }
    }
    changes
}

fn of_evidence(evidence: &Evidence, node: &str) -> [Family; 6] {
    let site = &evidence.active.table.topology().site;
    let holds =
        Family::gauge("gslb_mass_failure_hold", "1 while failures of too many endpoints at once are held back.");
    let help = "Smoothed time of the fastest probes of a data center, measured by this node.";
    let mut latencies = Family::gauge("gslb_latency_seconds", help);
    for (data_center, latency) in site.data_centers.iter().zip(&evidence.latencies) {
        if let Some(latency) = latency {
            latencies.add(&[("data_center", &*data_center.name), ("vantage", node)], latency.as_secs_f64());
        }
    }
    let help = "When the certificate of a probed endpoint expires.";
    let mut certificates = Family::gauge("gslb_probe_certificate_expiry_timestamp_seconds", help);
    for (member, at, expires) in &evidence.certificates {
        if let Some(labels) = labels(site, *member, *at) {
            certificates.add(&labels, *expires as f64);
        }
    }
    let help = "1 for a probe that finds an endpoint up, if the pool has several probes.";
    let mut verdicts = Family::gauge("gslb_endpoint_probe_up", help);
    for (member, at, up) in &evidence.verdicts {
        if let Some(labels) = labels(site, *member, *at) {
            verdicts.add(&labels, f64::from(u8::from(*up)));
        }
    }
    let help = "Endpoints that have recovered and stay down until gslb resume.";
    let awaiting = Family::gauge("gslb_endpoints_awaiting_resume", help).of(evidence.awaiting_resume as f64);
    let holds = holds.of(f64::from(u8::from(evidence.is_mass_failure)));
    [awaiting, holds, latencies, certificates, verdicts, unable(evidence)]
}

/// How many endpoints of each pool cannot be probed, by cause.
fn unable(evidence: &Evidence) -> Family {
    let site = &evidence.active.table.topology().site;
    let mut counts: BTreeMap<(PoolId, &str), u32> = BTreeMap::new();
    for (member, failure) in &evidence.unable {
        *counts.entry((member.pool, failure.word())).or_default() += 1;
    }
    let help = "Endpoints of a pool that cannot be probed now and keep their status, by cause.";
    let mut family = Family::gauge("gslb_pool_endpoints_unable", help);
    for ((pool, cause), count) in counts {
        if let Some(pool) = site.pools.get(pool.0 as usize) {
            family.add(&[("cause", cause), ("pool", &*pool.name)], f64::from(count));
        }
    }
    family
}

/// Labels of an endpoint and of the probe at index `at` of its pool.
fn labels(site: &Site, member: Member, at: usize) -> Option<[(&'static str, &str); 3]> {
    let pool = site.pools.get(member.pool.0 as usize)?;
    let endpoint = pool.endpoints.get(member.endpoint as usize)?;
    let probe = site.probes.get(pool.probes.get(at)?.0 as usize)?;
    Some([("endpoint", &*endpoint.name), ("pool", &*pool.name), ("probe", &*probe.name)])
}
