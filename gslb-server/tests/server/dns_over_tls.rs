//! DNS over TLS: slow, rude and broken clients, limits, and the stop (RFC 7858).

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gslb::capture::tap;
use gslb::dns::protection::Protection;
use gslb::dns::tcp::{FailedHandshakes, Front, Limits, Server, TcpCounters, bind};
use gslb::tls::{Inside, Tls, TlsFiles, certificates};
use gslb_core::respond::{Settings, Transport};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::published;
use crate::query::{PATIENCE, answered, await_close, framed, query};
use crate::tls::write_certificate;

/// Time enough that no test runs into it by accident.
const UNLIMITED: Limits = Limits { idle: PATIENCE, connections: 1000, connections_per_client: 1000 };

/// Short, for tests that wait until it is over.
const SHORT: Duration = Duration::from_millis(200);

type Client = StreamOwned<ClientConnection, TcpStream>;

struct TlsServer {
    server: Server,
    address: SocketAddr,
    folder: TempDir,
}

fn serve(limits: Limits) -> TlsServer {
    let folder = TempDir::new().unwrap();
    write_certificate(folder.path(), "127.0.0.1");
    let files = TlsFiles { certificate: folder.path().join("certificate.pem"), key: folder.path().join("key.pem") };
    let (tls, refused) = Tls::start(files, Inside::Dns);
    assert!(refused.is_none(), "{refused:?}");
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let listeners = vec![(listener, Front::Tls(Arc::new(tls)))];
    let settings = Arc::new(Settings::default());
    let server = Server::start(
        listeners,
        Transport::Tls,
        limits,
        published(),
        &settings,
        &Protection::default(),
        0,
        tap::none(2),
    )
    .unwrap();
    TlsServer { server, address, folder }
}

impl TlsServer {
    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.folder.path().join("certificate.pem")).unwrap() {
            roots.add(certificate).unwrap();
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        builder.with_root_certificates(roots).with_no_client_auth()
    }

    fn client_with(&self, config: ClientConfig) -> Client {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), self.connect())
    }

    fn client(&self) -> Client {
        self.client_with(self.config(&[&TLS13, &TLS12]))
    }

    /// A TCP connection to the TLS port.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// Reads one response and returns its ID.
fn read_answer(client: &mut impl Read) -> u16 {
    let mut length = [0; 2];
    client.read_exact(&mut length).expect("an answer");
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    client.read_exact(&mut message).expect("the rest of the answer");
    answered(&message)
}

fn ask(client: &mut Client, id: u16) {
    client.write_all(&framed(&query(id))).expect("a query to be taken");
    assert_eq!(read_answer(client), id);
}

