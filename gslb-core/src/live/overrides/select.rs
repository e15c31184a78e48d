//! Computes which endpoints the targets of an override select, and which target is the most specific for each.

use std::sync::Arc;

use super::globs::{Glob, letters};
use super::matcher::Matcher;
use crate::site::model::Site;
use crate::site::pattern::Pattern;
use crate::site::selection::{SelectedPool, Selection};

/// The endpoints of `site` that `targets` select, cached in the site.
pub(crate) fn select(targets: &[Pattern], site: &Site) -> Arc<Selection> {
    site.selections.get_or_select(targets, || compute(targets, site))
}

fn compute(targets: &[Pattern], site: &Site) -> Selection {
    let key = |target: &Pattern| target.specificity().key();
    // Most specific first, so the first match decides.
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(targets.get(at).map(key)));
    let sorted: Vec<&Pattern> = order.iter().filter_map(|&at| targets.get(at)).collect();
    let keys: Vec<u16> = sorted.iter().map(|target| key(target)).collect();
    let globs: Vec<Option<Glob<'_>>> = sorted.iter().map(|target| glob_of(target)).collect();
    let mut search = Search { keys: &keys, globs: &globs, matched: vec![false; sorted.len()], unmatched: sorted.len() };
    let mut matcher = Matcher::new(sorted.iter().copied());
    let mut selection = Selection::default();
    for (number, pool) in site.pools.iter().enumerate() {
        if pool.endpoints.is_empty() || !matcher.set_pool(site, pool) {
            continue;
        }
        let (whole_pool, candidates) = matcher.candidates();
        let whole_pool = whole_pool.iter().map(|&target| search.mark(target)).max().unwrap_or(0);
        let from = selection.endpoints.len();
        if !candidates.is_empty() {
            for (endpoint, at) in pool.endpoints.iter().zip(0u16..) {
                let best = search.best(&endpoint.name, candidates);
                if best != 0 {
                    selection.endpoints.push((at, best));
                }
            }
        }
        let whole_pool = take_common_key(&mut selection, from, pool.endpoints.len()).unwrap_or(whole_pool);
        if whole_pool != 0 || selection.endpoints.len() > from {
            let to = selection.endpoints.len() as u32;
            selection.pools.push(SelectedPool { pool: number, whole_pool, from: from as u32, to });
        }
    }
    selection.endpoints.shrink_to_fit();
    selection.matched = vec![false; targets.len()];
    for (at, matched) in order.into_iter().zip(search.matched) {
        if let Some(slot) = selection.matched.get_mut(at) {
            *slot = matched;
        }
    }
    selection
}

/// The key shared by all `count` endpoints starting at `from`, which are then removed: the pool's key replaces them.
fn take_common_key(selection: &mut Selection, from: usize, count: usize) -> Option<u16> {
    let own = selection.endpoints.get(from..).filter(|own| own.len() == count)?;
    let (_, first) = *own.first()?;
    if own.iter().any(|(_, key)| *key != first) {
        return None;
    }
    selection.endpoints.truncate(from);
    Some(first)
}

/// Targets, most specific first, and which of them have matched.
struct Search<'s, 'g> {
    keys: &'s [u16],
    globs: &'s [Option<Glob<'g>>],
    matched: Vec<bool>,
    /// Number of targets that have matched no endpoint yet.
    unmatched: usize,
}

impl Search<'_, '_> {
    /// Records that a target matches an endpoint, and returns its key.
    fn mark(&mut self, target: u32) -> u16 {
        if let Some(matched) = self.matched.get_mut(target as usize).filter(|matched| !**matched) {
            (*matched, self.unmatched) = (true, self.unmatched - 1);
        }
        self.keys.get(target as usize).copied().unwrap_or(0)
    }

    /// The key of the first of `candidates` that matches an endpoint of this name; 0 if none does.
    fn best(&mut self, name: &str, candidates: &[u32]) -> u16 {
        let seen = letters(name.as_bytes());
        let mut best = 0;
        for &target in candidates {
            let at = target as usize;
            // Once the best is known, the others are tried only until each has matched something.
            if best != 0 && self.matched.get(at) != Some(&false) {
                continue;
            }
            if self.globs.get(at).is_some_and(|glob| glob.as_ref().is_some_and(|glob| glob.matches(name, seen))) {
                let key = self.mark(target);
                best = best.max(key);
            }
            if best != 0 && self.unmatched == 0 {
                break;
            }
        }
        best
    }
}

fn glob_of(target: &Pattern) -> Option<Glob<'_>> {
    match target {
        Pattern::Endpoint { endpoint, .. } => Some(Glob::new(endpoint)),
        Pattern::DataCenter(_) | Pattern::Pool(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_computed_once_for_each_override() {
        let text = "[pools]\na.endpoints.x.address = \"192.0.2.1\"\nb.endpoints.x.address = \"192.0.2.2\"\n";
        let reading = crate::site::document::read("site.toml", text, &mut |_, _| Err("".into()));
        let site = reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems));
        let overrides = ["pool/a", "pool/*", "endpoint/b/x"].map(|target| [target.parse::<Pattern>().unwrap()]);
        let first = overrides.each_ref().map(|targets| select(targets, &site));
        assert_eq!(first.each_ref().map(|selection| selection.pools.len()), [1, 2, 1]);
        for (targets, first) in overrides.iter().zip(&first) {
            assert!(Arc::ptr_eq(&select(targets, &site), first), "{targets:?}");
        }
    }
}
