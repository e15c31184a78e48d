//! What workers hand over of their answers: whole ones through taps, and samples.

pub mod placeholder;
pub mod sample;
pub mod tap;
