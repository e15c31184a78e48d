//! A site with many kinds of pools, and a test's policy.

use crate::support::{self, Server, WORLD, ask};

pub(crate) const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n";

/// A site whose service `www` has this policy and these other settings.
pub(crate) fn site(policy: &str, more: &str) -> Server {
    let document = format!(
        r#"
zones."example.com".file = "zone"
[data_centers]
fra.location = {{ latitude = 50.11, longitude = 8.68 }}
iad.location = {{ latitude = 38.95, longitude = -77.45 }}
nrt.location = {{ latitude = 35.77, longitude = 140.39 }}
[pools]
fra = {{ data_center = "fra", endpoints = {{ a = {{ address = "192.0.2.1" }}, v6 = {{ address = "2001:db8::1" }} }} }}
iad = {{ data_center = "iad", endpoints = {{ a = {{ address = "192.0.2.2" }}, v6 = {{ address = "2001:db8::2" }} }} }}
nrt = {{ data_center = "nrt", endpoints = {{ a = {{ address = "192.0.2.3" }}, v6 = {{ address = "2001:db8::3" }} }} }}
three = {{ min_up = 2, choose = "all", endpoints = {{ a = {{ address = "192.0.2.11" }}, b = {{ address = "192.0.2.12" }}, c = {{ address = "192.0.2.13" }} }} }}
weights = {{ endpoints = {{ a = {{ address = "192.0.2.21", weight = 70 }}, b = {{ address = "192.0.2.22", weight = 30 }}, c = {{ address = "192.0.2.23", weight = 0 }} }} }}
two-of = {{ answers = 2, endpoints = {{ a = {{ address = "192.0.2.31" }}, b = {{ address = "192.0.2.32" }}, c = {{ address = "192.0.2.33" }} }} }}
hashed = {{ choose = "hash", endpoints = {{ a = {{ address = "192.0.2.41" }}, b = {{ address = "192.0.2.42" }}, c = {{ address = "192.0.2.43" }} }} }}
v4-only = {{ endpoints = {{ a = {{ address = "192.0.2.51" }} }} }}
names-a = {{ endpoints = {{ a = {{ cname = "a.cdn.example.net." }} }} }}
names-b = {{ endpoints = {{ a = {{ cname = "b.cdn.example.net." }} }} }}
mixed = {{ endpoints = {{ a = {{ address = "192.0.2.61" }}, cdn = {{ cname = "cdn.example.net." }} }} }}
spare = {{ initial = "down", endpoints = {{ a = {{ address = "192.0.2.99" }} }} }}
[regions]
europe.match = ["continent:EU"]
japan.match = ["country:JP"]
[services."www.example.com"]
{more}
policy = {policy}
"#
    );
    Server::new(support::table(&document, ZONE, &*WORLD))
}

pub(crate) fn answers(server: &mut Server) -> Vec<String> {
    server.answers(&ask("www.example.com", 1))
}
