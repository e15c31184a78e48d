//! The records of a zone, indexed by owner name.

use std::collections::HashMap;

use crate::dns::name::Name;
use crate::dns::zonefile::Record;

/// A zone's records, grouped by owner.
#[derive(Debug)]
pub(super) struct Owners<'z> {
    records: &'z [Record],
    /// Index of each owner, in order of first appearance.
    numbers: HashMap<&'z Name, usize>,
    /// Where the records of each owner start in `order`; one extra element at the end.
    starts: Vec<u32>,
    /// Record indices, by owner and then by position in the zone.
    order: Vec<u32>,
}

impl<'z> Owners<'z> {
    /// Groups `records`, of which there must be fewer than 2^32.
    pub(super) fn of(records: &'z [Record]) -> Owners<'z> {
        let mut numbers: HashMap<&Name, usize> = HashMap::new();
        let mut counts: Vec<u32> = Vec::new();
        let mut owner_of = Vec::with_capacity(records.len());
        for record in records {
            let next = numbers.len();
            let number = *numbers.entry(&record.owner).or_insert(next);
            if number == counts.len() {
                counts.push(0);
            }
            counts[number] += 1;
            owner_of.push(number);
        }
        let mut starts = Vec::with_capacity(counts.len() + 1);
        let mut sum = 0;
        for count in counts {
            starts.push(sum);
            sum += count;
        }
        starts.push(sum);
        let mut next = starts.clone();
        let mut order = vec![0; records.len()];
        for (index, &number) in (0..).zip(&owner_of) {
            order[next[number] as usize] = index;
            next[number] += 1;
        }
        Owners { records, numbers, starts, order }
    }

    /// The record indices of each owner, in order of first appearance.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.numbers.len()).map(|number| self.group(number))
    }

    /// The records of `owner`.
    pub(super) fn at(&self, owner: &Name) -> impl Iterator<Item = &'z Record> {
        let group = self.numbers.get(owner).map_or(&[][..], |&number| self.group(number));
        group.iter().filter_map(|&index| self.records.get(index as usize))
    }

    fn group(&self, number: usize) -> &[u32] {
        let bound = |at: usize| self.starts.get(at).map_or(0, |&start| start as usize);
        self.order.get(bound(number)..bound(number + 1)).unwrap_or_default()
    }
}