/// Waits until the counters say so.
fn wait(counters: &TcpCounters, what: &str, holds: impl Fn(&gslb::dns::tcp::TcpCounts) -> bool) {
    let begun = std::time::Instant::now();
    while !holds(&counters.total().1) {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}: {:?}", counters.total().1);
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn pipelined_queries_are_answered_in_both_versions_with_and_without_alpn() {
    let tls = serve(UNLIMITED);
    for version in [&TLS12, &TLS13] {
        for alpn in [vec![], vec![b"dot".to_vec()], vec![b"h2".to_vec(), b"dot".to_vec()]] {
            let mut config = tls.config(&[version]);
            config.alpn_protocols.clone_from(&alpn);
            let mut client = tls.client_with(config);
            let queries: Vec<u8> = (0..500).flat_map(|id| framed(&query(id))).collect();
            client.write_all(&queries).unwrap();
            (0..500).for_each(|id| assert_eq!(read_answer(&mut client), id));
            let expected = if alpn.is_empty() { None } else { Some(&b"dot"[..]) };
            assert_eq!(client.conn.alpn_protocol(), expected);
        }
    }
    let (tally, counts) = tls.server.counters().total();
    assert_eq!((counts.accepted, counts.handshakes, counts.failed_handshakes), (6, 6, FailedHandshakes::default()));
    assert_eq!(tally.queries().map(|(.., count)| count).sum::<u64>(), 3000);
    tls.server.stop();
}

#[test]
fn clients_that_do_not_speak_dns_over_tls_are_counted_by_reason() {
    let tls = serve(UNLIMITED);
    // Plain DNS, and HTTP.
    for garbage in [&framed(&query(1))[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut plain = tls.connect();
        plain.write_all(garbage).unwrap();
        let mut alert = Vec::new();
        let _ = plain.read_to_end(&mut alert);
        assert!(alert.is_empty() || alert[0] == 21, "an alert at most, and not {alert:?}");
    }
    // Gone before, and in the middle of, the first message.
    for sent in [&b""[..], &[22, 3, 1, 2, 0, 1, 0]] {
        let mut early = tls.connect();
        early.write_all(sent).unwrap();
        early.shutdown(Shutdown::Both).unwrap();
    }
    let mut other = tls.config(&[&TLS13]);
    other.alpn_protocols = vec![b"h2".to_vec()];
    assert!(tls.client_with(other).write_all(&framed(&query(1))).is_err());
    // A client that does not trust the certificate.
    let folder = TempDir::new().unwrap();
    write_certificate(folder.path(), "127.0.0.1");
    let others = TlsServer { server: serve(UNLIMITED).server, address: tls.address, folder };
    assert!(others.client().write_all(&framed(&query(1))).is_err());
    let counters = tls.server.counters();
    let expected = FailedHandshakes { garbage: 2, closed: 2, incompatible: 1, alert: 1, ..FailedHandshakes::default() };
    wait(&counters, "all are counted", |counts| counts.failed_handshakes == expected);
    wait(&counters, "all are closed", |counts| counts.open == 0);
    ask(&mut tls.client(), 1);
    tls.server.stop();
}

#[test]
fn a_handshake_has_as_much_time_as_a_query() {
    let tls = serve(Limits { idle: SHORT, ..UNLIMITED });
    let mut silent = tls.connect();
    let mut half = tls.connect();
    half.write_all(&[22, 3, 1, 2, 0]).unwrap();
    // Records without content, while they are accepted: so many that there is always more to read.
    let mut endless = tls.connect();
    let mut writer = endless.try_clone().unwrap();
    let records = [22, 3, 1, 0, 1, 1].repeat(10_000);
    let writing = thread::spawn(move || while writer.write_all(&records).is_ok() {});
    await_close(&mut silent);
    await_close(&mut half);
    let _ = endless.read_to_end(&mut Vec::new());
    writing.join().unwrap();
    wait(&tls.server.counters(), "both are counted", |counts| counts.failed_handshakes.timeout == 2);
    tls.server.stop();
}

#[test]
fn connections_that_the_server_closes_end_in_order() {
    let tls = serve(Limits { idle: SHORT, ..UNLIMITED });
    let counters = tls.server.counters();
    let mut used = tls.client();
    ask(&mut used, 1);
    let mut rest = Vec::new();
    used.read_to_end(&mut rest).expect("the end of TLS is told");
    assert!(rest.is_empty());
    let mut short = tls.client();
    short.write_all(&[framed(&query(2)), vec![0, 3]].concat()).unwrap();
    assert_eq!(read_answer(&mut short), 2);
    short.read_to_end(&mut rest).expect("the end of TLS is told");
    wait(&counters, "both are counted", |counts| (counts.idle, counts.short) == (1, 1));
    tls.server.stop();
}

#[test]
fn half_open_clients_do_not_evict_those_that_are_served() {
    let tls = serve(Limits { connections: 8, ..UNLIMITED });
    let connect_and_ask = |_| {
        let mut client = tls.client();
        ask(&mut client, 1);
        client
    };
    let mut clients: Vec<Client> = (0..6).map(connect_and_ask).collect();
    let counters = tls.server.counters();
    // Kept open, one after the other.
    let half: Vec<TcpStream> = (1..=50)
        .map(|number| {
            let stream = tls.connect();
            wait(&counters, "it is accepted", |counts| counts.accepted == 6 + number);
            stream
        })
        .collect();
    clients.iter_mut().for_each(|client| ask(client, 2));
    ask(&mut tls.client(), 3);
    let (_, counts) = counters.total();
    assert_eq!(counts.handshakes, 7);
    assert!(counts.open <= 8, "{counts:?}");
    assert_eq!(counts.evicted, 49, "of the half-open ones, two may stay until the last client comes");
    drop(half);
    tls.server.stop();
}

#[test]
fn a_client_gets_its_maximum_of_connections() {
    let tls = serve(Limits { connections_per_client: 2, ..UNLIMITED });
    let mut clients: Vec<Client> = (0..2).map(|_| tls.client()).collect();
    clients.iter_mut().for_each(|client| ask(client, 1));
    await_close(&mut tls.connect());
    clients.iter_mut().for_each(|client| ask(client, 2));
    assert_eq!(tls.server.counters().total().1.refused, 1);
    tls.server.stop();
}

#[test]
fn the_stop_answers_what_was_received_and_ends_open_handshakes() {
    let tls = serve(UNLIMITED);
    let mut clients: Vec<Client> = (0..5).map(|_| tls.client()).collect();
    clients.iter_mut().for_each(|client| ask(client, 1));
    let mut half = tls.connect();
    let counters = tls.server.counters();
    wait(&counters, "all are accepted", |counts| counts.accepted == 6);
    for client in &mut clients {
        client.write_all(&framed(&query(2))).unwrap();
    }
    let server = tls.server;
    server.stop();
    for client in &mut clients {
        assert_eq!(read_answer(client), 2);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("the end of TLS is told");
    }
    await_close(&mut half);
    assert_eq!(counters.total().1.open, 0);
}
