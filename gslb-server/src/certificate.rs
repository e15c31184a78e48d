//! When a certificate expires: those of probed servers, and our own.

use tokio_rustls::rustls::pki_types::CertificateDer;

/// When `certificate` expires (`notAfter`, RFC 5280 §4.1.2.5), in seconds since 1970; `None` if it cannot be parsed.
pub fn expiry_of(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    u64::try_from(certificate.validity().not_after.timestamp()).ok()
}
