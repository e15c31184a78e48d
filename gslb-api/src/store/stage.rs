//! Staged commits: validated one after the other, each on top of the previous ones, but not yet written.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changes::{Change, Changes};
use super::commit::{Commit, CommitError, Expectation, Limit, Write, within};
use super::limits::COMMIT_KEYS;
use super::state::{State, entry_octets};
use super::value::{Revision, Time, Versioned};

/// A state with staged commits on top, to be written together.
pub(super) struct Stage<'a> {
    state: &'a State,
    /// Keys that the staged commits write, with their new values.
    written: BTreeMap<Arc<str>, Option<Versioned>>,
    revision: Revision,
    octets: usize,
    commits: Vec<Arc<Changes>>,
}

impl<'a> Stage<'a> {
    pub(super) fn on(state: &'a State) -> Self {
        let (revision, octets) = (state.revision(), state.octets());
        Self { state, written: BTreeMap::new(), revision, octets, commits: Vec::new() }
    }

    /// The revision after all staged commits.
    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// The staged commits, in order.
    pub(super) fn finish(self) -> Vec<Arc<Changes>> {
        self.commits
    }

    /// Validates `commit` and stages it.
    pub(super) fn commit(&mut self, commit: Commit) -> Result<Revision, CommitError> {
        commit.check()?;
        for (key, expectation) in &commit.expect {
            self.check(key, *expectation)?;
        }
        if commit.writes.is_empty() {
            return Ok(self.revision);
        }
        let octets = self.octets_with(&commit.writes);
        // If the limit was lowered, commits that shrink the store are still accepted.
        if octets > self.octets {
            within(Limit::StoreOctets, octets)?;
        }
        self.octets = octets;
        self.revision = self.revision.next();
        let changes = commit.writes.into_iter().filter_map(|write| self.write(write)).collect();
        self.commits.push(Arc::new(Changes { revision: self.revision, changes }));
        Ok(self.revision)
    }

    /// Stages the removal of keys that expire at `now` or earlier, up to the commit limit, and returns their number.
    pub(super) fn expire(&mut self, now: Time) -> Result<usize, CommitError> {
        // An earlier staged commit may have extended it.
        let is_due = |key: &str| self.get(key).and_then(|versioned| versioned.expires).is_some_and(|time| time <= now);
        let due = self.state.expired(now).filter(|key| is_due(key)).take(COMMIT_KEYS);
        let writes: Vec<Write> = due.map(|key| Write::Delete { key: key.to_string() }).collect();
        let count = writes.len();
        self.commit(Commit { expect: Vec::new(), writes })?;
        Ok(count)
    }

    fn get(&self, key: &str) -> Option<&Versioned> {
        match self.written.get(key) {
            Some(written) => written.as_ref(),
            None => self.state.get(key),
        }
    }

    fn check(&self, key: &str, expectation: Expectation) -> Result<(), CommitError> {
        let found = self.get(key).map(|versioned| versioned.revision);
        let holds = match expectation {
            Expectation::Absent => found.is_none(),
            Expectation::At(revision) => found == Some(revision),
            Expectation::Any => found.is_some(),
        };
        if holds { Ok(()) } else { Err(CommitError::Conflict { key: key.to_owned(), found }) }
    }

    /// The size of the store after `writes`.
    fn octets_with(&self, writes: &[Write]) -> usize {
        let mut octets = self.octets;
        for write in writes {
            let key = write.key();
            octets -= self.get(key).map_or(0, |versioned| entry_octets(key, versioned));
            if let Write::Put { value, .. } = write {
                octets += key.len() + value.len() + super::limits::ENTRY_OCTETS;
            }
        }
        octets
    }

    /// Stages one write and returns the change; `None` if it deletes a key that does not exist.
    fn write(&mut self, write: Write) -> Option<Change> {
        match write {
            Write::Put { key, value, expires } => {
                let key: Arc<str> = key.into();
                let versioned = Versioned { value, revision: self.revision, expires };
                self.written.insert(Arc::clone(&key), Some(versioned.clone()));
                Some(Change::Put { key, versioned })
            }
            Write::Delete { key } => {
                self.get(&key)?;
                let key: Arc<str> = key.into();
                self.written.insert(Arc::clone(&key), None);
                Some(Change::Deleted { key })
            }
        }
    }
}
