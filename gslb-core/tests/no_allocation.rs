//! The answer path never allocates on the heap.

#[path = "support/counting.rs"]
mod counting;
mod support;

use counting::allocations;
use gslb_core::limit::{Limiter, Limits};
use gslb_core::respond::{MAX_BATCH, Noted, Secrets, Settings, Transport, Worker};
use gslb_core::steer::trace::NoTrace;
use support::{Server, WORLD, ask};

const DOCUMENT: &str = include_str!("../../deploy/example/site.toml");
const ZONE: &str = include_str!("../../deploy/example/example.com.zone");

#[test]
fn no_kind_of_answer_allocates() {
    answer_every_kind(1);
}

/// So many workers that rows with all counters would take more memory than all other parts of the table.
#[test]
fn no_kind_of_answer_allocates_while_workers_share_counters() {
    answer_every_kind(50_000);
}

fn answer_every_kind(workers: usize) {
    let mut server = Server::new(support::table(DOCUMENT, ZONE, &*WORLD));
    let settings = Settings { nsid: Some(b"n".to_vec()), version: Some(b"v".to_vec()), ..Settings::default() };
    // With counters and sampling.
    server.table = server.table.counting(workers, None);
    server.worker = Worker::new(settings.into(), 7).with_counters(0);
    server.worker.set_secrets(Some(Secrets::daily(0, |day| [day as u8; 16])));
    // Most of the queries are over its limits.
    server.worker.set_limiter(Some(Limiter::new(Limits::default(), 1, 7)));
    let mut version = ask("version.bind", 16);
    version.qclass = 3;
    let names = [
        ("example.com", 15),
        ("mail.example.com", 1),
        ("mail.example.com", 28),
        ("none.example.com", 1),
        ("x.y.dev.example.com", 16),
        ("www.example.com", 1),
        ("www.example.com", 28),
        ("api.example.com", 1),
        ("cache.example.com", 28),
        ("canary.example.com", 1),
        ("static.example.com", 1),
        ("ftp.example.com", 1),
        ("docs.example.com", 1),
        ("x.legacy.example.com", 1),
        ("host.lab.example.com", 1),
        ("lab.example.com", 43),
        ("example.com", 255),
        ("example.com", 252),
        ("example.org", 1),
    ];
    let mut queries: Vec<Vec<u8>> = vec![version.octets(), vec![0; 5], vec![0; 12], vec![0xFF; 40], vec![0; 40]];
    for (name, qtype) in names {
        let plain = ask(name, qtype);
        queries.push(plain.octets());
        for subnet in ["193.0.6.0/24", "133.11.0.0/16", "200.160.0.0/24", "2001:67c::/32", "192.0.2.0/24", "0.0.0.0/0"]
        {
            queries.push(plain.clone().option(3, b"").subnet(subnet).octets());
        }
        queries.push(plain.clone().option(8, b"bad").octets());
        for cookie in [&[1; 8][..], &[1; 24], &[1; 40], b"bad"] {
            queries.push(plain.clone().option(10, cookie).octets());
        }
    }
    let mut buffer = vec![0; 4096];
    let mut slots = vec![vec![0; 4096]; MAX_BATCH];
    let mut noted = Noted::default();
    for down in [None, Some("fra"), Some("iad"), Some("nrt"), Some("gru"), Some("jnb"), Some("syd")] {
        if let Some(pool) = down {
            server.set_pool(pool, false);
        }
        for query in &queries {
            for transport in [Transport::Udp, Transport::Tcp] {
                buffer[..query.len()].copy_from_slice(query);
                let before = allocations();
                let source = ([192, 0, 2, 1], 53).into();
                server.worker.respond(&server.table, source, transport, &mut buffer, query.len(), &mut NoTrace);
                assert_eq!(allocations(), before, "{query:?}");
                // The same with a tail client.
                buffer[..query.len()].copy_from_slice(query);
                noted.clear();
                let (worker, table) = (&mut server.worker, &server.table);
                worker.respond(table, source, transport, &mut buffer, query.len(), &mut noted);
                assert_eq!(allocations(), before, "watched: {query:?}");
            }
        }
        for batch in queries.chunks(slots.len()) {
            for (slot, query) in slots.iter_mut().zip(batch) {
                slot[..query.len()].copy_from_slice(query);
            }
            let before = allocations();
            for (at, (slot, query)) in slots.iter().zip(batch).enumerate() {
                server.worker.parse(at, slot, query.len());
            }
            server.worker.prefetch(&server.table, batch.len());
            for (at, slot) in slots.iter_mut().take(batch.len()).enumerate() {
                server.worker.answer(
                    at,
                    &server.table,
                    ([192, 0, 2, 1], 53).into(),
                    Transport::Udp,
                    slot,
                    &mut NoTrace,
                );
            }
            server.worker.take_sample();
            assert_eq!(allocations(), before, "a batch");
        }
    }
}
