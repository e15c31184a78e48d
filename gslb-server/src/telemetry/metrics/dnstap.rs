//! Frames of dnstap, and those that nobody got.

use std::sync::Arc;

use super::{Collector, Family};
use crate::capture::tap;
use crate::telemetry::dnstap::{Counts, FRAMES_OF_ANSWER};

/// What became of frames, and of answers that workers `showed` and whose frames were not even made.
pub fn collector(counts: Arc<Counts>, showed: Vec<Arc<tap::Counts>>) -> Collector {
    Collector::new("dnstap", move || {
        let lost: u64 = showed.iter().map(|worker| worker.lost_to_dnstap.get()).sum();
        let mut drops = Family::counter("gslb_dnstap_drops_total", "Frames of dnstap that nobody got, by reason.");
        let dropped = [
            ("absent", counts.absent.get()),
            ("closed", counts.closed.get()),
            ("overrun", lost * FRAMES_OF_ANSWER),
            ("slow", counts.slow.get()),
        ];
        dropped.into_iter().for_each(|(reason, count)| drops.add(&[("reason", reason)], count as f64));
        let frames = "Frames of dnstap that were handed to the reader: two for each answer.";
        let connected = counts.opened.get().saturating_sub(counts.gone.get());
        vec![
            drops,
            Family::counter("gslb_dnstap_frames_total", frames).of(counts.frames.get() as f64),
            Family::gauge("gslb_dnstap_connected", "1 while a reader is there.").of(connected as f64),
        ]
    })
}
