//! Usage lines: required arguments, without options that have defaults or come from the environment.

use clap::Command;

/// Gives each command of `program` a plain usage line. Otherwise clap adds every option that has a value to the usage
/// line of an error, even those that were not given.
pub fn settled(mut program: Command) -> Command {
    program.build();
    settle(program)
}

fn settle(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    command.override_usage(usage).mut_subcommands(settle)
}
