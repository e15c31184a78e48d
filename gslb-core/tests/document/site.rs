//! Valid documents: the full example, and the handling of defaults, aliases and zone data.

use std::sync::Arc;
use std::time::Duration;

use gslb_core::dns::wire::number::rtype;
use gslb_core::site::document::{Reading, read};
use gslb_core::site::model::{
    Choose, ClientSource, Matcher, PolicyKind, PoolId, PrefixLengths, ProbeKind, Site, WhenAllDown,
};

pub(crate) const EXAMPLE: &str = r##"[zones."example.com"]
file = "example.com.zone"                      # RFC 1035 master file, beside the document

[data_centers.fra]
location = { country = "DE", latitude = 50.11, longitude = 8.68 }
[data_centers.iad]
location = { country = "US", latitude = 38.95, longitude = -77.45 }
[data_centers.sfo]
location = { country = "US", latitude = 37.77, longitude = -122.42 }
[data_centers.nrt]
location = { country = "JP" }
[data_centers.sin]
location = { country = "SG" }

[probes.web]
kind = "http"                                  # http | https | tcp | dns | grpc | icmp | exec | push
port = 8080
path = "/healthz"
expect_status = ["200-299"]
interval = "2s"
timeout = "1s"
rise = 2
fall = 2

[pools.fra]
data_center = "fra"
probe = "web"
choose = "weighted"                            # weighted | all | hash
answers = 1
min_up = 1
endpoints.fra-1 = { address = "192.0.2.10", weight = 10 }
endpoints.fra-2 = { address = "2001:db8::10" }
endpoints.cdn   = { cname = "www.cdn.example.net." }         # pools of names steer between CDNs

[pools.iad]
data_center = "iad"
endpoints.iad-1 = { address = "192.0.2.20" }
[pools.sfo]
data_center = "sfo"
endpoints.sfo-1 = { address = "192.0.2.30" }
[pools.nrt]
data_center = "nrt"
endpoints.nrt-1 = { address = "192.0.2.40" }
[pools.sin]
data_center = "sin"
endpoints.sin-1 = { address = "192.0.2.50" }

[regions.europe]
match = ["continent:EU", "country:TR", "subdivision:US-CA", "asn:3320", "prefix:203.0.113.0/24"]
[regions.asia]
match = ["continent:AS"]

[policies.eu-first]
failover = ["fra", "iad"]

[services."www.example.com"]
types = ["A", "AAAA"]
ttl = "30s"
sticky = { v4 = 24, v6 = 56 }                  # absent: every query draws again
when_all_down = "serve-all"                    # serve-all | last-up | nodata | servfail | "pool:NAME"
policy = { geo = {
  europe  = "eu-first",
  asia    = { latency = ["nrt", "sin"] },
  default = { weighted = { iad = 90, sfo = 10 } },
} }
"##;

pub(crate) const ZONE: &str = r#"$TTL 3600
@     IN SOA ns1 hostmaster 1 7200 900 1209600 300
      IN NS ns1
      IN NS NS1
      IN NS ns2
ns1   IN A 192.0.2.53
ns2   IN AAAA 2001:db8::53
mail  IN MX 10 mail
mail  300 IN A 192.0.2.25
mail  IN A 192.0.2.26
"#;

pub(crate) fn read_with(document: &str, zone: &[u8]) -> Reading {
    read("site.toml", document, &mut |name: &str, _: &str| Ok((Arc::from(name), zone.to_vec())))
}

fn site(document: &str) -> Site {
    let reading = read_with(document, ZONE.as_bytes());
    reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems))
}

#[test]
fn the_full_example_is_read() {
    let site = site(EXAMPLE);
    let probe = &site.probes[0];
    let ProbeKind::Http(web) = &probe.kind else { panic!("{probe:?}") };
    assert_eq!((web.port, &*web.path, &web.tls, web.host.as_deref()), (8080, "/healthz", &None, None));
    assert_eq!((probe.interval, probe.timeout), (Duration::from_secs(2), Duration::from_secs(1)));
    let fra = &site.pools[0];
    assert_eq!((fra.choose, fra.answers, fra.min_up, fra.endpoints.len()), (Choose::Weighted, 1, 1, 3));
    assert_eq!(fra.endpoints.iter().map(|endpoint| endpoint.weight).collect::<Vec<_>>(), [10, 1, 1]);
    let europe: Vec<String> = site.regions[0].matchers.iter().map(Matcher::to_string).collect();
    let written = ["continent:EU", "country:TR", "subdivision:US-CA", "asn:3320", "prefix:203.0.113.0/24"];
    assert_eq!(europe, written);
    let service = &site.services[0];
    assert_eq!(service.name.to_string(), "www.example.com.");
    assert_eq!((service.ttl, service.sticky), (30, Some(PrefixLengths { v4: 24, v6: 56 })));
    assert_eq!((service.client, service.when_all_down), (ClientSource::ClientSubnet, WhenAllDown::ServeAll));
}

