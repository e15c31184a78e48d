//! The `gslb` command.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use gslb::command::{Command, exit};
use mimalloc::MiMalloc;

/// Answering allocates nothing. A change of a large document is hundreds of thousands of small texts, read, copied and
/// freed: half of its time went into the C library's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
