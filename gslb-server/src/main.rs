//! The `gslb` command.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use std::env;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use gslb::command::{Command, exit, nagios, order, usage};
use gslb::printable::printable;
use gslb::probe::supervisor;

mod memory;

/// Geo-aware authoritative DNS.
#[derive(Debug, Parser)]
#[command(name = "gslb", version, arg_required_else_help = true, after_help = exit::SHORT_HELP)]
#[command(after_long_help = exit::HELP)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    memory::give_back_at_once();
    // Before all else: there may be many, and they need none of it.
    if env::args_os().nth(1).is_some_and(|word| word == supervisor::WORD) {
        return supervisor::run(env::args_os().skip(2));
    }
    let mut program = usage::settled(CommandLine::command());
    let words = order::ordered(&program, env::args_os());
    let read = match program.try_get_matches_from_mut(words).and_then(|found| CommandLine::from_arg_matches(&found)) {
        Ok(read) => read,
        Err(error) => return nagios::misused(env::args_os(), &error).unwrap_or_else(|| error.exit()),
    };
    read.command.run(CommandLine::command()).unwrap_or_else(|error| {
        eprintln!("gslb: {}", printable(&error.to_string()));
        exit::of(&*error).into()
    })
}
