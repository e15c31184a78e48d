//! Compiling policies: refusals, shared columns, and state that survives into the next table.

use gslb_core::live::states::carried_states;
use gslb_core::table::compile::compile;

use crate::site::site;
use crate::support::{WORLD, ask};

#[test]
fn answers_have_the_ttl_of_the_service() {
    let mut server = site(r#""fra""#, r#"ttl = "17s""#);
    assert_eq!(server.ask(&ask("www.example.com", 1)).sections[0][0].ttl, 17);
}

#[test]
fn an_older_table_never_replaces_a_newer_one() {
    let server = site(r#""fra""#, "");
    let published = gslb_core::table::Published::new(server.table.clone());
    let newer = server.table.with_changes(&[]);
    published.publish(newer.with_changes(&[])).unwrap();
    assert!(published.publish(newer).is_err());
    assert_eq!(published.load().generation(), 3);
}

#[test]
fn recompiling_keeps_endpoint_state() {
    let mut server = site(r#"{ failover = ["fra", "iad"] }"#, "");
    server.set_pool("fra", false);
    let other = site(r#"{ failover = ["nrt", "fra", "iad"] }"#, "");
    let site = (*other.table.topology().site).clone();
    // The zone's records are in the catalog, so only a decision shows the steered name.
    let pool = site.pools.iter().position(|pool| &*pool.name == "fra").unwrap();
    let id = gslb_core::site::model::PoolId(pool as u32);
    let (before, states) = (server.table.topology(), server.table.states());
    let topology = compile(site, &*WORLD, &Default::default(), Some(before)).topology.unwrap();
    let states = carried_states(&before.site, &states, &topology.site);
    let table = server.table.next(topology, &states);
    assert!(!table.state(id, 0).unwrap().up);
    assert!(table.generation() > server.table.generation());
}

/// All problems of a refused site, in one text.
fn refusal(policy: &str, more: &str) -> String {
    let refused = std::panic::catch_unwind(|| site(policy, more)).err().expect("a refusal");
    refused.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn policies_that_would_take_too_long_are_refused() {
    let levels: String = (1..8)
        .map(|level| {
            format!("p{level} = {{ weighted = {{ a{level} = 1, b{level} = 1, c{level} = 1, d{level} = 1 }} }}\n")
        })
        .collect();
    let names: String = (1..8)
        .flat_map(|level| {
            ["a", "b", "c", "d"].map(|name| {
                format!("{name}{level} = \"{}\"\n", if level == 1 { "fra".into() } else { format!("p{}", level - 1) })
            })
        })
        .collect();
    let refusal = refusal(&format!("\"p7\"\n[policies]\n{levels}{names}"), "");
    assert!(refusal.contains("refers to 4096 pools"), "{refusal}");
}

#[test]
fn one_address_in_two_pools_of_all_is_refused() {
    let twin = "[pools.twin]\nendpoints.z = { address = \"192.0.2.1\" }\n";
    let refusal = refusal(&format!("{{ all = [\"fra\", \"twin\"] }}\n{twin}"), "");
    assert!(refusal.contains("the pools `fra` and `twin` have an endpoint with the same address"), "{refusal}");
}

#[test]
fn equivalent_plans_share_a_scope() {
    for policy in [
        r#"{ geo = { europe = { weighted = { fra = 1 } }, default = "fra" } }"#,
        r#"{ geo = { europe = { weighted = { fra = 1, iad = 2 } }, default = { weighted = { iad = 2, fra = 1 } } } }"#,
        r#"{ geo = { europe = { all = ["fra"] }, default = { hash = ["fra"] } } }"#,
        r#"{ geo = { europe = "fra", japan = { failover = ["iad", "fra"] }, default = { failover = ["fra", "iad"] } } }"#,
    ] {
        let mut server = site(policy, "");
        let scope = server.ask(&ask("www.example.com", 1).subnet("193.0.6.0/24")).subnet.unwrap().2;
        let alike = !policy.contains("japan");
        assert_eq!(scope == 0, alike, "{policy}: /{scope}");
    }
}

#[test]
fn equal_policies_written_twice_share_one_column() {
    let twice = r#"{ geo = { europe = "fra", default = "iad" } }
[services."other.example.com"]
policy = { geo = { europe = "fra", default = "iad" } }
[services."reverse.example.com"]
policy = { geo = { europe = "iad", default = "nrt" } }"#;
    let server = site(twice, "");
    assert_eq!(server.table.topology().columns.len(), 1, "all three divide the clients alike");
    let [first, second, third] = &server.table.topology().services[..] else { panic!("three services") };
    assert!(std::sync::Arc::ptr_eq(&first.targets, &second.targets));
    assert!(!std::sync::Arc::ptr_eq(&first.targets, &third.targets));
}

#[test]
fn a_geo_policy_is_as_wide_as_its_branches_and_its_default_together() {
    // p1 refers to 4 pools, p4 to 256, p5 to 1024.
    let levels: String = (1..6)
        .flat_map(|level| {
            let below = if level == 1 { "fra".to_owned() } else { format!("p{}", level - 1) };
            let names = ["a", "b", "c", "d"].map(|name| format!("{name}{level} = \"{below}\"\n"));
            let draw =
                format!("p{level} = {{ weighted = {{ a{level} = 1, b{level} = 1, c{level} = 1, d{level} = 1 }} }}\n");
            names.into_iter().chain([draw])
        })
        .collect();
    let policy = |geo: &str| format!("{{ geo = {{ {geo} }} }}\n[policies]\n{levels}");
    site(&policy(r#"europe = "p4", japan = "p4", default = "p4""#), "");
    let refused = refusal(&policy(r#"europe = "p5", default = "fra""#), "");
    assert!(refused.contains("refers to 1025 pools"), "{refused}");
}
