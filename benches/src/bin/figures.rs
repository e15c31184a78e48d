//! Measures figures that do not depend on the load of the machine, and compares them with the committed ones.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use gslb_benches::figures::measure::{self, Programs};
use gslb_benches::figures::{Verdict, compare, read, written};

/// Instructions per answer and per start, memory and size of the binary, against the committed file.
#[derive(Debug, Parser)]
#[command(name = "figures")]
struct CommandLine {
    /// The release binary to measure
    #[arg(long, value_name = "FILE")]
    gslb: PathBuf,
    /// The program `ask` of this package
    #[arg(long, value_name = "FILE")]
    ask: PathBuf,
    /// The committed figures
    #[arg(long, value_name = "FILE", default_value = "benches/figures.txt")]
    file: PathBuf,
    /// Write the measured figures into the file, for this reason
    #[arg(long, value_name = "REASON")]
    write: Option<String>,
}

fn main() -> ExitCode {
    let CommandLine { gslb, ask, file, write } = CommandLine::parse();
    let committed = match fs::read_to_string(&file).map_err(|error| error.to_string()).and_then(|text| read(&text)) {
        Ok(committed) => committed,
        Err(_) if write.is_some() => Default::default(),
        Err(error) => {
            eprintln!("figures: {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    let measured = measure::all(&Programs { gslb, ask });
    println!("{:<34} {:>12} {:>12}", "figure", "committed", "measured");
    let compared = compare(&committed, &measured);
    compared.iter().for_each(|one| println!("{one}"));
    if let Some(reason) = write {
        return match fs::write(&file, written(&measured, &reason)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("figures: {}: {error}", file.display());
                ExitCode::FAILURE
            }
        };
    }
    if compared.iter().any(|one| one.verdict == Verdict::Better) {
        println!("figures: some got better; keep that with benches/figures --write 'REASON'");
    }
    if compared.iter().any(|one| one.fails()) {
        eprintln!(
            "figures: some got worse, or are not in {}: find out why and mend it, or say why it has to be with \
             benches/figures --write 'REASON', in the same commit",
            file.display()
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
