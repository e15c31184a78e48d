//! Replays the fuzzer's corpus: every input gets a defined answer.

mod support;

use std::net::IpAddr;
use std::path::Path;

use gslb_core::explain::response::Response;
use gslb_core::respond::{MAX_BATCH, Reply, Transport};
use gslb_core::steer::trace::NoTrace;
use support::{Server, WORLD};

/// The datagrams of the corpus, with the octet that selects their transport.
fn corpus() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/respond");
    let entries = std::fs::read_dir(&corpus).expect("the corpus is part of the repository");
    let inputs: Vec<Vec<u8>> = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    inputs.into_iter().filter(|octets| !octets.is_empty()).collect()
}

#[test]
fn a_batch_is_answered_like_its_messages_one_by_one() {
    let document = include_str!("../../deploy/example/site.toml");
    let zone = include_str!("../../deploy/example/example.com.zone");
    let new_server = || Server::new(support::table(document, zone, &*WORLD));
    let (mut alone, mut batched) = (new_server(), new_server());
    let inputs = corpus();
    // Slots still contain earlier, longer messages.
    let mut slots = vec![vec![0; 65_535]; MAX_BATCH];
    let (mut rest, mut size) = (&inputs[..], 1);
    while !rest.is_empty() {
        let (batch, more) = rest.split_at(size.min(rest.len()));
        for (at, (slot, input)) in slots.iter_mut().zip(batch).enumerate() {
            slot[..input.len() - 1].copy_from_slice(&input[1..]);
            batched.worker.parse(at, slot, input.len() - 1);
        }
        batched.worker.prefetch(&batched.table, batch.len());
        for (at, (slot, input)) in slots.iter_mut().zip(batch).enumerate() {
            let resolver: IpAddr = [input[0], 0, 6, 1].into();
            let expected = alone.send(&input[1..], resolver, Transport::Udp);
            let reply =
                batched.worker.answer(at, &batched.table, (resolver, 5300).into(), Transport::Udp, slot, &mut NoTrace);
            let reply = if let Reply::Send(len) = reply { Some(&slot[..len]) } else { None };
            assert_eq!(reply, expected.as_deref(), "{:?}", &input[1..]);
        }
        (rest, size) = (more, size % MAX_BATCH + 7);
    }
    assert_eq!(alone.worker.tally(), batched.worker.tally());
}

#[test]
fn every_input_of_the_corpus_gets_a_defined_answer() {
    let document = include_str!("../../deploy/example/site.toml");
    let zone = include_str!("../../deploy/example/example.com.zone");
    let new_server = || Server::new(support::table(document, zone, &*WORLD));
    let (mut server, mut other) = (new_server(), new_server());
    let mut replayed = 0;
    for octets in corpus() {
        let Some((&how, datagram)) = octets.split_first() else { continue };
        let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
        let reply = server.send_in(0, datagram, [how, 0, 6, 1].into(), transport);
        // Other content of a buffer must not leak.
        assert_eq!(other.send_in(0xFF, datagram, [how, 0, 6, 1].into(), transport), reply, "{datagram:?}");
        match reply {
            None => assert!(datagram.len() < 12 || datagram[2] & 0x80 != 0, "{datagram:?}"),
            Some(response) => _ = Response::parse(&response).expect("a response that reads back"),
        }
        replayed += 1;
    }
    assert!(replayed > 100, "only {replayed} inputs in the corpus");
}
