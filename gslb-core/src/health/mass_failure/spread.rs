//! How far failures spread: how many hosts and places fail of those that were up.

/// Hosts and places that are counted together: those of the whole site, or of the pools of one service.
#[derive(Debug, Clone, Default)]
pub(super) struct Spread {
    share: f64,
    places: Vec<Count>,
    /// Hosts of all places.
    pub(super) hosts: Count,
    /// Places with a host that is up, and those of them that fail.
    pub(super) whole: Count,
    /// More than the share of the places have failed since a hold began: what comes back first proves nothing of the rest.
    was_wide: bool,
}

/// How many are up, and how many of those fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) up: u32,
    pub(super) failing: u32,
}

/// Whether a host counts as up, and as failing.
pub(super) type Signs = (bool, bool);

impl Spread {
    /// Nothing is up yet. A place fails where more than `share` of its hosts do.
    pub(super) fn new(share: f64, places: u32) -> Spread {
        Spread { share, places: vec![Count::default(); places as usize], ..Spread::default() }
    }

    /// A host of this place counts otherwise than before.
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

    /// Looks from now on whether failures spread, with those of now; or takes it that they have, where it is not known.
    pub(super) fn watch(&mut self, was_wide: bool) {
        self.was_wide = was_wide || self.is_wide();
    }

    /// True where failures have not spread since [`watch`](Self::watch).
    pub(super) fn is_narrow(&self) -> bool {
        !self.was_wide
    }

    /// True where more than the share of the places fail.
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

    /// True where more than `share` of those that are up fail.
    pub(super) fn exceeds(self, share: f64) -> bool {
        f64::from(self.failing) > share * f64::from(self.up)
    }
}
