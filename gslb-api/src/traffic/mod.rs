//! Live traffic: samples of answers, and streams of them.

pub mod sample;
pub mod tail;
