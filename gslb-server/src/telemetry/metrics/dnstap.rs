//! dnstap frames, sent and dropped.

use std::sync::Arc;

use super::{Collector, Family};
use crate::capture::tap;
use crate::telemetry::dnstap::{Counts, FRAMES_OF_ANSWER};

/// Frames sent and dropped, including those of answers that the workers in `showed` lost before encoding.
pub fn collector(counts: Arc<Counts>, showed: Vec<Arc<tap::Counts>>) -> Collector {
    Collector::new("dnstap", move || {
        let lost: u64 = showed.iter().map(|worker| worker.lost_to_dnstap.get()).sum();
        let mut drops = Family::counter("gslb_dnstap_drops_total", "dnstap frames that were dropped, by reason.");
        let dropped = [
            ("absent", counts.absent.get()),
            ("closed", counts.closed.get()),
            ("overrun", lost * FRAMES_OF_ANSWER),
            ("slow", counts.slow.get()),
        ];
        dropped.into_iter().for_each(|(reason, count)| drops.add(&[("reason", reason)], count as f64));
        let frames = "dnstap frames that were sent to the reader: two for each answer.";
        let connected = counts.opened.get().saturating_sub(counts.gone.get());
        vec![
            drops,
            Family::counter("gslb_dnstap_frames_total", frames).of(counts.frames.get() as f64),
            Family::gauge("gslb_dnstap_connected", "1 while a reader is connected.").of(connected as f64),
        ]
    })
}
