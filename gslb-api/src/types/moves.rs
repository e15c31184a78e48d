//! Whose answers a change moves, and where to. A comparison of two tables is data already, so it is the body, too.

pub use gslb_core::diff::{
    Change, Clients, Comparison, DataCenterShare, Destination, Extent, Families, LeftWithout, Move, Movement,
    SampledMove, SampledMoves, ServiceChange,
};
