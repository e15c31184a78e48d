//! TCP: pipelining, half-close, slow clients and limits (RFC 7766).

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gslb::capture::tap;
use gslb::dns::protection::Protection;
use gslb::dns::proxy::Proxies;
use gslb::dns::tcp::{Front, Leaving, Limits, Server, bind};
use gslb_core::respond::{Settings, Transport};
use socket2::{Domain, Socket, Type};

use crate::published;
use crate::query::{PATIENCE, ask, await_close, framed, is_truncated, proxy_header, query, read_answer};

/// Time enough that no test runs into it by accident.
const UNLIMITED: Limits = Limits { idle: PATIENCE, connections: 1000, connections_per_client: 1000 };

/// Short, for tests that wait until it is over.
const SHORT: Duration = Duration::from_millis(200);

fn serve(limits: Limits) -> (Server, SocketAddr) {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    (start(listener, limits), address)
}

fn start(listener: TcpListener, limits: Limits) -> Server {
    let (listeners, settings) = (vec![(listener, Front::Tcp)], Arc::new(Settings::default()));
    let protection = Protection::default();
    Server::start(listeners, Transport::Tcp, limits, published(), &settings, &protection, 0, tap::none(2)).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    connect_from(Ipv4Addr::LOCALHOST, address)
}

/// Connects from an address of the loopback network.
fn connect_from(source: Ipv4Addr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

#[test]
fn a_hundred_queries_in_one_write_are_answered_in_order() {
    let (server, address) = serve(UNLIMITED);
    let mut client = connect(address);
    let queries: Vec<u8> = (0..100).flat_map(|id| framed(&query(id))).collect();
    client.write_all(&queries).unwrap();
    for id in 0..100 {
        assert_eq!(read_answer(&mut client), id);
    }
    server.stop();
}

#[test]
fn a_query_may_come_octet_by_octet() {
    let (server, address) = serve(UNLIMITED);
    let mut client = connect(address);
    for id in 0..3 {
        for octet in framed(&query(id)) {
            client.write_all(&[octet]).unwrap();
        }
        assert_eq!(read_answer(&mut client), id);
    }
    server.stop();
}

#[test]
fn the_longest_message_passes() {
    let (server, address) = serve(UNLIMITED);
    let mut client = connect(address);
    let mut long = query(5);
    long.resize(65535, 0);
    client.write_all(&framed(&long)).unwrap();
    assert_eq!(read_answer(&mut client), 5);
    ask(&mut client, 6);
    server.stop();
}

#[test]
fn a_client_that_sends_no_more_gets_all_its_answers() {
    let (server, address) = serve(UNLIMITED);
    let mut client = connect(address);
    let queries: Vec<u8> = (0..500).flat_map(|id| framed(&query(id))).collect();
    client.write_all(&queries).unwrap();
    // The last message never becomes whole.
    client.write_all(&framed(&query(500))[..10]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for id in 0..500 {
        assert_eq!(read_answer(&mut client), id);
    }
    await_close(&mut client);
    server.stop();
}

#[test]
fn datagrams_without_an_answer_are_skipped() {
    let (server, address) = serve(UNLIMITED);
    let mut client = connect(address);
    let mut response = query(1);
    response[2] = 0x80;
    for message in [&response[..], &response[..12]] {
        client.write_all(&framed(message)).unwrap();
    }
    ask(&mut client, 2);
    server.stop();
}

#[test]
fn a_message_shorter_than_a_header_closes_the_connection_after_the_answers_before_it() {
    let (server, address) = serve(UNLIMITED);
    for length in 0..12 {
        let mut client = connect(address);
        // Only the length arrives, and it is enough.
        let queries = [framed(&query(1)), framed(&query(2)), vec![0, length]].concat();
        client.write_all(&queries).unwrap();
        assert_eq!((read_answer(&mut client), read_answer(&mut client)), (1, 2), "length {length}");
        await_close(&mut client);
    }
    let (tally, counts) = server.counters().total();
    assert_eq!((counts.short, counts.closed_by_client, counts.idle, tally.short.get()), (12, 0, 0, 0));
    server.stop();
}

#[test]
fn an_idle_connection_is_closed_even_if_it_sends_junk() {
    let (server, address) = serve(Limits { idle: SHORT, ..UNLIMITED });
    let counters = server.counters();
    let (mut silent, mut used, mut junk) = (connect(address), connect(address), connect(address));
    ask(&mut used, 1);
    let mut writer = junk.try_clone().unwrap();
    // Messages without an answer, while they are accepted: so many that there is always more to read.
    let mut response = query(1);
    response[2] = 0x80;
    let responses = framed(&response).repeat(2000);
    let writing = thread::spawn(move || while writer.write_all(&responses).is_ok() {});
    await_close(&mut silent);
    await_close(&mut used);
    await_close(&mut junk);
    writing.join().unwrap();
    assert_eq!(counters.total().1.idle, 3);
    server.stop();
}

#[test]
fn a_client_gets_its_maximum_of_connections() {
    let (server, address) = serve(Limits { connections_per_client: 3, ..UNLIMITED });
    let mut clients: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
    clients.iter_mut().for_each(|client| ask(client, 1));
    await_close(&mut connect(address));
    // Another client is not concerned, and those who were there are not either.
    ask(&mut connect_from(Ipv4Addr::new(127, 0, 0, 2), address), 2);
    clients.iter_mut().for_each(|client| ask(client, 3));
    let counters = server.counters();
    assert_eq!(counters.total().1.refused, 1);
    // A place given up can be taken.
    drop(clients.pop());
    while counters.total().1.open > 2 {
        thread::yield_now();
    }
    ask(&mut connect(address), 4);
    server.stop();
}

#[test]
fn at_the_maximum_the_idlest_connection_is_closed() {
    let (server, address) = serve(Limits { connections: 3, ..UNLIMITED });
    let mut clients: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
    // Used in this order: the second one is the longest idle.
    for number in [1, 0, 2] {
        ask(&mut clients[number], 1);
    }
    let mut new = connect(address);
    ask(&mut new, 2);
    await_close(&mut clients[1]);
    ask(&mut clients[0], 3);
    ask(&mut clients[2], 3);
    ask(&mut new, 3);
    let (_, counts) = server.counters().total();
    assert_eq!((counts.accepted, counts.open, counts.evicted), (4, 3, 1));
    server.stop();
}

#[test]
fn a_client_that_reads_no_answers_is_disconnected() {
    let (server, address) = serve(Limits { idle: SHORT, ..UNLIMITED });
    let counters = server.counters();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut client = TcpStream::from(socket);
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    let queries: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id))).collect();
    let error = loop {
        if let Err(error) = client.write_all(&queries) {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    while counters.total().1.stalled == 0 {
        thread::yield_now();
    }
    ask(&mut connect(address), 1);
    server.stop();
}

#[test]
fn queries_received_before_the_stop_are_answered_and_then_connections_end() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients: Vec<TcpStream> = (0..10).map(|_| connect(address)).collect();
    for client in &mut clients {
        client.write_all(&framed(&query(1))).unwrap();
        client.write_all(&framed(&query(2))[..20]).unwrap();
    }
    // The stop comes while all of them wait to be accepted.
    let server = start(listener, UNLIMITED);
    let counters = server.counters();
    server.stop();
    for client in &mut clients {
        assert_eq!(read_answer(client), 1);
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    assert_eq!(counters.total().1.open, 0);
    assert!(TcpStream::connect(address).is_err(), "nothing listens");
}

#[test]
fn an_address_is_bound_once() {
    let (server, address) = serve(UNLIMITED);
    assert_eq!(bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    server.stop();
    bind(address).unwrap();
}

/// A server of proxies on the loopback network, whose clients get about 128 small answers at once over UDP.
fn serve_proxies() -> (Server, SocketAddr) {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let proxies = Proxies::new(&["127.0.0.0/8".parse().unwrap()]);
    let limits = gslb_core::limit::Limits { per_address: 1, burst: 1, ..Default::default() };
    let protection = Protection { cookies: None, limits: Some(limits) };
    let (listeners, settings) = (vec![(listener, Front::Proxy(proxies))], Arc::new(Settings::default()));
    let (published, taps) = (published(), tap::none(2));
    let server =
        Server::start(listeners, Transport::Tcp, UNLIMITED, published, &settings, &protection, 0, taps).unwrap();
    (server, address)
}

/// Sends 500 queries and returns how many are answered in full.
fn full_answers(client: &mut TcpStream) -> usize {
    let queries: Vec<u8> = (0..500).flat_map(|id| framed(&query(id))).collect();
    client.write_all(&queries).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut answers, mut full) = (Vec::new(), 0);
    client.read_to_end(&mut answers).unwrap();
    let mut rest = &answers[..];
    while let [high, low, following @ ..] = rest {
        let (message, following) = following.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        full += usize::from(!is_truncated(message));
        rest = following;
    }
    full
}

#[test]
fn clients_that_reach_a_proxy_by_datagrams_are_limited() {
    let (server, address) = serve_proxies();
    let full = |family, host| {
        let mut client = connect(address);
        client.write_all(&proxy_header(family, host)).unwrap();
        full_answers(&mut client)
    };
    // The limit is that of the client, not of a connection or thread.
    let limited = full(0x12, 1) + full(0x12, 1) + full(0x12, 1);
    assert!((100..300).contains(&limited), "{limited}");
    assert!(full(0x12, 2) >= 100, "another client has its own");
    assert_eq!(full(0x11, 1), 500, "the address of a connection is not forged");
    server.stop();
}

#[test]
fn clients_of_a_proxy_keep_their_transport_when_connections_move() {
    let (old, address) = serve_proxies();
    let (new, _) = serve_proxies();
    let mut clients = [(0x12, Transport::Udp), (0x11, Transport::Tcp)].map(|(family, transport)| {
        let mut client = connect(address);
        client.write_all(&proxy_header(family, 1)).unwrap();
        ask(&mut client, 7);
        (client, transport)
    });
    let adopter = new.adopter();
    old.leave(|leaving: Leaving| adopter.adopt(leaving));
    for (client, transport) in &mut clients {
        let full = full_answers(client);
        match transport {
            Transport::Udp => assert!((100..300).contains(&full), "{full}"),
            Transport::Tcp | Transport::Tls => assert_eq!(full, 500),
        }
    }
    new.stop();
}
