//! The certificate of the API, if there is one.

use std::sync::Arc;

use super::{Collector, Family};
use crate::http::tls::Tls;

/// When the certificate in use expires.
pub fn collector(tls: Option<Arc<Tls>>) -> Collector {
    Collector::new("certificate", move || {
        let help = "When the certificate of the API expires.";
        let mut expiry = Family::gauge("gslb_api_certificate_expiry_timestamp_seconds", help);
        if let Some(end) = tls.as_ref().and_then(|tls| tls.end()) {
            expiry.add(&[], end as f64);
        }
        vec![expiry]
    })
}
