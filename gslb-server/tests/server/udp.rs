//! UDP: every received query is answered once, from the queried address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gslb::capture::tap;
use gslb::dns::protection::Protection;
use gslb::dns::proxy::Proxies;
use gslb::dns::udp::{Retiring, Workers, bind};
use gslb_core::limit::Limits;
use gslb_core::respond::Settings;

use crate::published;
use crate::query::{PATIENCE, answered, is_truncated, proxy_header, query};

/// Workers on an address with a free port.
fn serve(address: &str, workers: usize) -> (Workers, u16) {
    let sockets = bind(address.parse().unwrap(), workers).unwrap();
    let port = sockets[0].local_addr().unwrap().port();
    (start(sockets), port)
}

fn start(sockets: Vec<UdpSocket>) -> Workers {
    let taps = tap::none(sockets.len());
    let sockets = sockets.into_iter().map(|socket| (socket, None)).collect();
    Workers::start(sockets, &published(), &Arc::new(Settings::default()), &Protection::default(), taps).unwrap()
}

fn client(address: &str) -> UdpSocket {
    let client = UdpSocket::bind(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Reads one answer; returns its ID and source address.
fn read_answer(client: &UdpSocket) -> (u16, SocketAddr) {
    let mut buffer = [0; 4096];
    let (length, source) = client.recv_from(&mut buffer).expect("an answer");
    (answered(&buffer[..length]), source)
}

#[test]
fn a_wildcard_listener_answers_from_the_address_that_was_asked() {
    let (workers, port) = serve("0.0.0.0:0", 2);
    let client = client("127.0.0.1:0");
    for (id, last) in [(1, 2), (2, 3), (3, 1), (4, 2)] {
        let target = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
        client.send_to(&query(id), target).unwrap();
        assert_eq!(read_answer(&client), (id, target));
    }
    workers.stop();
}

#[test]
fn a_wildcard_listener_of_ipv6_answers_ipv6_only() {
    let (workers, port) = serve("[::]:0", 1);
    let target = SocketAddr::from(("::1".parse::<IpAddr>().unwrap(), port));
    let client = client("[::1]:0");
    client.send_to(&query(7), target).unwrap();
    assert_eq!(read_answer(&client), (7, target));
    // The same port is free for IPv4.
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    workers.stop();
}

#[test]
fn a_listener_on_one_address_answers_from_it() {
    let (workers, port) = serve("127.0.0.9:0", 1);
    let client = client("127.0.0.1:0");
    let target = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), port));
    client.send_to(&query(1), target).unwrap();
    assert_eq!(read_answer(&client), (1, target));
    workers.stop();
}

#[test]
fn hundreds_of_clients_at_once_all_get_their_answers() {
    let (workers, port) = serve("127.0.0.1:0", 2);
    let counters = workers.counters();
    let clients: Vec<UdpSocket> = (0..8).map(|_| client("127.0.0.1:0")).collect();
    for round in 0..5 {
        for number in 0..100 {
            for client in &clients {
                client.send_to(&query(round * 100 + number), ("127.0.0.1", port)).unwrap();
            }
        }
        for client in &clients {
            let mut ids: Vec<u16> = (0..100).map(|_| read_answer(client).0).collect();
            ids.sort_unstable();
            assert_eq!(ids, Vec::from_iter(round * 100..(round + 1) * 100));
        }
    }
    workers.stop();
    let (_, counts) = counters.total();
    assert_eq!((counts.received, counts.sent), (4000, 4000));
    assert!(counts.batches < 4000, "{} batches for 4000 datagrams", counts.batches);
}

#[test]
fn queries_received_before_the_stop_are_answered() {
    let sockets = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
    let address = sockets[0].local_addr().unwrap();
    let clients: Vec<UdpSocket> = (0..10).map(|_| client("127.0.0.1:0")).collect();
    for id in 0..100 {
        for client in &clients {
            client.send_to(&query(id), address).unwrap();
        }
    }
    // The stop comes while a thousand queries wait.
    let workers = start(sockets);
    let counters = workers.counters();
    workers.stop();
    let (_, counts) = counters.total();
    assert_eq!((counts.received, counts.sent), (1000, 1000));
    for client in &clients {
        let mut ids: Vec<u16> = (0..100).map(|_| read_answer(client).0).collect();
        ids.sort_unstable();
        assert_eq!(ids, Vec::from_iter(0..100));
    }
}

