//! Says what disturbed a side-by-side run: `disturbed LOAD_AVERAGE FILE...`, where `FILE` has the numbers of the rounds.
//! Exits with 1 if anything did, so that the figures are not published.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use gslb_benches::quiet;
use gslb_benches::rounds::Rounds;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [load_average, files @ ..] = arguments.as_slice() else {
        return Err("usage: disturbed LOAD_AVERAGE FILE...".into());
    };
    let mut reasons: Vec<String> = quiet::too_much_load(load_average.parse()?).into_iter().collect();
    for file in files {
        let rounds = Rounds::read(&fs::read_to_string(file)?);
        let section = Path::new(file).file_stem().unwrap_or_default().display();
        reasons.extend(quiet::disturbances(&rounds).iter().map(|reason| format!("{section}: {reason}")));
    }
    reasons.iter().for_each(|reason| println!("{reason}"));
    Ok(if reasons.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
