//! Captures answers from the workers: whole ones through taps, and samples.

pub mod placeholder;
pub mod sample;
pub mod tap;
