//! Where the first document came from.

/// Where the first document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The store was empty and was filled from the options.
    Given,
    /// The store; the document in the options was ignored.
    Stored,
    /// The watched file.
    File,
}
