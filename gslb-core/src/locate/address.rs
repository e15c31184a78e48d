//! Both address families as plain numbers, so that code for leaves is written once.

use std::ops::BitXor;

/// An address as a number: `u32` for IPv4, `u128` for IPv6, and `u64` for the upper half of IPv6.
pub trait Address:
    BitXor<Output = Self> + Copy + Ord + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static
{
    /// Number of bits in an address.
    const BITS: u32;
    /// The first address.
    const ZERO: Self;
    /// The last address.
    const LAST: Self;
    /// The next address; `None` after the last.
    fn next(self) -> Option<Self>;
    /// The previous address; `None` before the first.
    fn previous(self) -> Option<Self>;
    /// The next address; the first after the last.
    fn wrapping_next(self) -> Self;
    /// The previous address; the last before the first.
    fn wrapping_previous(self) -> Self;
    /// Number of leading bits that both addresses share.
    fn common_bits(self, other: Self) -> u32;
    /// The address with all bits after `len` cleared.
    fn masked(self, len: u32) -> Self;
    /// The last address of the network with this address and `len` bits.
    fn last_of(self, len: u32) -> Self;
}

macro_rules! address {
    ($number:ty) => {
        impl Address for $number {
            const BITS: u32 = <$number>::BITS;
            const ZERO: Self = 0;
            const LAST: Self = <$number>::MAX;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }

            #[inline]
            fn wrapping_next(self) -> Self {
                self.wrapping_add(1)
            }

            #[inline]
            fn wrapping_previous(self) -> Self {
                self.wrapping_sub(1)
            }

            #[inline]
            fn common_bits(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }

            #[inline]
            fn masked(self, len: u32) -> Self {
                self & Self::MAX.checked_shl(Self::BITS.saturating_sub(len)).unwrap_or(0)
            }

            fn last_of(self, len: u32) -> Self {
                self | Self::MAX.checked_shr(len).unwrap_or(0)
            }
        }
    };
}

address!(u32);
address!(u64);
address!(u128);

/// Length of the shortest prefix of `address` that lies within `first..=last`, which contains it.
#[inline]
pub fn shortest_prefix_within<A: Address>(address: A, first: A, last: A) -> u32 {
    if first == A::ZERO && last == A::LAST {
        return 0;
    }
    // Of two addresses outside, the one that shares more leading bits differs by the smaller number. Where one does not
    // exist, its place is taken by one that is beyond the other, and shares no more than that.
    let (before, after) = (first.wrapping_previous(), last.wrapping_next());
    A::ZERO.common_bits((address ^ before).min(address ^ after)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_prefix_stays_inside_and_its_parent_does_not() {
        let (first, last) = (0x0A00_0100u32, 0x0A00_04FF);
        for address in [first, 0x0A00_01FF, 0x0A00_0200, 0x0A00_0399, 0x0A00_0400, last] {
            let len = shortest_prefix_within(address, first, last);
            let inside = |len: u32| address.masked(len) >= first && address.last_of(len) <= last;
            assert!(inside(len), "{address:x}/{len}");
            assert!(!inside(len - 1), "{address:x}/{}", len - 1);
        }
        assert_eq!(shortest_prefix_within(7u128, 0, u128::MAX), 0);
        assert_eq!(shortest_prefix_within(7u32, 7, 7), 32);
        assert_eq!(shortest_prefix_within(0u32, 0, u32::MAX / 2), 1);
    }
}
