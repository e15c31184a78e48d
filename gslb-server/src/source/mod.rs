//! Reads documents and their includes, zone files and geo databases from files.

pub mod candidate;
pub mod checkout;
pub mod error;
pub mod include;
pub mod site;
