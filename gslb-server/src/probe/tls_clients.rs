//! TLS configurations of probes, for each application protocol, with and without certificate verification.

use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The application protocol.
#[derive(Debug, Clone, Copy)]
pub(super) enum Inside {
    Http1,
    Http2,
}

/// One configuration for each application protocol, with and without verification.
pub(super) struct Clients {
    checked: [Arc<ClientConfig>; 2],
    unchecked: [Arc<ClientConfig>; 2],
}

impl Clients {
    /// Trusts `roots`.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let make = |checked: bool, inside: &[u8]| {
            let builder =
                ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
            let builder = if checked {
                builder.with_root_certificates(roots.clone())
            } else {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider.clone())))
            };
            let mut config = builder.with_no_client_auth();
            config.alpn_protocols = vec![inside.to_vec()];
            // A resumed session would not show the server's current certificate.
            config.resumption = Resumption::disabled();
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        let pair = |checked| Ok::<_, rustls::Error>([make(checked, b"http/1.1")?, make(checked, b"h2")?]);
        Ok(Self { checked: pair(true)?, unchecked: pair(false)? })
    }

    /// The configuration to use.
    pub(super) fn config(&self, is_checked: bool, inside: Inside) -> Arc<ClientConfig> {
        let [http1, http2] = if is_checked { &self.checked } else { &self.unchecked };
        Arc::clone(match inside {
            Inside::Http1 => http1,
            Inside::Http2 => http2,
        })
    }
}

/// Accepts any certificate, for probes that disable verification. Signatures are still checked.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
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
