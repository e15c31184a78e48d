//! A part of the address space, and its size.

/// Number of addresses and prefixes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weight {
    /// Addresses that count toward the address space.
    pub(super) addresses: f64,
    /// Networks of 24 or 48 bits that overlap it.
    pub(super) prefixes: u64,
    /// The last network counted, plus one.
    counted: u128,
}

/// Clients of one class in the old table, one class in the new table, and one region.
#[derive(Debug, Clone)]
pub(super) struct Area {
    pub(super) old: u32,
    pub(super) new: u32,
    /// Index of the region.
    pub(super) region: Option<u32>,
    /// IPv4 and IPv6.
    pub(super) weights: [Weight; 2],
}

impl Weight {
    /// Adds the addresses from `first` to `last`; prefixes leave `bits` of an address open. Addresses must come in
    /// order.
    pub(super) fn add(&mut self, first: u128, last: u128, bits: u32) {
        self.addresses += (last - first) as f64 + 1.0;
        let from = (first >> bits).max(self.counted);
        let after = (last >> bits) + 1;
        self.prefixes += after.saturating_sub(from) as u64;
        self.counted = after;
    }

    /// Adds another weight.
    pub(super) fn join(&mut self, other: &Weight) {
        self.addresses += other.addresses;
        self.prefixes += other.prefixes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_in_several_pieces_counts_once() {
        let mut weight = Weight::default();
        weight.add(0x100, 0x17F, 8);
        weight.add(0x1C0, 0x1FF, 8);
        assert_eq!((weight.addresses, weight.prefixes), (192.0, 1));
        weight.add(0x280, 0x4FF, 8);
        assert_eq!(weight.prefixes, 4);
        let mut all = Weight::default();
        all.add(0, u128::MAX, 80);
        assert_eq!(all.prefixes, 1 << 48);
    }
}
