//! `gslb completions`: shell completion scripts.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use clap_complete::{Shell, generate};

use super::Outcome;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Shell to complete for
    shell: Shell,
}

/// Writes the script; `program` is the whole command line.
pub(super) fn run(arguments: &Arguments, mut program: clap::Command) -> Outcome {
    let name = program.get_name().to_owned();
    // clap's own writing to standard output panics if the reader closes it early.
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, name, &mut script);
    let _ = io::stdout().write_all(&script);
    Ok(ExitCode::SUCCESS)
}
