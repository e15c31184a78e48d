//! What a candidate must fulfill.

/// What a candidate must fulfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// Up, with weight.
    Up,
    /// Up; weight does not matter.
    UpWithoutWeight,
    /// Up, even if its pool has fewer endpoints up than it requires.
    UpInAnyPool,
    /// Was up before everything went down.
    LastUp,
    /// Nothing.
    Any,
}
