//! `gslb log`: how much the server logs, until it restarts.

use std::process::ExitCode;

use clap::Args;
use gslb_api::types::{Log, LogLevel};
use hyper::Method;
use hyper::header::IF_MATCH;

use super::Outcome;
use super::remote::{Remote, show};
use crate::client::Request;

const PATH: &str = "/api/v1/log";

#[derive(Debug, Args)]
pub struct Arguments {
    /// New level until the server restarts [default: show the level]
    #[arg(value_parser = level)]
    level: Option<LogLevel>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    let request = match arguments.level {
        None => Request::get(PATH),
        Some(level) => Request::new(Method::PUT, PATH).json(&Log { level }).with(IF_MATCH, "*"),
    };
    let answer = client.ask(request)?.json()?;
    show(arguments.remote.format(), &answer, |log: &Log| log.level.name().to_owned())?;
    Ok(ExitCode::SUCCESS)
}

fn level(text: &str) -> Result<LogLevel, String> {
    let names: Vec<&str> = LogLevel::ALL.into_iter().map(LogLevel::name).collect();
    LogLevel::from_name(text).ok_or_else(|| format!("not a level: write one of {}", names.join(", ")))
}
