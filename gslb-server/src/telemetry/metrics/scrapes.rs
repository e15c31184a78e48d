//! Encodes one exposition at a time, and shares it among concurrent scrapes.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use tokio::sync::Mutex;
use tokio::task::{spawn, spawn_blocking};

use super::Metrics;

/// Serves metrics to any number of clients. For a large site, encoding takes milliseconds and megabytes, and clients
/// need no token.
pub struct Scrapes(Arc<Shared>);

struct Shared {
    metrics: Arc<Metrics>,
    /// The last exposition, and when its encoding began.
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Scrapes {
    /// Serves `metrics`.
    pub fn new(metrics: Metrics) -> Self {
        Self(Arc::new(Shared { metrics: Arc::new(metrics), last: Mutex::default() }))
    }

    /// All metrics in the text format, none older than this call; `None` after an internal error.
    pub async fn exposition(&self) -> Option<Bytes> {
        // In a task of its own: a client that disconnects must not let a second encoding start.
        spawn(Arc::clone(&self.0).exposition(Instant::now())).await.ok().flatten()
    }
}

impl Shared {
    async fn exposition(self: Arc<Self>, requested: Instant) -> Option<Bytes> {
        let mut last = self.last.lock().await;
        if let Some((_, text)) = last.as_ref().filter(|(began, _)| *began >= requested) {
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
    async fn concurrent_scrapes_share_an_exposition_begun_after_their_requests() {
        let (written, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(())));
        let (count, gate) = (Arc::clone(&written), Arc::clone(&release));
        let collector = Collector::new("slow", move || {
            drop(gate.lock().unwrap());
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            vec![Family::gauge("gslb_slow", "How often this was written.").of(number as f64)]
        });
        let scrapes = Arc::new(Scrapes::new(Metrics::new([collector])));
        let lock = release.lock().unwrap();
        // All ask at this moment, whenever their tasks run: the first of them may begin before the last one is spawned.
        let now = Instant::now();
        let requested: Vec<_> = (0..50).map(|_| tokio::spawn(Arc::clone(&scrapes.0).exposition(now))).collect();
        drop(lock);
        for answer in requested {
            assert!(answer.await.unwrap().is_some());
        }
        assert_eq!(written.load(Ordering::SeqCst), 1, "all had requested before it was begun");
        let text = scrapes.exposition().await.unwrap();
        assert!(text.windows(11).any(|part| part == b"gslb_slow 2"), "a later scrape gets current values");
    }
}
