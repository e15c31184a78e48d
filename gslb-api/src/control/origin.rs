//! Where the document in force at the start came from.

/// Where the document in force at the start came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The store was empty and has taken what was given.
    Given,
    /// The store had it, and what was given was not looked at.
    Stored,
    /// The watched file has it.
    File,
}
