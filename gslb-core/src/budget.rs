//! Limits the memory that reading and compiling a document may use. Each part is charged before it is built.

/// Maximum memory in octets of a value in an array: in the document, while the array grows, and in the tree that
/// sections are read from.
pub const ITEM: usize = 256;
/// The same for a key with its value, not counting the text of either.
pub const MEMBER: usize = 220;
/// Memory in octets of a zone's record before it is in a catalog, not counting its owner and data.
pub const RECORD: usize = 400;

/// The remaining memory, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    limit: usize,
    left: usize,
    is_over: bool,
}

/// The budget is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than the limit of {} MiB of memory", .limit >> 20)]
pub struct OverBudget {
    /// The limit, in octets.
    pub limit: usize,
}

impl Budget {
    /// No limit.
    pub const UNLIMITED: Budget = Budget::of(usize::MAX);
    /// Minimum budget of a document in a file.
    const FILE: usize = 192 << 20;

    /// A budget of `octets`.
    pub const fn of(octets: usize) -> Budget {
        Budget { limit: octets, left: octets, is_over: false }
    }

    /// The budget of a document in a file of `octets`. The operator put the file there, so it may be large, but its
    /// memory use must stay in proportion.
    pub fn of_file(octets: usize) -> Budget {
        Budget::of(octets.saturating_mul(10).max(Budget::FILE))
    }

    /// Charges `octets`.
    ///
    /// # Errors
    /// [`OverBudget`] if fewer remain. The budget is exhausted then.
    pub fn charge(&mut self, octets: usize) -> Result<(), OverBudget> {
        match self.left.checked_sub(octets) {
            Some(left) => self.left = left,
            None => (self.left, self.is_over) = (0, true),
        }
        if self.is_over { Err(OverBudget { limit: self.limit }) } else { Ok(()) }
    }

    /// Remaining octets.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The error, if a charge exceeded the budget.
    pub fn overrun(&self) -> Option<OverBudget> {
        self.is_over.then_some(OverBudget { limit: self.limit })
    }

    /// Raises the budget, for documents as large as the one that is served already.
    pub fn add(&mut self, octets: usize) {
        self.limit = self.limit.saturating_add(octets);
        self.left = self.left.saturating_add(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exceeded_budget_stays_exceeded() {
        let mut budget = Budget::of(10 << 20);
        assert_eq!((budget.charge(4 << 20), budget.left()), (Ok(()), 6 << 20));
        let over = budget.charge(7 << 20).unwrap_err();
        assert_eq!(over.to_string(), "more than the limit of 10 MiB of memory");
        assert_eq!((budget.charge(0), budget.overrun()), (Err(over), Some(over)));
    }
}
