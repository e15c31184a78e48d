//! Runs one probe within its timeout.

use std::time::Instant;

use gslb_core::health::{Failure, Outcome, Target};
use gslb_core::notation::duration;
use gslb_core::site::model::ProbeKind;
use tokio::time::timeout;

use super::fault::{Check, Fault};
use super::notes::Notes;
use super::resolver::RESOLVING;
use super::tools::Tools;
use super::{dns, exec, grpc, http, icmp, tcp};

/// Probes `target` once.
pub(super) async fn run(target: &Target, tools: &Tools) -> Outcome {
    let start = Instant::now();
    let mut notes = Notes { stage: "starting", certificate_expires: None, latency: None };
    let result = timeout(target.timeout, check(target, tools, &mut notes)).await;
    let took = start.elapsed();
    let mut outcome = match result {
        Ok(Ok(evidence)) => Outcome::new(Ok(()), took, &evidence),
        Ok(Err(Fault { failure, evidence })) => Outcome::new(Err(failure), took, &evidence),
        Err(_) => {
            let evidence = format!("no result within {}: {}", duration::show(target.timeout), notes.stage);
            // If the resolver does not answer, the endpoint is not to blame.
            let failure = if notes.stage == RESOLVING { Failure::Resolver } else { Failure::Timeout };
            Outcome::new(Err(failure), took, &evidence)
        }
    };
    outcome.certificate_expires = notes.certificate_expires;
    outcome.latency = notes.latency;
    outcome
}

async fn check(target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    match &target.kind {
        ProbeKind::Http(probe) => http::check(probe, target, tools, notes).await,
        ProbeKind::Tcp(probe) => tcp::check(probe, target, tools, notes).await,
        ProbeKind::Dns(probe) => dns::check(probe, target, tools, notes).await,
        ProbeKind::Grpc(probe) => grpc::check(probe, target, tools, notes).await,
        ProbeKind::Icmp => icmp::check(target, tools, notes).await,
        ProbeKind::Exec(probe) => exec::check(probe, target, tools, notes).await,
        // Never scheduled: results are pushed through the API.
        ProbeKind::Push { .. } => Err(Fault::new(Failure::System, "nothing to send")),
    }
}
