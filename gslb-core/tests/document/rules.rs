//! Documents with valid parts that conflict with each other: zones, their records, services and pools.

use super::{SOUND, assert_problems};

#[test]
fn zones_and_services() {
    let document = r##"
[zones]
"example.com".file = "example.com.zone"
"EXAMPLE.com.".file = "x"
"a b".file = "x"
"bücher.example".file = "x"
"n.example" = {}
"o.example".file = "none.zone"
"*.w".file = "x"
[zones.example.net]
file = "x"
[pools]
fra.endpoints.a.address = "192.0.2.1"
[services."www.example.com"]
types = ["A", "aaaa", "A", "MX"]
ttl = 30
sticky = { v4 = 33, v6 = 0, v5 = 1 }
client = "ecs"
when_all_down = "pool:frb"
[services."WWW.example.com."]
policy = "fra"
[services."www.example.org"]
policy = "frb"
ttl = "1500ms"
when_all_down = "serve"
[services.ftp.example.com]
policy = "fra"
[services."mail.example.com"]
policy = "fra"
ttl = "8w"
[services."ok.example.com"]
policy = "fra"
ttl = "200h"
"##;
    let expected = r##"
site.toml:3:1: error: zones."EXAMPLE.com.": the zone EXAMPLE.com. is already declared in line 2
    help: declare each zone only once; names are case-insensitive
site.toml:4:1: error: zones."a b": "a b" is not a domain name: it contains the character ' '
    help: write a name such as www.example.com
site.toml:5:1: error: zones."bücher.example": "bücher.example" contains non-ASCII letters
    help: write each such label in its ASCII form, which starts with xn--
site.toml:6:1: error: zones."n.example": the zone has neither `file` nor `records`
    help: add file = "example.com.zone", or the text of such a file as records
site.toml:7:20: error: zones."o.example".file: cannot read the zone file "none.zone": there is no such file
    help: specify a readable file, relative to the document
site.toml:8:1: error: zones."*.w": a wildcard cannot be a zone name
    help: write the name without the wildcard
site.toml:9:8: error: zones.example: `example` contains only another table
    help: quote names that contain dots: [zones."example.net"]
site.toml:13:11: error: services."www.example.com": `policy` is missing
    help: add policy = the name of a pool or policy
site.toml:14:15: error: services."www.example.com".types[1]: unknown value "aaaa"
    help: did you mean `AAAA`? known: A, AAAA
site.toml:14:23: error: services."www.example.com".types[2]: the type is listed twice
    help: list each type once
site.toml:14:28: error: services."www.example.com".types[3]: unknown value "MX"
    help: known: A, AAAA
site.toml:15:7: error: services."www.example.com".ttl: expected a duration such as "30s", found integer 30
    help: write "30s" for seconds; the units are ms, s, m, h and d
site.toml:16:17: error: services."www.example.com".sticky.v4: 33 is out of range for a prefix length
    help: write a whole number from 1 to 32
site.toml:16:26: error: services."www.example.com".sticky.v6: 0 is out of range for a prefix length
    help: write a whole number from 1 to 128
site.toml:16:29: error: services."www.example.com".sticky.v5: unknown key `v5`
    help: did you mean `v4`? known: v4, v6
site.toml:17:10: error: services."www.example.com".client: unknown value "ecs"
    help: known: client-subnet, resolver
site.toml:18:17: error: services."www.example.com".when_all_down: no pool is named `frb`
    help: did you mean `fra`? known: fra
site.toml:19:11: error: services."WWW.example.com.": the service WWW.example.com. is already declared in line 13
    help: declare each service only once; names are case-insensitive
site.toml:21:11: error: services."www.example.org": www.example.org. is in no zone of the document
    help: declare its zone; declared zones: example.com. n.example. o.example.
site.toml:22:10: error: services."www.example.org".policy: no pool or policy is named `frb`
    help: did you mean `fra`? known: fra
site.toml:23:7: error: services."www.example.org".ttl: a TTL of 1500ms is not a number of whole seconds
    help: write "2s"
site.toml:24:17: error: services."www.example.org".when_all_down: unknown value "serve"
    help: did you mean `serve-all`? known: serve-all, last-up, nodata, servfail, pool:NAME
site.toml:25:11: error: services.ftp: `ftp` contains only another table
    help: quote names that contain dots: [services."ftp.example.com"]
site.toml:29:7: error: services."mail.example.com".ttl: "8w" is not a duration
    help: write a whole number and one of the units ms, s, m, h and d, such as "30s" or "500ms"
site.toml:32:7: error: services."ok.example.com".ttl: 200h is out of range
    help: write a duration from 0s to 168h
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn records_that_conflict_with_each_other_or_with_services() {
    let document = r##"
[zones]
"example.com".file = "example.com.zone"
"inner.example.com".file = "inner.zone"
[pools]
fra.endpoints.a.address = "192.0.2.1"
cdn.endpoints.a.cname = "x.example."
unused.endpoints.a.address = "2001:db8::1"
[services]
"www.example.com".policy = "fra"
"alias.example.com".policy = "fra"
"a.sub.example.com".policy = "fra"
"sub.example.com".policy = "fra"
"x.away.example.com".policy = "fra"
"away.example.com".policy = "fra"
"example.com".policy = "cdn"
"txt.example.com".policy = { failover = ["fra", "cdn"] }
"fb.example.com" = { policy = "fra", when_all_down = "pool:cdn" }
"txt2.example.com" = { policy = "fra", when_all_down = "pool:cdn" }
"##;
    let zone = r#"
$TTL 3600
@     IN SOA ns1 hostmaster 1 7200 900 1209600 300
@     IN SOA ns1 hostmaster 2 7200 900 1209600 300
      IN NS ns1
      IN NS NS1
      IN NS ns2
      60 IN NS ns3
      IN MX 10 alias
www   IN A 192.0.2.1
www   IN AAAA 2001:db8::1
www   IN AAAA 2001:db8::2
alias IN CNAME www
alias IN CNAME ns2
alias IN TXT "x"
sub   IN NS ns.sub
sub   IN NS ns.sub2
      IN TXT "hidden"
a.sub IN TXT "hidden"
b.sub IN A 192.0.2.3
away  IN DNAME example.net.
away  IN DNAME example.org.
x.away IN A 192.0.2.1
txt   IN TXT "x"
txt2  IN TXT "x"
x.example.net. IN A 192.0.2.1
soa   IN SOA ns1 hostmaster 1 7200 900 1209600 300
inner IN NS ns1
y.inner IN TXT "y"
"#;
    let expected = r##"
example.com.zone:3:1: error: second SOA record at example.com.; the first is at example.com.zone:2:1
    help: a name can have only one: keep one
example.com.zone:4:7: warning: the NS record of example.com. names ns1.example.com., which has no address
    help: add an A or AAAA record for it
example.com.zone:6:7: warning: the NS record of example.com. names ns2.example.com., which has no address
    help: add an A or AAAA record for it
example.com.zone:7:7: warning: the NS records of example.com. differ in TTL: 3600 and 60
    help: write one TTL for all of them (RFC 2181 §5.2); 60 is used
example.com.zone:7:7: warning: the NS record of example.com. names ns3.example.com., which has no address
    help: add an A or AAAA record for it
example.com.zone:12:1: error: alias.example.com. has a CNAME and other records (TXT)
    help: a name with a CNAME cannot have other records: remove one or the other
example.com.zone:13:1: error: second CNAME record at alias.example.com.; the first is at example.com.zone:12:1
    help: a name can have only one: keep one
example.com.zone:15:1: warning: the NS record of sub.example.com. names ns.sub.example.com., which has no address
    help: add an A or AAAA record for it
example.com.zone:16:1: warning: the NS record of sub.example.com. names ns.sub2.example.com., which has no address
    help: add an A or AAAA record for it
example.com.zone:17:7: warning: the TXT record of sub.example.com. is not served: sub.example.com. is delegated (example.com.zone:15:1)
    help: move it to that zone
example.com.zone:18:1: warning: the TXT record of a.sub.example.com. is not served: sub.example.com. is delegated (example.com.zone:15:1)
    help: move it to that zone
example.com.zone:21:1: error: second DNAME record at away.example.com.; the first is at example.com.zone:20:1
    help: a name can have only one: keep one
example.com.zone:22:1: error: x.away.example.com. is below away.example.com., which has a DNAME (example.com.zone:20:1)
    help: a DNAME redirects every name below it (RFC 6672 §2.4): remove the record or the DNAME
example.com.zone:25:1: error: x.example.net. is outside the zone example.com.
    help: names without a final dot are relative to the origin; move other names to their own zone
example.com.zone:26:1: error: SOA at soa.example.com., which is not the zone's apex example.com.
    help: a zone has one SOA, at its apex
example.com.zone:28:1: warning: the TXT record of y.inner.example.com. is not served: inner.example.com. is a separate zone (site.toml:3:1)
    help: move it to that zone
site.toml:9:1: error: services."www.example.com": www.example.com. is steered here, but its zone file has A records for it, at example.com.zone:9:1
    help: remove the record or the service
site.toml:9:1: error: services."www.example.com": www.example.com. is steered here, but its zone file has AAAA records for it, at example.com.zone:10:1
    help: remove the record or the service
site.toml:10:1: error: services."alias.example.com": alias.example.com. is steered here, but its zone file has CNAME records for it, at example.com.zone:12:1
    help: remove the record or the service
site.toml:11:1: error: services."a.sub.example.com": not authoritative for a.sub.example.com.: sub.example.com. is delegated at example.com.zone:15:1
    help: remove the NS records, or define the service on the servers of the delegated zone
site.toml:12:1: error: services."sub.example.com": not authoritative for sub.example.com.: sub.example.com. is delegated at example.com.zone:15:1
    help: remove the NS records, or define the service on the servers of the delegated zone
site.toml:13:1: error: services."x.away.example.com": x.away.example.com. is below away.example.com., which has a DNAME at example.com.zone:20:1
    help: a DNAME redirects every name below it: remove it or the service
site.toml:15:1: error: services."example.com": a zone's apex cannot be a CNAME, and the pool `cdn` has cname endpoints
    help: use only pools with address endpoints
site.toml:16:1: error: services."txt.example.com": the pool `cdn` has cname endpoints, but this name also has other data (TXT) at example.com.zone:23:1
    help: a name with a CNAME cannot have other records: remove the record, or use pools with address endpoints
site.toml:16:1: warning: services."txt.example.com": AAAA queries of clients that are sent to `fra` are answered by the next candidate that has IPv6 endpoints, since negative answers are cached for all clients (RFC 7871 §7.4)
    help: give each pool IPv6 endpoints, or none, or remove AAAA from `types`
site.toml:18:1: error: services."txt2.example.com": the pool `cdn` has cname endpoints, but this name also has other data (TXT) at example.com.zone:24:1
    help: a name with a CNAME cannot have other records: remove the record, or use pools with address endpoints
"##;
    assert_problems(document, zone, expected);
}

#[test]
fn a_zone_needs_soa_and_ns() {
    let document = r##"
[zones]
"example.com".file = "x"
"##;
    let zone = r#"
www.example.com. 60 IN A 192.0.2.1
"#;
    let expected = r##"
site.toml:2:1: error: zones."example.com": the zone file has no SOA record at example.com.
    help: add one, such as: @ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 300
site.toml:2:1: error: zones."example.com": the zone file has no NS record at example.com.
    help: add the zone's name servers, such as: @ 3600 IN NS ns1
"##;
    assert_problems(document, zone, expected);
}

#[test]
fn a_cname_must_not_point_to_its_own_service() {
    let document = r##"
[zones]
"example.com".file = "x"
[pools.cdn]
endpoints.a.cname = "WWW.example.com"
[services]
"www.example.com".policy = { failover = [{ weighted = { cdn = 1 } }] }
"##;
    let zone = r#"
@ 60 IN SOA ns1 h 1 2 3 4 5
@ 60 IN NS ns1
ns1 60 IN A 192.0.2.1
"#;
    let expected = r##"
site.toml:6:1: error: services."www.example.com": endpoint `a` of pool `cdn` answers WWW.example.com. with itself
    help: use other pools for this service, or change the endpoint's cname
"##;
    assert_problems(document, zone, expected);
}

#[test]
fn missing_families_are_reported_once_per_policy() {
    let document = r##"
[zones."example.com"]
file = "example.com.zone"
[pools]
both.endpoints = { a.address = "192.0.2.1", b.address = "2001:db8::1" }
four.endpoints.a.address = "192.0.2.2"
name.endpoints.a.cname = "www.example.net."
[policies]
mixed.failover = ["four", "both"]
[services]
"a.example.com".policy = "mixed"
"b.example.com".policy = "mixed"
"c.example.com" = { policy = "mixed", types = ["A"] }
"d.example.com".policy = "four"
"e.example.com".policy = { failover = ["name", "both"] }
"##;
    let expected = r##"
site.toml:10:1: warning: services."a.example.com": AAAA queries of clients that are sent to `four` are answered by the next candidate that has IPv6 endpoints, since negative answers are cached for all clients (RFC 7871 §7.4)
    help: give each pool IPv6 endpoints, or none, or remove AAAA from `types`
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn unused_names_are_warnings() {
    let document = r##"
[data_centers]
fra = {}
[probes]
web.kind = "push"
[pools]
fra = { endpoints.a.address = "192.0.2.1" , endpoints.b.address = "2001:db8::1"}
iad = { endpoints.a.address = "192.0.2.1" }
zero = { endpoints.a = { address = "192.0.2.1", weight = 0 } }
[regions]
r.match = ["asn:1", "asn:1"]
[policies]
a = "fra"
b = "a"
c.failover = ["a", "b", "iad"]
"##;
    let expected = r##"
site.toml:2:1: warning: data_centers.fra: no pool uses the data center `fra`
    help: use it in a pool, or remove it
site.toml:4:1: warning: probes.web: no pool uses the probe `web`
    help: use it in a pool, or remove it
site.toml:8:1: warning: pools.zero: no policy or service uses the pool `zero`
    help: use it in a policy or service, or remove it
site.toml:8:10: warning: pools.zero.endpoints: all endpoints have weight 0: the pool is used only when nothing else is up
    help: give one a weight, unless the pool is drained on purpose
site.toml:10:1: warning: regions.r: no geo policy uses the region `r`
    help: use it in a geo policy, or remove it
site.toml:10:21: warning: regions.r.match[1]: `asn:1` is listed twice
    help: remove it
site.toml:12:1: warning: policies.a: no service uses the policy `a`
    help: use it in a service, or remove it
site.toml:13:1: warning: policies.b: no service uses the policy `b`
    help: use it in a service, or remove it
site.toml:14:1: warning: policies.c: no service uses the policy `c`
    help: use it in a service, or remove it
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn a_set_must_fit_into_a_response() {
    let addresses = (0..4_100).map(|n| format!("big IN A 10.0.{}.{}\n", n / 256, n % 256));
    let zone = addresses.fold(SOUND.to_owned(), |zone, line| zone + &line);
    let document = r#"
[zones]
"example.com".file = "example.com.zone"
"#;
    let expected = r#"
example.com.zone:5:1: error: the A records of big.example.com. have 65600 octets
    help: a response has space for 65000: remove some records
"#;
    assert_problems(document, &zone, expected);
}

#[test]
fn problems_beyond_the_limit_are_only_counted() {
    let pools: String = (0..1000).map(|number| format!("p{number}.endpoints.a.address = \"x\"\n")).collect();
    let reading =
        gslb_core::site::document::read("site.toml", &format!("[pools]\n{pools}"), &mut |_, _| Err("".into()));
    assert_eq!(reading.problems.len(), 101);
    assert_eq!(reading.problems[100].message, "there are 900 more errors");
    assert!(reading.site.is_none());
}

#[test]
fn fallbacks_outside_an_only_are_refused_and_unreachable_candidates_are_warnings() {
    let document = r#"
zones."example.com".file = "example.com.zone"
[pools]
fra.endpoints.a.address = "192.0.2.1"
iad.endpoints = { a = { address = "192.0.2.2" }, b = { address = "2001:db8::2" } }
[policies]
kept = { only = "fra" }
loop = { only = { failover = ["loop"] } }
list = { only = ["fra"] }
after = { failover = ["kept", "iad"] }
both = { only = "fra", failover = ["iad"] }
[services]
"out.example.com" = { types = ["A"], when_all_down = "pool:iad", policy = "after" }
"in.example.com" = { types = ["A"], when_all_down = "pool:fra", policy = "after" }
"family.example.com".policy = { weighted = { kept = 1, iad = 1 } }
"#;
    let expected = r#"
site.toml:7:1: error: policies.loop: policy `loop` refers to itself: loop -> loop
    help: replace one of these references with a pool
site.toml:8:17: error: policies.list.only: expected a policy: the name of a pool or policy, or a table, found an array
    help: write a name, or a table such as { failover = ["fra", "iad"] }
site.toml:9:31: warning: policies.after.failover[1]: this is never tried: candidate 1 of the list is an `only`
    help: an `only` never falls through to the next candidate: put it last, or remove what follows
site.toml:10:1: error: policies.both: a policy has one kind, and this one has both `failover` and `only`
    help: keep one, and nest the other in it
site.toml:12:54: error: services."out.example.com".when_all_down: the pool `iad` is not below the `only` at policies.kept, whose clients may only get its own pools
    help: use a pool below every `only` of the policy, or serve-all, last-up, nodata or servfail
site.toml:14:1: warning: services."family.example.com": AAAA queries of clients that are sent to `fra` get NODATA: no pool of its `only` has IPv6 endpoints, and no other pool may answer
    help: give a pool of the `only` IPv6 endpoints, or remove AAAA from `types`"#;
    assert_problems(document, SOUND, expected);
}

#[test]
fn a_name_belongs_to_one_service() {
    let document = r#"
zones."example.com".file = "example.com.zone"
[pools]
fra.endpoints.a.address = "192.0.2.1"
[services]
"www.example.com" = { policy = "fra", names = ["example.com", "WWW.example.com", "shop.example.org", "a b", 7, "ns1.example.com"] }
"shop.example.com" = { policy = "fra", names = ["Example.com"] }
"Example.Com" = { policy = "fra" }
"#;
    let expected = r#"
site.toml:5:1: error: services."www.example.com": ns1.example.com. is steered here, but its zone file has A records for it, at example.com.zone:4:1
    help: remove the record or the service
site.toml:5:63: error: services."www.example.com".names[1]: the name WWW.example.com. is already steered, declared in line 5
    help: use each name only once, in one service; names are case-insensitive
site.toml:5:82: error: services."www.example.com".names[2]: shop.example.org. is in no zone of the document
    help: declare its zone; declared zones: example.com.
site.toml:5:102: error: services."www.example.com".names[3]: "a b" is not a domain name: it contains the character ' '
    help: write a name such as www.example.com
site.toml:5:109: error: services."www.example.com".names[4]: expected a string such as "example.com", found integer 7
    help: write "7" in quotes
site.toml:6:49: error: services."shop.example.com".names[0]: the name Example.com. is already steered, declared in line 5
    help: use each name only once, in one service; names are case-insensitive
site.toml:7:1: error: services."Example.Com": the service Example.Com. is already declared in line 5
    help: declare each service only once; names are case-insensitive"#;
    assert_problems(document, SOUND, expected);
}

#[test]
fn ns_at_a_wildcard_delegates_nothing() {
    let document = "[zones]\n\"example.com\".file = \"x\"\n";
    let zone = r#"
@ 60 IN SOA ns1 h 1 2 3 4 5
@ 60 IN NS ns1
ns1 60 IN A 192.0.2.1
*.w 60 IN NS ns1
*.w 60 IN TXT "data like any other (RFC 4592, section 4.2)"
"#;
    assert_problems(document, zone, "");
}
