//! `gslb check`: every problem of a document, each with its place and what would be right.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Outcome;
use crate::config::Config;
use crate::site::{Databases, SiteError, Sources, listed};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The document to check, with the zone files that it names
    #[arg(value_name = "site.toml")]
    document: PathBuf,
    /// The process's own file, for the geo databases that it names
    #[arg(long, value_name = "gslb.toml")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let databases = Databases { files: config.geo.databases, max_moved: config.geo.max_moved };
    let sources = Sources { document: arguments.document.clone(), databases };
    match sources.load() {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|problem| println!("{problem}"));
            let site = &loaded.table.topology().site;
            if site.zones.is_empty() {
                println!(
                    "{}: warning: the document has no zones: nothing would be answered",
                    arguments.document.display()
                );
            }
            println!(
                "{}: {} services, {} pools, {} data centers, {} zones: good{}",
                arguments.document.display(),
                site.services.len(),
                site.pools.len(),
                site.data_centers.len(),
                site.zones.len(),
                match loaded.warnings.len() {
                    0 => String::new(),
                    1 => ", with 1 warning".into(),
                    warnings => format!(", with {warnings} warnings"),
                }
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(SiteError::Wrong(problems)) => {
            println!("{}", listed(&problems).trim_start());
            let counted = if problems.len() == 1 { "1 problem".into() } else { format!("{} problems", problems.len()) };
            println!("{}: {counted}", arguments.document.display());
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}
