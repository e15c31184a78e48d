//! How a decision ends.

use crate::live::demand::Demand;

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Endpoints of the plan were answered; the demand says whether they had to be up.
    Answered(Demand),
    /// Everything is down, and endpoints of the last-resort pool were answered.
    LastResort(Demand),
    /// The plan is up and has no endpoint of this kind, so an empty answer is correct.
    NoSuchKind,
    /// All endpoints of this kind are down, but clients get the plan's other address family; answering one that is down
    /// would only delay them.
    KindDown,
    /// Everything is down, and the answer is NODATA.
    NoData,
    /// Everything is down, and the service answers SERVFAIL.
    ServFail,
}
