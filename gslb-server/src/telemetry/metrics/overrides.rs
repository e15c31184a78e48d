//! Overrides, by kind and age.

use std::collections::BTreeMap;

use gslb_api::Api;
use gslb_core::live::overrides::Force;

use super::{Collector, Family};

/// The active overrides of `api`.
pub fn collector(api: Api) -> Collector {
    Collector::new("overrides", move || {
        let active = api.active();
        let mut by_force = BTreeMap::from([("up", 0), ("down", 0), ("drain", 0), ("weight", 0)]);
        let mut created =
            Family::gauge("gslb_override_created_timestamp_seconds", "When an override was created, by id.");
        for (id, existing) in active.overrides.iter() {
            let word = match existing.force {
                Force::Up => "up",
                Force::Down => "down",
                Force::Drain => "drain",
                Force::Weight(_) => "weight",
            };
            *by_force.entry(word).or_default() += 1;
            created.add(&[("id", id)], existing.created as f64 / 1e3);
        }
        let mut overrides = Family::gauge("gslb_overrides", "Active overrides, by what they force.");
        by_force.into_iter().for_each(|(word, count)| overrides.add(&[("force", word)], f64::from(count)));
        let unsaved = "Override changes that are active but not yet written to the store.";
        let unsaved = Family::gauge("gslb_overrides_unsaved", unsaved).of(api.unsaved().changes as f64);
        vec![overrides, unsaved, created]
    })
}
