//! How much memory a document may take while it is read and compiled. Each part is charged before it is built.

/// Octets that a value in an array takes, at most: in the document, while the array grows, and in the tree that its sections
/// are read from.
pub const ITEM: usize = 256;
/// Octets that a key with its value takes in the same places, the text of both not counted.
pub const MEMBER: usize = 220;
/// Octets that a record of a zone takes until it is in a catalog, its owner and data not counted.
pub const RECORD: usize = 400;

/// Octets that may still be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    limit: usize,
    left: usize,
    is_over: bool,
}

/// More memory is needed than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than the {} MiB of memory that it may take", .limit >> 20)]
pub struct OverBudget {
    /// Octets that there may be in all.
    pub limit: usize,
}

impl Budget {
    /// No limit.
    pub const UNLIMITED: Budget = Budget::of(usize::MAX);
    /// What a document in a file may take at least.
    const FILE: usize = 192 << 20;

    /// So many octets.
    pub const fn of(octets: usize) -> Budget {
        Budget { limit: octets, left: octets, is_over: false }
    }

    /// What a document in a file of so many octets may take. The operator put it there, so it may be large; but it may not
    /// take out of proportion.
    pub fn of_file(octets: usize) -> Budget {
        Budget::of(octets.saturating_mul(10).max(Budget::FILE))
    }

    /// Takes `octets`.
    ///
    /// # Errors
    /// [`OverBudget`] where there are not that many left. Nothing is left then.
    pub fn charge(&mut self, octets: usize) -> Result<(), OverBudget> {
        match self.left.checked_sub(octets) {
            Some(left) => self.left = left,
            None => (self.left, self.is_over) = (0, true),
        }
        if self.is_over { Err(OverBudget { limit: self.limit }) } else { Ok(()) }
    }

    /// Octets that are left.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Why it was refused; `None` if everything that was charged could be paid.
    pub fn overrun(&self) -> Option<OverBudget> {
        self.is_over.then_some(OverBudget { limit: self.limit })
    }

    /// Adds what a document may take at least because what is served takes as much.
    pub fn add(&mut self, octets: usize) {
        self.limit = self.limit.saturating_add(octets);
        self.left = self.left.saturating_add(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_once_stays_refused() {
        let mut budget = Budget::of(10 << 20);
        assert_eq!((budget.charge(4 << 20), budget.left()), (Ok(()), 6 << 20));
        let over = budget.charge(7 << 20).unwrap_err();
        assert_eq!(over.to_string(), "more than the 10 MiB of memory that it may take");
        assert_eq!((budget.charge(0), budget.overrun()), (Err(over), Some(over)));
    }
}
