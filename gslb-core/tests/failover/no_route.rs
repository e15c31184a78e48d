//! No route or no resolver: the endpoint's fault or this host's.

use gslb_core::health::{Failure, Saved};

use crate::live::Live;

/// Pools with one host each, with targets in this order, all up.
fn hosts(hosts: &[&str]) -> Live {
    let pools: String = hosts
        .iter()
        .enumerate()
        .map(|(number, host)| format!("[pools.p{number}]\nprobe = \"quick\"\nendpoints.x = {{ {host} }}\n"))
        .collect();
    let text = format!(
        "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nfall = \
         2\n{pools}"
    );
    let mut live = Live::with(&text, &Saved::default());
    live.probe_all(|_| true);
    live
}

#[test]
fn an_endpoint_without_route_is_down_if_others_answer() {
    let mut live = hosts(&["address = \"198.51.100.1\"", "address = \"198.51.100.2\""]);
    let lost = |target| if target == 0 { Err(Failure::NoRoute) } else { Ok(()) };
    live.probe_all_as(lost);
    assert!(live.status("p0", "x").up, "no other host has answered since then");
    live.probe_all_as(lost);
    let status = live.status("p0", "x");
    assert!(!status.up && status.unable.is_none(), "{status:?}");
    assert!(status.why.starts_with("2 failures in a row"), "{}", status.why);
    (0..9).for_each(|_| _ = live.probe_all_as(lost));
    assert!(!live.status("p0", "x").up);
    (0..2).for_each(|_| _ = live.probe_all(|_| true));
    assert!(live.status("p0", "x").up);
}

#[test]
fn if_nothing_is_reachable_it_is_the_fault_of_this_host() {
    let mut live = hosts(&["address = \"198.51.100.1\"", "address = \"198.51.100.2\""]);
    (0..50).for_each(|_| _ = live.probe_all_as(|_| Err(Failure::NoRoute)));
    let status = live.status("p0", "x");
    assert!(status.up && status.unable.is_some(), "{status:?}");
}

#[test]
fn without_ipv6_here_ipv6_endpoints_keep_their_status() {
    let mut live = hosts(&["address = \"198.51.100.1\"", "address = \"2001:db8::1\""]);
    let text = "zones.\"example.com\".file = \"zone\"\n[probes.quick]\nkind = \"tcp\"\nport = 443\ninterval = \"1s\"\nfall = \
                2\n[pools.p0]\nprobe = \"quick\"\nendpoints.x.address = \"198.51.100.1\"\n[pools.p1]\nprobe = \
                \"quick\"\nendpoints.x.address = \"2001:db8::1\"\n";
    let lost = |target| if target == 1 { Err(Failure::NoRoute) } else { Ok(()) };
    (0..3).for_each(|_| _ = live.probe_all_as(lost));
    assert!(!live.status("p1", "x").up, "it has answered before, so this host has IPv6");
    let mut fresh = Live::with(text, &Saved::default());
    (0..9).for_each(|_| _ = fresh.probe_all_as(lost));
    let status = fresh.status("p1", "x");
    assert!(status.up && status.unable.is_some(), "{status:?}");
}

#[test]
fn names_keep_their_status_while_only_our_resolver_fails() {
    let names = ["cname = \"a.example.net.\"", "cname = \"b.example.net.\"", "address = \"198.51.100.1\""];
    let mut live = hosts(&names);
    (0..9).for_each(|_| _ = live.probe_all_as(|target| if target < 2 { Err(Failure::Resolver) } else { Ok(()) }));
    let status = live.status("p0", "x");
    assert!(status.up && status.unable.is_some(), "{status:?}");
    // If other names resolve, the name itself fails.
    (0..3).for_each(|_| _ = live.probe_all_as(|target| if target < 1 { Err(Failure::Resolver) } else { Ok(()) }));
    assert!(!live.status("p0", "x").up && live.status("p1", "x").up);
}

#[test]
fn a_route_lost_while_everything_fails_is_not_the_endpoints_fault() {
    let mut live = hosts(&["address = \"198.51.100.1\"", "address = \"198.51.100.2\""]);
    (0..20).for_each(|_| _ = live.probe_all_as(|_| Err(Failure::NoRoute)));
    // The other host recovers first, then both have.
    live.outcome_of(1, Ok(()));
    live.probe_all(|_| true);
    assert!(live.status("p0", "x").up && live.status("p1", "x").up);
}
