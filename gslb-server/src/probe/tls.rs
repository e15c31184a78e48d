//! TLS of probes: whom to trust, and until when a certificate is good.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gslb_core::health::{Failure, Target};
use gslb_core::model::{self, TlsProbe};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::authorities::Authorities;
use super::bounded::Bounded;
use super::fault::Fault;
use super::run::Notes;
use crate::certificate::end_of;

const DAY: u64 = 86_400;

/// What is spoken inside.
#[derive(Debug, Clone, Copy)]
pub(super) enum Inside {
    Http1,
    Http2,
}

/// Ready-made settings, one for each combination of what is spoken and whether certificates are checked.
pub(super) struct Clients {
    checked: [Arc<ClientConfig>; 2],
    unchecked: [Arc<ClientConfig>; 2],
}

impl Clients {
    /// Trusts `roots`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let make = |checked: bool, inside: &[u8]| {
            let builder =
                ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
            let builder = if checked {
                builder.with_root_certificates(roots.clone())
            } else {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider.clone())))
            };
            let mut config = builder.with_no_client_auth();
            config.alpn_protocols = vec![inside.to_vec()];
            // A session that is taken up again would not show the certificate that the server has now.
            config.resumption = Resumption::disabled();
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        let pair = |checked| Ok::<_, rustls::Error>([make(checked, b"http/1.1")?, make(checked, b"h2")?]);
        Ok(Self { checked: pair(true)?, unchecked: pair(false)? })
    }

    /// What to connect with.
    fn config(&self, is_checked: bool, inside: Inside) -> Arc<ClientConfig> {
        let [http1, http2] = if is_checked { &self.checked } else { &self.unchecked };
        Arc::clone(match inside {
            Inside::Http1 => http1,
            Inside::Http2 => http2,
        })
    }
}

impl Authorities {
    /// Shakes hands, and notes when the server's certificate ends. `host` is whom the request is for, where that is
    /// not the target itself.
    pub(super) async fn connect(
        &self,
        inside: Inside,
        stream: Bounded<TcpStream>,
        target: &Target,
        (tls, host): (&TlsProbe, Option<&str>),
        notes: &mut Notes,
    ) -> Result<TlsStream<Bounded<TcpStream>>, Fault> {
        notes.stage = "shaking hands for TLS";
        let config = self.clients().config(tls.verify, inside);
        let name = server_name(tls.server_name.as_deref().or(host), target)?;
        let connecting = TlsConnector::from(config).connect(name, stream);
        let stream = connecting.await.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Fault::new(Failure::Tls, "closed the connection during the handshake"),
            _ => self.judged(Fault::of_io(&error), &error),
        })?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        notes.certificate_expires = leaf.and_then(end_of);
        lasts(tls, notes.certificate_expires)?;
        Ok(stream)
    }
}

fn server_name(named: Option<&str>, target: &Target) -> Result<ServerName<'static>, Fault> {
    let text = match (named, &target.host) {
        (Some(name), _) => name.to_owned(),
        (None, model::Target::Address(address)) => return Ok(ServerName::from(*address)),
        (None, model::Target::Cname(name)) => name.to_string().trim_end_matches('.').to_owned(),
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    ServerName::try_from(text.clone()).map_err(|_| Fault::new(Failure::Tls, format!("{text} is no name for TLS")))
}

/// Whether the certificate is good for as long as the probe wants.
fn lasts(tls: &TlsProbe, end: Option<u64>) -> Result<(), Fault> {
    let Some(days) = tls.certificate_days else { return Ok(()) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match end {
        Some(end) if end >= now.saturating_add(u64::from(days) * DAY) => Ok(()),
        Some(end) if end < now => {
            let days = (now - end) / DAY;
            Err(Fault::new(Failure::CertificateExpires, format!("the certificate ended {days} days ago")))
        }
        Some(end) => {
            let left = (end - now) / DAY;
            Err(Fault::new(Failure::CertificateExpires, format!("the certificate ends in {left} days")))
        }
        None => Err(Fault::new(Failure::CertificateExpires, "the certificate does not say when it ends")),
    }
}

/// Takes any certificate, since the probe says so. Signatures are checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
