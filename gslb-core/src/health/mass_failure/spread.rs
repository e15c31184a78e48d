//! Counts how many of the hosts and places that were up are failing.

/// Hosts and places counted together: those of the whole site, or of one service's pools.
#[derive(Debug, Clone, Default)]
pub(super) struct Spread {
    share: f64,
    places: Vec<Count>,
    /// Hosts of all places.
    pub(super) hosts: Count,
    /// Places with a host that is up, and how many of them fail.
    pub(super) whole: Count,
    /// At some time since the hold began, more than the share of the places failed. A place that recovers first does
    /// not show that the others will.
    was_wide: bool,
}

/// How many are up, and how many of them fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) up: u32,
    pub(super) failing: u32,
}

/// Whether a host counts as up, and whether it counts as failing.
pub(super) type Signs = (bool, bool);

impl Spread {
    /// Starts with nothing up. A place fails if more than `share` of its hosts fail.
    pub(super) fn new(share: f64, places: u32) -> Spread {
        Spread { share, places: vec![Count::default(); places as usize], ..Spread::default() }
    }

    /// Updates the counts after a host of this place changed.
    pub(super) fn change(&mut self, place: u32, before: Signs, now: Signs) {
        let share = self.share;
        let Some(place) = self.places.get_mut(place as usize) else { return };
        let place_before = place.signs(share);
        place.change(before, now);
        let place_now = place.signs(share);
        self.hosts.change(before, now);
        self.whole.change(place_before, place_now);
        if self.is_wide() {
            self.was_wide = true;
        }
    }

    /// Starts to watch whether failures spread. `was_wide` assumes that they already have, if the history is unknown.
    pub(super) fn watch(&mut self, was_wide: bool) {
        self.was_wide = was_wide || self.is_wide();
    }

    /// True if failures have not spread since [`watch`](Self::watch).
    pub(super) fn is_narrow(&self) -> bool {
        !self.was_wide
    }

    /// True if more than the share of the places fail.
    pub(super) fn is_wide(&self) -> bool {
        self.whole.exceeds(self.share)
    }
}

impl Count {
    fn change(&mut self, before: Signs, now: Signs) {
        self.up = self.up.saturating_sub(u32::from(before.0)) + u32::from(now.0);
        self.failing = self.failing.saturating_sub(u32::from(before.1)) + u32::from(now.1);
    }

    fn signs(self, share: f64) -> Signs {
        (self.up > 0, self.exceeds(share))
    }

    /// True if more than `share` of those that are up fail.
    pub(super) fn exceeds(self, share: f64) -> bool {
        f64::from(self.failing) > share * f64::from(self.up)
    }
}
