//! https: valid certificates, and those of an unknown authority, for another name, expired, or about to expire.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gslb::files::reload::Cause;
use gslb::probe::Settings;
use gslb_core::health::{Failure, Outcome};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

use crate::origin::{Origin, hang, read_request};
use crate::{outcome_with, settings, write};

const DAY: u64 = 86_400;

/// A server whose certificate is for `name`, and a prober's settings that trust it.
struct Server {
    origin: Origin,
    folder: TempDir,
    /// When its certificate ends, in seconds since 1970.
    ends: u64,
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

impl Server {
    /// With a certificate that expires in this many days, or expired that many days ago.
    fn new(name: &str, days: i64) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        // An hour more, so that the time of the test does not matter.
        let ends = now().saturating_add_signed(days * DAY as i64 + days.signum() * 3600);
        let moment = |seconds: u64| (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).into();
        params.not_before = moment(ends - 400 * DAY);
        params.not_after = moment(ends);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = TempDir::new().unwrap();
        write(folder.path(), "ca.pem", &certificate.pem());
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
        let origin = Origin::new(move |stream| {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            read_request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.flush();
        });
        Self { origin, folder, ends }
    }

    fn trusting(&self) -> Settings {
        Settings { ca: Some(self.folder.path().join("ca.pem")), ..settings() }
    }

    fn probe(&self, settings: Settings, rest: &str) -> Outcome {
        let probe =
            format!("kind = \"https\", port = {}, interval = \"10s\", timeout = \"10s\"{rest}", self.origin.port());
        outcome_with(settings, &probe, "address = \"127.0.0.1\"")
    }
}

#[test]
fn a_valid_certificate_passes_and_its_expiry_is_evidence() {
    let server = Server::new("127.0.0.1", 30);
    let outcome = server.probe(server.trusting(), "");
    assert_eq!((outcome.result, outcome.certificate_expires), (Ok(()), Some(server.ends)), "{}", outcome.evidence);
    assert_eq!(server.probe(server.trusting(), ", certificate_days = 29").result, Ok(()));
    let near = server.probe(server.trusting(), ", certificate_days = 31");
    assert_eq!((near.result, near.certificate_expires), (Err(Failure::CertificateExpires), Some(server.ends)));
    assert_eq!(&*near.evidence, "the certificate expires in 30 days");
}

#[test]
fn a_certificate_for_another_name_fails_unless_verification_is_off() {
    let server = Server::new("127.0.0.1", 30);
    let stranger = server.probe(settings(), "");
    assert_eq!(stranger.result, Err(Failure::Tls), "{}", stranger.evidence);
    let unchecked = server.probe(settings(), ", verify = false");
    assert_eq!(
        (unchecked.result, unchecked.certificate_expires),
        (Ok(()), Some(server.ends)),
        "{}",
        unchecked.evidence
    );
}

#[test]
fn the_certificate_must_match_the_requested_name() {
    let server = Server::new("www.example.com", 30);
    assert_eq!(server.probe(server.trusting(), "").result, Err(Failure::Tls));
    assert_eq!(server.probe(server.trusting(), ", host = \"www.example.com\"").result, Ok(()));
    assert_eq!(
        server.probe(server.trusting(), ", host = \"x.example.com\", server_name = \"www.example.com\"").result,
        Ok(())
    );
    assert_eq!(server.probe(server.trusting(), ", server_name = \"other.example.com\"").result, Err(Failure::Tls));
}

#[test]
fn an_expired_certificate_fails() {
    let server = Server::new("127.0.0.1", -3);
    let outcome = server.probe(server.trusting(), "");
    assert_eq!(outcome.result, Err(Failure::CertificateExpires), "{}", outcome.evidence);
    assert_eq!(server.probe(settings(), ", verify = false").result, Ok(()));
    let outcome = server.probe(settings(), ", verify = false, certificate_days = 0");
    assert_eq!(outcome.result, Err(Failure::CertificateExpires));
    assert_eq!(
        (&*outcome.evidence, outcome.certificate_expires),
        ("the certificate expired 3 days ago", Some(server.ends))
    );
}

#[test]
fn a_server_without_tls_fails() {
    let plain = Origin::saying("HTTP/1.1 200 OK\r\n\r\n");
    let probe = format!("kind = \"https\", port = {}, timeout = \"300ms\"", plain.port());
    let outcome = outcome_with(settings(), &probe, "address = \"127.0.0.1\"");
    assert!(matches!(outcome.result, Err(Failure::Tls | Failure::Timeout)), "{outcome:?}");
    let junk = Origin::new(|mut stream| {
        let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
        hang(stream);
    });
    let probe = format!("kind = \"https\", port = {}", junk.port());
    assert_eq!(outcome_with(settings(), &probe, "address = \"127.0.0.1\"").result, Err(Failure::Tls));
}

#[test]
fn while_authorities_are_unreadable_an_unknown_one_is_not_a_failure() {
    let server = Server::new("127.0.0.1", 30);
    let folder = TempDir::new().unwrap();
    let ca = write(folder.path(), "ca.pem", "nothing");
    let broken = Settings { ca: Some(ca.clone()), ..settings() };
    let outcome = server.probe(broken.clone(), "");
    assert_eq!(outcome.result, Err(Failure::System), "{outcome:?}");
    assert!(outcome.is_unable() && outcome.evidence.contains("cannot use probes.ca"), "{outcome:?}");
    assert_eq!(server.probe(settings(), "").result, Err(Failure::Tls), "a file that is read has the last word");

    let (prober, _reports) = gslb::probe::Prober::start(broken).unwrap();
    let authorities = prober.authorities();
    assert!(authorities.refused().unwrap().contains("ca.pem has no certificate"));
    std::fs::copy(server.folder.path().join("ca.pem"), &ca).unwrap();
    assert_eq!(authorities.reload(Cause::Changed(vec![ca])), None);
    assert_eq!(authorities.refused(), None);
}
