//! What is known of the endpoints of the document in force.

use std::time::Instant;

use gslb_core::model::Site;
use gslb_core::table::liveness::Change;
use gslb_core::table::overrides::{States, initial_states};

use super::Word;

/// What is known of endpoints.
#[derive(Debug)]
pub struct Keeper {
    states: States,
    changed: Vec<Change>,
}

impl Keeper {
    /// Nothing is known yet of the endpoints of `site`.
    pub fn new(site: &Site, _at: Instant, _wall: u64) -> Self {
        Self { states: initial_states(site), changed: Vec::new() }
    }

    /// Goes on with the endpoints of another document.
    pub fn follow(&mut self, site: &Site, _at: Instant, _wall: u64) {
        self.states = initial_states(site);
    }

    /// What holds for each endpoint that nothing forces.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// Takes in what was said.
    pub fn hear(&mut self, word: Word, _at: Instant, _wall: u64) {
        match word {
            Word::Look(_) => {}
        }
    }

    /// Looks at times that pass by themselves.
    pub fn tick(&mut self, _at: Instant, _wall: u64) {}

    /// What became different since this was asked last.
    pub fn take_changed(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changed)
    }
}
