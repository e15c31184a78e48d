//! A connection to a server, over TLS if its address is https.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::{Address, Error};
use crate::tls::{TlsError, certificates};

/// How long a connection, and a handshake on it, may take each.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to see whether who gives no answer speaks TLS.
const LOOK: Duration = Duration::from_secs(2);

/// The trusted certificate authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those of the authorities that the system trusts.
    System,
    /// Those of the authorities in this PEM file only.
    File(PathBuf),
}

/// Why there are no trusted authorities.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The system has no certificates of authorities.
    #[error("no trusted root certificates found: name one with --ca")]
    Nobody,
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Unusable(#[from] rustls::Error),
}

/// What to make connections over TLS with.
pub(super) fn tls(trust: &Trust) -> Result<TlsConnector, TrustError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            // Unreadable files are skipped: one broken file among a hundred must not disable all.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::File(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
    }
    if roots.is_empty() {
        return Err(TrustError::Nobody);
    }
    connector(roots)
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

/// Connects to `address`. The connection is driven by a task of the runtime.
pub(super) async fn connect(address: &Address, tls: Option<&TlsConnector>) -> Result<SendRequest<Full<Bytes>>, Error> {
    let unreachable = |cause: String| Error::Unreachable { address: address.to_string(), cause };
    let late = |_| unreachable(format!("no connection within {} seconds", PATIENCE.as_secs()));
    let connected = timeout(PATIENCE, TcpStream::connect((address.host.as_str(), address.port))).await;
    let stream = connected.map_err(late)?.map_err(|cause| unreachable(cause.to_string()))?;
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return handshake(stream).await };
    let name = ServerName::try_from(address.host.clone()).map_err(|cause| unreachable(cause.to_string()))?;
    let stream = timeout(PATIENCE, tls.connect(name, stream)).await.map_err(late)?;
    handshake(stream.map_err(|cause| unreachable(advised(&cause, address)))?).await
}

/// The TLS error, with advice if there is any.
fn advised(cause: &io::Error, address: &Address) -> String {
    let message = cause.to_string();
    let of_tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidMessage(_)) = of_tls {
        return format!("it does not speak TLS; write http://{} if it serves plain HTTP", address.authority());
    }
    if message.contains("CaUsedAsEndEntity") {
        return format!(
            "{message}: the server's certificate is that of an authority (CA:TRUE); make one for the server, as with \
             `openssl req -x509 ... -addext basicConstraints=critical,CA:FALSE`"
        );
    }
    message
}

/// Why a request got no response, with advice if there is any.
pub(super) async fn unanswered(cause: &hyper::Error, address: &Address) -> Error {
    let authority = address.authority();
    if !address.secure && speaks_tls(address).await {
        let cause = format!("it speaks TLS; write https://{authority}");
        return Error::Unreachable { address: address.to_string(), cause };
    }
    if cause.is_incomplete_message() {
        return Error::Broken(format!(
            "the connection ended before there was one; is {authority} the API, and not DNS?"
        ));
    }
    Error::broken(cause)
}

/// Whether a server presents a certificate. None is accepted here, so nothing is ever sent.
async fn speaks_tls(address: &Address) -> bool {
    let connected = async {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await.ok()?;
        let name = ServerName::try_from(address.host.clone()).ok()?;
        let error = connector(RootCertStore::empty()).ok()?.connect(name, stream).await.err()?;
        let shown = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(matches!(shown, rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)))
    };
    timeout(LOOK, connected).await.is_ok_and(|seen| seen == Some(true))
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|cause| Error::broken(&cause))?;
    // An error of the connection is reported by the request that is in progress.
    tokio::spawn(connection);
    Ok(sender)
}
