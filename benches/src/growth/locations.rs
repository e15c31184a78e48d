//! The cost of recomputing the division of a large database's clients, by kind of policy.

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;

use geoip::Database;
use gslb_core::locate::column::Column;
use gslb_core::locate::index::LocationIndex;
use gslb_core::site::document;
use gslb_core::site::model::Service;
use gslb_core::steer::classes::Classes;
use gslb_core::steer::plan::Plans;
use gslb_core::steer::resolve::Resolver;
use gslb_core::steer::trace::NoTrace;

use super::figures::{Row, Unit};
use super::process::timed;
use crate::sites;

pub(super) const COLUMNS: [(&str, Unit); 6] = [
    ("leaves", Unit::Count),
    ("find the classes", Unit::Millis),
    ("build the column", Unit::Millis),
    ("both", Unit::Millis),
    ("intervals", Unit::Count),
    ("column", Unit::Megabytes),
];

/// Regions by country, by subdivision and by the operator's prefixes, and policies of each kind.
fn document() -> String {
    let mut text = String::from("[zones.\"example.com\"]\nfile = \"example.com.zone\"\n");
    for (at, country) in ["US", "DE", "JP", "BR", "ZA", "AU", "IN", "SG"].into_iter().enumerate() {
        let _ = write!(
            text,
            "[data_centers.d{at}]\nlocation = {{ country = \"{country}\" }}\n\
             [pools.p{at}]\ndata_center = \"d{at}\"\nendpoints.a = {{ address = \"192.0.2.{at}\" }}\n\
             [regions.country{at}]\nmatch = [\"country:{country}\"]\n\
             [regions.part{at}]\nmatch = [\"subdivision:{country}-01\", \"subdivision:{country}-12\"]\n\
             [regions.nets{at}]\nmatch = ["
        );
        (0..PREFIXES).for_each(|number| _ = write!(text, "\"prefix:{}.{number}.{at}.0/24\", ", 20 + at));
        text.push_str("]\n");
    }
    for (kind, region) in KINDS {
        let _ = writeln!(text, "[services.\"{region}.example.com\".policy]");
        let _ = match kind {
            "nearest" => writeln!(text, "nearest = {:?}", (0..8).map(|at| format!("p{at}")).collect::<Vec<_>>()),
            _ => {
                let branches: String = (0..8).map(|at| format!("{region}{at} = \"p{at}\", ")).collect();
                writeln!(text, "geo = {{ {branches}default = \"p0\" }}")
            }
        };
    }
    text
}

/// Prefixes per region.
const PREFIXES: u32 = 250;
/// The measurements, and the regions that each uses.
const KINDS: [(&str, &str); 4] =
    [("geo by country", "country"), ("geo by subdivision", "part"), ("geo by prefix", "nets"), ("nearest", "nearest")];

/// Divides the clients by each kind of policy.
///
/// # Errors
/// If the file is not a database.
///
/// # Panics
/// If the document is invalid, which is a bug here.
pub(super) fn measure(file: &str) -> Result<Vec<Row>, Box<dyn Error>> {
    let databases = [Arc::new(Database::open(file)?)];
    let mut load = |name: &str, _: &str| Ok((Arc::from(name), sites::ZONE.as_bytes().to_vec()));
    let reading = document::read("bench.toml", &document(), &mut load);
    let site = reading.site.unwrap_or_else(|| panic!("{:#?}", reading.problems));
    let index = LocationIndex::build(&databases, &site.regions);
    let resolver = Resolver::new(
        &site,
        &index,
        &gslb_core::latency::Latencies::default(),
        site.services.iter().map(|service| service.policy),
    );
    let row = |(service, (kind, _)): (&Service, (&str, &str))| {
        let (classes, resolve) =
            timed(|| Classes::of(service.policy, &resolver, &index, &mut Plans::default(), &mut NoTrace));
        let (column, build) = timed(|| Column::build(&index, &classes.of_locus));
        let leaves = (index.v4.starts.len() + index.v6.starts.len()) as f64;
        let (v4, v6) = column.intervals();
        let megabytes = column.memory() as f64 / 1e6;
        Row::new(kind, [leaves, resolve, build, resolve + build, (v4 + v6) as f64, megabytes])
    };
    Ok(site.services.iter().zip(KINDS).map(row).collect())
}
