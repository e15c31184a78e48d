//! `gslb serve`: a document answered until a signal says stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use tracing::info;

use super::Outcome;
use crate::config::Config;
use crate::serve::{self, Hooks};
use crate::site::{Document, Served, Sources};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The process's own file; without it, everything has its default
    #[arg(long, value_name = "gslb.toml")]
    config: Option<PathBuf>,
    /// The site to serve
    #[arg(long, value_name = "site.toml")]
    document: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let sources = Sources {
        document: Document::File(arguments.document.clone()),
        databases: config.geo.databases.clone(),
        max_moved: config.geo.max_moved,
    };
    let served = Served::start(sources)?;
    let published = served.published();
    let settings = Arc::new(config.settings());
    let totals = serve::run(&config, published, settings, hooks(served))?;
    info!("stopped after {} datagrams and {} TCP connections", totals.udp.received, totals.tcp.accepted);
    Ok(ExitCode::SUCCESS)
}

/// Ties a site to a server: its generation is shown, its files are watched, and it is read again when asked.
pub(super) fn hooks(served: Served) -> Hooks {
    let published = served.published();
    let reloads = Arc::clone(&served.reloads);
    let served = Arc::new(Mutex::new(served));
    let watched = Arc::clone(&served);
    Hooks {
        generation: Arc::new(move || Some(published.load().generation())),
        reloads,
        routes: axum::Router::new(),
        files: Box::new(move || watched.lock().unwrap_or_else(PoisonError::into_inner).files.clone()),
        reload: Box::new(move |cause| served.lock().unwrap_or_else(PoisonError::into_inner).reload(&cause)),
    }
}
