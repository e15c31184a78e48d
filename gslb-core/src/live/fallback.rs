//! Why an answer is not what the policy gives when all is well.

/// Why an answer is not what the policy would have when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Only endpoints without weight were up.
    WithoutWeight,
    /// All was down, and `when_all_down` had the say.
    LastResort,
    /// All was down, and nobody could be named.
    Nobody,
}
