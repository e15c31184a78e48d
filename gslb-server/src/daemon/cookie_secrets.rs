//! Reloads the secrets of DNS cookies when their file changes.

use std::sync::Arc;

use gslb_api::degraded::{Concern, Degraded};

use crate::dns::cookies::Cookies;
use crate::files::reload::Cause;
use crate::files::watch::SourceFile;

/// The secrets in use, and where to report a file that cannot be used.
pub(super) struct CookieSecrets {
    cookies: Option<Arc<Cookies>>,
    concerns: Arc<Degraded>,
}

impl CookieSecrets {
    /// Reports the state of the secrets; `None` if cookies are off.
    pub(super) fn start(cookies: Option<Arc<Cookies>>, concerns: Arc<Degraded>) -> Self {
        let secrets = Self { cookies, concerns };
        secrets.note();
        secrets
    }

    /// The state of their file just before it was read.
    pub(super) fn source(&self) -> Option<SourceFile> {
        self.cookies.as_ref()?.source()
    }

    /// Reloads the secrets if `cause` concerns them.
    pub(super) fn reload(&self, cause: &Cause) {
        let Some(cookies) = &self.cookies else { return };
        cookies.reload(cause);
        self.note();
    }

    fn note(&self) {
        match self.cookies.as_ref().and_then(|cookies| cookies.refused()) {
            Some(why) => self.concerns.set(Concern::Cookies, why),
            None => self.concerns.clear(Concern::Cookies),
        }
    }
}
