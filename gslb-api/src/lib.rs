//! What may an operator ask or change? The store of what they decided, and who may use it.

pub mod access;
pub mod store;
