//! Time and memory by size, as a piece of Markdown: `growth`, or `growth MEASUREMENT ...` for the plain figures of one.

use std::process::ExitCode;

use gslb_benches::growth;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.is_empty() {
        true => growth::report().map(|text| print!("{text}")),
        false => growth::measure(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error}");
            ExitCode::FAILURE
        }
    }
}
