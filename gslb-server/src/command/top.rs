//! `gslb top`: what is answered most, from the sample.

use std::process::ExitCode;

use clap::{Args, ValueEnum, value_parser};
use serde_json::Value;

use super::Outcome;
use super::digits::grouped;
use super::moves::share;
use super::remote::{Remote, show, text};
use super::table::{Cell, Column, table};
use crate::capture::placeholder::{DEFAULT, NONE};
use crate::client::Request;

/// What a ranking is by.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    // Without doc comments: help that describes values takes a screen of its own.
    Service,
    Region,
    DataCenter,
    Prefix,
}

#[derive(Debug, Args)]
pub struct Arguments {
    /// What to rank
    #[arg(value_enum, default_value_t = By::Service)]
    by: By,
    /// How many to show
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    #[arg(value_parser = value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let (by, limit) = (arguments.by.word(), arguments.limit);
    let path = format!("/api/v1/top?by={by}&limit={limit}");
    let answer = arguments.remote.client()?.ask(Request::get(path))?.json()?;
    show(arguments.remote.format(), &answer, |answer| people(by, answer));
    Ok(ExitCode::SUCCESS)
}

impl By {
    /// Its word in the API.
    fn word(self) -> &'static str {
        match self {
            By::Service => "service",
            By::Region => "region",
            By::DataCenter => "data-center",
            By::Prefix => "prefix",
        }
    }
}

fn people(by: &str, answer: &Value) -> String {
    let top = answer["top"].as_array().map(Vec::as_slice).unwrap_or_default();
    if top.is_empty() {
        return "no service has answered in the last ten minutes".to_owned();
    }
    let number = |text: String| Cell::new(text).right();
    let answers = |ranked: &Value| ranked["answers"].as_u64().map_or_else(String::new, grouped);
    let row = |ranked: &Value| {
        // As metrics have it: nothing that has a name is called so.
        let nameless = if by == By::Region.word() { DEFAULT } else { NONE };
        let name = if ranked["name"].is_null() { nameless.to_owned() } else { text(ranked, "/name") };
        [Cell::new(name), number(answers(ranked)), number(share(&ranked["share"]))]
    };
    let mut told = table([by, "answers", "share"].map(Column::key), top.iter().map(row));
    if let Some(more) = answer["more"].as_u64().filter(|more| *more > 0) {
        told.push_str(&format!("\nand {} more", grouped(more)));
    }
    told
}
