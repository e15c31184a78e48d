//! Policies and choices against what is up: failover, draws, hashes, and what is answered when everything is down.

#[path = "../support/mod.rs"]
mod support;

mod compiled;
mod down;
mod draws;
mod names;
mod only;
mod regions;
mod site;
mod types;
