//! Overrides: whose endpoints they are about, which of several holds, and how a table takes them on.

mod support;

use gslb_core::model::PoolId;
use gslb_core::table::RoutingTable;
use gslb_core::table::liveness::EndpointState;
use gslb_core::table::overrides::{Force, Hidden, Override, States, apply, frees, hidden, holding, initial_states};
use support::{Server, WORLD, ask, table};

const ZONE: &str = "$TTL 1h\n@ IN SOA ns h 1 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.53\n";
const DOCUMENT: &str = r#"
[zones."example.com"]
file = "example.com.zone"
[data_centers]
fra = {}
iad = {}
[pools.fra]
data_center = "fra"
endpoints.fra-1 = { address = "192.0.2.1", weight = 3 }
endpoints.fra-2 = { address = "192.0.2.2", weight = 1 }
[pools.fra-cold]
data_center = "fra"
initial = "down"
endpoints.cold-1 = { address = "192.0.2.3" }
[pools.iad]
data_center = "iad"
endpoints.iad-1 = { address = "192.0.2.4" }
[services."www.example.com"]
policy = { failover = ["fra", "fra-cold", "iad"] }
"#;

fn word(id: &str, target: &str, force: Force, created: u64) -> Override {
    let targets = vec![target.parse().unwrap()];
    Override { id: id.into(), targets, force, reason: "test".into(), owner: "me".into(), created, expires: None }
}

fn subject() -> RoutingTable {
    table(DOCUMENT, ZONE, &*WORLD)
}

fn states(table: &RoutingTable, words: &[Override]) -> States {
    let site = &table.topology().site;
    apply(words, site, &initial_states(site))
}

/// `up` and weight of every endpoint, in the order of the document.
fn flat(states: &States) -> Vec<(bool, u32)> {
    states.iter().flatten().map(|state| (state.up, state.weight)).collect()
}

#[test]
fn each_force_does_what_it_says() {
    let table = subject();
    let with = |target, force| flat(&states(&table, &[word("a", target, force, 1)]));
    assert_eq!(flat(&states(&table, &[])), [(true, 3), (true, 1), (false, 1), (true, 1)]);
    assert_eq!(with("data-center/fra", Force::Down), [(false, 3), (false, 1), (false, 1), (true, 1)]);
    assert_eq!(with("pool/fra*", Force::Up), [(true, 3), (true, 1), (true, 1), (true, 1)]);
    assert_eq!(with("endpoint/*/*-1", Force::Drain), [(true, 0), (true, 1), (false, 0), (true, 0)]);
    assert_eq!(with("endpoint/fra/fra-?", Force::Weight(7)), [(true, 7), (true, 7), (false, 1), (true, 1)]);
    assert_eq!(with("pool/nothing", Force::Down), flat(&states(&table, &[])));
}

#[test]
fn the_most_specific_target_holds_and_of_equals_the_newest() {
    let table = subject();
    let first = |words: &[Override]| flat(&states(&table, words))[0];
    let center = word("c", "data-center/fra", Force::Down, 9);
    let pool = word("p", "pool/fra", Force::Weight(5), 5);
    let glob = word("g", "pool/fr*", Force::Weight(6), 8);
    let endpoint = word("e", "endpoint/fra/fra-1", Force::Drain, 1);
    assert_eq!(first(std::slice::from_ref(&center)), (false, 3));
    assert_eq!(first(&[glob.clone(), pool.clone()]), (true, 5));
    assert_eq!(first(&[center.clone(), endpoint.clone(), pool.clone()]), (true, 0));
    let newer = word("n", "pool/fra", Force::Weight(8), 6);
    assert_eq!(first(&[newer.clone(), pool.clone()]), (true, 8));
    assert_eq!(first(&[pool.clone(), newer.clone()]), (true, 8));
    let twin = word("q", "pool/fra", Force::Weight(9), 5);
    assert_eq!(first(&[twin.clone(), pool.clone()]), first(&[pool.clone(), twin]));
    let site = &table.topology().site;
    let first_of = |words: &[Override], pool: usize, endpoint: &str| {
        holding(words, site, &site.pools[pool], endpoint).both().next().map(|word| word.id.to_string())
    };
    assert_eq!(first_of(&[pool.clone(), newer.clone()], 0, "fra-1"), Some("n".to_owned()));
    let words = [center, pool, newer];
    assert_eq!(first_of(&words, 0, "fra-1"), Some("c".to_owned()));
    assert_eq!(first_of(&words, 2, "iad-1"), None);
}

