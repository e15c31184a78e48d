//! Probe results and durations, and whether probes run.

use std::sync::Arc;

use super::{Collector, Family};
use crate::probe::Prober;
use crate::probe::counts::{BOUNDS, HistogramTotals};

/// The probes of `prober`.
pub fn collector(prober: Arc<Prober>) -> Collector {
    Collector::new("probes", move || {
        let counts = prober.counts();
        let mut results = Family::counter("gslb_probe_results_total", "Finished probes, by result.");
        let mut durations = Family::histogram("gslb_probe_duration_seconds", "Time that probes took.");
        for (probe, counts) in counts.by_probe() {
            let results_of = [("pass", counts.passed()), ("fail", counts.failed()), ("unable", counts.unable())];
            for (result, count) in results_of {
                results.add(&[("probe", &*probe), ("result", result)], count as f64);
            }
            add(&mut durations, &[("probe", &*probe)], &counts.duration.totals());
        }
        let mut lateness =
            Family::histogram("gslb_probe_lateness_seconds", "Delay from when a probe was due until it started.");
        add(&mut lateness, &[], &counts.lateness.totals());
        let pulse = prober.pulse();
        let mut families = vec![
            results,
            durations,
            lateness,
            Family::gauge("gslb_probe_targets", "Targets that are probed.").of(counts.targets() as f64),
            Family::gauge("gslb_probes_running", "Probes running now.").of(counts.running() as f64),
            Family::counter(
                "gslb_probes_skipped_total",
                "Probes skipped because the previous probe was still running.",
            )
            .of(counts.skipped() as f64),
            Family::gauge("gslb_prober_stalled", "1 while probes are stalled or impossible.")
                .of(f64::from(u8::from(pulse.stalled))),
        ];
        if let Some(last) = pulse.last_result {
            let help = "When a probe last returned a result.";
            families.push(Family::gauge("gslb_prober_last_result_timestamp_seconds", help).of(last as f64 / 1e3));
        }
        families
    })
}

fn add(family: &mut Family, labels: &[(&'static str, &str)], totals: &HistogramTotals) {
    let below = [0].into_iter().chain(totals.cumulative);
    let ranges = BOUNDS
        .into_iter()
        .zip(totals.cumulative.into_iter().zip(below))
        .map(|(bound, (now, below))| (bound, now - below));
    let count = totals.cumulative.last().copied().unwrap_or_default();
    family.add_ranges(labels, ranges, count, totals.sum);
}
