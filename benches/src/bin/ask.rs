//! Asks one kind of query a given number of times, for a tool that counts instructions: `ask KIND TIMES`.

use std::process::ExitCode;
use std::sync::Arc;

use gslb_benches::{KINDS, Querier, query, sites, table};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(kind), Some(Ok(times))) = (arguments.next(), arguments.next().map(|times| times.parse::<u32>())) else {
        eprintln!("usage: ask KIND TIMES, where KIND is one of {}", KINDS.join(", "));
        return ExitCode::FAILURE;
    };
    let table = table(&sites::example(), sites::ZONE, &[Arc::new(geoip::bundled())]);
    let query = query(&kind);
    let mut querier = Querier::default();
    let octets: usize = (0..times).map(|_| querier.ask(&table, &query)).sum();
    println!("{octets}");
    ExitCode::SUCCESS
}
