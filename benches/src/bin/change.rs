//! Answers while tables are replaced: `change [--rounds N] [--seconds S]` prints lost, wrong and late ones as Markdown.

use std::error::Error;
use std::time::Duration;

use clap::{Parser, Subcommand};
use gslb_benches::change::{self, Changes};

/// Measures answering under change, phase by phase.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds per phase; medians are reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each run lasts.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The server of one run; it answers until its input ends.
    Serve {
        /// The changes during a phase.
        #[arg(value_enum)]
        changes: Changes,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Serve { changes }) => change::serve(changes),
        None => {
            print!("{}", change::measure(arguments.rounds, Duration::from_secs_f64(arguments.seconds))?);
            Ok(())
        }
    }
}
