//! `gslb top`: the most frequent answers in the sample.

use std::process::ExitCode;

use clap::{Args, ValueEnum, value_parser};
use gslb_api::types::{Ranked, Ranking, RankingKey};

use super::Outcome;
use super::digits::grouped;
use super::moves::share;
use super::remote::{Remote, show};
use super::table::{Cell, Column, table};
use crate::capture::placeholder::{DEFAULT, NONE};
use crate::client::Request;

/// The key of a ranking.
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
    let (by, limit) = (RankingKey::from(arguments.by).name(), arguments.limit);
    let path = format!("/api/v1/top?by={by}&limit={limit}");
    let answer = arguments.remote.client()?.ask(Request::get(path))?.json()?;
    show(arguments.remote.format(), &answer, people)?;
    Ok(ExitCode::SUCCESS)
}

impl From<By> for RankingKey {
    fn from(by: By) -> Self {
        match by {
            By::Service => Self::Service,
            By::Region => Self::Region,
            By::DataCenter => Self::DataCenter,
            By::Prefix => Self::Prefix,
        }
    }
}

fn people(ranking: &Ranking) -> String {
    if ranking.top.is_empty() {
        return "no service has answered in the last ten minutes".to_owned();
    }
    let number = |text: String| Cell::new(text).right();
    let row = |Ranked { name, answers, share: of_all }: &Ranked| {
        // As in metrics: nothing can have this name.
        let name = name.as_deref().unwrap_or(match ranking.by {
            // Clients outside all regions; everything else without a name has none.
            RankingKey::Region => DEFAULT,
            _ => NONE,
        });
        [Cell::new(name), number(grouped(*answers)), number(share(*of_all))]
    };
    let mut text = table([ranking.by.name(), "answers", "share"].map(Column::key), ranking.top.iter().map(row));
    if ranking.more > 0 {
        text.push_str(&format!("\nand {} more", grouped(ranking.more as u64)));
    }
    text
}
