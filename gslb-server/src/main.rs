//! The `gslb` command.

use std::io;
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
    tracing_subscriber::fmt().with_writer(io::stderr).with_target(false).init();
    CommandLine::parse().command.run(CommandLine::command()).unwrap_or_else(|error| {
        eprintln!("gslb: {error}");
        exit::of(&*error).into()
    })
}
