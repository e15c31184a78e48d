//! The document: reads TOML or JSON, and returns a checked [`Site`] or all problems at once.
//!
//! # The schema
//!
//! A document in a file may start with `include = ["pools/*.toml"]`: these files become part of it.
//!
//! A document has nine tables, all optional. Eight are maps keyed by name: `zones`, `data_centers`, `probes`, `pools`,
//! `regions`, `policies`, `services` and `vantages`; `safety` has fixed keys. Unknown keys are errors. Durations are
//! strings: a whole number and one of the units `ms`, `s`, `m`, `h`, `d`. In JSON, a document is one object with the
//! same keys and values.
//!
//! Names of data centers, probes, pools, regions, policies and endpoints are 1 to 63 of `A-Z a-z 0-9 . _ -` and start
//! with a letter or digit. Pools and policies share one namespace, since policies refer to both.
//!
//! | table | key | value |
//! |---|---|---|
//! | `zones."apex"` | `file` | name of a zone file (RFC 1035) relative to the document; either this or `records` |
//! | | `records` | text of a zone file, without `$INCLUDE`; either this or `file` |
//! | `data_centers.X` | `location` | `{ country, latitude, longitude }`; latitude and longitude only together |
//! | `probes.X` | `kind` | `http`, `https`, `tcp`, `dns`, `grpc`, `icmp`, `exec` or `push`, required |
//! | | `interval` | 100 ms to 1 h, default `5s`; like the next two, not for `push` |
//! | | `timeout` | at most the interval; default `2s`, or the interval if shorter |
//! | | `jitter` | share of the interval, at most `"50%"`, default `"10%"` |
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
//! | `services."name"` | `policy` | same as a value of `policies`, required |
//! | | `types` | list of `A` and `AAAA`, default both |
//! | | `ttl` | whole seconds up to a week, default `30s` |
//! | | `sticky` | `{ v4 = 24, v6 = 56 }`; if absent, every query gets a random draw |
//! | | `client` | `client-subnet` (default) or `resolver` |
//! | | `names` | list of other names, steered the same way |
//! | | `when_all_down` | `serve-all` (default), `last-up`, `nodata`, `servfail` or `pool:NAME` |
//! | `vantages.X` | `location` | as for data centers, required |
//! | | `reach` | whole kilometers, default `3000km` |
//! | `safety` | `min_data_centers_up` | 1 to the number of data centers, optional |
//! | | `max_traffic_moved`, `max_address_space_moved` | a share such as `"20%"`, optional |
//! | | `require_endpoints` | boolean, default true |
//! | | `frozen` | list of intervals of ISO 8601 in UTC, `"2026-12-24T00:00:00Z/2026-12-27T00:00:00Z"` |
//! | | `mass_failure` | `{ share = "50%", within = "10s", hold = "10s", longest = "5m" }` (default) or `off` |
//!
//! Kinds of policies: `geo = {region: policy, default: policy}`, `failover = [policy, ...]`, `only = policy`,
//! `weighted = {pool or policy: weight}`, and lists of pools for `nearest`, `latency`, `hash` and `all`.
//!
//! Every pool in `nearest` and `latency` needs a data center with a coordinate. Policies nest up to
//! [`MAX_NESTING`](crate::site::model::MAX_NESTING) levels, counting the pool. An alias (`policies.x = "y"`) of a
//! policy is a failover with one candidate.
//!
//! A service belongs to the declared zone with the longest matching apex. At its name, the zone file must have neither
//! a CNAME nor records of a steered type; if an endpoint is a `cname`, it must have no records at all. The rules for
//! zone files are in `zone_rules`.
//!
//! If the syntax is invalid, only syntax problems are reported, since further ones would mislead.

mod borders;
mod country;
mod data_centers;
mod domain;
mod endpoints;
mod include;
pub mod instant;
mod location;
mod names;
mod owners;
mod policies;
mod pools;
mod probes;
mod regions;
mod safety;
mod service_rules;
mod services;
mod site;
mod targets;
mod vantages;
mod zone_rules;
mod zones;

use std::sync::Arc;

pub use self::include::{Included, Includer, MAX_FILES};
use crate::budget::Budget;
use crate::dns::zonefile::Loader;
use crate::notation::{Problems, Table, json, toml_text};
use crate::problem::{FileError, Problem};
use crate::site::model::Site;