#[test]
fn no_query_is_lost_when_one_server_takes_over_from_another() {
    let (mut old, port) = serve("127.0.0.1:0", 2);
    let done = Arc::new(AtomicBool::new(false));
    let querying = {
        let done = done.clone();
        thread::spawn(move || {
            let mut target = 0_u16;
            while !done.load(Ordering::Relaxed) {
                // A new source each time, so that all sockets have their share.
                let client = client("127.0.0.1:0");
                client.connect(("127.0.0.1", port)).unwrap();
                client.send(&query(target)).unwrap();
                assert_eq!(read_answer(&client).0, target);
                target = target.wrapping_add(1);
            }
            target
        })
    };
    for _ in 0..5 {
        let new = start(bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), 2).unwrap());
        old.stop();
        old = new;
    }
    done.store(true, Ordering::Relaxed);
    assert!(querying.join().unwrap() > 0);
    old.stop();
}

#[test]
fn junk_gets_no_answer_and_does_no_harm() {
    let (workers, port) = serve("127.0.0.1:0", 1);
    let counters = workers.counters();
    let client = client("127.0.0.1:0");
    client.connect(("127.0.0.1", port)).unwrap();
    let mut response = query(1);
    response[2] = 0x80;
    for datagram in [&[][..], &[0; 11], &response, &[0; 4097], &[0; 65507]] {
        client.send(datagram).unwrap();
    }
    client.send(&query(2)).unwrap();
    assert_eq!(read_answer(&client).0, 2, "the first answer is to the first query");
    workers.stop();
    let (_, counts) = counters.total();
    assert_eq!((counts.received, counts.sent, counts.oversized), (6, 1, 2));
    assert_eq!((counts.panics, counts.receive_errors, counts.send_errors), (0, 0, 0));
}

#[test]
fn an_address_of_another_host_is_refused() {
    assert!(bind("192.0.2.222:5353".parse().unwrap(), 1).is_err());
}

/// One large answer per second, and at once 1,600 as small as those to [`query`].
fn limited() -> Protection {
    Protection { cookies: None, limits: Some(Limits { per_address: 1, burst: 100, ..Limits::default() }) }
}

#[test]
fn clients_behind_one_port_of_a_proxy_have_the_whole_limit() {
    let sockets = bind("127.0.0.1:0".parse().unwrap(), 8).unwrap();
    let (target, taps) = (sockets[0].local_addr().unwrap(), tap::none(8));
    let proxies = Proxies::new(&["127.0.0.0/8".parse().unwrap()]);
    let sockets = sockets.into_iter().map(|socket| (socket, Some(Arc::clone(&proxies)))).collect();
    let workers = Workers::start(sockets, &published(), &Arc::new(Settings::default()), &limited(), taps).unwrap();
    let proxy = client("127.0.0.1:0");
    let full = (0..1_000).filter(|id| {
        proxy.send_to(&[proxy_header(0x12, 1), query(*id)].concat(), target).unwrap();
        let mut response = [0; 512];
        let length = proxy.recv(&mut response).expect("a response");
        !is_truncated(&response[..length])
    });
    assert_eq!(full.count(), 1_000, "an eighth of the limit is less");
    workers.stop();
}

#[test]
fn retired_sockets_have_the_limits_and_cookies_of_others() {
    let mut sockets = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let target = sockets[0].local_addr().unwrap();
    let client = client("127.0.0.1:0");
    // Large enough for all queries, which wait in it.
    gslb::dns::udp::adopt(&sockets[0]).unwrap();
    let limits = Limits { per_address: 1, burst: 1, ..Limits::default() };
    for id in 0..200 {
        client.send_to(&query(id), target).unwrap();
    }
    let protection = Protection { cookies: None, limits: Some(limits) };
    let sockets = vec![(sockets.remove(0), None)];
    Retiring::start(sockets, &published(), &Arc::new(Settings::default()), &protection).unwrap().finish();
    let truncated = (0..200).filter(|_| {
        let mut response = [0; 512];
        let length = client.recv(&mut response).expect("a response");
        is_truncated(&response[..length])
    });
    assert!(truncated.count() > 50);
}
