//! The scope of a steered answer is the shortest prefix in which all clients are treated the same: brute force over the
//! bundled database.
//!
//! The reference does not use columns: it evaluates the policy for the client's place and the operator's prefixes.

mod support;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gslb_core::locate::address::Address;
use gslb_core::locate::index::Leaves;
use gslb_core::steer::draw::Dice;
use gslb_core::steer::plan::Plans;
use gslb_core::steer::resolve::Resolver;
use gslb_core::steer::trace::NoTrace;
use support::{Server, WORLD, ask};

const DOCUMENT: &str = r#"
zones."example.com".file = "zone"

[data_centers]
fra.location = { country = "DE", latitude = 50.11, longitude = 8.68 }
iad.location = { country = "US", latitude = 38.95, longitude = -77.45 }
nrt.location = { country = "JP", latitude = 35.77, longitude = 140.39 }
gru.location = { country = "BR", latitude = -23.43, longitude = -46.47 }

[pools]
fra = { data_center = "fra", endpoints = { a = { address = "192.0.2.1" }, b = { address = "2001:db8::1" } } }
iad = { data_center = "iad", endpoints = { a = { address = "192.0.2.2" }, b = { address = "2001:db8::2" } } }
nrt = { data_center = "nrt", endpoints = { a = { address = "192.0.2.3" }, b = { address = "2001:db8::3" } } }
gru = { data_center = "gru", endpoints = { a = { address = "192.0.2.4" }, b = { address = "2001:db8::4" } } }

[regions]
europe.match = ["continent:EU", "country:TR"]
asia.match = ["continent:AS"]
dach.match = ["country:DE", "country:AT", "country:CH"]
japan.match = ["country:JP"]
office.match = ["prefix:193.0.6.0/23", "prefix:2a02:26f0:1234::/47", "prefix:17.0.0.0/9"]
lab.match = ["prefix:193.0.6.128/25", "prefix:17.5.0.1/32", "prefix:2a02:26f0:1234:5600::/121"]

[services]
"geo.example.com".policy = { geo = { europe = "fra", asia = "nrt", default = "iad" } }
"nested.example.com".policy = { geo = {
  europe = { geo = { dach = "fra", default = "gru" } },
  asia = { failover = [{ geo = { japan = "nrt", default = "fra" } }, "iad"] },
  default = "iad",
} }
"nearest.example.com".policy = { nearest = ["fra", "iad", "nrt", "gru"] }
"prefix.example.com".policy = { geo = { europe = "gru", office = "nrt", lab = "iad", default = "fra" } }
"only-prefixes.example.com".policy = { geo = { office = "nrt", lab = "iad", default = "fra" } }
"one.example.com".policy = { failover = ["fra", "iad"] }
"kept.example.com".policy = { geo = { europe = { only = { failover = ["fra", "gru"] } }, default = { nearest = ["iad", "nrt", "fra"] } } }
"all-kept.example.com".policy = { failover = [{ only = { failover = ["fra", "iad"] } }, { nearest = ["nrt", "gru"] }] }
"#;
const ZONE: &str = "@ 60 IN SOA ns h 1 2 3 4 60\n@ 60 IN NS ns.example.net.\n";
const SERVICES: [&str; 8] = ["geo", "nested", "nearest", "prefix", "only-prefixes", "one", "kept", "all-kept"];

/// Evaluates one service's policy for every leaf, without columns.
struct Judge {
    v4: Runs<u32>,
    v6: Runs<u128>,
}

/// For every leaf: its first address, its plan, and how many consecutive leaves have the same plan.
struct Runs<A> {
    starts: Vec<A>,
    plans: Vec<u32>,
    ends: Vec<usize>,
}

impl<A: Address> Runs<A> {
    fn new(leaves: &Leaves<A>, plan_of: &[u32]) -> Runs<A> {
        let plans: Vec<u32> = leaves.loci.iter().map(|locus| plan_of[*locus as usize]).collect();
        let mut ends = vec![plans.len(); plans.len()];
        for at in (0..plans.len() - 1).rev() {
            ends[at] = if plans[at] == plans[at + 1] { ends[at + 1] } else { at + 1 };
        }
        Runs { starts: leaves.starts.clone(), plans, ends }
    }

    /// The plan of all addresses from `first` to `last`; `None` if they differ.
    fn plan(&self, first: A, last: A) -> Option<u32> {
        let from = self.starts.partition_point(|start| *start <= first) - 1;
        let to = self.starts.partition_point(|start| *start <= last);
        (self.ends[from] >= to).then_some(self.plans[from])
    }
}

impl Judge {
    fn new(server: &Server, name: &str) -> Judge {
        let topology = server.table.topology();
        let name: gslb_core::dns::name::Name = format!("{name}.example.com").parse().unwrap();
        let service = topology.site.services.iter().find(|service| service.name == name).unwrap();
        let resolver = Resolver::new(&topology.site, &topology.index, &topology.latencies, [service.policy]);
        let mut plans = Plans::default();
        let loci = 0..topology.index.loci.len() as u32;
        let plan_of: Vec<u32> =
            loci.map(|locus| resolver.resolve(service.policy, locus, &mut plans, &mut NoTrace).0).collect();
        Judge { v4: Runs::new(&topology.index.v4, &plan_of), v6: Runs::new(&topology.index.v6, &plan_of) }
    }

