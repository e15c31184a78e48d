//! Limits the memory that reading and compiling a document may use. Each part is charged before it is built.

/// Maximum memory in octets of a value in an array: in the document, while the array grows, and in the tree that
/// sections are read from.
pub const ITEM: usize = 256;
/// The same for a key with its value, not counting the text of either.
pub const MEMBER: usize = 220;
/// Maximum memory in octets of a value in an array of a document in JSON, which is kept as text: in the tree that sections
/// are read from, while the array grows.
pub const JSON_ITEM: usize = 80;
/// The same for a key with its value, not counting the text of either.
pub const JSON_MEMBER: usize = 144;
/// Memory in octets of a zone's record before it is in a catalog, not counting its owner and data.
pub const RECORD: usize = 400;

/// The remaining memory, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    limit: usize,
    left: usize,
    is_over: bool,
    /// Octets of the files that it is for; `None` if the document did not come from files.
    files: Option<usize>,
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
    /// Minimum budget of a document in files.
    const FILE: usize = 192 << 20;
    /// Octets of memory per octet of the files: a dense document of short keys and values takes 13.
    const FILE_TEXT: usize = 16;
    /// Octets of memory per octet of a zone file: a record has at least a dozen octets.
    const ZONE_TEXT: usize = 40;

    /// A budget of `octets`.
    pub const fn of(octets: usize) -> Budget {
        Budget { limit: octets, left: octets, is_over: false, files: None }
    }

    /// The budget of a document in a file of `octets`. The operator put the file there, so it may be large, but its
    /// memory use must stay in proportion.
    pub fn of_file(octets: usize) -> Budget {
        Budget { files: Some(octets), ..Budget::of(Budget::of_files(octets)) }
    }

    /// The budget of files that have `octets` together.
    fn of_files(octets: usize) -> usize {
        octets.saturating_mul(Budget::FILE_TEXT).max(Budget::FILE)
    }

    /// Adds another file of the same document, of this many octets.
    pub fn add_file(&mut self, octets: usize) {
        let Some(before) = self.files else { return };
        let all = before.saturating_add(octets);
        self.files = Some(all);
        self.add(Budget::of_files(all) - Budget::of_files(before));
    }

    /// Memory that the records of a zone file of `octets` may use beyond this budget: each record has its own text, unlike
    /// records that `$GENERATE` makes. Zero if the document did not come from files.
    pub fn of_zone_text(&self, octets: usize) -> usize {
        self.files.map_or(0, |_| octets.saturating_mul(Budget::ZONE_TEXT))
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

    #[test]
    fn files_of_a_document_share_one_budget() {
        let (mut budget, least) = (Budget::of_file(1 << 20), Budget::of_file(0).left());
        (0..10).for_each(|_| budget.add_file(1 << 20));
        assert_eq!(budget.left(), least, "small files take no more together than one");
        budget.add_file(100 << 20);
        assert_eq!(budget, Budget::of_file(111 << 20));
        let mut of_body = Budget::of(1 << 20);
        of_body.add_file(100 << 20);
        assert_eq!((of_body, of_body.of_zone_text(1000)), (Budget::of(1 << 20), 0), "a body has no files");
    }
}
