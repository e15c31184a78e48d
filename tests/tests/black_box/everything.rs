//! A server that exposes every metric: with TLS, dnstap, probes, a vantage, an override, and a pool that is down.

use gslb_tests::ask::{curl_with, dig, kdig};
use gslb_tests::eventually;
use gslb_tests::folder::{CERTIFICATE, Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

const TLS: &str = "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }\n";

/// The server, and another one whose HTTPS it probes.
pub(crate) struct Everything {
    pub(crate) folder: Folder,
    pub(crate) server: Server,
    _probed: (Folder, Server),
}

impl Everything {
    /// Starts everything, and waits until all metrics appear.
    pub(crate) fn serve() -> Self {
        let probed = Folder::with(&[("site.toml", &document("192.0.2.1")), ("example.com.zone", &zone("first"))]);
        with_certificate(&probed, "");
        let origin = probed.serve_store();
        let folder = Folder::with(&[("site.toml", &site(origin.api.port())), ("example.com.zone", &zone("first"))]);
        with_certificate(
            &folder,
            "[node]\nname = \"fra-1\"\n[probes]\nallow = [\"127.0.0.0/8\"]\n[dnstap]\nsocket = \"dnstap.sock\"\n\
             [dns.tls]\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
             [dns.proxy]\nlisten = [\"127.0.0.1:0\"]\nfrom = [\"192.0.2.10\"]\n",
        );
        let server = folder.serve_store();
        assert_eq!(folder.ask(&server, "drain pool/fra --reason test --for 1h").code, 0);
        let everything = Self { folder, server, _probed: (probed, origin) };
        for late in [
            "gslb_status_changes_total{endpoint=\"dark-1\",pool=\"dark\",to=\"down\"}",
            "gslb_latency_seconds{data_center=\"fra\",vantage=\"fra-1\"}",
            "gslb_pool_endpoints_unable{cause=\"forbidden\",pool=\"forbidden\"}",
            "gslb_endpoint_probe_up{endpoint=\"iad-1\",pool=\"iad\",probe=\"port\"}",
        ] {
            eventually(late, || everything.server.metrics().value(late).is_some());
        }
        everything.traffic();
        for late in [
            "gslb_service_fallbacks_total{kind=\"serve-all\",service=\"dark.example.com\"}",
            "gslb_region_answers_total{data_center=\"iad\",region=\"europe\"}",
        ] {
            eventually(late, || everything.server.metrics().value(late).is_some());
        }
        everything
    }

    /// Queries of many kinds, and requests of the API.
    pub(crate) fn traffic(&self) {
        for question in [
            "www.example.com A +subnet=193.0.6.0/24",
            "www.example.com AAAA +subnet=2001:db8::/32",
            "www.example.com A +tcp",
            "dark.example.com A",
            "none.example.com A",
            "example.com TXT",
            "example.org A",
        ] {
            for _ in 0..5 {
                dig(self.server.address(), question);
            }
        }
        kdig(self.server.address(), "www.example.com A");
        let bearer = format!("Authorization: Bearer {}", self.folder.token());
        for path in ["/api/v1/pools", "/api/v1/pools/fra", "/api/v1/pools/none"] {
            curl_with(&["--insecure", "-H", &bearer], &self.server.url(path));
        }
    }
}

/// Writes a certificate for 127.0.0.1 that is its own authority, and a `gslb.toml` that has it and `more`.
fn with_certificate(folder: &Folder, more: &str) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    folder.write("key.pem", made.signing_key.serialize_pem());
    folder.write(CERTIFICATE, made.cert.pem());
    folder.write("gslb.toml", format!("{PROCESS}{TLS}{more}"));
}

/// Two data centers whose endpoints pass, and a pool whose endpoint fails.
fn site(port: u16) -> String {
    let probe = format!("kind = \"https\"\nport = {port}\npath = \"/livez\"\nverify = false\ninterval = \"200ms\"\n");
    format!(
        r#"
[zones."example.com"]
file = "example.com.zone"
[data_centers]
fra.location = {{ country = "DE" }}
iad.location = {{ country = "US" }}
[vantages]
fra-1.location = {{ country = "DE" }}
[probes.web]
{probe}
[probes.wrong]
{probe}expect_status = ["500"]
[probes.port]
kind = "tcp"
port = {port}
interval = "200ms"
[pools.fra]
data_center = "fra"
probe = "web"
endpoints.fra-1 = {{ address = "192.0.2.1", probe_address = "127.0.0.1" }}
[pools.iad]
data_center = "iad"
probe = ["web", "port"]
endpoints.iad-1 = {{ address = "192.0.2.2", probe_address = "127.0.0.1" }}
[pools.dark]
probe = "wrong"
endpoints.dark-1 = {{ address = "192.0.2.3", probe_address = "127.0.0.1" }}
[pools.forbidden]
probe = "port"
endpoints.far = {{ address = "169.254.1.1" }}
[services."forbidden.example.com"]
policy = "forbidden"
[regions]
europe.match = ["continent:EU"]
[services."www.example.com"]
policy = {{ geo = {{ europe = {{ failover = ["fra", "iad"] }}, default = {{ failover = ["iad", "fra"] }} }} }}
[services."dark.example.com"]
policy = "dark"
"#
    )
}
