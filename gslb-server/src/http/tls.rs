//! TLS for HTTP: a certificate and its key from files, which may be replaced while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::{self, ServerConfig};
use tracing::{error, info};

use crate::certificate::expiry_of;
use crate::files::reader::{self, Kind};
use crate::files::reload::Cause;
use crate::files::watch::SourceFile;

/// Where the certificate and its key are, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead from it to an authority.
    pub certificate: PathBuf,
    /// The key of the certificate.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM of what it should be.
    #[error("cannot read {what} from {}: {}", path.display(), reason(cause))]
    File {
        /// `certificates` or `a private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{} has no certificate: it should have `-----BEGIN CERTIFICATE-----`", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key cannot be used, or not together.
    #[error("cannot use {} with {}: {cause}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        #[source]
        cause: rustls::Error,
    },
}

/// What connections are encrypted with, from now on.
pub struct Tls {
    files: TlsFiles,
    /// Read once per connection.
    current: RwLock<InUse>,
}

struct InUse {
    /// None until there is a certificate that can be used: nobody is answered then.
    config: Option<Arc<ServerConfig>>,
    /// When its certificate ends, in seconds since 1970.
    end: Option<u64>,
    /// Why what is in the files is not in use, where it is not.
    refused: Option<String>,
    /// The files as they were before they were read.
    read_from: [SourceFile; 2],
}

/// What became of the certificate when a reload was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// It was not concerned.
    Untouched,
    /// The one in the files is in use.
    Taken,
    /// The one in the files cannot be used; the one before is.
    Refused,
}

impl Tls {
    /// Reads `files`. Where they cannot be used, it says why, and nobody is answered until they can: a broken
    /// certificate is no reason not to answer DNS.
    pub fn start(files: TlsFiles) -> (Self, Option<TlsError>) {
        let read_from = InUse::sources(&files);
        let (config, end, error) = match read(&files) {
            Ok((config, end)) => (Some(config), end, None),
            Err(error) => (None, None, Some(error)),
        };
        let refused = error.as_ref().map(ToString::to_string);
        (Self { files, current: RwLock::new(InUse { config, end, refused, read_from }) }, error)
    }

    /// Reads the files again if `cause` concerns them, and returns what of the cause concerns others. Connections
    /// that are open keep what they have. What is wrong is told, and what was in use stays in use.
    pub fn reload(&self, cause: Cause) -> (Reread, Option<Cause>) {
        let (is_allowed_host, rest) = cause.divided(&[&self.files.certificate, &self.files.key]);
        if !is_allowed_host {
            return (Reread::Untouched, rest);
        }
        let read_from = InUse::sources(&self.files);
        let read = read(&self.files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.read_from = read_from;
        match read {
            Ok((config, end)) => {
                (current.config, current.end, current.refused) = (Some(config), end, None);
                info!(path = %self.files.certificate.display(), "new connections get the certificate of this file");
                (Reread::Taken, rest)
            }
            Err(error) => {
                error!(why = %error, "the certificate was not reloaded, the one before stays in use");
                current.refused = Some(error.to_string());
                (Reread::Refused, rest)
            }
        }
    }

    /// Whether there is a certificate to answer with.
    pub fn is_ready(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).config.is_some()
    }

    /// Why the certificate in the files is not in use; none where it is.
    pub fn refused(&self) -> Option<String> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }

    /// When the certificate in use ends, in seconds since 1970; none where there is none.
    pub fn end(&self) -> Option<u64> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).end
    }

    /// The files, as they were before they were read, to be looked at for changes.
    pub fn sources(&self) -> [SourceFile; 2] {
        self.current.read().unwrap_or_else(PoisonError::into_inner).read_from.clone()
    }

    /// What to accept a connection with; none while there is no certificate.
    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).config.clone().map(Into::into)
    }
}

impl InUse {
    fn sources(files: &TlsFiles) -> [SourceFile; 2] {
        [&files.certificate, &files.key].map(|path| SourceFile::before_reading(path))
    }
}

/// What is wrong with a PEM file, without any of its content: the file may be another one than was meant, and secret.
fn reason(cause: &pem::Error) -> String {
    match cause {
        pem::Error::Io(cause) => cause.to_string(),
        pem::Error::MissingSectionEnd { .. } => "a section of it has no end".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a line begins a section and is not `-----BEGIN ...-----`".to_owned(),
        pem::Error::Base64Decode(_) => "a section of it is not base64".to_owned(),
        pem::Error::NoItemsFound => "it has none".to_owned(),
        pem::Error::SectionTooLarge => "a section of it is larger than 10 MB".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

/// What connections are encrypted with, and when the certificate ends.
fn read(files: &TlsFiles) -> Result<(Arc<ServerConfig>, Option<u64>), TlsError> {
    let chain = certificates(&files.certificate)?;
    let end = chain.first().and_then(expiry_of);
    let key = pem(&files.key).and_then(|octets| PrivateKeyDer::from_pem_slice(&octets));
    let key = key.map_err(failed("a private key", &files.key))?;
    let unusable = |cause| {
        let TlsFiles { certificate, key } = files.clone();
        TlsError::Unusable { certificate, key, cause }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.map_err(unusable)?.with_no_client_auth().with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), end))
}

/// The certificates in a file, at least one.
///
/// # Errors
/// [`TlsError::File`], [`TlsError::NoCertificate`].
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = || failed("certificates", path);
    let octets = pem(path).map_err(failed())?;
    let chain = CertificateDer::pem_slice_iter(&octets).collect::<Result<Vec<_>, _>>().map_err(failed())?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

fn pem(path: &Path) -> Result<Vec<u8>, pem::Error> {
    reader::read(path, Kind::Pem).map_err(pem::Error::Io)
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(pem::Error) -> TlsError {
    let path = path.to_owned();
    move |cause| TlsError::File { what, path, cause }
}
