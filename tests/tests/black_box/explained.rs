//! Explain equals the wire: the same answer, TTLs and scope, for random queries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use gslb_tests::answer::{Answer, Record};
use gslb_tests::ask::is_own;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::http::Http;
use gslb_tests::program::run;
use gslb_tests::server::Server;
use ipnet::IpNet;
use serde_json::{Value, json};

/// Default number of queries; `GSLB_TEST_EXPLAINED` overrides it.
const QUERIES: usize = 1000;
/// Queries that one run of dig asks.
const BATCH: usize = 500;

/// All kinds of policies, but no random draws: explain would draw differently.
const DOCUMENT: &str = r#"
[zones."example.com"]
file = "example.com.zone"
[data_centers]
fra.location = { country = "DE" }
iad.location = { country = "US" }
nrt.location = { country = "JP" }
gru.location = { country = "BR" }
[pools.fra]
data_center = "fra"
endpoints.a = { address = "192.0.2.1", weight = 3 }
endpoints.b = { address = "192.0.2.2" }
endpoints.c = { address = "2001:db8::1" }
[pools.iad]
data_center = "iad"
choose = "all"
endpoints.a = { address = "192.0.2.11" }
endpoints.b = { address = "192.0.2.12" }
endpoints.c = { address = "2001:db8::11" }
[pools.nrt]
data_center = "nrt"
choose = "hash"
answers = 2
endpoints.a = { address = "192.0.2.21" }
endpoints.b = { address = "192.0.2.22" }
endpoints.c = { address = "192.0.2.23" }
endpoints.d = { address = "2001:db8::21" }
[pools.gru]
data_center = "gru"
initial = "down"
endpoints.a = { address = "192.0.2.31" }
[pools.cdn]
endpoints.one = { cname = "one.cdn.example.net." }
endpoints.two = { cname = "host.example.com." }
[regions]
europe.match = ["continent:EU", "country:TR"]
asia.match = ["continent:AS", "prefix:198.51.100.0/25"]
south.match = ["country:BR", "country:AR", "prefix:2001:db8:5::/48"]
[policies]
near.nearest = ["fra", "iad", "nrt"]
by-continent.geo = { europe = "fra", asia = { failover = ["nrt", "iad"] }, south = "gru", default = "near" }
[services."www.example.com"]
policy = "by-continent"
sticky = { v4 = 24, v6 = 48 }
ttl = "30s"
[services."near.example.com"]
policy = "near"
sticky = { v4 = 20, v6 = 56 }
[services."share.example.com"]
policy = { weighted = { fra = 10, iad = 20, by-continent = 30 } }
sticky = { v4 = 16, v6 = 40 }
ttl = "5s"
[services."*.wild.example.com"]
policy = { hash = ["fra", "iad"] }
sticky = {}
[services."both.example.com"]
policy = { all = ["fra", "iad"] }
sticky = {}
types = ["A"]
[services."cdn.example.com"]
policy = "cdn"
sticky = { v4 = 12, v6 = 32 }
[services."fixed.example.com"]
policy = "by-continent"
client = "resolver"
sticky = {}
[services."gone.example.com"]
policy = "gru"
when_all_down = "nodata"
sticky = {}
"#;

const ZONE: &str = "\
$TTL 1h
@      IN SOA   ns1 hostmaster 1 2h 15m 4w 5m
       IN NS    ns1
       IN MX    10 mail
       IN TXT   \"some\" \"text\"
ns1    IN A     192.0.2.53
mail   IN A     192.0.2.25
host   IN A     198.51.100.7
alias  IN CNAME www
far    IN CNAME elsewhere.example.net.
sub    IN NS    ns.sub
ns.sub IN A     192.0.2.54
old    IN DNAME wild
*.any  IN TXT   \"any\"
deep.er.none IN A 192.0.2.9
";

const NAMES: [&str; 24] = [
    "www", "www", "www", "near", "near", "share", "share", "a.wild", "b.c.wild", "both", "cdn", "fixed", "gone",
    "alias", "far", "host", "mail", "x.sub", "y.old", "what.any", "er.none", "no.such", "", "ns1",
];
const TYPES: [&str; 12] = ["A", "A", "A", "A", "AAAA", "AAAA", "AAAA", "MX", "TXT", "NS", "SOA", "CNAME"];

