//! Degraded operation: why a server does not serve what it should, as `/readyz`, status and metrics report it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

/// What is degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Concern {
    /// The store is not usable: changes cannot be saved.
    Store,
    /// Rows of the store are damaged; each was restored or ignored.
    Rows,
    /// The watched document, or a file that it names, is not in force.
    Document,
    /// The revision in force is not the latest.
    Revision,
    /// The geo databases in the configuration are not in use.
    Databases,
    /// The certificate of the API in the files is not in use.
    Certificate,
    /// The certificate of DNS over TLS in the files is not in use.
    #[serde(rename = "dns.tls")]
    DnsTls,
    /// The authorities in `probes.ca` are not trusted.
    #[serde(rename = "probes.ca")]
    ProbesCa,
    /// The secrets in the file of `dns.cookies` are not in use.
    Cookies,
    /// Overrides are in force that are not saved.
    Overrides,
    /// A reload takes long.
    Reload,
}

impl Concern {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Store,
        Self::Rows,
        Self::Document,
        Self::Revision,
        Self::Databases,
        Self::Certificate,
        Self::DnsTls,
        Self::ProbesCa,
        Self::Cookies,
        Self::Overrides,
        Self::Reload,
    ];

    /// Its name in JSON and its label in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Rows => "rows",
            Self::Document => "document",
            Self::Revision => "revision",
            Self::Databases => "databases",
            Self::Certificate => "certificate",
            Self::DnsTls => "dns.tls",
            Self::ProbesCa => "probes.ca",
            Self::Cookies => "cookies",
            Self::Overrides => "overrides",
            Self::Reload => "reload",
        }
    }
}

/// How long a reload may run before it is reported.
const LONG: Duration = Duration::from_secs(5);

/// What is degraded now, and why.
#[derive(Debug, Default)]
pub struct Degraded(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reasons: BTreeMap<Concern, String>,
    /// The revision that should be in force.
    latest: u64,
    /// Running reloads and changes, in the order they began.
    running: BTreeMap<u64, (Instant, String)>,
    /// Number of reloads and changes begun.
    begun: u64,
}

/// A running reload or change. It ends when this is dropped, also by a panic.
#[must_use]
#[derive(Debug)]
pub struct Running {
    degraded: Arc<Degraded>,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.degraded.0.lock().running.remove(&self.number);
    }
}

impl Degraded {
    /// Marks `concern` as degraded, and why.
    pub fn set(&self, concern: Concern, why: impl Into<String>) {
        self.0.lock().reasons.insert(concern, why.into());
    }

    /// Marks that an older revision than `latest` is in force, and why. This ends when `latest` or a later one is in force.
    pub fn set_older_revision(&self, latest: u64, why: impl Into<String>) {
        let mut state = self.0.lock();
        state.latest = latest;
        state.reasons.insert(Concern::Revision, why.into());
    }

    /// Marks `concern` as healthy.
    pub fn clear(&self, concern: Concern) {
        self.0.lock().reasons.remove(&concern);
    }

    /// Marks that a reload or change is running because of `what`, until the returned value is dropped.
    pub fn running(self: &Arc<Self>, what: impl Into<String>) -> Running {
        self.running_since(Instant::now(), what.into())
    }

    fn running_since(self: &Arc<Self>, since: Instant, what: String) -> Running {
        let mut state = self.0.lock();
        state.begun += 1;
        let number = state.begun;
        state.running.insert(number, (since, what));
        Running { degraded: Arc::clone(self), number }
    }

    /// Running time of the longest-running reload or change; zero if there is none.
    pub fn reload_time(&self) -> Duration {
        self.0.lock().running.values().map(|(since, _)| since.elapsed()).max().unwrap_or_default()
    }

    /// What is degraded, and why, while revision `active` is in force.
    pub fn reasons(&self, active: u64) -> Vec<(Concern, String)> {
        let state = self.0.lock();
        let holds = |concern: Concern| concern != Concern::Revision || active < state.latest;
        let noted = state.reasons.iter().filter(|(concern, _)| holds(**concern));
        let mut reasons: Vec<_> = noted.map(|(concern, why)| (*concern, why.clone())).collect();
        let longest = state.running.values().map(|(since, what)| (since.elapsed(), what)).max();
        if let Some((time, what)) = longest.filter(|(time, _)| *time >= LONG) {
            reasons.push((Concern::Reload, format!("a reload has been running for {} s ({what})", time.as_secs())));
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_reported_until_it_ends() {
        let degraded = Degraded::default();
        degraded.set(Concern::Databases, "damaged");
        degraded.set_older_revision(4, "revision 4 cannot be read");
        let words = |active| degraded.reasons(active).into_iter().map(|(concern, _)| concern).collect::<Vec<_>>();
        assert_eq!(words(3), [Concern::Revision, Concern::Databases]);
        assert_eq!(words(5), [Concern::Databases], "something later is in force");
        degraded.clear(Concern::Databases);
        assert!(words(5).is_empty());
    }

    #[test]
    fn only_a_long_reload_is_reported() {
        let degraded = Arc::new(Degraded::default());
        let short = degraded.running("PUT /api/v1/document");
        assert!(degraded.reasons(1).is_empty());
        let Some(long_ago) = Instant::now().checked_sub(LONG) else { return };
        let long = degraded.running_since(long_ago, "SIGHUP".into());
        let reasons = degraded.reasons(1);
        assert_eq!(reasons[0].0, Concern::Reload);
        assert!(reasons[0].1.contains("a reload has been running for 5 s (SIGHUP)"), "{reasons:?}");
        drop(long);
        assert!(degraded.reasons(1).is_empty(), "the other one has not been running for long");
        drop(short);
        assert_eq!(degraded.reload_time(), Duration::ZERO);
    }

    #[test]
    fn a_reload_that_panics_ends() {
        let degraded = Arc::new(Degraded::default());
        let running = Arc::clone(&degraded);
        let ended = std::thread::spawn(move || {
            let _running = running.running("SIGHUP");
            panic!("this reload is meant to panic");
        });
        assert!(ended.join().is_err());
        assert_eq!(degraded.reload_time(), Duration::ZERO);
    }
}
