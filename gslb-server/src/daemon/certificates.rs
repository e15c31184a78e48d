//! Reloads the certificates of HTTPS and of DNS over TLS when their files change.

use std::sync::Arc;

use gslb_api::degraded::{Concern, Degraded};

use crate::files::reload::{Cause, Reloads};
use crate::files::watch::SourceFile;
use crate::tls::{Reread, Tls};

/// The certificates in use, and where to report those that are not.
pub(super) struct Certificates {
    all: Vec<(Arc<Tls>, Concern)>,
    reloads: Arc<Reloads>,
    concerns: Arc<Degraded>,
}

impl Certificates {
    /// Reports the state of the certificates.
    pub(super) fn start(
        api: Option<Arc<Tls>>,
        dns: Option<Arc<Tls>>,
        reloads: Arc<Reloads>,
        concerns: Arc<Degraded>,
    ) -> Self {
        let api = api.map(|tls| (tls, Concern::Certificate));
        let all: Vec<_> = api.into_iter().chain(dns.map(|tls| (tls, Concern::DnsTls))).collect();
        let refused = all.iter().filter(|(tls, _)| tls.refused().is_some()).count() as u64;
        reloads.note_certificates(refused, refused > 0);
        all.iter().for_each(|(tls, concern)| note(&concerns, tls, *concern));
        Self { all, reloads, concerns }
    }

    /// The state of the files just before they were read.
    pub(super) fn sources(&self) -> impl Iterator<Item = SourceFile> {
        self.all.iter().flat_map(|(tls, _)| tls.sources())
    }

    /// Reloads the certificates that `cause` concerns.
    pub(super) fn reload(&self, cause: &Cause) {
        let mut refused = 0;
        for (tls, concern) in &self.all {
            let reread = tls.reload(cause);
            if reread != Reread::Untouched {
                refused += u64::from(reread == Reread::Refused);
                note(&self.concerns, tls, *concern);
            }
        }
        self.reloads.note_certificates(refused, self.all.iter().any(|(tls, _)| tls.refused().is_some()));
    }
}

/// Records whether the certificate files are in use.
fn note(concerns: &Degraded, tls: &Tls, concern: Concern) {
    match tls.refused() {
        Some(why) if tls.is_ready() => {
            concerns.set(concern, format!("{why}; new connections get the previous certificate"));
        }
        Some(why) => concerns.set(concern, format!("{why}; the API and the metrics are off")),
        None => concerns.clear(concern),
    }
}