#[test]
fn a_weight_gives_no_clients_to_what_is_drained_or_down() {
    let table = subject();
    let canary = word("w", "endpoint/fra/fra-1", Force::Weight(7), 9);
    let first = |wide: Force| flat(&states(&table, &[canary.clone(), word("c", "data-center/fra", wide, 1)]))[0];
    assert_eq!([first(Force::Down), first(Force::Drain), first(Force::Up)], [(false, 3), (true, 0), (true, 7)]);
    // A more specific "up" is with the document's weight.
    let spared = [word("c", "data-center/fra", Force::Weight(0), 9), word("u", "endpoint/fra/fra-1", Force::Up, 1)];
    assert_eq!(flat(&states(&table, &spared))[..2], [(true, 3), (true, 0)]);
    // What is to be spared is said to be up.
    let spared = [word("c", "data-center/fra", Force::Drain, 9), word("u", "endpoint/fra/fra-1", Force::Up, 1)];
    assert_eq!(flat(&states(&table, &spared))[..2], [(true, 3), (true, 0)]);
}

#[test]
fn what_hides_an_override_is_known() {
    let table = subject();
    let site = &table.topology().site;
    let (wide, canary) =
        (word("c", "data-center/fra", Force::Drain, 1), word("w", "endpoint/fra/fra-1", Force::Weight(7), 9));
    let up = word("u", "endpoint/fra/fra-1", Force::Up, 1);
    let told = |words: &[&Override]| -> Vec<(String, usize, usize, String)> {
        let all = hidden(words.iter().copied(), site);
        let told = |(id, Hidden { meant, hidden, by }): (&str, Hidden<'_>)| {
            (id.to_owned(), meant, hidden, by.into_iter().collect())
        };
        all.into_iter().map(told).collect()
    };
    assert_eq!(told(&[&wide, &canary]), [("w".to_owned(), 1, 1, "c".to_owned())]);
    assert_eq!(told(&[&wide, &up]), [("c".to_owned(), 3, 1, "u".to_owned())]);
    assert_eq!(told(&[&wide]), []);
    // What is drained by another one is drained.
    let also = word("d", "endpoint/fra/fra-1", Force::Drain, 1);
    assert_eq!(told(&[&wide, &also]), []);
}

#[test]
fn what_the_end_of_an_override_frees_is_known() {
    let table = subject();
    let site = &table.topology().site;
    let (wide, shield) = (word("c", "data-center/fra", Force::Drain, 1), word("u", "endpoint/fra/*", Force::Up, 1));
    let other = word("o", "pool/iad", Force::Drain, 1);
    assert!(frees(&wide, [&other], site) && !frees(&wide, [&shield], site));
    assert!(!frees(&shield, [&wide], site) && !frees(&shield, [&other], site), "its end takes clients away");
}

#[test]
fn a_table_takes_on_states_and_gives_them_back() {
    let mut server = Server::new(subject());
    let www = ask("www.example.com", 1);
    let forced = states(&server.table, &[word("a", "data-center/fra", Force::Down, 1)]);
    let before = server.table.clone();
    assert_eq!(before.changes_to(&forced).len(), 2);
    server.table = before.with_states(&forced);
    assert_eq!(server.table.generation(), before.generation() + 1);
    assert_eq!(server.answers(&www), ["192.0.2.4"]);
    assert!(std::sync::Arc::ptr_eq(
        before.pools().shared(PoolId(2)).unwrap(),
        server.table.pools().shared(PoolId(2)).unwrap()
    ));
    assert!(server.table.changes_to(&forced).is_empty());
    server.table = server.table.with_states(&states(&before, &[]));
    assert!(["192.0.2.1", "192.0.2.2"].contains(&&*server.answers(&www)[0]));
    // States of a site with other pools do no harm.
    let strange: States = vec![vec![EndpointState::new(true, 3); 9].into(); 9];
    assert!(server.table.changes_to(&strange).len() <= 4);
}

#[test]
fn an_override_is_json_as_the_api_shows_it() {
    let text = r#"{"id":"a","targets":["data-center/fra","endpoint/fra/fra-?"],"force":{"weight":5},"reason":"r","owner":"o","created":1,"expires":2}"#;
    let read: Override = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert_eq!((read.is_over(1), read.is_over(2)), (false, true));
    for force in ["up", "down", "drain"] {
        assert!(serde_json::from_str::<Force>(&format!("{force:?}")).is_ok());
    }
    for wrong in [r#""sideways""#, r#"{"weight":-1}"#, r#"{"weight":"5"}"#] {
        assert!(serde_json::from_str::<Force>(wrong).is_err(), "{wrong}");
    }
    assert!(serde_json::from_str::<Override>(&text.replace("fra-?", "fra /?")).is_err());
}
