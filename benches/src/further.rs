//! How long each further override takes where overrides with many globs are in force already.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::control::Subject;
use crate::histogram::Histogram;

type Failure = Box<dyn Error + Send + Sync>;

/// Pools of the site, and endpoints of each.
const POOLS: usize = 4_000;
const ENDPOINTS: usize = 10;
/// Overrides that are in force before anything is measured, and globs of each.
const IN_FORCE: usize = 6;
const GLOBS: usize = 100;

/// Sets `rounds` overrides of one endpoint each, and measures the responses. The globs match letters within the name,
/// which an index by prefix does not find.
///
/// # Errors
/// If the server refuses a request.
pub fn measure(rounds: u32) -> Result<Histogram, Failure> {
    let mut subject = Subject::of(&document())?;
    for number in 0..IN_FORCE {
        let target = |glob: usize| format!("\"endpoint/*l*{}*/*{number}*-{}*\"", glob % 10, glob / 10);
        let targets: Vec<String> = (0..GLOBS).map(target).collect();
        put(&mut subject, &format!("wide-{number}"), &targets.join(","))?;
    }
    let mut histogram = Histogram::default();
    for round in 0..rounds {
        let pool = round as usize * 7 % POOLS;
        histogram.add(put(&mut subject, &format!("further-{round}"), &format!("\"endpoint/pool-{pool}/e-{pool}-3\""))?);
    }
    Ok(histogram)
}

fn put(subject: &mut Subject, id: &str, targets: &str) -> Result<Duration, Failure> {
    let body = format!("{{\"targets\":[{targets}],\"force\":\"drain\",\"reason\":\"measured\"}}");
    let (path, begun) = (format!("/api/v1/overrides/{id}"), Instant::now());
    let reply = subject.http.send("PUT", &path, &["content-type: application/json"], &body)?;
    let took = begun.elapsed();
    if reply.status == 201 { Ok(took) } else { Err(reply.body.into()) }
}

fn document() -> String {
    let endpoint = |pool: usize, number: usize| format!("\"e-{pool}-{number}\":{{\"address\":\"192.0.2.{number}\"}}");
    let pool = |pool: usize| {
        let endpoints: Vec<String> = (0..ENDPOINTS).map(|number| endpoint(pool, number)).collect();
        format!("\"pool-{pool}\":{{\"endpoints\":{{{}}}}}", endpoints.join(","))
    };
    let pools: Vec<String> = (0..POOLS).map(pool).collect();
    format!("{{\"pools\":{{{}}}}}", pools.join(","))
}
