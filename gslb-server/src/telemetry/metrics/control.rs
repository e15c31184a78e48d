//! The active document and databases, table builds, reloads and degraded concerns.

use std::sync::Arc;

use gslb_api::Api;
use gslb_api::degraded::Concern;
use gslb_api::document::Document;
use parking_lot::Mutex;

use super::{Collector, Family};
use crate::files::reload::Reloads;
use crate::telemetry::stall;

/// The active state of `api`.
pub fn collector(api: Api) -> Collector {
    let known: Mutex<Option<(Document, String)>> = Mutex::default();
    Collector::new("control", move || {
        let (active, meters) = (api.active(), api.meters());
        let hash = {
            let mut known = known.lock();
            match &*known {
                Some((document, hash)) if document.is(&active.document) => hash.clone(),
                _ => {
                    let hash = active.document.digest().opaque().to_owned();
                    *known = Some((active.document.clone(), hash.clone()));
                    hash
                }
            }
        };
        let mut document = Family::gauge("gslb_document_info", "Hash of the active document; always 1.");
        document.add(&[("hash", &hash)], 1.0);
        let built = "When a geo database in use was built.";
        let mut databases = Family::gauge("gslb_geo_database_build_timestamp_seconds", built);
        let described = || active.databases.iter().map(|database| &database.description);
        let names = distinct(described().map(|description| &*description.database_type));
        for (name, description) in names.iter().zip(described()) {
            databases.add(&[("database", name)], description.build_epoch as f64);
        }
        let builds = meters.builds();
        let help = "Time to build a table for a new document or database.";
        let mut times = Family::histogram("gslb_table_build_duration_seconds", help);
        times.add_ranges(&[], builds.ranges(), builds.count, builds.sum);
        let published = "When the active table was published.";
        let revision = "Revision of the active document.";
        let stalled = "1 while the control task, which activates changes and statuses, is stalled.";
        let jumps = "Jumps of the wall clock by 2 seconds or more.";
        vec![
            document,
            databases,
            times,
            Family::gauge("gslb_table_published_timestamp_seconds", published).of(meters.published_at() as f64 / 1e3),
            Family::counter("gslb_clock_jumps_total", jumps).of(meters.clock_jumps() as f64),
            Family::gauge("gslb_document_revision", revision).of(active.revision as f64),
            Family::gauge("gslb_control_stalled", stalled).of(f64::from(u8::from(stall::control_is_stalled(&api)))),
        ]
    })
}

/// Degraded concerns.
pub fn degraded(api: Api) -> Collector {
    Collector::new("degraded", move || {
        let degraded = api.degraded();
        let help = "1 while the server answers without this: its store, some rows of it, its document, the latest revision, its databases, \
                    its certificate, the authorities in probes.ca, \
                    what it saves of overrides, or the end of a reload.";
        let mut family = Family::gauge("gslb_degraded", help);
        for concern in Concern::ALL {
            let is_degraded = degraded.iter().any(|(of, _)| *of == concern);
            family.add(&[("what", concern.word())], f64::from(u8::from(is_degraded)));
        }
        let running = "How long the longest current reload or change has been running; 0 while there is none.";
        let seconds = api.reload_time().as_secs_f64();
        vec![family, Family::gauge("gslb_reload_running_seconds", running).of(seconds)]
    })
}

/// A unique name for each database: its type, with a number appended if the name is taken. A type may itself end in a
/// number.
fn distinct<'k>(kinds: impl Iterator<Item = &'k str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for kind in kinds {
        let numbered = (2u64..).map(|number| format!("{kind}-{number}"));
        let mut candidates = std::iter::once(kind.to_owned()).chain(numbered);
        names.extend(candidates.find(|name| !names.contains(name)));
    }
    names
}

/// Results of reloads of files.
pub fn reloads(reloads: Arc<Reloads>) -> Collector {
    Collector::new("reloads", move || {
        let (published, refused) = reloads.counts();
        let mut counts = Family::counter("gslb_reloads_total", "Reloads, by result.");
        counts.add(&[("result", "published")], published as f64);
        counts.add(&[("result", "refused")], refused as f64);
        let help = "1 while the files on disk are refused and something older is served.";
        vec![counts, Family::gauge("gslb_reload_refused", help).of(f64::from(u8::from(reloads.last_was_refused())))]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_database_has_a_unique_name() {
        assert_eq!(distinct(["City", "ASN", "City", "City"].into_iter()), ["City", "ASN", "City-2", "City-3"]);
        assert_eq!(distinct(["X", "X", "X-2", "X-2", "X"].into_iter()), ["X", "X-2", "X-2-2", "X-2-3", "X-3"]);
    }
}
