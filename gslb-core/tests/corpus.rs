//! What the fuzzer found worth keeping, replayed: every input gets a defined answer.

mod support;

use std::path::Path;

use gslb_core::explain::response::Response;
use gslb_core::respond::Transport;
use support::{Server, WORLD};

#[test]
fn every_input_of_the_corpus_gets_a_defined_answer() {
    let document = include_str!("../../deploy/example/site.toml");
    let zone = include_str!("../../deploy/example/example.com.zone");
    let new_server = || Server::new(support::table(document, zone, &*WORLD));
    let (mut server, mut other) = (new_server(), new_server());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/respond");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&corpus).expect("the corpus is part of the repository") {
        let octets = std::fs::read(entry.unwrap().path()).unwrap();
        let Some((&how, datagram)) = octets.split_first() else { continue };
        let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
        let reply = server.send_in(0, datagram, [how, 0, 6, 1].into(), transport);
        // What else is in a buffer must not show.
        assert_eq!(other.send_in(0xFF, datagram, [how, 0, 6, 1].into(), transport), reply, "{datagram:?}");
        match reply {
            None => assert!(datagram.len() < 12 || datagram[2] & 0x80 != 0, "{datagram:?}"),
            Some(response) => _ = Response::parse(&response).expect("a response that reads back"),
        }
        replayed += 1;
    }
    assert!(replayed > 100, "only {replayed} inputs in the corpus");
}
