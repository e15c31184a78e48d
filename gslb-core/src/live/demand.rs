//! What a candidate must fulfill.

/// What a candidate must fulfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// Up, with weight.
    Up,
    /// Up; weight does not matter.
    UpWithoutWeight,
    /// Up, though in a pool with fewer up than it must have.
    UpInAnyPool,
    /// Up before everything went down.
    LastUp,
    /// Nothing.
    Any,
}
