//! From files to a candidate: the document with its includes and zones, and where it comes from.

pub mod candidate;
pub mod checkout;
pub mod error;
pub mod include;
pub mod site;
