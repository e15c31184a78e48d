//! `gslb restart`: starts the program that is on disk now, which takes over without a gap.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gslb_api::restart::DEFAULT_TIMEOUT;
use gslb_api::types::{RestartRequest, RestartTime, Restarted};
use hyper::Method;

use super::Outcome;
use super::remote::{Remote, show};
use crate::client::Request;

const PATH: &str = "/api/v1/restart";

#[derive(Debug, Args)]
pub struct Arguments {
    /// How long the new process may take, like 30s or 5m [default: 2m]
    #[arg(long, value_name = "TIME")]
    timeout: Option<RestartTime>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let timeout = arguments.timeout.map_or(DEFAULT_TIMEOUT, |RestartTime(time)| time);
    // The server notices the end of the time first, and says why.
    let client = arguments.remote.client()?.within(timeout + Duration::from_secs(10));
    let body = RestartRequest { timeout: arguments.timeout };
    let answer = client.ask(Request::new(Method::POST, PATH).json(&body))?.json()?;
    show(arguments.remote.format(), &answer, |restarted: &Restarted| {
        let Restarted { pid, version, milliseconds } = restarted;
        format!("restarted: process {pid}, version {version}, took over after {milliseconds} ms")
    })?;
    Ok(ExitCode::SUCCESS)
}
