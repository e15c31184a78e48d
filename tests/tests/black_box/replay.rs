//! Header bits, counts and sections equal those of NSD and Knot with the same zones, over UDP and TCP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::message::Message;
use gslb_tests::server::Server;

use compare::difference;
use explained::{EXPLAINED, Explained};
use odd::Datagram;
use other::Other;
use transport::{Kind, TRIES, Tcp, over_udp};

mod compare;
mod explained;
mod odd;
mod other;
mod query;
mod transport;
mod wellformed;
mod zones;

/// Ours, serving the zones.
fn ours() -> (Folder, Server) {
    let folder = Folder::with(&[("gslb.toml", PROCESS)]);
    for (file, text) in zones::files() {
        folder.write(file, text);
    }
    let site = "zones.\"example.test\".file = \"example.zone\"\nzones.\"child.example.test\".file = \"child.zone\"\n";
    folder.write("site.toml", site);
    let server = folder.serve();
    (folder, server)
}

#[test]
fn responses_are_those_of_nsd_and_knot() {
    let (_folder, server) = ours();
    let others = [Other::nsd(), Other::knot()];
    let (wellformed, odd) = (wellformed::queries(), odd::datagrams());
    assert!(wellformed.len() >= 5_000, "{} queries", wellformed.len());
    let mut replay = Replay::new(&server, &others);
    wellformed.iter().for_each(|datagram| replay.ask(datagram, Kind::Answered));
    odd.iter().for_each(|datagram| replay.ask(datagram, Kind::Odd));
    replay.judge();
}

/// The differences so far.
struct Replay<'o> {
    address: SocketAddr,
    others: &'o [Other],
    /// To ours, then to each of the others.
    connections: Vec<Tcp>,
    /// By server and difference, the queries.
    differing: BTreeMap<(&'o str, String), Vec<String>>,
    /// Reasons that were needed.
    reasons: BTreeSet<&'static str>,
}

impl<'o> Replay<'o> {
    fn new(server: &Server, others: &'o [Other]) -> Self {
        let address = server.address();
        let addresses = std::iter::once(address).chain(others.iter().map(|other| other.address));
        let connections = addresses.map(|at| Tcp(at, None)).collect();
        Self { address, others, connections, differing: BTreeMap::new(), reasons: BTreeSet::new() }
    }

    /// Asks all servers over both transports.
    fn ask(&mut self, (what, octets): &Datagram, kind: Kind) {
        for transport in ["UDP", "TCP"] {
            let ours = self.response(0, self.address, transport, octets, kind, 0);
            if let Some(ours) = &ours {
                check(what, octets, ours);
            }
            for (at, other) in self.others.iter().enumerate() {
                let mut theirs = self.response(at + 1, other.address, transport, octets, kind, 0);
                for tries in 1..TRIES {
                    if theirs.is_none() && ours.is_some() {
                        theirs = self.response(at + 1, other.address, transport, octets, kind, tries);
                    }
                }
                let Some(differs) = differs(ours.as_deref(), theirs.as_deref()) else { continue };
                let explained: Vec<&str> = EXPLAINED
                    .iter()
                    .filter(|known| known.explains(other.name, what, transport, &differs))
                    .map(|known| known.reason)
                    .collect();
                if explained.is_empty() {
                    self.differing.entry((other.name, differs)).or_default().push(format!("{what} {transport}"));
                }
                self.reasons.extend(explained);
            }
        }
    }

    fn response(
        &mut self,
        at: usize,
        address: SocketAddr,
        transport: &str,
        octets: &[u8],
        kind: Kind,
        tries: u32,
    ) -> Option<Vec<u8>> {
        if transport == "UDP" { over_udp(address, octets, kind, tries) } else { self.connections[at].ask(octets, kind) }
    }

    /// All differences have a reason, and all reasons a difference.
    fn judge(self) {
        let all: String = self
            .differing
            .iter()
            .map(|((who, differs), queries)| {
                format!("{who}: {differs}: {} queries, such as {}\n", queries.len(), queries[0])
            })
            .collect();
        assert!(self.differing.is_empty(), "{} kinds of difference:\n{all}", self.differing.len());
        for Explained { reason, .. } in &EXPLAINED {
            assert!(self.reasons.contains(reason), "no difference has this reason: {reason}");
        }
    }
}

/// Checks every response of ours: it is for this query, and repeats its question exactly.
fn check(what: &str, query: &[u8], response: &[u8]) {
    assert_eq!(response[..2], query[..2], "the ID of {what}");
    let message = Message::parse(response).unwrap_or_else(|| panic!("{what}: not a message: {response:x?}"));
    let question = &response[12..12 + message.question.len()];
    assert_eq!(Some(question), query.get(12..12 + question.len()), "the question of {what}");
}

/// How two responses differ, or that only one came.
fn differs(ours: Option<&[u8]>, theirs: Option<&[u8]>) -> Option<String> {
    let (ours, theirs) = match (ours, theirs) {
        (None, None) => return None,
        (Some(ours), Some(theirs)) => (ours, theirs),
        (ours, theirs) => return Some(format!("answered: {}, theirs {}", ours.is_some(), theirs.is_some())),
    };
    match (Message::parse(ours), Message::parse(theirs)) {
        (Some(ours), Some(theirs)) => difference(&ours, &theirs),
        _ => Some("theirs is not a message".to_owned()),
    }
}
