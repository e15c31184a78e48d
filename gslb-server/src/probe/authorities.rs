//! Trusted roots of TLS probes: the system's and those in `probes.ca`, which can be reloaded at run time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gslb_core::health::Failure;
use parking_lot::RwLock;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, RootCertStore};
use tracing::{error, info};

use super::fault::Fault;
use super::tls_clients::Clients;
use crate::files::reader;
use crate::files::reload::Cause;
use crate::files::watch::SourceFile;
use crate::tls::certificates;

/// The trusted roots in use.
pub struct Authorities {
    file: Option<PathBuf>,
    current: RwLock<InUse>,
}

struct InUse {
    clients: Arc<Clients>,
    /// Why the file is not in use, if it is not.
    refused: Option<String>,
    /// The state of the file just before it was read.
    read_from: Option<SourceFile>,
}

impl Authorities {
    /// Reads the PEM file `file`. If it cannot be used, only the system's roots are trusted, and
    /// [`refused`](Self::refused) says why: DNS is still answered.
    ///
    /// # Errors
    /// If TLS cannot be set up at all.
    pub(super) fn start(file: Option<PathBuf>) -> Result<Self, rustls::Error> {
        let read_from = file.as_deref().map(SourceFile::before_reading);
        let (roots, refused) = match read(file.as_deref()) {
            Ok(roots) => (roots, None),
            Err(why) => (system_roots(), Some(why)),
        };
        if let Some(why) = &refused {
            error!("{}", describe_refusal(why));
        }
        let clients = Arc::new(Clients::new(roots)?);
        Ok(Self { file, current: RwLock::new(InUse { clients, refused, read_from }) })
    }

    /// Reads the file again if `cause` concerns it, and returns the part of the cause that concerns others. If the file
    /// cannot be used, the previous roots stay in use.
    pub fn reload(&self, cause: Cause) -> Option<Cause> {
        let Some(path) = self.file.as_deref() else { return Some(cause) };
        let (is_concerned, rest) = cause.split(&[path]);
        if !is_concerned {
            return rest;
        }
        let read_from = SourceFile::before_reading(path);
        let clients = read(Some(path)).and_then(|roots| Clients::new(roots).map_err(|error| error.to_string()));
        let mut current = self.current.write();
        current.read_from = Some(read_from);
        match clients {
            Ok(clients) => {
                (current.clients, current.refused) = (Arc::new(clients), None);
                info!(path = %path.display(), "TLS probes trust the certificate authorities in this file");
            }
            Err(why) => {
                error!("{}", describe_refusal(&why));
                current.refused = Some(why);
            }
        }
        rest
    }

    /// Why the file is not in use; `None` if it is.
    pub fn refused(&self) -> Option<String> {
        let current = self.current.read();
        current.refused.as_deref().map(describe_refusal)
    }

    /// The state of the file just before it was read, to detect changes.
    pub fn source(&self) -> Option<SourceFile> {
        self.current.read().read_from.clone()
    }

    /// The TLS configurations of probes.
    pub(super) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.current.read().clients)
    }

    /// Returns `fault`, the result of the handshake, unless the issuer is unknown while `probes.ca` cannot be used:
    /// then the issuer may be in that file, so the endpoint is not to blame.
    pub(super) fn attribute(&self, fault: Fault, error: &std::io::Error) -> Fault {
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let is_unknown =
            error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some_and(|it| *it == unknown);
        match self.refused() {
            Some(why) if is_unknown => Fault::new(Failure::System, format!("unknown authority, and {why}")),
            _ => fault,
        }
    }
}

fn describe_refusal(why: &str) -> String {
    format!("cannot use probes.ca, keeping the previous certificate authorities: {why}")
}

/// The system's roots, and those in the PEM file at `path`.
fn read(path: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = system_roots();
    let Some(path) = path else { return Ok(roots) };
    for certificate in certificates(path).map_err(|error| error.to_string())? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(roots)
}

/// The system's roots. Unreadable files are skipped: one broken file among a hundred must not disable TLS probes.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let read = reader::guarded(Path::new("/etc/ssl/certs"), |_| rustls_native_certs::load_native_certs().certs);
    let certificates: Vec<CertificateDer<'static>> = read
        .inspect_err(|cause| error!(why = %cause, "cannot read the system's trusted root certificates"))
        .unwrap_or_default();
    roots.add_parsable_certificates(certificates);
    roots
}
