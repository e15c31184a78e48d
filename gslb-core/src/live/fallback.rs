//! Why an answer deviates from the policy's normal result.

/// Why an answer deviates from the policy's normal result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Only endpoints without weight were up.
    WithoutWeight,
    /// Everything was down, so `when_all_down` applied.
    LastResort,
    /// Everything was down, and no endpoint could be answered.
    Nobody,
}
