//! Comparisons of tables: what moves and where, in agreement with the answer path.

mod support;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use gslb_core::diff::{Change, Comparison, Destination, LeftWithout, Movement, Sampled, compare};
use gslb_core::site::document;
use gslb_core::table::{RoutingTable, compile};
use support::{Server, WORLD, ask, table};

const ZONE: &str = "$TTL 1h\n@ IN SOA ns h 1 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.53\n";

const SITES: &str = r#"
[zones."example.com"]
file = "example.com.zone"
[data_centers]
fra = { location = { country = "DE" } }
iad = { location = { country = "US" } }
nrt = { location = { country = "JP" } }
[pools.fra]
data_center = "fra"
endpoints.fra-1 = { address = "192.0.2.10", weight = 3 }
endpoints.fra-2 = { address = "192.0.2.11", weight = 1 }
endpoints.fra-6 = { address = "2001:db8::10" }
[pools.fra-b]
data_center = "fra"
endpoints.fra-3 = { address = "192.0.2.12" }
[pools.iad]
data_center = "iad"
endpoints.iad-1 = { address = "192.0.2.20" }
endpoints.iad-2 = { address = "192.0.2.21" }
[pools.nrt]
data_center = "nrt"
choose = "all"
endpoints.nrt-1 = { address = "192.0.2.30" }
endpoints.nrt-2 = { address = "192.0.2.31" }
[pools.cdn]
endpoints.edge = { address = "192.0.2.40" }
[regions.europe]
match = ["continent:EU"]
[regions.asia]
match = ["continent:AS"]
[regions.office]
match = ["prefix:193.0.6.0/25"]
"#;

/// A site with these services.
fn site(services: &str) -> RoutingTable {
    table(&format!("{SITES}\n{services}"), ZONE, &*WORLD)
}

const WWW: &str = r#"
[services."www.example.com"]
types = ["A"]
policy = { geo = { europe = { failover = ["fra", "iad"] }, asia = "nrt", office = "cdn", default = "iad" } }
"#;

fn data_center(name: &str) -> Destination {
    Destination::DataCenter(name.to_owned())
}

fn movement<'c>(comparison: &'c Comparison, service: &str) -> &'c Movement {
    let change = comparison.changed.iter().find(|change| change.service == service).expect("a change");
    &comparison.movements[change.movement]
}

