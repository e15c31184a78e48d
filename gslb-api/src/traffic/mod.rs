//! Answers as they are given: samples of them, and streams for those who watch.

pub mod sample;
pub mod tail;
