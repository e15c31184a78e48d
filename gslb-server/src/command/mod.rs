//! The subcommands: what each takes, and what it does with it.

use std::error;
use std::process::ExitCode;

use clap::Subcommand;

mod check;
mod demo;
mod explain;
mod serve;

/// What the program is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an example site with local origins and bundled geo data: a complete system to play with
    Demo(demo::Arguments),
    /// Answer DNS queries until SIGTERM; SIGHUP reloads
    Serve(serve::Arguments),
    /// Tell every problem of a document; exit 0 where it can be served, 1 where not
    Check(check::Arguments),
    /// Tell why a query gets the answer that it gets
    Explain(explain::Arguments),
}

/// What a subcommand comes to: an exit code, or an error to be told.
pub type Outcome = Result<ExitCode, Box<dyn error::Error>>;

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Whatever keeps it from being done, in words for the user.
    pub fn run(self) -> Outcome {
        match self {
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Serve(arguments) => serve::run(&arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Explain(arguments) => explain::run(&arguments),
        }
    }
}
