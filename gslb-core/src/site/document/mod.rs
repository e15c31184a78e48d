//! The document: TOML or JSON in, a checked [`Site`] out, and every problem of it at once.
//!
//! # The schema
//!
//! A document in a file may have `include = ["pools/*.toml"]` at its top: these files are parts of it.
//!
//! A document has nine tables, all optional. Eight are maps keyed by name: `zones`, `data_centers`, `probes`, `pools`,
//! `regions`, `policies`, `services` and `vantages`; `safety` has keys of its own. A key that is not listed here is an error.
//! Durations are text, a whole number and one of the units `ms`, `s`, `m`, `h`. In JSON a document is one object with
//! the same keys and values.
//!
//! Data centers, probes, pools, regions, policies and endpoints are named by 1 to 63 of `A-Z a-z 0-9 . _ -`, the first
//! a letter or digit. Pools and policies share one space of names, since policies name both.
//!
//! | table | key | value |
//! |---|---|---|
//! | `zones."apex"` | `file` | name of a master file (RFC 1035) beside the document; this or `records` |
//! | | `records` | text of a master file, without `$INCLUDE`; this or `file` |
//! | `data_centers.X` | `location` | `{ country, latitude, longitude }`; latitude and longitude only together |
//! | `probes.X` | `kind` | `http`, `https`, `tcp`, `dns`, `grpc`, `icmp`, `exec` or `push`, required |
//! | | `interval` | 100 ms to 1 h, default `5s`; as the next two not for `push` |
//! | | `timeout` | at most the interval, default `2s` or the interval |
//! | | `jitter` | share of the interval, at most and by default `"50%"` and `"10%"` |
//! | | `rise`, `fall` | 1 to 100, defaults 2 and 3 |
//! | | `port` | 1 to 65535; default 80 for `http`, 443 for `https`, 53 for `dns`; required for `tcp` and `grpc` |
//! | `http`, `https` | | `path`, `method`, `host`, `headers`, `expect_status`, `expect_body` |
//! | `https`, `grpc` | | `server_name`, `verify`, `certificate_days` |
//! | `tcp` | | `send`, `expect` |
//! | `dns` | | `name`, `type`, `transport`, `expect_rcode`, `expect_answer` |
//! | `grpc` | | `service`, `host`, `tls` |
//! | `exec` | | `command`, with `port` for its placeholder |
//! | `push` | | `ttl` |
//! | `pools.X` | `data_center`, `probe` | names, optional; several probes are a list |
//! | | `require` | `all` (default), `any`, or a number; only with several probes |
//! | | `choose` | `weighted` (default), `all` or `hash` |
//! | | `answers` | 1 to 64, default 1; not for `choose = "all"` |
//! | | `min_up` | 1 (default) to the number of endpoints |
//! | | `initial` | `saved-or-up` (default), `up` or `down` |
//! | | `hold_down` | up to 24 h, default none |
//! | | `resume` | `auto` (default) or `manual` |
//! | | `endpoints.Y` | at least one: `{ address or cname, weight = 1, probe_address }` |
//! | `regions.X` | `match` | list of `continent:EU`, `country:TR`, `subdivision:US-CA`, `asn:3320`, `prefix:203.0.113.0/24` |
//! | `policies.X` | | a pool's or policy's name, or a table with exactly one of the kinds below |
//! | `services."name"` | `policy` | like a value of `policies`, required |
//! | | `types` | list of `A` and `AAAA`, default both |
//! | | `ttl` | whole seconds up to a week, default `30s` |
//! | | `sticky` | `{ v4 = 24, v6 = 56 }`; absent: every query draws anew |
//! | | `client` | `client-subnet` (default) or `resolver` |
//! | | `names` | list of further names, steered alike |
//! | | `when_all_down` | `serve-all` (default), `last-up`, `nodata`, `servfail` or `pool:NAME` |
//! | `vantages.X` | `location` | as of a data center, required |
//! | | `reach` | whole kilometres, default `3000km` |
//! | `safety` | `min_data_centers_up` | 1 to the number of data centers, optional |
//! | | `max_traffic_moved`, `max_address_space_moved` | a share such as `"20%"`, optional |
//! | | `require_endpoints` | boolean, default true |
//! | | `frozen` | list of intervals of ISO 8601 in UTC, `"2026-12-24T00:00:00Z/2026-12-27T00:00:00Z"` |
//! | | `mass_failure` | `{ share = "50%", within = "10s", hold = "10s", longest = "5m" }` (default) or `off` |
//!
//! Kinds of policies: `geo = {region: policy, default: policy}`, `failover = [policy, ...]`, `only = policy`,
//! `weighted = {pool or policy: weight}`, and lists of pools for `nearest`, `latency`, `hash` and `all`.
//!
//! Every pool of `nearest` and `latency` needs a data center with a coordinate. Policies nest up to
//! [`MAX_NESTING`](crate::site::model::MAX_NESTING) levels, pools counted as one. An alias (`policies.x = "y"`) of a policy is
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
mod include;
pub mod instant;
mod item;
mod json;
mod line_index;
mod location;
mod names;
mod owners;
mod policies;
mod pools;
mod probes;
mod problems;
mod regions;
mod safety;
mod service_rules;
mod services;
mod site;
mod suggest;
mod targets;
mod toml_text;
mod toml_tree;
mod tree;
mod vantages;
mod zone_rules;
mod zones;

