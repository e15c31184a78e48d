//! TLS of probes: the handshake, and how long the certificate must be valid.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use gslb_core::health::{Failure, Target};
use gslb_core::site::model::{self, TlsProbe};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::authorities::Authorities;
use super::bounded::Bounded;
use super::fault::Fault;
use super::notes::Notes;
use super::tls_clients::Inside;
use crate::certificate::expiry_of;

const DAY: u64 = 86_400;

impl Authorities {
    /// Performs the handshake, and records when the server's certificate expires. `host` is the requested host, if it
    /// is not the target itself.
    pub(super) async fn connect(
        &self,
        inside: Inside,
        stream: Bounded<TcpStream>,
        target: &Target,
        (tls, host): (&TlsProbe, Option<&str>),
        notes: &mut Notes,
    ) -> Result<TlsStream<Bounded<TcpStream>>, Fault> {
        notes.stage = "TLS handshake";
        let config = self.clients().config(tls.verify, inside);
        let name = server_name(tls.server_name.as_deref().or(host), target)?;
        let connecting = TlsConnector::from(config).connect(name, stream);
        let stream = connecting.await.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Fault::new(Failure::Tls, "closed the connection during the handshake"),
            _ => self.attribute(Fault::of_io(&error), &error),
        })?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        notes.certificate_expires = leaf.and_then(expiry_of);
        check_validity(tls, notes.certificate_expires)?;
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
    ServerName::try_from(text.clone())
        .map_err(|_| Fault::new(Failure::Tls, format!("{text} is not a valid TLS server name")))
}

/// Whether the certificate is valid for as long as the probe requires.
fn check_validity(tls: &TlsProbe, end: Option<u64>) -> Result<(), Fault> {
    let Some(days) = tls.certificate_days else { return Ok(()) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match end {
        Some(end) if end >= now.saturating_add(u64::from(days) * DAY) => Ok(()),
        Some(end) if end < now => {
            let days = (now - end) / DAY;
            Err(Fault::new(Failure::CertificateExpires, format!("the certificate expired {days} days ago")))
        }
        Some(end) => {
            let left = (end - now) / DAY;
            Err(Fault::new(Failure::CertificateExpires, format!("the certificate expires in {left} days")))
        }
        None => Err(Fault::new(Failure::CertificateExpires, "the certificate has no readable expiry date")),
    }
}
