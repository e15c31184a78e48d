//! Policies and choices with some pools down: failover, draws, hashes, and answers when everything is down.

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
