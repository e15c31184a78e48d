//! Usage lines: what must be written, and not the options that have defaults or come from the environment.

use clap::Command;

/// `program` with the plain usage line of each command. By itself, clap adds every option that has a value to the usage
/// line of an error, also those that nobody wrote.
pub fn settled(mut program: Command) -> Command {
    program.build();
    settle(program)
}

fn settle(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    command.override_usage(usage).mut_subcommands(settle)
}
