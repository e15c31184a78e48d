//! The document: TOML text in, a checked [`Site`] out, and every problem of the text at once.
//!
//! # The schema
//!
//! A document has seven tables, all optional, each a map keyed by name: `zones`, `data_centers`, `probes`, `pools`,
//! `regions`, `policies` and `services`. A key that is not listed here is an error. Durations are text, a whole number
//! and one of the units `ms`, `s`, `m`, `h`.
//!
//! Data centers, probes, pools, regions, policies and endpoints are named by 1 to 63 of `A-Z a-z 0-9 . _ -`, the first
//! a letter or digit. Pools and policies share one space of names, since policies name both.
//!
//! | table | key | value |
//! |---|---|---|
//! | `zones."apex"` | `file` | master file (RFC 1035), required |
//! | `data_centers.X` | `location` | `{ country, latitude, longitude }`; latitude and longitude only together |
//! | `probes.X` | `kind` | `http`, `https`, `tcp`, `dns`, `grpc`, `icmp`, `exec` or `push`, required |
//! | | `port` | 1 to 65535; default 80 for `http`, 443 for `https`, 53 for `dns`; required for `tcp` and `grpc`; else none |
//! | | `path` | for `http` and `https`: the request's path, default `/` |
//! | | `expect_status` | for `http` and `https`: list of `"200"` or `"200-299"`, default `["200-299"]` |
//! | | `interval` | 100 ms to 1 h, default `5s` |
//! | | `timeout` | at most the interval, default `2s` or the interval |
//! | | `rise`, `fall` | 1 to 100, defaults 2 and 3 |
//! | `pools.X` | `data_center`, `probe` | names, optional |
//! | | `choose` | `weighted` (default), `all` or `hash` |
//! | | `answers` | 1 to 64, default 1; not for `choose = "all"` |
//! | | `min_up` | 1 (default) to the number of endpoints |
//! | | `initial` | `saved-or-up` (default), `up` or `down` |
//! | | `endpoints.Y` | at least one: `{ address or cname, weight = 1, probe_address }` |
//! | `regions.X` | `match` | list of `continent:EU`, `country:TR`, `subdivision:US-CA`, `asn:3320`, `prefix:203.0.113.0/24` |
//! | `policies.X` | | a pool's or policy's name, or a table with exactly one of the kinds below |
//! | `services."name"` | `policy` | like a value of `policies`, required |
//! | | `types` | list of `A` and `AAAA`, default both |
//! | | `ttl` | whole seconds up to a week, default `30s` |
//! | | `sticky` | `{ v4 = 24, v6 = 56 }`; absent: every query draws anew |
//! | | `client` | `client-subnet` (default) or `resolver` |
//! | | `when_all_down` | `serve-all` (default), `last-up`, `nodata`, `servfail` or `pool:NAME` |
//!
//! Kinds of policies: `geo = {region: policy, default: policy}`, `failover = [policy, ...]`,
//! `weighted = {pool or policy: weight}`, and lists of pools for `nearest`, `latency`, `hash` and `all`.
//!
//! Every pool of `nearest` and `latency` needs a data center with a coordinate. Policies nest up to
//! [`MAX_NESTING`](crate::model::MAX_NESTING) levels, pools counted as one. An alias (`policies.x = "y"`) of a policy is
//! a failover with one candidate.
//!
//! A service lies in the declared zone with the longest matching apex. Its name must have neither records of a type that
//! it steers, nor a CNAME, in the zone file; where an endpoint is a `cname`, the name must have no records at all.
//! What is demanded of zone files stands in `zone_rules`.
//!
//! Problems in the syntax of the text are told alone, since what follows from them would mislead.

mod borders;
mod country;
mod data_centers;
mod domain;
pub mod duration;
mod endpoints;
mod item;
mod line_index;
mod names;
mod owners;
mod path;
mod policies;
mod pools;
mod probes;
mod problems;
mod regions;
mod service_rules;
mod services;
mod site;
mod suggest;
mod targets;
mod toml_text;
mod tree;
mod zone_rules;
mod zones;

use self::problems::Problems;
use crate::model::Site;
use crate::problem::Problem;
use crate::zonefile::Loader;

/// What a document says.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The checked document; none where any problem is an error.
    pub site: Option<Site>,
    /// Everything that is wrong, sorted by location.
    pub problems: Vec<Problem>,
}

/// Reads a document in TOML; `file` is its name for messages and for `load`.
///
/// `load` is asked for each zone's file, by the name that the document gives it and the document's own name, and for
/// what zone files include.
pub fn read(file: &str, text: &str, load: &mut Loader<'_>) -> Reading {
    let mut problems = Problems::new(file);
    let site = toml_text::read(text, &mut problems).map(|root| site::read(file, &root, load, &mut problems));
    let (problems, refused) = problems.finish();
    Reading { site: site.filter(|_| !refused), problems }
}
