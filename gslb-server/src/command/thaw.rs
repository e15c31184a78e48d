//! `gslb thaw`: lets changes through frozen windows for a while.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gslb_api::types::{Thaw, ThawRequest, ThawState, ThawTime};
use gslb_core::notation::duration;
use hyper::Method;

use super::Outcome;
use super::remote::{Remote, show};
use crate::client::Request;

const PATH: &str = "/api/v1/thaw";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Reason, kept in the audit log; without it, show the thaw
    #[arg(short, long, value_name = "TEXT")]
    reason: Option<String>,
    /// How long, like 15m or 1h; at most 24h
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = time, requires = "reason")]
    lasts: Duration,
    /// End the thaw now
    #[arg(long, conflicts_with_all = ["reason", "lasts"])]
    end: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    let request = match &arguments.reason {
        Some(reason) => {
            let body = ThawRequest { reason: reason.parse()?, r#for: Some(ThawTime(arguments.lasts)) };
            Request::new(Method::POST, PATH).json(&body)
        }
        None if arguments.end => Request::new(Method::DELETE, PATH),
        None => Request::get(PATH),
    };
    let answer = client.ask(request)?.json()?;
    let has_begun = arguments.reason.is_some();
    show(arguments.remote.format(), &answer, |state: &ThawState| match state.thaw.as_ref().map(described) {
        Some(text) if has_begun => {
            format!("{text}\nA watched file that a frozen window stopped is tried again within 10 seconds.")
        }
        Some(text) => text,
        None => "no thaw: frozen windows hold".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A thaw in words.
pub(super) fn described(Thaw { until, owner, reason, .. }: &Thaw) -> String {
    format!("THAWED until {until} by {owner}: frozen windows stop no change ({reason})")
}

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "not a time: write a number and its unit (ms, s, m, h, d), like 15m".to_owned())
}
