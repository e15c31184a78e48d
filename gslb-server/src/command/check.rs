//! `gslb check`: every problem of a document, each with its location and how to fix it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use gslb_core::problem::{Problem, Severity};
use serde_json::{Value, json};

use super::Outcome;
use super::digits::counted;
use super::remote::{self, show};
use crate::config::Config;
use crate::printable::printable;
use crate::source::error::{SiteError, listed};
use crate::source::site::{Databases, Sources};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Document to check, with the zone files it names
    #[arg(value_name = "site.toml")]
    document: PathBuf,
    /// Use the geo databases of this file
    #[arg(long, value_name = "gslb.toml")]
    config: Option<PathBuf>,
    /// Output format: table or json
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    output: Format,
    /// Print nothing if there is no problem and no warning
    #[arg(short, long)]
    quiet: bool,
}

/// The output format of a command that needs no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For programs: JSON
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let databases = Databases { files: config.geo.databases, max_moved: config.geo.max_moved };
    let sources = Sources { document: arguments.document.clone(), databases };
    let (found, problems, code) = match sources.load() {
        Ok(loaded) => {
            let site = &loaded.table.topology().site;
            let counts = [site.services.len(), site.pools.len(), site.data_centers.len(), site.zones.len()];
            (Some(counts), loaded.warnings, ExitCode::SUCCESS)
        }
        Err(SiteError::Invalid(problems)) => (None, problems, ExitCode::FAILURE),
        Err(error) => return Err(error.into()),
    };
    let name = arguments.document.display().to_string();
    if arguments.quiet && arguments.output == Format::Table && found.is_some() && problems.is_empty() {
        return Ok(code);
    }
    let data = json!({
        "document": name,
        "good": found.is_some(),
        "counts": found.map(|[services, pools, data_centers, zones]| json!({
            "services": services, "pools": pools, "data_centers": data_centers, "zones": zones,
        })),
        "problems": problems.iter().map(problem).collect::<Vec<_>>(),
    });
    let format = if arguments.output == Format::Json { remote::Format::Json } else { remote::Format::Table };
    show(format, &data, |_: &Value| printable(&people(&name, found, &problems)).into_owned())?;
    Ok(code)
}

/// A problem for programs.
fn problem(problem: &Problem) -> Value {
    let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
    let location = &problem.location;
    json!({
        "severity": severity, "file": location.file, "line": location.line, "column": location.column,
        "path": problem.path.to_string(), "pointer": problem.path.pointer(), "message": problem.message, "help": problem.help,
    })
}

/// All problems and a summary; `found` counts what a valid document has.
fn people(name: &str, found: Option<[usize; 4]>, problems: &[Problem]) -> String {
    let Some([services, pools, data_centers, zones]) = found else {
        let counted = if problems.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", problems.len()) };
        return format!("{}\n{name}: {counted}", listed(problems).trim_start());
    };
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if zones == 0 {
        lines.push(format!("{name}: warning: the document has no zones: nothing would be answered"));
    }
    let warnings = match problems.len() {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        warnings => format!(", with {warnings} warnings"),
    };
    let counts = [
        counted(services as u64, "service", "services"),
        counted(pools as u64, "pool", "pools"),
        counted(data_centers as u64, "data center", "data centers"),
        counted(zones as u64, "zone", "zones"),
    ];
    lines.push(format!("{name}: OK: {}{warnings}", counts.join(", ")));
    lines.join("\n")
}
