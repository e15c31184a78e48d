//! The `gslb` command.

use std::io;
use std::process::ExitCode;

use clap::Parser;
use gslb::command::Command;

/// Geo-aware authoritative DNS.
#[derive(Debug, Parser)]
#[command(name = "gslb", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_target(false).init();
    CommandLine::parse().command.run().unwrap_or_else(|error| {
        eprintln!("gslb: {error}");
        ExitCode::FAILURE
    })
}
