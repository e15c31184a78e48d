//! The `gslb` binary: listeners, threads, configuration, probes, telemetry and the command line.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod backend;
pub mod background;
pub mod capture;
pub mod certificate;
pub mod client;
pub mod command;
pub mod config;
pub mod daemon;
pub mod dns;
pub mod files;
pub mod http;
pub mod printable;
pub mod probe;
pub mod source;
pub mod telemetry;
pub mod tls;
