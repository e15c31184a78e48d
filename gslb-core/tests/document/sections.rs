//! Invalid documents, section by section: all problems at once, each with its position and a fix.

use super::{SOUND, assert_problems};

#[test]
fn syntax_errors_are_reported_alone() {
    let document = r##"
[pools.fra
x = 1
endpoints = { a = 1
y = abc
"##;
    let expected = r##"
site.toml:1:11: error: not TOML: unclosed table
    help: TOML expects `]` here
site.toml:4:1: error: not TOML: missing comma between key-value pairs
    help: TOML expects `,` here
site.toml:4:5: error: not TOML: string values must be quoted
    help: put the text in quotes: "..."
site.toml:4:8: error: not TOML: unclosed inline table
    help: TOML expects `}` here
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn the_parts_of_a_key_are_limited() {
    let document = r##"
x = 1.5
a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1
"##;
    let expected = r##"
site.toml:2:32: error: a key has more than 16 parts
    help: quote names that contain dots
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn values_of_the_wrong_kind() {
    let document = r##"
pools = 5
when = 1979-05-27T07:32:00Z
[services]
"a.b" = { ttl = 99999999999999999999, policy = 2020-01-01 }
"a.b" = 1
"##;
    let expected = r##"
site.toml:1:9: error: pools: expected a table, found integer 5
    help: write tables such as [pools.NAME]
site.toml:2:1: error: when: unknown key `when`
    help: known: zones, data_centers, probes, pools, regions, policies, services, vantages, safety
site.toml:4:1: error: services."a.b": a.b. is in no zone of the document
    help: declare its zone, such as [zones."example.com"] with file = "example.com.zone"
site.toml:4:17: error: services."a.b".ttl: 99999999999999999999 does not fit into 64 bits
    help: write a smaller number
site.toml:4:48: error: services."a.b".policy: expected a policy: the name of a pool or policy, or a table, found the date or time 2020-01-01
    help: write a name, or a table such as { failover = ["fra", "iad"] }
site.toml:5:1: error: `"a.b"` is duplicated in this table
    help: remove or rename one of the two
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn data_centers() {
    let document = r##"
[data_centers.fra]
location = { country = "DE", latitude = 91, longitude = "x" }
[data_centers.iad]
location = { country = "ZZ", longitude = 1.5 }
[data_centers.-x]
[data_centers.sfo]
loction = {}
location = "US"
[data_centres.nrt]
"##;
    let expected = r##"
site.toml:2:41: error: data_centers.fra.location.latitude: 91 degrees are out of range
    help: write a number from -90 to 90
site.toml:2:57: error: data_centers.fra.location.longitude: expected degrees, a number such as 50.11, found string "x"
    help: write a number from -180 to 180
site.toml:4:24: error: data_centers.iad.location.country: "ZZ" is not a country code
    help: write a two-letter ISO 3166-1 code, such as "DE"
site.toml:4:42: error: data_centers.iad.location.longitude: `longitude` is set without `latitude`
    help: add the latitude
site.toml:5:15: error: data_centers.-x: "-x" is not a valid name
    help: write 1 to 63 letters, digits, `.`, `_` and `-`, starting with a letter or digit
site.toml:7:1: error: data_centers.sfo.loction: unknown key `loction`
    help: did you mean `location`? known: location
site.toml:8:12: error: data_centers.sfo.location: expected a table, found string "US"
    help: write a table such as { country = "DE", latitude = 50.11, longitude = 8.68 }
site.toml:9:2: error: data_centres: unknown key `data_centres`
    help: did you mean `data_centers`? known: zones, data_centers, probes, pools, regions, policies, services, vantages, safety
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn probes() {
    let document = r##"
[probes]
a = { kind = "htp" }
b = { kind = "tcp" }
c = { kind = "icmp", port = 1, path = "/" }
d = { kind = "http", port = 70000, path = "x", expect_status = ["299-200", "20x", 200], interval = 5, timeout = "2" }
e = { kind = "https", interval = "1s", timeout = "2s", rise = 0, fall = 2.5, send = "x" }
f = { interval = "10ms", expect_status = [] }
g = 5
"##;
    let expected = r##"
site.toml:2:14: error: probes.a.kind: unknown value "htp"
    help: did you mean `http`? known: http, https, tcp, dns, grpc, icmp, exec, push
site.toml:3:1: error: probes.b: `port` is missing
    help: add port = 8080
site.toml:4:29: error: probes.c.port: probes of kind "icmp" have no `port`
    help: remove it; kinds that support it: http, https, tcp, dns, grpc, exec
site.toml:4:39: error: probes.c.path: probes of kind "icmp" have no `path`
    help: remove it; kinds that support it: http, https
site.toml:5:29: error: probes.d.port: 70000 is out of range for a port
    help: write a whole number from 1 to 65535
site.toml:5:43: error: probes.d.path: "x" is not a request path
    help: write a path that starts with / and has no spaces, such as "/healthz"
site.toml:5:65: error: probes.d.expect_status[0]: the range 299-200 ends before it starts
    help: write "200-299"
site.toml:5:76: error: probes.d.expect_status[1]: "20x" is not a range of HTTP status codes
    help: write a status code from 100 to 599 such as "200", or a range such as "200-299"
site.toml:5:83: error: probes.d.expect_status[2]: expected a string such as "200" or "200-299", found integer 200
    help: write "200" in quotes
site.toml:5:100: error: probes.d.interval: expected a duration such as "30s", found integer 5
    help: write "5s" for seconds; the units are ms, s, m, h and d
site.toml:5:113: error: probes.d.timeout: "2" is not a duration
    help: write a whole number and one of the units ms, s, m, h and d, such as "30s" or "500ms"
site.toml:6:50: error: probes.e.timeout: the timeout 2s is longer than the interval 1s
    help: use at most "1s", or increase the interval
site.toml:6:63: error: probes.e.rise: 0 is out of range for a number of results in a row
    help: write a whole number from 1 to 100
site.toml:6:73: error: probes.e.fall: expected a number of results in a row, a whole number, found number 2.5
    help: write a whole number from 1 to 100
site.toml:6:85: error: probes.e.send: probes of kind "https" have no `send`
    help: remove it; kinds that support it: tcp
site.toml:7:1: error: probes.f: `kind` is missing
    help: add kind = "http"
site.toml:7:18: error: probes.f.interval: 10ms is out of range
    help: write a duration from 100ms to 1h
site.toml:8:5: error: probes.g: expected a table, found integer 5
    help: write a table such as { kind = "http", port = 8080 }
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn pools_and_endpoints() {
    let document = r##"
[probes.web]
kind = "push"
[pools.fra]
data_center = "frq"
probe = "wbe"
choose = "wieghted"
answers = 65
min_up = 3
initial = 1
endpoints.a = { address = "192.0.2.10/32", wieght = 10 }
endpoints.b = { address = "192.0.2.10:80" }
[pools.iad]
endpoints = {}
[pools.sfo]
[pools.nrt]
endpoints = { a = { address = "::ffff:192.0.2.1" }, b = { address = "0.0.0.0" }, c = { address = "ff02::1" }, d = { address = "255.255.255.255" }, e = { address = "www.example.com" }, f = { address = "192.0.2.1", cname = "x" }, g = {}, h = { cname = "a..b" }, i = "192.0.2.1", j = { address = "192.0.2.1", weight = -1, probe_address = "x" }, "k l" = { address = 5 } }
[pools.sin]
choose = "all"
answers = 2
endpoints = { a = { address = "192.0.2.1", weight = 0 }, b = { address = "192.0.2.1", weight = 0 } , c = { cname = "x.example.", weight = 0 } }
[pools.hkg]
answers = 2
endpoints.a.cname = "x.example"
endpoints.b.cname = "X.example."
"##;
    let expected = r##"
site.toml:4:15: error: pools.fra.data_center: no data center is named `frq`
    help: the document defines none
site.toml:5:9: error: pools.fra.probe: no probe is named `wbe`
    help: did you mean `web`? known: web
site.toml:6:10: error: pools.fra.choose: unknown value "wieghted"
    help: did you mean `weighted`? known: weighted, all, hash
site.toml:7:11: error: pools.fra.answers: 65 is out of range for a number of answers
    help: write a whole number from 1 to 64
site.toml:8:10: error: pools.fra.min_up: 3 is out of range for the least number of endpoints up
    help: write a whole number from 1 to 2
site.toml:9:11: error: pools.fra.initial: expected a string such as "saved-or-up", found integer 1
    help: write "1" in quotes
site.toml:10:27: error: pools.fra.endpoints.a.address: "192.0.2.10/32" is not an IP address
    help: write "192.0.2.10", without the prefix length
site.toml:10:44: error: pools.fra.endpoints.a.wieght: unknown key `wieght`
    help: did you mean `weight`? known: address, cname, weight, probe_address
site.toml:11:27: error: pools.fra.endpoints.b.address: "192.0.2.10:80" is not an IP address
    help: write "192.0.2.10"; ports belong to probes
site.toml:13:1: error: pools.iad.endpoints: the pool has no endpoints
    help: add one, such as endpoints.a = { address = "192.0.2.10" }
site.toml:14:8: error: pools.sfo: `endpoints` is missing
    help: add endpoints = { a = { address = "192.0.2.10" } }
site.toml:16:31: error: pools.nrt.endpoints.a.address: ::ffff:192.0.2.1 is an IPv4-mapped IPv6 address, which clients cannot use
    help: write "192.0.2.1"
site.toml:16:69: error: pools.nrt.endpoints.b.address: 0.0.0.0 is the unspecified address
    help: write the address of one host
site.toml:16:98: error: pools.nrt.endpoints.c.address: ff02::1 is a multicast address
    help: write the address of one host
site.toml:16:127: error: pools.nrt.endpoints.d.address: 255.255.255.255 is the broadcast address
    help: write the address of one host
site.toml:16:164: error: pools.nrt.endpoints.e.address: "www.example.com" is not an IP address
    help: write an address such as "192.0.2.10", or use `cname` for a name
site.toml:16:222: error: pools.nrt.endpoints.f.cname: an endpoint has either an `address` or a `cname`
    help: split it into two endpoints
site.toml:16:229: error: pools.nrt.endpoints.g: the endpoint has neither `address` nor `cname`
    help: add address = "192.0.2.10" or cname = "www.example.net."
site.toml:16:251: error: pools.nrt.endpoints.h.cname: "a..b" is not a domain name: name has an empty label
    help: write a name such as www.example.com
site.toml:16:265: error: pools.nrt.endpoints.i: expected a table, found string "192.0.2.1"
    help: write a table such as { address = "192.0.2.10" }
site.toml:16:316: error: pools.nrt.endpoints.j.weight: -1 is out of range for a weight
    help: write a whole number from 0 to 1000000
site.toml:16:336: error: pools.nrt.endpoints.j.probe_address: "x" is not an IP address
    help: write an address such as "192.0.2.10", or use `cname` for a name
site.toml:16:343: error: pools.nrt.endpoints."k l": "k l" is not a valid name
    help: write 1 to 63 letters, digits, `.`, `_` and `-`, starting with a letter or digit
site.toml:16:363: error: pools.nrt.endpoints."k l".address: expected a string such as "192.0.2.10", found integer 5
    help: write "5" in quotes
site.toml:19:11: warning: pools.sin.answers: `answers` has no effect if `choose` is "all"
    help: remove it
site.toml:20:1: warning: pools.sin.endpoints: all endpoints have weight 0: the pool is used only when nothing else is up
    help: give one a weight, unless the pool is drained on purpose
site.toml:20:1: error: pools.sin.endpoints: endpoint `c` is a cname, but `choose` is "all"
    help: a name has only one CNAME: use "weighted" or "hash", with answers = 1
site.toml:20:58: error: pools.sin.endpoints.b: endpoint `a` has the same target 192.0.2.1
    help: remove one of the two and add up their weights
site.toml:23:1: error: pools.hkg.endpoints: endpoint `a` is a cname, but `answers` is more than 1
    help: a name has only one CNAME: use "weighted" or "hash", with answers = 1
site.toml:24:11: error: pools.hkg.endpoints.b: endpoint `a` has the same target x.example.
    help: remove one of the two and add up their weights
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn answers_must_fit() {
    let document = r##"
[pools]
a = { choose = "all", endpoints = { e0 = { address = "2001:db8::0" }, e1 = { address = "2001:db8::1" }, e2 = { address = "2001:db8::2" }, e3 = { address = "2001:db8::3" }, e4 = { address = "2001:db8::4" }, e5 = { address = "2001:db8::5" }, e6 = { address = "2001:db8::6" }, e7 = { address = "2001:db8::7" }, e8 = { address = "2001:db8::8" }, e9 = { address = "2001:db8::9" }, e10 = { address = "2001:db8::10" }, e11 = { address = "2001:db8::11" }, e12 = { address = "2001:db8::12" }, e13 = { address = "2001:db8::13" }, e14 = { address = "2001:db8::14" }, e15 = { address = "2001:db8::15" }, e16 = { address = "2001:db8::16" }, e17 = { address = "2001:db8::17" }, e18 = { address = "2001:db8::18" }, e19 = { address = "2001:db8::19" }, e20 = { address = "2001:db8::20" }, e21 = { address = "2001:db8::21" }, e22 = { address = "2001:db8::22" }, e23 = { address = "2001:db8::23" }, e24 = { address = "2001:db8::24" }, e25 = { address = "2001:db8::25" }, e26 = { address = "2001:db8::26" }, e27 = { address = "2001:db8::27" }, e28 = { address = "2001:db8::28" }, e29 = { address = "2001:db8::29" }, e30 = { address = "2001:db8::30" }, e31 = { address = "2001:db8::31" }, e32 = { address = "2001:db8::32" }, e33 = { address = "2001:db8::33" }, e34 = { address = "2001:db8::34" }, e35 = { address = "2001:db8::35" }, e36 = { address = "2001:db8::36" }, e37 = { address = "2001:db8::37" }, e38 = { address = "2001:db8::38" }, e39 = { address = "2001:db8::39" }, e40 = { address = "2001:db8::40" }, e41 = { address = "2001:db8::41" }, e42 = { address = "2001:db8::42" }, e43 = { address = "2001:db8::43" }, e44 = { address = "2001:db8::44" }, e45 = { address = "2001:db8::45" }, e46 = { address = "2001:db8::46" }, e47 = { address = "2001:db8::47" }, e48 = { address = "2001:db8::48" }, e49 = { address = "2001:db8::49" }, e50 = { address = "2001:db8::50" }, e51 = { address = "2001:db8::51" }, e52 = { address = "2001:db8::52" }, e53 = { address = "2001:db8::53" }, e54 = { address = "2001:db8::54" }, e55 = { address = "2001:db8::55" }, e56 = { address = "2001:db8::56" }, e57 = { address = "2001:db8::57" }, e58 = { address = "2001:db8::58" }, e59 = { address = "2001:db8::59" }, e60 = { address = "2001:db8::60" }, e61 = { address = "2001:db8::61" }, e62 = { address = "2001:db8::62" }, e63 = { address = "2001:db8::63" }, e64 = { address = "2001:db8::64" } } }
b = { choose = "all", endpoints = { e0 = { address = "192.0.2.0" }, e1 = { address = "192.0.2.1" }, e2 = { address = "192.0.2.2" }, e3 = { address = "192.0.2.3" }, e4 = { address = "192.0.2.4" }, e5 = { address = "192.0.2.5" }, e6 = { address = "192.0.2.6" }, e7 = { address = "192.0.2.7" }, e8 = { address = "192.0.2.8" }, e9 = { address = "192.0.2.9" }, e10 = { address = "192.0.2.10" }, e11 = { address = "192.0.2.11" }, e12 = { address = "192.0.2.12" }, e13 = { address = "192.0.2.13" }, e14 = { address = "192.0.2.14" }, e15 = { address = "192.0.2.15" }, e16 = { address = "192.0.2.16" }, e17 = { address = "192.0.2.17" }, e18 = { address = "192.0.2.18" }, e19 = { address = "192.0.2.19" }, e20 = { address = "192.0.2.20" }, e21 = { address = "192.0.2.21" }, e22 = { address = "192.0.2.22" }, e23 = { address = "192.0.2.23" }, e24 = { address = "192.0.2.24" }, e25 = { address = "192.0.2.25" }, e26 = { address = "192.0.2.26" }, e27 = { address = "192.0.2.27" }, e28 = { address = "192.0.2.28" }, e29 = { address = "192.0.2.29" }, e30 = { address = "192.0.2.30" }, e31 = { address = "192.0.2.31" }, e32 = { address = "192.0.2.32" }, e33 = { address = "192.0.2.33" }, e34 = { address = "192.0.2.34" }, e35 = { address = "192.0.2.35" }, e36 = { address = "192.0.2.36" }, e37 = { address = "192.0.2.37" }, e38 = { address = "192.0.2.38" }, e39 = { address = "192.0.2.39" } } }
c = { answers = 30, endpoints = { e0 = { address = "198.51.100.0" }, e1 = { address = "198.51.100.1" }, e2 = { address = "198.51.100.2" }, e3 = { address = "198.51.100.3" }, e4 = { address = "198.51.100.4" }, e5 = { address = "198.51.100.5" }, e6 = { address = "198.51.100.6" }, e7 = { address = "198.51.100.7" }, e8 = { address = "198.51.100.8" }, e9 = { address = "198.51.100.9" }, e10 = { address = "198.51.100.10" }, e11 = { address = "198.51.100.11" }, e12 = { address = "198.51.100.12" }, e13 = { address = "198.51.100.13" }, e14 = { address = "198.51.100.14" }, e15 = { address = "198.51.100.15" }, e16 = { address = "198.51.100.16" }, e17 = { address = "198.51.100.17" }, e18 = { address = "198.51.100.18" }, e19 = { address = "198.51.100.19" }, e20 = { address = "198.51.100.20" }, e21 = { address = "198.51.100.21" }, e22 = { address = "198.51.100.22" }, e23 = { address = "198.51.100.23" }, e24 = { address = "198.51.100.24" }, e25 = { address = "198.51.100.25" }, e26 = { address = "198.51.100.26" }, e27 = { address = "198.51.100.27" }, e28 = { address = "198.51.100.28" }, e29 = { address = "198.51.100.29" }, e30 = { address = "198.51.100.30" }, e31 = { address = "198.51.100.31" }, e32 = { address = "198.51.100.32" }, e33 = { address = "198.51.100.33" }, e34 = { address = "198.51.100.34" }, e35 = { address = "198.51.100.35" }, e36 = { address = "198.51.100.36" }, e37 = { address = "198.51.100.37" }, e38 = { address = "198.51.100.38" }, e39 = { address = "198.51.100.39" } } }
d = { answers = 24, endpoints = { e0 = { address = "203.0.113.0" }, e1 = { address = "203.0.113.1" }, e2 = { address = "203.0.113.2" }, e3 = { address = "203.0.113.3" }, e4 = { address = "203.0.113.4" }, e5 = { address = "203.0.113.5" }, e6 = { address = "203.0.113.6" }, e7 = { address = "203.0.113.7" }, e8 = { address = "203.0.113.8" }, e9 = { address = "203.0.113.9" }, e10 = { address = "203.0.113.10" }, e11 = { address = "203.0.113.11" }, e12 = { address = "203.0.113.12" }, e13 = { address = "203.0.113.13" }, e14 = { address = "203.0.113.14" }, e15 = { address = "203.0.113.15" }, e16 = { address = "203.0.113.16" }, e17 = { address = "203.0.113.17" }, e18 = { address = "203.0.113.18" }, e19 = { address = "203.0.113.19" }, e20 = { address = "203.0.113.20" }, e21 = { address = "203.0.113.21" }, e22 = { address = "203.0.113.22" }, e23 = { address = "203.0.113.23" }, e24 = { address = "203.0.113.24" }, e25 = { address = "203.0.113.25" }, e26 = { address = "203.0.113.26" }, e27 = { address = "203.0.113.27" }, e28 = { address = "203.0.113.28" }, e29 = { address = "203.0.113.29" }, e30 = { address = "203.0.113.30" }, e31 = { address = "203.0.113.31" }, e32 = { address = "203.0.113.32" }, e33 = { address = "203.0.113.33" }, e34 = { address = "203.0.113.34" }, e35 = { address = "203.0.113.35" }, e36 = { address = "203.0.113.36" }, e37 = { address = "203.0.113.37" }, e38 = { address = "203.0.113.38" }, e39 = { address = "203.0.113.39" } } }
[policies]
one.all = ["b", "c"]
two.all = ["b", "d"]
"##;
    let expected = r##"
site.toml:2:23: error: pools.a.endpoints: `choose` is "all" and there are 65 IPv6 endpoints
    help: an answer has at most 64: use "weighted"
site.toml:7:11: error: policies.one.all: these pools together answer with up to 70 IPv4 addresses
    help: list fewer pools, or lower their `answers`: the maximum is 64
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn regions() {
    let document = r##"
[regions.eu]
match = ["continent:EX", "country:ZZ", "subdivision:US", "asn:AS3320", "prefix:203.0.113.1/24", "prefix:203.0.113.1", "planet:earth", "EU", 7, "prefix:::ffff:192.0.2.0/120", "prefix:192.0.2.0/24", "asn:0"]
[regions.default]
match = ["country:de"]
[regions.a]
match = []
[regions.b]
"##;
    let expected = r##"
site.toml:2:10: error: regions.eu.match[0]: "EX" is not a continent code
    help: one of AF, AN, AS, EU, NA, OC, SA
site.toml:2:26: error: regions.eu.match[1]: "ZZ" is not a country code
    help: write a two-letter ISO 3166-1 code, such as country:TR
site.toml:2:40: error: regions.eu.match[2]: "US" is not a subdivision code
    help: write an ISO 3166-2 code, such as subdivision:US-CA
site.toml:2:58: error: regions.eu.match[3]: "AS3320" is not an AS number
    help: write asn:3320
site.toml:2:72: error: regions.eu.match[4]: 203.0.113.1/24 has host bits set
    help: the network is prefix:203.0.113.0/24
site.toml:2:97: error: regions.eu.match[5]: "203.0.113.1" is not a prefix
    help: add the length: prefix:203.0.113.1/32
site.toml:2:119: error: regions.eu.match[6]: "planet" is not a matcher kind
    help: known: continent, country, subdivision, asn, prefix
site.toml:2:135: error: regions.eu.match[7]: "EU" has no kind
    help: write a kind and a value, such as continent:EU, country:TR, subdivision:US-CA, asn:3320 or prefix:203.0.113.0/24
site.toml:2:141: error: regions.eu.match[8]: expected a string such as "continent:EU", found integer 7
    help: write "7" in quotes
site.toml:2:175: warning: regions.eu.match[10]: `prefix:192.0.2.0/24` is listed twice
    help: remove it
site.toml:2:198: error: regions.eu.match[11]: "0" is not an AS number
    help: write a number from 1 to 4294967295, such as asn:3320
site.toml:3:10: error: regions.default: a region cannot be named `default`: that key of a geo policy is for all other clients
    help: give the region another name
site.toml:6:9: error: regions.a.match: the list is empty
    help: write at least one, such as ["continent:EU", "country:TR"]
site.toml:7:10: error: regions.b: `match` is missing
    help: add match = ["continent:EU", "country:TR"]
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn policies() {
    let document = r##"
[pools]
fra.endpoints.a.address = "192.0.2.1"
iad.endpoints.a.address = "192.0.2.2"
cdn.endpoints.a.cname = "x.example."
[regions]
eu.match = ["continent:EU", "country:TR"]
tr.match = ["country:TR"]
[policies]
fra = "iad"
alias = "frb"
one = { geo = { eu = "fra" } }
two = { geo = { eu = "fra", tr = "iad", as = "iad", default = "alias" } }
three = { failover = ["fra", "iad", "fra", { hash = ["fra", "alias"] }, 5] }
four = { weighted = { fra = 0, iad = 0 } }
five = { weighted = { fra = 1.5, xxx = 1 } }
six = { nearest = ["fra", "fra"] }
seven = { hash = ["fra"], all = ["cdn", "fra"] }
eight = {}
nine = { all = ["cdn", "fra"] }
ten = { fallover = ["fra"] }
c1 = { failover = ["c2", "fra"] }
c2 = { geo = { default = { weighted = { c3 = 1 } } } }
c3 = "c1"
self = "self"
eleven = 5
twelve = { failover = [] }
13 = { weighted = {} }
"##;
    let expected = r##"
site.toml:9:1: error: policies.fra: a pool is also named `fra`, and both share one namespace
    help: give the policy another name
site.toml:10:9: error: policies.alias: no pool or policy is named `frb`
    help: did you mean `fra`?
site.toml:11:9: error: policies.one.geo: `default` is missing: clients outside these regions would get nothing
    help: add default = and a pool or policy
site.toml:12:29: error: policies.two.geo.tr: the regions `eu` and `tr` both match country:TR
    help: remove it from one of the two regions
site.toml:12:41: error: policies.two.geo.as: no region is named `as`
    help: known: eu, tr
site.toml:13:37: error: policies.three.failover[2]: `fra` is listed twice
    help: list each one only once
site.toml:13:61: error: policies.three.failover[3].hash[1]: expected a pool, but `alias` is a policy
    help: list its pools; only geo, failover, only and weighted accept policies
site.toml:13:73: error: policies.three.failover[4]: expected a policy: the name of a pool or policy, or a table, found integer 5
    help: write a name, or a table such as { failover = ["fra", "iad"] }
site.toml:14:10: error: policies.four.weighted: all weights are 0: nothing would be chosen
    help: write weights such as { fra = 90, iad = 10 }
site.toml:15:29: error: policies.five.weighted.fra: expected a weight, a whole number, found number 1.5
    help: write a whole number from 0 to 1000000
site.toml:15:34: error: policies.five.weighted.xxx: no pool or policy is named `xxx`
    help: correct the name, or define it
site.toml:16:20: error: policies.six.nearest[0]: the pool `fra` has no data center, so its distance is unknown
    help: add data_center to pools.fra
site.toml:16:27: error: policies.six.nearest[1]: `fra` is listed twice
    help: list each one only once
site.toml:17:1: error: policies.seven: a policy has one kind, and this one has both `hash` and `all`
    help: keep one, and nest the other in it
site.toml:18:1: error: policies.eight: the policy has no kind
    help: add one of geo, failover, only, weighted, nearest, latency, hash, all
site.toml:19:16: error: policies.nine.all: the pool `cdn` has cname endpoints, which cannot be combined with other records
    help: use only pools with address endpoints
site.toml:20:9: error: policies.ten.fallover: unknown key `fallover`
    help: did you mean `failover`? known: geo, failover, only, weighted, nearest, latency, hash, all
site.toml:21:1: error: policies.c1: policy `c1` refers to itself: c1 -> c2 -> c3 -> c1
    help: replace one of these references with a pool
site.toml:24:1: error: policies.self: policy `self` refers to itself: self -> self
    help: replace one of these references with a pool
site.toml:25:10: error: policies.eleven: expected a policy: the name of a pool or policy, or a table, found integer 5
    help: write a name, or a table such as { failover = ["fra", "iad"] }
site.toml:26:23: error: policies.twelve.failover: the list is empty
    help: write at least one, such as ["fra", "iad"]
site.toml:27:8: error: policies.13.weighted: the table is empty
    help: write weights such as { fra = 90, iad = 10 }
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn the_depth_of_policies_is_limited() {
    let document = r##"
[pools]
fra.endpoints.a.address = "192.0.2.1"
[policies]
p1.failover = ["fra"]
p2.failover = ["p1"]
p3.failover = ["p2"]
p4.failover = ["p3"]
p5.failover = ["p4"]
p6.failover = ["p5"]
p7.failover = ["p6"]
p8.failover = ["p7"]
p9.failover = ["p8"]
p10.failover = ["p9"]
p11.failover = ["p10"]
p12.failover = ["p11"]
p13.failover = ["p12"]
p14.failover = ["p13"]
p15.failover = ["p14"]
p16.failover = ["p15"]
p17.failover = ["p16"]
p18.failover = ["p17"]
x = {failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=[{failover=["fra"]}]}]}]}]}]}]}]}]}]}]}]}]}]}]}]}
"##;
    let expected = r##"
site.toml:19:1: error: policies.p16: policies nest 17 levels deep here
    help: nest at most 16 levels, counting the pool
site.toml:22:1: error: policies.x: policies nest 17 levels deep here
    help: nest at most 16 levels, counting the pool
"##;
    assert_problems(document, SOUND, expected);
}

#[test]
fn distance_needs_coordinates() {
    let document = r##"
[data_centers]
fra = {}
[probes]
web.kind = "push"
[pools]
fra = { endpoints.a.address = "192.0.2.1" , data_center = "fra"}
iad = { endpoints.a.address = "192.0.2.1" }
[policies]
a.nearest = ["fra", "iad"]
"##;
    let expected = r##"
site.toml:9:14: error: policies.a.nearest[0]: the data center `fra` of pool `fra` has no coordinate
    help: add latitude and longitude to data_centers.fra.location
site.toml:9:21: error: policies.a.nearest[1]: the pool `iad` has no data center, so its distance is unknown
    help: add data_center to pools.iad
"##;
    assert_problems(document, SOUND, expected);
}
