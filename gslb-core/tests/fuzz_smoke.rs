//! A short fuzz run without a fuzzer: mutated inputs from a fixed seed, for a bounded number of rounds.
//!
//! `fuzz/` goes further where cargo-fuzz and a nightly toolchain are available.

mod support;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use gslb_core::explain::response::Response;
use gslb_core::problem::Severity;
use gslb_core::respond::Transport;
use gslb_core::site::document;
use support::{Server, WORLD};

const DOCUMENT: &str = include_str!("../../deploy/example/site.toml");
const ZONE: &str = include_str!("../../deploy/example/example.com.zone");
const TYPES: &str = include_str!("zones/every-type.zone");

/// Rounds per kind of input: about one second each without optimization.
const DATAGRAMS: usize = 40_000;
const TEXTS: usize = 400;

/// SplitMix64: the same octets on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    /// Makes 1 to 4 changes: flips a bit, writes an octet, removes or repeats a piece, cuts, or inserts a piece of
    /// `other`.
    fn mutate(&mut self, octets: &mut Vec<u8>, other: &[u8]) {
        const ODD: [u8; 12] = [0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF, b'"', b'\\', b'\n', b'('];
        for _ in 0..=self.below(4) {
            let at = self.below(octets.len());
            let end = (at + 1 + self.below(16)).min(octets.len());
            match self.below(6) {
                0 if at < octets.len() => octets[at] ^= 1 << self.below(8),
                1 if at < octets.len() => octets[at] = ODD[self.below(ODD.len())],
                2 => drop(octets.drain(at.min(end)..end)),
                3 if at < end => {
                    let piece = octets[at..end].to_vec();
                    octets.splice(at..at, piece);
                }
                4 if self.below(8) == 0 => octets.truncate(at),
                _ => {
                    let from = self.below(other.len());
                    let piece = &other[from..(from + 1 + self.below(16)).min(other.len())];
                    octets.splice(at..at, piece.iter().copied());
                }
            }
        }
    }
}

#[test]
fn mutated_datagrams_get_none_or_a_response_that_reads_back() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/respond");
    let entries = std::fs::read_dir(&corpus).expect("the corpus is part of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort(); // In the same order everywhere.
    let inputs: Vec<Vec<u8>> = paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect();
    let mut server = Server::new(support::table(DOCUMENT, ZONE, &*WORLD));
    let mut dice = Dice(1);
    let mut answered = 0;
    for _ in 0..DATAGRAMS {
        let (mut octets, other) = (inputs[dice.below(inputs.len())].clone(), &inputs[dice.below(inputs.len())]);
        dice.mutate(&mut octets, other);
        let Some((&how, datagram)) = octets.split_first() else { continue };
        let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
        let resolver: IpAddr = [how, 0, 6, 1].into();
        match server.send(datagram, resolver, transport) {
            None => assert!(datagram.len() < 12 || datagram[2] & 0x80 != 0, "{datagram:?}"),
            Some(response) => {
                assert_eq!(response[..2], datagram[..2], "the ID comes back: {datagram:?}");
                Response::parse(&response).unwrap_or_else(|error| panic!("{error:?}: {datagram:?}"));
                answered += 1;
            }
        }
    }
    assert!(answered > DATAGRAMS / 4, "only {answered} of the mutated datagrams are queries");
}

#[test]
fn mutated_documents_are_read_or_refused_with_problems() {
    let (mut dice, mut refused) = (Dice(2), 0);
    for _ in 0..TEXTS {
        let mut octets = DOCUMENT.as_bytes().to_vec();
        dice.mutate(&mut octets, DOCUMENT.as_bytes());
        let text = String::from_utf8_lossy(&octets);
        let mut load = |name: &str, _: &str| Ok((Arc::from(name), ZONE.as_bytes().to_vec()));
        let reading = document::read("site.toml", &text, &mut load);
        assert_eq!(reading.site.is_none(), reading.problems.iter().any(|it| it.severity == Severity::Error), "{text}");
        if reading.site.is_none() {
            refused += 1;
        }
    }
    assert!((TEXTS / 10..TEXTS).contains(&refused), "{refused} of {TEXTS} documents are refused");
}

#[test]
fn mutated_zone_files_are_read_or_refused_with_problems() {
    let mut dice = Dice(3);
    for _ in 0..TEXTS {
        let mut octets = TYPES.as_bytes().to_vec();
        dice.mutate(&mut octets, ZONE.as_bytes());
        let mut load = |name: &str, _: &str| Ok((Arc::from(name), octets.clone()));
        let document = "[zones.example]\nfile = \"zone\"\n";
        let reading = document::read("site.toml", document, &mut load);
        assert_eq!(reading.site.is_none(), reading.problems.iter().any(|it| it.severity == Severity::Error));
    }
}
