//! Destinations and answered endpoints as IDs that are comparable between both tables.

use std::collections::HashMap;

use super::comparison::{Change, Destination};
use crate::site::model::Target;

/// Assigns IDs to destinations and contents. A content is the endpoints in a pool's answers, with their shares. Equal
/// contents have the same ID, so pool names do not matter.
#[derive(Debug)]
pub(super) struct Contents {
    destinations: Vec<Destination>,
    destination_ids: HashMap<Destination, u32>,
    pools: Vec<Box<str>>,
    pool_ids: HashMap<Box<str>, u32>,
    targets: HashMap<Target, u32>,
    lists: Vec<Box<[(u32, f64)]>>,
    list_ids: HashMap<Box<[(u32, u64)]>, u32>,
    distances: HashMap<(u32, u32), f64>,
}

/// The content of an answer without endpoints.
pub(super) const EMPTY: u32 = 0;

impl Contents {
    pub(super) fn new() -> Contents {
        Contents {
            destinations: Vec::new(),
            destination_ids: HashMap::new(),
            pools: Vec::new(),
            pool_ids: HashMap::new(),
            targets: HashMap::new(),
            lists: vec![Box::default()],
            list_ids: HashMap::from([(Box::default(), EMPTY)]),
            distances: HashMap::new(),
        }
    }

    /// The ID of a destination.
    pub(super) fn destination(&mut self, destination: Destination) -> u32 {
        let destinations = &mut self.destinations;
        *self.destination_ids.entry(destination).or_insert_with_key(|destination| {
            destinations.push(destination.clone());
            destinations.len() as u32 - 1
        })
    }

    /// The destination with this ID.
    pub(super) fn destination_of(&self, id: u32) -> Destination {
        self.destinations.get(id as usize).cloned().unwrap_or(Destination::NoData)
    }

    /// The ID of a pool's name.
    pub(super) fn pool(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.pool_ids.get(name) {
            return id;
        }
        let id = self.pools.len() as u32;
        self.pools.push(name.into());
        self.pool_ids.insert(name.into(), id);
        id
    }

    /// The names of two pools.
    pub(super) fn pool_names(&self, (from, to): (u32, u32)) -> Option<Change<String>> {
        let name = |id: u32| self.pools.get(id as usize).map(ToString::to_string);
        Some(Change { before: name(from)?, after: name(to)? })
    }

    /// The ID of a content with these shares.
    pub(super) fn content<'t>(&mut self, shares: impl Iterator<Item = (&'t Target, f64)>) -> u32 {
        let mut list: Vec<(u32, f64)> = Vec::with_capacity(shares.size_hint().0);
        for (target, share) in shares {
            let next = self.targets.len() as u32;
            let id = match self.targets.get(target) {
                Some(&id) => id,
                None => *self.targets.entry(target.clone()).or_insert(next),
            };
            list.push((id, share));
        }
        list.sort_by_key(|&(target, _)| target);
        let key = list.iter().map(|&(target, share)| (target, share.to_bits())).collect();
        let lists = &mut self.lists;
        *self.list_ids.entry(key).or_insert_with(|| {
            lists.push(list.into());
            lists.len() as u32 - 1
        })
    }

    /// How much an answer changes from one content to another: half the sum of the absolute differences.
    pub(super) fn distance(&mut self, old: u32, new: u32) -> f64 {
        if old == new {
            return 0.0;
        }
        if let Some(&known) = self.distances.get(&(old, new)) {
            return known;
        }
        let list = |id: u32| self.lists.get(id as usize).map_or(&[][..], |list| list);
        let stays = common(list(old), list(new));
        let distance = (1.0 - stays).max(0.0);
        self.distances.insert((old, new), distance);
        distance
    }
}

/// The overlap of two distributions; both are sorted.
fn common(mut old: &[(u32, f64)], mut new: &[(u32, f64)]) -> f64 {
    let mut sum = 0.0;
    while let ([(a, share), old_rest @ ..], [(b, other), new_rest @ ..]) = (old, new) {
        if a == b {
            sum += share.min(*other);
        }
        if a <= b {
            old = old_rest;
        }
        if b <= a {
            new = new_rest;
        }
    }
    sum
}
