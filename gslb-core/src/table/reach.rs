//! Which endpoints the targets of an override mean: worked out once for a site and kept, since every further override asks it
//! of all that are in force.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::globs::{Glob, letters};
use super::matcher::Matcher;
use super::pattern::Pattern;
use crate::model::Site;

/// Endpoints that are kept of all overrides together, four octets each. What comes beyond is worked out each time.
const MAX_KEPT: usize = 16 << 20;

/// What the targets of one override mean.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// In the order of the site.
    pub(super) pools: Vec<InPool>,
    /// Endpoints of those pools that are not all meant alike: number within the pool, and the most specific target's key.
    endpoints: Vec<(u16, u16)>,
    /// For each target, whether it means any endpoint.
    pub(super) means: Vec<bool>,
}

/// Endpoints of one pool.
#[derive(Debug)]
pub(super) struct InPool {
    /// Index of the pool.
    pub(super) pool: usize,
    /// The key of the most specific target that means all endpoints of the pool; 0 where none does.
    around: u16,
    /// The endpoints that a target means more closely, as a range of all.
    from: u32,
    to: u32,
}

impl Reach {
    /// What `targets` mean among the endpoints of `site`.
    fn of(targets: &[Pattern], site: &Site) -> Reach {
        let key = |target: &Pattern| target.specificity().key();
        // The most specific first, so that the first one that means an endpoint is the one that counts.
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(targets.get(at).map(key)));
        let sorted: Vec<&Pattern> = order.iter().filter_map(|&at| targets.get(at)).collect();
        let keys: Vec<u16> = sorted.iter().map(|target| key(target)).collect();
        let globs: Vec<Option<Glob<'_>>> = sorted.iter().map(|target| glob_of(target)).collect();
        let mut search = Search { keys: &keys, globs: &globs, means: vec![false; sorted.len()], unmet: sorted.len() };
        let mut matcher = Matcher::new(sorted.iter().copied());
        let mut reach = Reach::default();
        for (number, pool) in site.pools.iter().enumerate() {
            if pool.endpoints.is_empty() || !matcher.turn_to(site, pool) {
                continue;
            }
            let (around, nearby) = matcher.at_hand();
            let around = around.iter().map(|&target| search.meets(target)).max().unwrap_or(0);
            let from = reach.endpoints.len();
            if !nearby.is_empty() {
                for (endpoint, at) in pool.endpoints.iter().zip(0u16..) {
                    let best = search.best(&endpoint.name, nearby);
                    if best != 0 {
                        reach.endpoints.push((at, best));
                    }
                }
            }
            let around = reach.alike(from, pool.endpoints.len()).unwrap_or(around);
            if around != 0 || reach.endpoints.len() > from {
                let to = reach.endpoints.len() as u32;
                reach.pools.push(InPool { pool: number, around, from: from as u32, to });
            }
        }
        reach.endpoints.shrink_to_fit();
        reach.means = vec![false; targets.len()];
        for (at, means) in order.into_iter().zip(search.means) {
            if let Some(place) = reach.means.get_mut(at) {
                *place = means;
            }
        }
        reach
    }

    /// The key that all of so many endpoints have, which begin at `from`; they are taken out then.
    fn alike(&mut self, from: usize, count: usize) -> Option<u16> {
        let own = self.endpoints.get(from..).filter(|own| own.len() == count)?;
        let (_, first) = *own.first()?;
        if own.iter().any(|(_, key)| *key != first) {
            return None;
        }
        self.endpoints.truncate(from);
        Some(first)
    }

    /// Calls `visit` with the number and the key of each endpoint of `pool` that is meant, of `count` that it has.
    pub(super) fn each(&self, pool: &InPool, count: usize, mut visit: impl FnMut(usize, u16)) {
        let own = self.endpoints.get(pool.from as usize..pool.to as usize).unwrap_or_default();
        if pool.around == 0 {
            own.iter().for_each(|&(at, key)| visit(usize::from(at), key));
            return;
        }
        let mut own = own.iter().peekable();
        for at in 0..count {
            let closer = own.next_if(|(number, _)| usize::from(*number) == at);
            visit(at, closer.map_or(pool.around, |&(_, key)| key));
        }
    }
}

/// Targets on the search for endpoints.
struct Search<'s, 'g> {
    keys: &'s [u16],
    globs: &'s [Option<Glob<'g>>],
    means: Vec<bool>,
    /// How many of them have met no endpoint yet.
    unmet: usize,
}

impl Search<'_, '_> {
    /// Notes that a target means an endpoint, and gives back its key.
    fn meets(&mut self, target: u32) -> u16 {
        if let Some(means) = self.means.get_mut(target as usize).filter(|means| !**means) {
            (*means, self.unmet) = (true, self.unmet - 1);
        }
        self.keys.get(target as usize).copied().unwrap_or(0)
    }

    /// The key of the first of `nearby` that means an endpoint of this name; 0 where none does.
    fn best(&mut self, name: &str, nearby: &[u32]) -> u16 {
        let seen = letters(name.as_bytes());
        let mut best = 0;
        for &target in nearby {
            let at = target as usize;
            // Once it is known who counts, the others are only asked until it is known that they mean something.
            if best != 0 && self.means.get(at) != Some(&false) {
                continue;
            }
            if self.globs.get(at).is_some_and(|glob| glob.as_ref().is_some_and(|glob| glob.matches(name, seen))) {
                let key = self.meets(target);
                best = best.max(key);
            }
            if best != 0 && self.unmet == 0 {
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

/// What was worked out for a site.
#[derive(Debug, Default)]
pub struct Reaches(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_targets: HashMap<Box<[Pattern]>, Arc<Reach>>,
    endpoints: usize,
}

impl Clone for Reaches {
    /// Nothing is known of a copy: it may be changed.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Reaches {
    /// What `targets` mean in `site`, whose this is.
    pub(super) fn get(&self, targets: &[Pattern], site: &Site) -> Arc<Reach> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reach) = kept().by_targets.get(targets) {
            return Arc::clone(reach);
        }
        let reach = Arc::new(Reach::of(targets, site));
        let mut kept = kept();
        let size = reach.endpoints.len() + reach.pools.len() + targets.len();
        if kept.endpoints + size > MAX_KEPT {
            // Overrides that are gone make room; those in force come back as they are asked for.
            *kept = Kept::default();
        }
        if size <= MAX_KEPT {
            kept.endpoints += size;
            kept.by_targets.insert(targets.into(), Arc::clone(&reach));
        }
        reach
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_targets_mean_is_worked_out_once_for_each_override() {
        let text = "[pools]\na.endpoints.x.address = \"192.0.2.1\"\nb.endpoints.x.address = \"192.0.2.2\"\n";
        let reading = crate::document::read("site.toml", text, &mut |_, _| Err(String::new()));
        let site = reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems));
        let overrides = ["pool/a", "pool/*", "endpoint/b/x"].map(|target| [target.parse::<Pattern>().unwrap()]);
        let reaches = Reaches::default();
        let first = overrides.each_ref().map(|targets| reaches.get(targets, &site));
        assert_eq!(first.each_ref().map(|reach| reach.pools.len()), [1, 2, 1]);
        for (targets, first) in overrides.iter().zip(&first) {
            assert!(Arc::ptr_eq(&reaches.get(targets, &site), first), "{targets:?}");
        }
    }
}
