//! The certificate of our own API, while there is one.

use std::sync::Arc;

use super::{Collector, Family};
use crate::http::tls::Tls;

/// When the certificate in use ends.
pub fn collector(tls: Option<Arc<Tls>>) -> Collector {
    Collector::new("certificate", move || {
        let help = "When the certificate of the API ends.";
        let mut ends = Family::gauge("gslb_api_certificate_expiry_timestamp_seconds", help);
        if let Some(end) = tls.as_ref().and_then(|tls| tls.end()) {
            ends.add(&[], end as f64);
        }
        vec![ends]
    })
}
