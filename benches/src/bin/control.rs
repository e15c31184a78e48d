//! The control side of the real server under load: `control put|apply|load|scrape|overrides|bodies|counters|restarts`
//! prints times and ratios as Markdown.

use std::error::Error;
use std::time::Duration;

use clap::{Parser, Subcommand};
use gslb_benches::{bodies, control, counters, further, restarts, scrape};

/// Measures changes through the API, from the request to the answer on the wire. Needs `gslb` beside it, or GSLB_BIN.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// How long a change of one pool takes until it is answered.
    Put {
        #[arg(long, default_value_t = 10_000)]
        services: usize,
        #[arg(long, default_value_t = 200)]
        changes: u32,
    },
    /// Time from a whole document to the changed answer, and its effect on answers.
    Apply {
        #[arg(long, default_value_t = 100_000)]
        services: usize,
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// Duration and series of a scrape, and its effect on answers.
    Scrape {
        /// Of each of ten pools.
        #[arg(long, default_value_t = 1_000)]
        endpoints: usize,
        #[arg(long, default_value_t = 20)]
        rounds: u32,
    },
    /// How long each further override takes, with 40,000 endpoints and 6 overrides of 100 globs each.
    Overrides {
        #[arg(long, default_value_t = 100)]
        rounds: u32,
    },
    /// Memory of the server for hostile documents, and for valid ones of this size.
    Bodies {
        #[arg(long, default_value_t = 2_000_000)]
        octets: usize,
    },
    /// Memory of the server with many services and workers: at rest, and once every worker has answered for many services.
    Counters {
        #[arg(long, default_value_t = 100_000)]
        services: usize,
        #[arg(long, default_value_t = 16)]
        workers: usize,
        /// Addresses to listen on, with as many workers each.
        #[arg(long, default_value_t = 2)]
        listeners: u8,
        /// How long the server rests before its memory is read.
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// Queries and connections that are lost while the server restarts again and again.
    Restarts {
        #[arg(long, default_value_t = 100)]
        rounds: u32,
        /// Queries per second over UDP.
        #[arg(long, default_value_t = 5_000.0)]
        rate: f64,
        /// TCP connections.
        #[arg(long, default_value_t = 200)]
        clients: u32,
    },
    /// The effect of requests at a rate on answers.
    Load {
        #[arg(long, default_value_t = 2_000.0)]
        rate: f64,
        #[arg(long, default_value_t = 40)]
        rounds: u32,
        #[arg(long, default_value_t = 0.5)]
        seconds: f64,
        /// Run the load of queries and the server on separate cores, as on separate hosts
        #[arg(long)]
        apart: bool,
    },
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let text = match Arguments::parse().part {
        Part::Put { services, changes } => control::put(services, changes)?,
        Part::Apply { services, rounds } => control::apply(services, rounds)?,
        Part::Scrape { endpoints, rounds } => scrape::scrape(endpoints, rounds)?,
        Part::Overrides { rounds } => {
            let times = further::measure(rounds)?;
            let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| times.quantile(share));
            format!("each further override: p50 {p50:?}, p99 {p99:?}, most {most:?}\n")
        }
        Part::Bodies { octets } => bodies::measure(octets)?,
        Part::Counters { services, workers, listeners, seconds } => {
            counters::measure(services, workers, listeners, Duration::from_secs_f64(seconds))?
        }
        Part::Restarts { rounds, rate, clients } => restarts::measure(rounds, rate, clients)?,
        Part::Load { rate, rounds, seconds, apart } => {
            let place = if apart { control::Placement::Apart } else { control::Placement::Anywhere };
            control::load(rate, rounds, Duration::from_secs_f64(seconds), place)?
        }
    };
    print!("{text}");
    Ok(())
}