use std::sync::Arc;

pub use self::include::{Included, Includer, MAX_FILES};
use self::problems::Problems;
use self::tree::Table;
use crate::budget::Budget;
use crate::dns::zonefile::Loader;
use crate::problem::Problem;
use crate::site::model::Site;

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
/// what zone files include. Of keys and values there may be as many as [`Budget::of_file`] allows.
pub fn read(file: &str, text: &str, load: &mut Loader<'_>) -> Reading {
    let mut problems = Problems::new(file);
    let root = toml_text::read(text, &mut Budget::of_file(text.len()), &mut problems);
    finish(root, &mut { Budget::UNLIMITED }, load, problems)
}

/// Reads a document in TOML that may include further files, for which `include` is asked. Also gives it as JSON, as
/// [`to_json`] does, without `include` and with everything that it stands for; null where any problem is an error.
///
/// `load` is asked for each zone's file by the name of the file that names it.
pub fn read_files(first: &Included, include: &mut Includer<'_>, load: &mut Loader<'_>) -> (Reading, serde_json::Value) {
    let mut problems = Problems::new(&first.name);
    let root = include::read(first, include, &mut problems);
    let site = root.as_ref().map(|root| site::read(root, &mut { Budget::UNLIMITED }, load, &mut problems));
    // What JSON cannot say, no key takes: it has been told by the reader of the key.
    let value = root.map(|root| json::write(root, &mut Problems::new(&first.name)));
    let (problems, refused) = problems.finish();
    let reading = Reading { site: site.filter(|_| !refused), problems };
    let value = value.filter(|_| reading.site.is_some()).unwrap_or_default();
    (reading, value)
}

/// Reads a document that came as JSON; `name` is its name for messages and for `load`.
///
/// Everything else is as in [`read`], which also gives the same site or the same paths and messages for the same
/// document. Its problems have no lines but [pointers](Problem::pointer). A document that did not come as a file has
/// nothing beside it: give [`no_files`] as `load`.
pub fn read_json(name: &str, document: &serde_json::Value, load: &mut Loader<'_>) -> Reading {
    read_json_within(&mut { Budget::UNLIMITED }, name, document, load)
}

/// The same, for zones whose records take no more than `budget`.
pub fn read_json_within(
    budget: &mut Budget,
    name: &str,
    document: &serde_json::Value,
    load: &mut Loader<'_>,
) -> Reading {
    let mut problems = Problems::new(name);
    let root = json::read(document, &mut problems);
    finish(root, budget, load, problems)
}

/// A document in TOML as JSON: what is written and no more, in the order in which it is written. Only the notation is
/// checked, not what it says. `file` is the document's name for messages.
///
/// # Errors
/// What is wrong with the notation; or where it begins to take more than `budget`, which knows that too.
pub fn to_json(file: &str, text: &str, budget: &mut Budget) -> Result<serde_json::Value, Vec<Problem>> {
    let mut problems = Problems::new(file);
    let value = toml_text::read(text, budget, &mut problems).map(|root| json::write(root, &mut problems));
    match (value, problems.finish()) {
        (Some(value), (_, false)) => Ok(value),
        (_, (problems, _)) => Err(problems),
    }
}

/// The loader of documents that did not come as a file: it has no file to give.
pub fn no_files(_: &str, _: &str) -> Result<(Arc<str>, Vec<u8>), String> {
    Err("this document is not a file, so there is none beside it; give the zone as text, in `records`".to_owned())
}

fn finish(root: Option<Table>, budget: &mut Budget, load: &mut Loader<'_>, mut problems: Problems) -> Reading {
    let site = root.map(|root| site::read(&root, budget, load, &mut problems));
    let (problems, refused) = problems.finish();
    Reading { site: site.filter(|_| !refused), problems }
}
