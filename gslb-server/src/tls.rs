//! TLS for HTTP and DNS: a certificate and key from files, which can be reloaded at run time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::{self, ServerConfig};
use tracing::{error, info};

use crate::certificate::expiry_of;
use crate::files::reader::{self, Kind};
use crate::files::reload::Cause;
use crate::files::watch::SourceFile;

/// The PEM files of the certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The key of the certificate.
    pub key: PathBuf,
}

/// The protocol inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// HTTP/1.1.
    Http,
    /// DNS (RFC 7858).
    Dns,
}

impl Inside {
    /// Its ALPN identifier. A client may offer none.
    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http => b"http/1.1",
            Self::Dns => b"dot",
        }
    }
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not the expected PEM.
    #[error("cannot read {what} from {}: {}", path.display(), reason(cause))]
    File {
        /// `certificates` or `a private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: pem::Error,
    },
    /// The file has no certificate.
    #[error("{} has no certificate: expected `-----BEGIN CERTIFICATE-----`", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The certificate or key is unusable, or they do not match.
    #[error("cannot use {} with {}: {cause}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The cause.
        #[source]
        cause: rustls::Error,
    },
}

/// The TLS configuration of new connections.
pub struct Tls {
    files: TlsFiles,
    inside: Inside,
    /// Read once per connection.
    current: RwLock<InUse>,
}

struct InUse {
    /// `None` until there is a usable certificate; until then, connections are closed.
    config: Option<Arc<ServerConfig>>,
    /// When its certificate expires, in seconds since 1970.
    end: Option<u64>,
    /// Why the files are not in use, if they are not.
    refused: Option<String>,
    /// The state of the files just before they were read.
    read_from: [SourceFile; 2],
}

/// The effect of a reload on the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// It was not concerned.
    Untouched,
    /// The one in the files is in use.
    Taken,
    /// The one in the files cannot be used; the previous one stays in use.
    Refused,
}

impl Tls {
    /// Reads `files`. If they cannot be used, returns the error, and connections are closed until they can.
    pub fn start(files: TlsFiles, inside: Inside) -> (Self, Option<TlsError>) {
        let read_from = InUse::sources(&files);
        let (config, end, error) = match read(&files, inside) {
            Ok((config, end)) => (Some(config), end, None),
            Err(error) => (None, None, Some(error)),
        };
        let refused = error.as_ref().map(ToString::to_string);
        (Self { files, inside, current: RwLock::new(InUse { config, end, refused, read_from }) }, error)
    }

    /// Reads the files again if `cause` concerns them. Open connections are not affected. On errors, which are logged,
    /// the previous certificate stays in use.
    pub fn reload(&self, cause: &Cause) -> Reread {
        if !cause.concerns(&[&self.files.certificate, &self.files.key]) {
            return Reread::Untouched;
        }
        let read_from = InUse::sources(&self.files);
        let read = read(&self.files, self.inside);
        let mut current = self.current.write();
        current.read_from = read_from;
        match read {
            Ok((config, end)) => {
                (current.config, current.end, current.refused) = (Some(config), end, None);
                info!(path = %self.files.certificate.display(), "new connections use the certificate in this file");
                Reread::Taken
            }
            Err(error) => {
                error!(why = %error, "the certificate was not reloaded, the previous one stays in use");
                current.refused = Some(error.to_string());
                Reread::Refused
            }
        }
    }

    /// Whether there is a usable certificate.
    pub fn is_ready(&self) -> bool {
        self.current.read().config.is_some()
    }

    /// Why the certificate in the files is not in use; `None` if it is.
    pub fn refused(&self) -> Option<String> {
        self.current.read().refused.clone()
    }

    /// When the certificate in use expires, in seconds since 1970; `None` if there is none.
    pub fn end(&self) -> Option<u64> {
        self.current.read().end
    }

    /// The state of the files just before they were read, to detect changes.
    pub fn sources(&self) -> [SourceFile; 2] {
        self.current.read().read_from.clone()
    }

    /// The acceptor for new connections; `None` while there is no certificate.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.current.read().config.clone().map(Into::into)
    }
}

impl InUse {
    fn sources(files: &TlsFiles) -> [SourceFile; 2] {
        [&files.certificate, &files.key].map(|path| SourceFile::before_reading(path))
    }
}

/// Describes a PEM error without quoting content: it may be the wrong file, and secret.
fn reason(cause: &pem::Error) -> String {
    match cause {
        pem::Error::Io(cause) => cause.to_string(),
        pem::Error::MissingSectionEnd { .. } => "a section has no end line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "malformed `-----BEGIN ...-----` line".to_owned(),
        pem::Error::Base64Decode(_) => "a section is not valid base64".to_owned(),
        pem::Error::NoItemsFound => "it has none".to_owned(),
        pem::Error::SectionTooLarge => "a section is larger than 10 MB".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

/// The TLS configuration, and when the certificate expires.
fn read(files: &TlsFiles, inside: Inside) -> Result<(Arc<ServerConfig>, Option<u64>), TlsError> {
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
    config.alpn_protocols = vec![inside.alpn().to_vec()];
    if inside == Inside::Dns {
        // Resolvers come back often: a resumed handshake needs no signature (RFC 7858 section 3.4). The state is in the
        // client's ticket, not in memory.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(unusable)?;
    }
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
