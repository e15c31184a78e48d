//! Whom TLS probes trust: the system's authorities and those in `probes.ca`, which may be replaced while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use gslb_core::health::Failure;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, RootCertStore};
use tracing::{error, info};

use super::fault::Fault;
use super::tls_clients::Clients;
use crate::files::reader;
use crate::files::reload::Cause;
use crate::files::watch::SourceFile;
use crate::http::tls::certificates;

/// The authorities in use.
pub struct Authorities {
    file: Option<PathBuf>,
    current: RwLock<InUse>,
}

struct InUse {
    clients: Arc<Clients>,
    /// Why those in the file are not trusted, where they are not.
    refused: Option<String>,
    /// The file as it was before it was read.
    read_from: Option<SourceFile>,
}

impl Authorities {
    /// Reads the PEM file `file`. Where it cannot be used, the system's authorities alone are trusted, and
    /// [`refused`](Self::refused) says why: that is no reason not to answer DNS.
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub(super) fn start(file: Option<PathBuf>) -> Result<Self, rustls::Error> {
        let read_from = file.as_deref().map(SourceFile::before_reading);
        let (roots, refused) = match read(file.as_deref()) {
            Ok(roots) => (roots, None),
            Err(why) => (systems(), Some(why)),
        };
        if let Some(why) = &refused {
            error!("{}", probes_ca_is_not_in_use(why));
        }
        let clients = Arc::new(Clients::new(roots)?);
        Ok(Self { file, current: RwLock::new(InUse { clients, refused, read_from }) })
    }

    /// Reads the file again if `cause` concerns it, and returns what of the cause concerns others. Where it cannot be used,
    /// the authorities of before stay in use.
    pub fn reload(&self, cause: Cause) -> Option<Cause> {
        let Some(path) = self.file.as_deref() else { return Some(cause) };
        let (is_allowed_host, rest) = cause.divided(&[path]);
        if !is_allowed_host {
            return rest;
        }
        let read_from = SourceFile::before_reading(path);
        let clients = read(Some(path)).and_then(|roots| Clients::new(roots).map_err(|error| error.to_string()));
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.read_from = Some(read_from);
        match clients {
            Ok(clients) => {
                (current.clients, current.refused) = (Arc::new(clients), None);
                info!(path = %path.display(), "TLS probes trust the authorities in this file");
            }
            Err(why) => {
                error!("{}", probes_ca_is_not_in_use(&why));
                current.refused = Some(why);
            }
        }
        rest
    }

    /// Why the authorities in the file are not trusted; none where they are.
    pub fn refused(&self) -> Option<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.refused.as_deref().map(probes_ca_is_not_in_use)
    }

    /// The file as it was before it was read, to be looked at for changes.
    pub fn source(&self) -> Option<SourceFile> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).read_from.clone()
    }

    /// What probes connect with.
    pub(super) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).clients)
    }

    /// `fault`, which the handshake ended with: where the certificate's authority is unknown while `probes.ca` cannot be
    /// used, it may be in there, so it says nothing of the endpoint.
    pub(super) fn judged(&self, fault: Fault, error: &std::io::Error) -> Fault {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let is_unknown =
            error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some_and(|it| *it == unknown);
        match self.refused() {
            Some(why) if is_unknown => Fault::new(Failure::System, format!("unknown authority, and {why}")),
            _ => fault,
        }
    }
}

fn probes_ca_is_not_in_use(why: &str) -> String {
    format!("probes.ca cannot be used, the authorities of before are trusted: {why}")
}

/// The authorities that the system trusts, and those in the PEM file at `path`.
fn read(path: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = systems();
    let Some(path) = path else { return Ok(roots) };
    for certificate in certificates(path).map_err(|error| error.to_string())? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(roots)
}

/// The authorities that the system trusts. What cannot be read is passed over: one broken file among a hundred is no reason
/// to trust nobody.
fn systems() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let read = reader::guarded(Path::new("/etc/ssl/certs"), |_| rustls_native_certs::load_native_certs().certs);
    let certificates: Vec<CertificateDer<'static>> =
        read.inspect_err(|cause| error!(why = %cause, "the system's authorities cannot be read")).unwrap_or_default();
    roots.add_parsable_certificates(certificates);
    roots
}
