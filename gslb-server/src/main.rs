//! The `gslb` command.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use gslb::command::{Command, exit};

/// Geo-aware authoritative DNS.
#[derive(Debug, Parser)]
#[command(name = "gslb", version, arg_required_else_help = true, after_help = exit::HELP)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    CommandLine::parse().command.run(CommandLine::command()).unwrap_or_else(|error| {
        eprintln!("gslb: {error}");
        exit::of(&*error).into()
    })
}
