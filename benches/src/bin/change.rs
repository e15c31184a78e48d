//! Answers while tables are replaced: `change [--rounds N] [--seconds S]` prints what is lost, wrong and late as Markdown.

use std::error::Error;
use std::time::Duration;

use clap::{Parser, Subcommand};
use gslb_benches::change::{self, Changes};

/// Measures answering under change, each phase in turn.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often each phase is measured; medians are told.
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
        /// What is changed meanwhile.
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
