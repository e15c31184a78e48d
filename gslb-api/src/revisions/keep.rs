//! Retention of revisions: the latest ones, limited by number and size.

use std::collections::{BTreeMap, VecDeque};

use super::record::{PREFIX, key, number};
use super::text;
use crate::store::{Order, Store, Unavailable, limits};

/// Most revisions that are kept; the one in force is among them.
pub const MAX_REVISIONS: usize = 200;
/// Most octets that all of them take in the store; the one in force is kept whatever it takes.
pub const MAX_OCTETS: usize = 64 << 20;

/// Most octets that the texts of all revisions take in the store, which is in memory; that of the latest text is kept
/// whatever it takes.
pub const MAX_TEXT_OCTETS: usize = 4 << 20;

/// The revisions that the store has, oldest first, and what each takes there.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    revisions: VecDeque<(u64, usize)>,
    octets: usize,
    /// The revisions whose text the store has, and what each takes there.
    texts: BTreeMap<u64, usize>,
    /// The greatest number that was given, whether or not it is still there.
    given: u64,
}

impl Kept {
    /// Reads the keys of `store`. Unknown keys are ignored.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn of(store: &dyn Store) -> Result<Self, Unavailable> {
        let mut kept = Self::default();
        for (number, octets) in numbered(store, PREFIX).await? {
            kept.add(number, octets);
        }
        kept.texts = numbered(store, text::PREFIX).await?.into_iter().collect();
        Ok(kept)
    }

    /// The greatest revision number used; 0 if there is none.
    pub fn latest(&self) -> u64 {
        self.given
    }

    /// Records that `number` is used, so that it is never reused, even if the revision is lost.
    pub fn note_given(&mut self, number: u64) {
        self.given = self.given.max(number);
    }

    /// Those before `number`, the latest first.
    pub fn before(&self, number: u64) -> impl Iterator<Item = u64> {
        self.revisions.iter().rev().map(|(kept, _)| *kept).filter(move |kept| *kept < number)
    }

    /// Notes a new one.
    pub fn add(&mut self, number: u64, octets: usize) {
        self.revisions.push_back((number, octets));
        self.octets += octets;
        self.note_given(number);
    }

    /// Notes the text of a revision.
    pub fn add_text(&mut self, number: u64, octets: usize) {
        self.texts.insert(number, octets);
    }

    /// Drops revisions beyond the limits, and returns their keys.
    pub fn forget(&mut self) -> Vec<String> {
        let mut keys = Vec::new();
        while self.revisions.len() > 1 && (self.revisions.len() > MAX_REVISIONS || self.octets > MAX_OCTETS) {
            if let Some((number, octets)) = self.revisions.pop_front() {
                self.octets -= octets;
                keys.push(key(number));
            }
        }
        keys.extend(self.forget_texts());
        keys
    }

    /// Drops the texts of removed revisions, and the oldest ones beyond the size limit.
    fn forget_texts(&mut self) -> Vec<String> {
        let first = self.revisions.front().map_or(0, |(number, _)| *number);
        let mut octets: usize = self.texts.values().sum();
        let mut keys = Vec::new();
        while let Some((&number, &size)) = self.texts.first_key_value() {
            let is_too_much = octets > MAX_TEXT_OCTETS && self.texts.len() > 1;
            if number >= first && !is_too_much {
                break;
            }
            self.texts.remove(&number);
            octets -= size;
            keys.push(text::key(number));
        }
        keys
    }
}

/// The numbers that end the keys of `store` below `prefix`, in their order, each with the octets of its value.
async fn numbered(store: &dyn Store, prefix: &str) -> Result<Vec<(u64, usize)>, Unavailable> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.range(prefix, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await?;
        let own =
            page.entries.iter().filter_map(|entry| Some((number(&entry.key, prefix)?, entry.versioned.value.len())));
        all.extend(own);
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_removed_with_their_revisions_and_at_the_size_limit() {
        let mut kept = Kept::default();
        (1..=MAX_REVISIONS as u64 + 1).for_each(|number| kept.add(number, 10));
        [1, 2, 3].into_iter().for_each(|number| kept.add_text(number, 10));
        assert_eq!(kept.forget(), [key(1), text::key(1)]);
        kept.add_text(4, MAX_TEXT_OCTETS - 10);
        assert_eq!(kept.forget(), [text::key(2)]);
        kept.add_text(5, MAX_TEXT_OCTETS + 1);
        assert_eq!(kept.forget(), [text::key(3), text::key(4)], "the latest is kept whatever it takes");
    }

    #[test]
    fn the_oldest_revisions_are_removed_and_the_latest_never() {
        let mut kept = Kept::default();
        (1..=MAX_REVISIONS as u64 + 3).for_each(|number| kept.add(number, 10));
        assert_eq!(kept.forget(), [key(1), key(2), key(3)]);
        assert_eq!(kept.before(7).collect::<Vec<_>>(), [6, 5, 4]);
        kept.add(999, MAX_OCTETS + 1);
        assert_eq!(kept.forget().len(), MAX_REVISIONS);
        assert_eq!((kept.latest(), kept.forget().len()), (999, 0));
        kept.note_given(1001);
        kept.note_given(7);
        assert_eq!(kept.latest(), 1001);
    }
}
