//! Who reads metrics: one exposition is written at a time, whoever asks, however often.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use tokio::sync::Mutex;
use tokio::task::{spawn, spawn_blocking};

use super::Metrics;

/// Metrics, as whoever asks is told them. Writing them takes milliseconds and megabytes where there is much to tell, and
/// who may ask is not known.
pub struct Scrapes(Arc<Shared>);

struct Shared {
    metrics: Arc<Metrics>,
    /// What was told last, and when it was begun.
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Scrapes {
    /// For those who ask for `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self(Arc::new(Shared { metrics: Arc::new(metrics), last: Mutex::default() }))
    }

    /// All metrics in the text format, none of them older than this call; none after an internal error.
    pub async fn exposition(&self) -> Option<Bytes> {
        // In a task of its own: whoever hangs up does not make room for another one.
        spawn(Arc::clone(&self.0).exposition(Instant::now())).await.ok().flatten()
    }
}

impl Shared {
    async fn exposition(self: Arc<Self>, asked: Instant) -> Option<Bytes> {
        let mut last = self.last.lock().await;
        if let Some((_, text)) = last.as_ref().filter(|(began, _)| *began >= asked) {
            return Some(text.clone());
        }
        let (began, metrics) = (Instant::now(), Arc::clone(&self.metrics));
        let text = Bytes::from(spawn_blocking(move || metrics.exposition()).await.ok()?.ok()?);
        *last = Some((began, text.clone()));
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::telemetry::metrics::{Collector, Family};

    #[tokio::test(flavor = "multi_thread")]
    async fn many_who_ask_at_once_share_what_was_begun_after_they_asked() {
        let (written, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(())));
        let (count, gate) = (Arc::clone(&written), Arc::clone(&release));
        let collector = Collector::new("slow", move || {
            drop(gate.lock().unwrap());
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            vec![Family::gauge("gslb_slow", "How often this was written.").of(number as f64)]
        });
        let scrapes = Arc::new(Scrapes::new(Metrics::new([collector])));
        let held = release.lock().unwrap();
        // All ask at this moment, whenever their tasks run: the first of them may begin before the last one is spawned.
        let now = Instant::now();
        let asked: Vec<_> = (0..50).map(|_| tokio::spawn(Arc::clone(&scrapes.0).exposition(now))).collect();
        drop(held);
        for answer in asked {
            assert!(answer.await.unwrap().is_some());
        }
        assert_eq!(written.load(Ordering::SeqCst), 1, "all had asked before it was begun");
        let text = scrapes.exposition().await.unwrap();
        assert!(text.windows(11).any(|part| part == b"gslb_slow 2"), "who asks later is told what is true then");
    }
}