    /// True if all clients of `address/len` get the same plan.
    fn alike(&self, address: IpAddr, len: u8) -> bool {
        let len = u32::from(len);
        match address {
            IpAddr::V4(v4) => {
                let first = v4.to_bits().masked(len);
                self.v4.plan(first, first.last_of(len)).is_some()
            }
            IpAddr::V6(v6) => {
                let first = v6.to_bits().masked(len);
                let last = first.last_of(len);
                let plan = self.v6.plan(first, last);
                // The IPv4-mapped block belongs to IPv4.
                let holds_mapped = first <= 0xFFFF_0000_0000 && last >= 0xFFFF_FFFF_FFFF;
                plan.is_some() && (!holds_mapped || self.v4.plan(0, u32::MAX) == plan)
            }
        }
    }
}

/// Clients to test: random ones, and those around the borders of the index.
fn clients(server: &Server) -> Vec<IpAddr> {
    let index = &server.table.topology().index;
    let mut dice = Dice::new(20_261_122);
    let mut clients: Vec<IpAddr> = Vec::new();
    for _ in 0..1500 {
        let v4 = index.v4.starts[dice.roll() as usize % index.v4.starts.len()];
        let v6 = index.v6.starts[dice.roll() as usize % index.v6.starts.len()];
        clients.push(Ipv4Addr::from_bits(dice.roll() as u32).into());
        clients.extend([v4, v4.wrapping_sub(1)].map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))));
        clients.extend([v6, v6.wrapping_sub(1)].map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))));
        let random = (0x2000u128 << 112) | u128::from(dice.roll()) << 61 | u128::from(dice.roll());
        clients.push(Ipv6Addr::from_bits(random).into());
    }
    let special = [
        "0.0.0.0",
        "255.255.255.255",
        "193.0.6.0",
        "193.0.6.127",
        "193.0.6.128",
        "193.0.7.255",
        "193.0.8.0",
        "17.5.0.1",
        "17.5.0.0",
        "17.127.255.255",
        "::",
        "::1",
        "::fffe:ffff:ffff",
        "::1:0:0:0",
        "ffff:ffff::",
        "2a02:26f0:1234:5600::1",
        "2a02:26f0:1234:5600::80",
        "2a02:26f0:1235::",
        "2a02:26f0:1236::",
        "2002:c000:204::",
        "2001::1",
    ];
    clients.extend(special.map(|text| text.parse::<IpAddr>().unwrap()));
    clients
}

#[test]
fn every_scope_is_sound_and_minimal() {
    let mut server = Server::new(support::table(DOCUMENT, ZONE, &*WORLD));
    let clients = clients(&server);
    let mut scopes: BTreeSet<u8> = BTreeSet::new();
    for name in SERVICES {
        let mut answers = Vec::new();
        for client in &clients {
            let bits = if client.is_ipv4() { 32 } else { 128 };
            let question = ask(&format!("{name}.example.com"), if client.is_ipv4() { 1 } else { 28 });
            let response = server.ask(&question.subnet(&format!("{client}/{bits}")));
            let (family, source, scope) = response.subnet.expect("the option is echoed");
            assert_eq!((family, source), (if client.is_ipv4() { 1 } else { 2 }, bits));
            answers.push((*client, scope));
        }
        let judge = Judge::new(&server, name);
        for (client, scope) in answers {
            assert!(judge.alike(client, scope), "{name}: not all of {client}/{scope} are treated alike");
            assert!(scope == 0 || !judge.alike(client, scope - 1), "{name}: {client}/{scope} could be shorter");
            scopes.insert(scope);
        }
    }
    assert!(scopes.len() > 40, "the sample met scopes of many lengths: {scopes:?}");
}

#[test]
fn every_address_within_a_scope_gets_the_same_answer() {
    let mut server = Server::new(support::table(DOCUMENT, ZONE, &*WORLD));
    let mut dice = Dice::new(5);
    let v4_starts = server.table.topology().index.v4.starts.clone();
    for name in SERVICES {
        let question = ask(&format!("{name}.example.com"), 1);
        for _ in 0..200 {
            let client = Ipv4Addr::from_bits(v4_starts[dice.roll() as usize % v4_starts.len()]);
            let response = server.ask(&question.clone().subnet(&format!("{client}/32")));
            let scope = u32::from(response.subnet.unwrap().2);
            let expected = support::lines(&response.sections[0]);
            for _ in 0..20 {
                let within = client.to_bits().masked(scope) | (dice.roll() as u32).checked_shr(scope).unwrap_or(0);
                let other = Ipv4Addr::from_bits(within);
                let response = server.ask(&question.clone().subnet(&format!("{other}/32")));
                assert_eq!(support::lines(&response.sections[0]), expected, "{name}: {client}/{scope} and {other}");
                assert_eq!(u32::from(response.subnet.unwrap().2), scope, "{name}: {client} and {other}");
            }
        }
    }
}

#[test]
fn a_mapped_client_is_an_ipv4_client() {
    let mut server = Server::new(support::table(DOCUMENT, ZONE, &*WORLD));
    for client in ["193.0.6.200", "17.5.0.1", "133.11.0.1", "8.8.8.8"] {
        let v4 = server.ask(&ask("prefix.example.com", 1).subnet(&format!("{client}/32")));
        let mapped = server.ask(&ask("prefix.example.com", 1).subnet(&format!("::ffff:{client}/128")));
        assert_eq!(support::lines(&v4.sections[0]), support::lines(&mapped.sections[0]));
        assert_eq!(mapped.subnet.unwrap().2, v4.subnet.unwrap().2 + 96);
        let from = server.ask(&ask("prefix.example.com", 1).from(&format!("::ffff:{client}")));
        assert_eq!(support::lines(&from.sections[0]), support::lines(&v4.sections[0]));
    }
}
