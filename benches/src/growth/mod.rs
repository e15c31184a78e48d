//! How time and memory grow: sites and databases of a size, each measured in a separate process.

mod city;
mod documents;
mod figures;
mod locations;
mod lookup;
mod networks;
mod prefixes;
mod process;
mod report;
mod zones;

pub use report::{measure, report};