/// Numbers by chance, the same ones each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 16) % end as u64).unwrap()
    }

    /// Mostly networks of public addresses, and none for every eighth.
    fn client(&mut self) -> Option<IpNet> {
        let (length, bits) = (self.below(25) as u8, self.next());
        let address: (IpAddr, u8) = match self.below(8) {
            0 => return None,
            1 => (Ipv4Addr::new(198, 51, 100, bits as u8).into(), 8 + length),
            2 | 3 => (
                Ipv6Addr::from_bits((0x2000 | u128::from(bits as u16) >> 3) << 112 | u128::from(bits)).into(),
                16 + 2 * length,
            ),
            4 => (Ipv6Addr::from_bits(0x2001_0db8_0005 << 80 | u128::from(bits) << 20).into(), 40 + length),
            _ => (Ipv4Addr::from_bits((bits >> 20) as u32).into(), 8 + length),
        };
        Some(IpNet::new(address.0, address.1).unwrap().trunc())
    }
}

struct Query {
    name: String,
    qtype: &'static str,
    client: Option<IpNet>,
}

impl Query {
    fn by(chance: &mut Chance) -> Self {
        let name = NAMES[chance.below(NAMES.len())];
        let name = if name.is_empty() { "example.com".to_owned() } else { format!("{name}.example.com") };
        Self { name, qtype: TYPES[chance.below(TYPES.len())], client: chance.client() }
    }

    fn for_dig(&self) -> String {
        let client = self.client.map(|client| format!("+subnet={client}")).unwrap_or_default();
        format!("{} {} {client}\n", self.name, self.qtype)
    }

    fn for_explain(&self) -> String {
        let mut body = json!({ "name": self.name, "type": self.qtype });
        if let Some(client) = self.client {
            body["client"] = json!(client.to_string());
        }
        body.to_string()
    }
}

/// Asks all of them with one run of dig, and again those whose answer was none.
fn on_the_wire(folder: &Folder, server: &Server, queries: &[Query]) -> Vec<Answer> {
    let mut answers = query_all(folder, server, queries);
    for (query, answer) in queries.iter().zip(&mut answers) {
        while is_own(answer) {
            *answer = query_all(folder, server, std::slice::from_ref(query)).remove(0);
        }
    }
    answers
}

fn query_all(folder: &Folder, server: &Server, queries: &[Query]) -> Vec<Answer> {
    folder.write("queries", queries.iter().map(Query::for_dig).collect::<String>());
    let mut command = Command::new("dig");
    command
        .args(["-r", "+tries=1", "+time=30", "+nocookie", "+ignore", "+bufsize=1232", "-f"])
        .arg(folder.path("queries"));
    let address = server.address();
    let ran = run(command.arg(format!("@{}", address.ip())).args(["-p", &address.port().to_string()]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answers: Vec<Answer> = ran.out.split(";; Got answer:").skip(1).map(Answer::read).collect();
    assert_eq!(answers.len(), queries.len(), "{}", ran.out);
    answers
}

fn sorted(records: &[Record]) -> Vec<Record> {
    let mut records = records.to_vec();
    records.sort();
    records
}

#[test]
fn explain_and_the_wire_agree_on_random_queries() {
    let count = std::env::var("GSLB_TEST_EXPLAINED").map_or(QUERIES, |text| text.parse().expect("a number"));
    let folder = Folder::with(&[("gslb.toml", PROCESS), ("site.toml", DOCUMENT), ("example.com.zone", ZONE)]);
    let server = folder.serve_store();
    let mut http = Http::connect(server.api, &folder.token()).unwrap();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let queries: Vec<Query> = (0..count).map(|_| Query::by(&mut chance)).collect();
    let mut scopes = std::collections::BTreeSet::new();
    for batch in queries.chunks(BATCH) {
        for (query, wire) in batch.iter().zip(on_the_wire(&folder, &server, batch)) {
            let body = query.for_explain();
            let reply =
                http.send_patiently("POST", "/api/v1/explain", &["content-type: application/json"], &body).unwrap();
            assert_eq!(reply.status, 200, "{body}: {}", reply.body);
            let body: Value = serde_json::from_str(&reply.body).unwrap();
            let (text, answer) = (body["explanation"]["text"].as_str().unwrap(), &body["explanation"]["answer"]);
            let both = || format!("{body}\n{}\n{text}", wire.text);
            assert_eq!(answer["rcode"], wire.status.as_str(), "{}", both());
            assert_eq!(answer["authoritative"], wire.has("aa"), "{}", both());
            assert_eq!(answer["truncated"], wire.has("tc"), "{}", both());
            assert_eq!(answer["scope"].as_u64(), wire.subnet.as_ref().map(|_| u64::from(wire.scope())), "{}", both());
            assert_eq!(sorted(&Answer::read(text).records), sorted(&wire.records), "{}", both());
            scopes.insert(answer["scope"].as_u64());
        }
    }
    assert!(scopes.len() > 10, "the queries are of all kinds: {scopes:?}");
}