#[test]
fn a_table_compared_with_itself_moves_nothing() {
    let services = format!(
        "{WWW}{}",
        r#"
[policies]
split = { weighted = { fra = 3, fra-b = 1, cdn = 2 } }
[services."draw.example.com"]
policy = "split"
[services."near.example.com"]
sticky = {}
policy = { nearest = ["fra", "iad", "nrt"] }
[services."both.example.com"]
policy = { all = ["nrt", "iad"] }
"#
    );
    let one = site(&services);
    for other in [one.clone(), site(&services)] {
        let comparison = compare(&one, &other, &[]);
        assert!(comparison.changed.is_empty() && comparison.movements.is_empty(), "{comparison:?}");
        assert!(comparison.added.is_empty() && comparison.removed.is_empty() && comparison.left_without.is_empty());
        assert_eq!(comparison.data_centers_up, Change { before: 3, after: 3 });
        assert!(comparison.sampled.is_none());
        for share in &comparison.data_centers {
            assert!(share.v4.before == share.v4.after && share.v6.before == share.v6.after, "{share:?}");
        }
        let sum: f64 = comparison.data_centers.iter().map(|share| share.v4.before).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}

#[test]
fn a_data_center_that_goes_down_moves_its_region() {
    let mut server = Server::new(site(WWW));
    let old = server.table.clone();
    server.set_pool("fra", false);
    let comparison = compare(&old, &server.table, &[]);
    assert_eq!(comparison.data_centers_up, Change { before: 3, after: 3 }, "fra-b is up");
    let movement = movement(&comparison, "www.example.com.");
    let [only] = &*movement.moves else { panic!("{movement:?}") };
    assert_eq!(
        (only.region.as_deref(), &only.from, &only.to),
        (Some("europe"), &data_center("fra"), &data_center("iad"))
    );
    assert_eq!((only.extent, movement.more), (movement.across, 0));
    assert!((0.1..0.5).contains(&only.extent.v4.share), "{only:?}");
    assert!(only.extent.v4.prefixes > 1_000_000 && only.extent.v6.prefixes > 0, "{only:?}");
    let fra = comparison.data_centers.iter().find(|share| share.destination == data_center("fra")).unwrap();
    assert!((fra.v4.before - only.extent.v4.share).abs() < 1e-9 && fra.v4.after == 0.0, "{fra:?}");
}

#[test]
fn changed_endpoints_of_a_data_center_are_a_move_within_it() {
    let mut server = Server::new(site(WWW));
    let old = server.table.clone();
    server.set("fra", "fra-1", false, None);
    let comparison = compare(&old, &server.table, &[]);
    let movement = movement(&comparison, "www.example.com.");
    assert_eq!(movement.across.v4.share, 0.0);
    let [only] = &*movement.moves else { panic!("{movement:?}") };
    assert_eq!((&only.from, &only.to), (&data_center("fra"), &data_center("fra")));
    // fra-1 has three quarters.
    let europe = comparison.data_centers.iter().find(|share| share.destination == data_center("fra")).unwrap();
    assert!((movement.within.v4.share - 0.75 * europe.v4.before).abs() < 1e-9, "{movement:?} {europe:?}");
    let renamed = SITES.replace("fra-1", "fra-one");
    let new = table(&format!("{renamed}{WWW}"), ZONE, &*WORLD);
    assert!(compare(&old, &new, &[]).changed.is_empty(), "names of endpoints do not matter");
}

#[test]
fn draws_move_half_the_sum_of_the_differences() {
    let with = |weights: &str| {
        site(&format!(
            "{WWW}[services.\"draw.example.com\"]\ntypes = [\"A\"]\npolicy = {{ weighted = {{ {weights} }} }}\n"
        ))
    };
    let (old, new) = (with("fra = 50, iad = 50"), with("fra = 20, iad = 60, cdn = 20"));
    let comparison = compare(&old, &new, &[]);
    assert_eq!(comparison.changed.len(), 1);
    let moves = &movement(&comparison, "draw.example.com.").moves;
    let to = |destination: &Destination| -> f64 {
        moves.iter().filter(|it| it.to == *destination).map(|it| it.extent.v4.share).sum()
    };
    assert!((to(&data_center("iad")) - 0.1).abs() < 1e-9, "{moves:?}");
    assert!((to(&Destination::Pool("cdn".into())) - 0.2).abs() < 1e-9, "{moves:?}");
    assert!(moves.iter().all(|it| it.from == data_center("fra")));
    assert!((movement(&comparison, "draw.example.com.").across.v4.share - 0.3).abs() < 1e-9);
}

#[test]
fn services_come_and_go_by_name() {
    let service = |name: &str| format!("[services.\"{name}.example.com\"]\npolicy = \"fra\"\n");
    let (old, new) = (site(&(service("a") + &service("b") + WWW)), site(&(service("b") + WWW + &service("c"))));
    let sample = [(0, 3), (1, 5), (9, 100)].map(|(service, weight)| Sampled {
        service,
        client: "193.0.6.0/24".parse().unwrap(),
        weight,
    });
    let comparison = compare(&old, &new, &sample);
    assert_eq!(
        (comparison.added, comparison.removed),
        (vec!["c.example.com.".to_owned()], vec!["a.example.com.".to_owned()])
    );
    assert!(comparison.changed.is_empty());
    let sampled = comparison.sampled.unwrap();
    assert_eq!((sampled.weight, sampled.across), (8, 3.0 / 8.0));
    assert_eq!((&sampled.moves[0].from, &sampled.moves[0].to), (&data_center("fra"), &Destination::NoService));
}

#[test]
fn services_without_working_endpoints_are_reported_whatever_they_answer() {
    let services = r#"
[services."a.example.com"]
policy = { geo = { europe = { failover = ["iad"] }, default = "nrt" } }
[services."b.example.com"]
policy = "fra"
"#;
    let mut server = Server::new(site(services));
    let old = server.table.clone();
    server.set_pool("nrt", false);
    let lacks = |service: &str, all| LeftWithout { service: service.to_owned(), all };
    assert_eq!(compare(&old, &server.table, &[]).left_without, [lacks("a.example.com.", false)]);
    assert!(compare(&old, &server.table, &[]).changed.is_empty(), "the pool answers as if it were up");
    server.set_pool("fra", false);
    let both = compare(&old, &server.table, &[]);
    assert_eq!(both.left_without, [lacks("a.example.com.", false), lacks("b.example.com.", true)]);
    assert_eq!(both.data_centers_up, Change { before: 3, after: 2 });
    // Something that was already down is not reported.
    assert!(compare(&server.table, &server.table.with_changes(&[]), &[]).left_without.is_empty());
    assert!(compare(&server.table, &old, &[]).left_without.is_empty());
}

#[test]
fn clients_of_an_only_that_is_down_are_left_without_endpoints() {
    let services = r#"
[policies]
kept = { only = "nrt" }
[services."draw.example.com"]
types = ["A"]
policy = { weighted = { kept = 1, iad = 3 } }
[services."kept.example.com"]
types = ["A"]
when_all_down = "nodata"
policy = { geo = { europe = { only = "fra" }, default = "iad" } }
"#;
    let mut server = Server::new(site(services));
    let old = server.table.clone();
    let lacks = |service: &str| LeftWithout { service: service.to_owned(), all: false };
    server.set_pool("fra", false);
    let comparison = compare(&old, &server.table, &[]);
    assert_eq!(comparison.left_without, [lacks("kept.example.com.")]);
    for moved in &movement(&comparison, "kept.example.com.").moves {
        assert_eq!((&moved.from, &moved.to), (&data_center("fra"), &Destination::NoData));
    }
    server.set_pool("nrt", false);
    let comparison = compare(&old, &server.table, &[]);
    assert_eq!(comparison.left_without, [lacks("draw.example.com."), lacks("kept.example.com.")]);
    assert_eq!(comparison.changed.len(), 1, "the draw's quarter still goes to its own pool, which is down");
}

#[test]
fn small_networks_have_their_own_region() {
    let new = site(&WWW.replace("office = \"cdn\"", "office = \"nrt\""));
    let comparison = compare(&site(WWW), &new, &[]);
    let [only] = &*movement(&comparison, "www.example.com.").moves else { panic!("{comparison:?}") };
    assert_eq!((only.region.as_deref(), only.extent.v4.prefixes), (Some("office"), 1));
    assert!((only.extent.v4.share * 3.7e9 - 128.0).abs() < 20.0, "{only:?}");
    assert_eq!(only.extent.v6, Default::default());
}

#[test]
fn without_databases_all_of_the_space_counts() {
    let services = "[services.\"b.example.com\"]\npolicy = \"POOL\"\n";
    let with = |pool: &str| {
        let text = r#"
[zones."example.com"]
file = "example.com.zone"
[pools.fra]
endpoints.a = { address = "192.0.2.10" }
[pools.iad]
endpoints.b = { address = "2001:db8::1" }
endpoints.c = { address = "192.0.2.11" }
"#;
        table(&(text.to_owned() + &services.replace("POOL", pool)), ZONE, &[])
    };
    let comparison = compare(&with("fra"), &with("iad"), &[]);
    let across = comparison.movements[0].across;
    assert_eq!((across.v4.share, across.v6.share), (1.0, 1.0));
    assert_eq!((across.v4.prefixes, across.v6.prefixes), (1 << 24, 1 << 48));
}

/// A small generator (xorshift64), so that failures are reproducible.
struct Rolls(u64);

impl Rolls {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Random policies over the pools, as text.
fn policy(rolls: &mut Rolls, depth: u32) -> String {
    let pools = ["fra", "fra-b", "iad", "nrt", "cdn"];
    let pool = |rolls: &mut Rolls| pools[(rolls.next() % 5) as usize];
    let two = |rolls: &mut Rolls| {
        let first = (rolls.next() % 5) as usize;
        (pools[first], pools[(first + 1 + (rolls.next() % 4) as usize) % 5])
    };
    match rolls.next() % if depth == 0 { 5 } else { 10 } {
        0 => format!("{:?}", pool(rolls)),
        1 => {
            let (a, b) = two(rolls);
            format!("{{ weighted = {{ {a} = {}, {b} = {} }} }}", rolls.next() % 5 + 1, rolls.next() % 5)
        }
        2 => format!("{{ nearest = [{:?}, {:?}] }}", "fra", "iad"),
        3 => {
            let (a, b) = two(rolls);
            format!("{{ hash = [{a:?}, {b:?}] }}")
        }
        4 => {
            let (a, b) = two(rolls);
            format!("{{ all = [{a:?}, {b:?}] }}")
        }
        5 => {
            let (a, b) = two(rolls);
            format!("{{ failover = [{a:?}, {b:?}] }}")
        }
        6 => format!("{{ only = {} }}", policy(rolls, depth - 1)),
        7 => format!("{{ failover = [{{ only = {} }}, {:?}] }}", policy(rolls, depth - 1), pool(rolls)),
        _ => format!("{{ geo = {{ europe = {}, default = {} }} }}", policy(rolls, depth - 1), policy(rolls, depth - 1)),
    }
}

/// The share of each destination in the answers to random addresses, from the answer path.
fn answers_of(server: &mut Server, clients: &[IpAddr]) -> HashMap<String, f64> {
    let mut shares: HashMap<String, f64> = HashMap::new();
    for client in clients {
        let answers = server.answers(&ask("www.example.com", 1).subnet(&format!("{client}/32")));
        for answer in &answers {
            let destination = match answer.as_str() {
                "192.0.2.10" | "192.0.2.11" | "192.0.2.12" => "fra",
                "192.0.2.20" | "192.0.2.21" => "iad",
                "192.0.2.30" | "192.0.2.31" => "nrt",
                "192.0.2.40" => "cdn",
                other => panic!("{other}"),
            };
            *shares.entry(destination.to_owned()).or_default() += 1.0 / (answers.len() * clients.len()) as f64;
        }
    }
    shares
}

/// IPv4 addresses with a place in the database.
fn clients(table: &RoutingTable, rolls: &mut Rolls, count: usize) -> Vec<IpAddr> {
    let index = &table.topology().index;
    let draw = std::iter::from_fn(|| Some(IpAddr::V4(((rolls.next() >> 16) as u32).into())));
    draw.filter(|&address| index.place(index.locus_of(address)).is_some_and(|place| *place != geoip::Place::default()))
        .take(count)
        .collect()
}

#[test]
fn shares_match_the_answers_to_random_addresses() {
    const CLIENTS: usize = 4_000;
    let mut rolls = Rolls(0x1234_5678_9ABC_DEF1);
    let asn = clients(&site(WWW), &mut rolls, CLIENTS);
    let mut compared = 0;
    for round in 0..24 {
        let one = |rolls: &mut Rolls| {
            let sticky = if round % 2 == 0 { "" } else { "sticky = {}\n" };
            let policy = policy(rolls, 2);
            (format!("[services.\"www.example.com\"]\ntypes = [\"A\"]\n{sticky}policy = {policy}\n"), policy)
        };
        let ((old, was), (new, is)) = (one(&mut rolls), one(&mut rolls));
        let what = format!("round {round}: {was} -> {is}");
        let (Some(old), Some(new)) = (compiled(&old), compiled(&new)) else { continue };
        compared += 1;
        let (mut old, mut new) = (Server::new(old), Server::new(new));
        for server in [&mut old, &mut new] {
            for pool in ["fra", "iad", "nrt"] {
                server.set_pool(pool, !rolls.next().is_multiple_of(4));
            }
        }
        let comparison = compare(&old.table, &new.table, &[]);
        let [before, after] = [&mut old, &mut new].map(|server| answers_of(server, &asn));
        for share in &comparison.data_centers {
            let (Destination::DataCenter(name) | Destination::Pool(name)) = &share.destination else {
                panic!("{what}: {share:?}")
            };
            let close = |computed: f64, seen: &HashMap<String, f64>| {
                let seen = seen.get(name).copied().unwrap_or(0.0);
                let sigma = (computed * (1.0 - computed).max(0.0) / CLIENTS as f64).sqrt();
                (computed - seen).abs() <= 5.0 * sigma + 1e-9
            };
            assert!(
                close(share.v4.before, &before) && close(share.v4.after, &after),
                "{what}\n{share:?}\n{before:?}\n{after:?}"
            );
        }
        // With draws, only the average can be compared; without, each client.
        let draws = ["weighted", "hash", "all"].iter().any(|kind| what.contains(kind));
        if !draws {
            let moved = moved_clients(&mut old, &mut new, &asn) as f64 / CLIENTS as f64;
            let computed = comparison.movements.first().map_or(0.0, |movement| movement.across.v4.share);
            let sigma = (computed * (1.0 - computed).max(0.0) / CLIENTS as f64).sqrt();
            assert!((computed - moved).abs() <= 5.0 * sigma + 1e-9, "{what}: computed {computed}, measured {moved}");
        }
        let sample: Vec<Sampled> =
            asn.iter().map(|&client| Sampled { service: 0, client: client.into(), weight: 2 }).collect();
        let sampled = compare(&old.table, &new.table, &sample).sampled.unwrap();
        let computed: f64 = comparison.movements.first().map_or(0.0, |movement| movement.across.v4.share);
        assert_eq!(sampled.weight, 2 * CLIENTS as u64);
        assert!((sampled.across - computed).abs() < 0.05, "{what}: {} {computed}", sampled.across);
    }
    assert!(compared > 12, "{compared}");
}

/// Number of clients that are answered from another data center.
fn moved_clients(old: &mut Server, new: &mut Server, clients: &[IpAddr]) -> usize {
    let differs = |client: &&IpAddr| {
        let one = [**client];
        let [before, after] = [&mut *old, &mut *new].map(|server| answers_of(server, &one));
        before.keys().ne(after.keys())
    };
    clients.iter().filter(differs).count()
}

/// The table of a site with these services, or `None` if a region cannot be reached.
fn compiled(services: &str) -> Option<RoutingTable> {
    let mut load = |name: &str, _: &str| Ok((Arc::from(name), ZONE.as_bytes().to_vec()));
    let reading = document::read("site.toml", &format!("{SITES}{services}"), &mut load);
    compile::compile(reading.site?, &*WORLD, &Default::default(), None).topology.map(RoutingTable::initial)
}

#[test]
fn a_canary_within_a_data_center_shows_both_pools() {
    let with = |weights: &str| {
        site(&format!("[services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = {{ weighted = {{ {weights} }} }}\n"))
    };
    let (old, new) = (with("fra = 95, fra-b = 5"), with("fra = 50, fra-b = 50"));
    let sample = [Sampled { service: 0, client: "193.0.6.0/24".parse().unwrap(), weight: 10 }];
    let comparison = compare(&old, &new, &sample);
    let movement = movement(&comparison, "www.example.com.");
    let pools = Some(Change { before: "fra".to_owned(), after: "fra-b".to_owned() });
    assert!(!movement.moves.is_empty());
    for it in &movement.moves {
        assert_eq!((&it.from, &it.to, &it.pools), (&data_center("fra"), &data_center("fra"), &pools));
    }
    assert!((movement.within.v4.share - 0.45).abs() < 1e-9, "{movement:?}");
    let sampled = comparison.sampled.as_ref().unwrap();
    assert_eq!((sampled.across, &sampled.moves[0].pools), (0.0, &pools), "the data center stays");
    assert!((sampled.within - 0.45).abs() < 1e-9 && (sampled.moves[0].share - 0.45).abs() < 1e-9, "{sampled:?}");
}
