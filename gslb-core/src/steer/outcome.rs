//! How a decision ends.

use crate::live::demand::Demand;

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Endpoints of the plan were named; the demand says whether they had to be up.
    Answered(Demand),
    /// Everything is down, and endpoints of the pool of last resort were named.
    LastResort(Demand),
    /// The plan is up, and has no endpoint of the kind: that there is nothing is the truth.
    NoSuchKind,
    /// All endpoints of the kind are down, while clients get the plan's other addresses: to name one that is down would
    /// only delay them.
    KindDown,
    /// Everything is down, and no endpoint may be named.
    NoData,
    /// Everything is down, and the service prefers silence to guesses.
    ServFail,
}