#[test]
fn policies_are_labeled_and_children_come_first() {
    let site = site(EXAMPLE);
    let root = site.services[0].policy;
    let policy = &site.policies[root.0 as usize];
    assert_eq!(policy.label(), r#"services."www.example.com".policy"#);
    let PolicyKind::Geo { branches, default } = &policy.kind else { panic!("{policy:?}") };
    let label = |id: gslb_core::site::model::PolicyId| site.policies[id.0 as usize].label();
    let branches: Vec<_> = branches.iter().map(|&(_, branch)| label(branch)).collect();
    assert_eq!(branches, ["eu-first", r#"services."www.example.com".policy.geo.asia"#]);
    assert_eq!(label(*default), r#"services."www.example.com".policy.geo.default"#);
    for (number, policy) in site.policies.iter().enumerate() {
        let children = match &policy.kind {
            PolicyKind::Geo { branches, default } => branches.iter().map(|branch| branch.1).chain([*default]).collect(),
            PolicyKind::Failover(children) => children.clone(),
            PolicyKind::Weighted(children) => children.iter().map(|child| child.0).collect(),
            _ => Vec::new(),
        };
        assert!(children.iter().all(|child| (child.0 as usize) < number), "{policy:?}");
    }
    let pools = site.policies.iter().filter(|policy| policy.kind == PolicyKind::Pool(PoolId(1))).count();
    assert_eq!(pools, 1, "a pool that several policies name is one policy");
}

#[test]
fn a_country_provides_a_coordinate() {
    let site = site(EXAMPLE);
    let japan = geoip::country("JP".parse().unwrap()).unwrap();
    assert_eq!(site.data_centers[3].coordinate, Some(japan.coordinate));
    assert_eq!(site.data_centers[0].coordinate.map(|it| it.latitude()), Some(50.11), "what is written comes first");
}

#[test]
fn records_are_cleaned_up() {
    let zone = &site(EXAMPLE).zones[0];
    let of = |rtype| zone.records.iter().filter(move |record| record.rtype == rtype);
    assert_eq!(of(rtype::NS).count(), 2, "ns1 and NS1 are the same server");
    let ttls: Vec<u32> = of(rtype::A).map(|record| record.ttl).collect();
    assert_eq!(ttls, [3600, 300, 300], "the smallest TTL of a set holds for all of it");
}

#[test]
fn defaults() {
    let site = site(
        r#"
[zones."example.com"]
file = "x"
[probes]
plain.kind = "http"
quick = { kind = "https", interval = "1s" }
echo.kind = "icmp"
[pools]
a.endpoints.x.address = "192.0.2.1"
[services]
"*.example.com".policy = "a"
"#,
    );
    let [plain, quick, echo] = site.probes.as_slice() else { panic!() };
    let ProbeKind::Http(web) = &plain.kind else { panic!("{plain:?}") };
    assert_eq!((web.port, &*web.path, web.expect_status.as_slice()), (80, "/", &[(200, 299)][..]));
    let times = (plain.interval, plain.timeout, plain.jitter);
    assert_eq!(times, (Duration::from_secs(5), Duration::from_secs(2), Duration::from_millis(500)));
    assert_eq!((plain.rise, plain.fall), (2, 3));
    assert_eq!(
        (quick.kind.port(), quick.timeout),
        (Some(443), Duration::from_secs(1)),
        "a timeout is no longer than the interval"
    );
    assert_eq!((&echo.kind, echo.kind.port()), (&ProbeKind::Icmp, None));
    let service = &site.services[0];
    assert!(service.name.is_wildcard() && service.steers_a && service.steers_aaaa);
    assert_eq!((service.ttl, service.sticky), (30, None));
    assert_eq!(site.pools[0].endpoints[0].weight, 1);
}

#[test]
fn aliases_resolve_to_their_targets() {
    let site = site(
        r#"
[pools]
a.endpoints.x.address = "192.0.2.1"
b.endpoints.x.address = "192.0.2.2"
[policies]
second = "first"
first = { failover = ["a", "b"] }
pool = "a"
"#,
    );
    let find = |label: &str| site.policies.iter().position(|policy| policy.label() == label).unwrap();
    let first = gslb_core::site::model::PolicyId(find("first") as u32);
    assert_eq!(site.policies[find("second")].kind, PolicyKind::Failover(vec![first]));
    assert_eq!(site.policies[find("pool")].kind, PolicyKind::Pool(PoolId(0)));
}

#[test]
fn services_belong_to_the_closest_zone() {
    let document = r#"
[zones]
"example.com".file = "x"
"eu.Example.com".file = "x"
[pools]
a.endpoints.x.address = "192.0.2.1"
[services]
"www.EU.example.com".policy = "a"
"www.example.com".policy = "a"
"#;
    let zones: Vec<u32> = site(document).services.iter().map(|service| service.zone).collect();
    assert_eq!(zones, [1, 0]);
}

#[test]
fn an_empty_document_is_an_empty_site() {
    let site = site("# nothing yet\n");
    assert!(site.zones.is_empty() && site.services.is_empty());
}
