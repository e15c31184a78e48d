//! HTTPS: a certificate of a private authority, one replaced while the server runs, and unusable ones.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::{fs, thread};

use gslb::client::{Address, Client, Error, Request, Trust};
use gslb::config::Config;
use gslb::daemon::{Bound, Running, control_runtime};
use gslb::tls::{Inside, Tls, TlsFiles};
use tempfile::TempDir;

use crate::http::provided;
use crate::published;
use crate::query::{PATIENCE, query};

/// Writes a certificate for `name` that is its own authority, and its key.
pub(crate) fn write_certificate(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
}

fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.dns.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.api.listen = "127.0.0.1:0".parse().unwrap();
    config.api.tls = Some(TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") });
    config
}

fn serve(folder: &Path) -> (Running, SocketAddr) {
    let config = config(folder);
    let bound = Bound::bind(&config).unwrap();
    assert_eq!(bound.url(), format!("https://{}", bound.api()));
    let api = bound.api();
    (
        bound
            .start(control_runtime().unwrap(), &config, published(), config.dns.settings().into(), provided())
            .unwrap(),
        api,
    )
}

/// Requests `/livez` by the name `host`, trusting the certificate in `folder`.
fn ask(api: SocketAddr, host: &str, folder: &Path) -> Result<String, Error> {
    ask_for("/livez", api, host, folder)
}

/// The same for `path`.
fn ask_for(path: &str, api: SocketAddr, host: &str, folder: &Path) -> Result<String, Error> {
    let address = Address { secure: true, host: host.to_owned(), port: api.port() };
    let client = Client::new(address, None, &Trust::File(folder.join("certificate.pem")))?;
    Ok(String::from_utf8_lossy(&client.ask(Request::get(path))?.body).into_owned())
}

#[test]
fn a_replaced_certificate_is_taken_up_while_serving() {
    let folder = TempDir::new().unwrap();
    write_certificate(folder.path(), "127.0.0.1");
    let (running, api) = serve(folder.path());
    assert_eq!(ask(api, "127.0.0.1", folder.path()).unwrap(), "ok\n");
    let metrics = ask_for("/metrics", api, "127.0.0.1", folder.path()).unwrap();
    let ends = metrics.lines().find_map(|line| line.strip_prefix("gslb_api_certificate_expiry_timestamp_seconds "));
    assert!(ends.is_some_and(|ends| ends.parse::<f64>().unwrap() > 1.7e9), "when it ends is to be seen: {ends:?}");
    let Err(Error::Unreachable { cause, .. }) = ask(api, "localhost", folder.path()) else { panic!("another name") };
    assert!(cause.contains("certificate"), "{cause}");

    write_certificate(folder.path(), "localhost");
    while ask(api, "localhost", folder.path()).is_err() {
        thread::yield_now();
    }
    assert!(ask(api, "127.0.0.1", folder.path()).is_err());
    running.stop();
}

#[test]
fn a_broken_certificate_leaves_the_one_before_in_use() {
    let folder = TempDir::new().unwrap();
    write_certificate(folder.path(), "127.0.0.1");
    let (running, api) = serve(folder.path());
    let trusted = TempDir::new().unwrap();
    fs::copy(folder.path().join("certificate.pem"), trusted.path().join("certificate.pem")).unwrap();
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        fs::write(folder.path().join("certificate.pem"), broken).unwrap();
        let (_, error) = Tls::start(config(folder.path()).api.tls.unwrap(), Inside::Http);
        assert!(error.expect("it cannot be used").to_string().contains("certificate.pem"));
        assert_eq!(ask(api, "127.0.0.1", trusted.path()).unwrap(), "ok\n");
    }
    write_certificate(folder.path(), "127.0.0.1");
    fs::copy(trusted.path().join("certificate.pem"), folder.path().join("certificate.pem")).unwrap();
    let (_, error) = Tls::start(config(folder.path()).api.tls.unwrap(), Inside::Http);
    assert!(error.expect("the key is of another one").to_string().contains("key.pem"));
    running.stop();
}

#[test]
fn an_unusable_certificate_is_counted_and_dns_still_answers() {
    let folder = TempDir::new().unwrap();
    let config = config(folder.path());
    let bound = Bound::bind(&config).unwrap();
    let (dns, api) = (bound.dns()[0], bound.api());
    let provided = provided();
    let reloads = Arc::clone(&provided.reloads);
    let running =
        bound.start(control_runtime().unwrap(), &config, published(), config.dns.settings().into(), provided).unwrap();
    assert!(reloads.last_was_refused());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(&query(1), dns).unwrap();
    client.recv(&mut [0; 512]).unwrap();
    let mut plain = TcpStream::connect(api).unwrap();
    let _ = plain.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert_eq!(answer, b"", "nothing is sent unencrypted");

    write_certificate(folder.path(), "127.0.0.1");
    while ask(api, "127.0.0.1", folder.path()).is_err() {
        thread::yield_now();
    }
    assert!(!reloads.last_was_refused());
    fs::write(folder.path().join("certificate.pem"), "").unwrap();
    while !reloads.last_was_refused() {
        thread::yield_now();
    }
    running.stop();
}

#[test]
fn tokens_are_not_sent_unencrypted_to_other_hosts() {
    let address: Address = "http://192.0.2.1:8053".parse().unwrap();
    let error = Client::new(address, Some("gslb_1_2"), &Trust::System).err().unwrap();
    assert!(matches!(error, Error::Readable(_)), "{error}");
    assert!(!format!("{error:?}").contains("gslb_1_2"));
}