/// The result of reading a document.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The checked document; `None` if any problem is an error.
    pub site: Option<Site>,
    /// All problems, sorted by location.
    pub problems: Vec<Problem>,
}

/// Reads a TOML document; `file` is its name in messages and for `load`.
///
/// `load` is called for each zone file, with the name in the document and the document's own name, and for files that
/// zone files include. [`Budget::of_file`] limits the memory.
pub fn read(file: &str, text: &str, load: &mut Loader<'_>) -> Reading {
    let mut problems = Problems::new(file);
    let mut budget = Budget::of_file(text.len());
    let root = toml_text::read(text, &mut budget, &mut problems);
    finish(root, &mut budget, load, problems)
}

/// Reads a TOML document that may include other files, which `include` provides. Also returns it as JSON, like
/// [`to_json`], with the included parts in place of `include`; null if any problem is an error.
///
/// `load` is called for each zone file, with the name of the file that refers to it. All files together take no more
/// memory than `budget`, which is that of the first file and grows with each further one.
pub fn read_files(
    budget: &mut Budget,
    first: &Included,
    include: &mut Includer<'_>,
    load: &mut Loader<'_>,
) -> (Reading, serde_json::Value) {
    let mut problems = Problems::new(&first.name);
    let root = include::read(first, budget, include, &mut problems);
    let site = root.as_ref().map(|root| site::read(root, budget, load, &mut problems));
    // Values that JSON cannot express are invalid for every key, so the key's reader has reported them.
    let value = root.map(|root| parsed(&json::write(root, &mut Problems::new(&first.name))));
    let (problems, refused) = problems.finish();
    let reading = Reading { site: site.filter(|_| !refused), problems };
    let value = value.filter(|_| reading.site.is_some()).unwrap_or_default();
    (reading, value)
}

/// Reads a JSON document; `name` is its name in messages and for `load`.
///
/// Otherwise the same as [`read`]: the same document gives the same site, or the same paths and messages. Its problems
/// have [pointers](crate::problem::KeyPath::pointer) instead of lines. A document that is not a file cannot refer to other
/// files: pass [`no_files`] as `load`.
pub fn read_json(name: &str, document: &serde_json::Value, load: &mut Loader<'_>) -> Reading {
    read_json_text(&mut { Budget::UNLIMITED }, name, &document.to_string(), load)
}

/// Like [`read_json`], for JSON text, with a memory budget. No object may have the same key twice.
pub fn read_json_text(budget: &mut Budget, name: &str, document: &str, load: &mut Loader<'_>) -> Reading {
    let mut problems = Problems::new(name);
    let root = json::read(document, &mut problems);
    finish(root, budget, load, problems)
}

/// Converts a TOML document to JSON without spaces, exactly as written and in written order. Only the syntax is checked.
/// `file` is its name in messages.
///
/// # Errors
/// The syntax errors, or the position where the document exceeds `budget`.
pub fn to_json_text(file: &str, text: &str, budget: &mut Budget) -> Result<String, Vec<Problem>> {
    let mut problems = Problems::new(file);
    let json = toml_text::read(text, budget, &mut problems).map(|root| json::write(root, &mut problems));
    match (json, problems.finish()) {
        (Some(json), (_, false)) => Ok(json),
        (_, (problems, _)) => Err(problems),
    }
}

/// The same as a value.
///
/// # Errors
/// As [`to_json_text`].
pub fn to_json(file: &str, text: &str, budget: &mut Budget) -> Result<serde_json::Value, Vec<Problem>> {
    to_json_text(file, text, budget).map(|json| parsed(&json))
}

/// Parses JSON that was written here, which nests no deeper than the tree.
fn parsed(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// The loader for documents that are not files.
pub fn no_files(_: &str, _: &str) -> Result<(Arc<str>, Vec<u8>), FileError> {
    Err("this document is not a file, so it cannot refer to other files; put the zone's text in `records`".into())
}

fn finish(root: Option<Table<'_>>, budget: &mut Budget, load: &mut Loader<'_>, mut problems: Problems) -> Reading {
    let site = root.map(|root| site::read(&root, budget, load, &mut problems));
    let (problems, refused) = problems.finish();
    Reading { site: site.filter(|_| !refused), problems }
}
