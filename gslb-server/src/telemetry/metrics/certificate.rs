//! The certificates of the API and of DNS over TLS, if there are any.

use std::sync::Arc;

use super::{Collector, Family};
use crate::tls::Tls;

/// When the certificates in use expire.
pub fn collector(api: Option<Arc<Tls>>, dns: Option<Arc<Tls>>) -> Collector {
    Collector::new("certificate", move || {
        let families = [
            ("gslb_api_certificate_expiry_timestamp_seconds", "When the certificate of the API expires.", &api),
            ("gslb_tls_certificate_expiry_timestamp_seconds", "When the certificate of DNS over TLS expires.", &dns),
        ];
        let family = |(name, help, tls): (_, _, &Option<Arc<Tls>>)| {
            let mut expiry = Family::gauge(name, help);
            if let Some(end) = tls.as_ref().and_then(|tls| tls.end()) {
                expiry.add(&[], end as f64);
            }
            expiry
        };
        families.into_iter().map(family).collect()
    })
}
