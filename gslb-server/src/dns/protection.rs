//! What protects the DNS listeners and others from abuse.

use std::sync::Arc;

use gslb_core::limit::Limits;

use super::cookies::Cookies;
use crate::config::Dns;

/// The protections that workers use. By default there are none.
#[derive(Clone, Default)]
pub struct Protection {
    /// The secrets of DNS cookies; `None` if COOKIE options are ignored.
    pub cookies: Option<Arc<Cookies>>,
    /// The limits of responses over UDP; `None` if there are none.
    pub limits: Option<Limits>,
}

impl Protection {
    /// What `dns` asks for. Secrets that cannot be used are logged.
    pub fn start(dns: &Dns) -> Self {
        let cookies = dns.cookies.enabled.then(|| Arc::new(Cookies::start(dns.cookies.origin.clone())));
        let limits = dns.rrl.enabled.then(|| dns.rrl.limits.clone());
        Self { cookies, limits }
    }
}
