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
    memory::purge_immediately();
    // First: there may be many supervisors, and they need none of what follows.
    if env::args_os().nth(1).is_some_and(|argument| argument == supervisor::WORD) {
        return supervisor::run(env::args_os().skip(2));
    }
    let mut program = usage::settled(CommandLine::command());
    let arguments = order::ordered(&program, env::args_os());
    let command_line =
        match program.try_get_matches_from_mut(arguments).and_then(|matches| CommandLine::from_arg_matches(&matches)) {
            Ok(command_line) => command_line,
            Err(error) => return nagios::misused(env::args_os(), &error).unwrap_or_else(|| error.exit()),
        };
    command_line.command.run(CommandLine::command()).unwrap_or_else(|error| {
        eprintln!("gslb: {}", printable(&error.to_string()));
        exit::of(&*error).into()
    })
}
