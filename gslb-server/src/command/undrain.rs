//! `gslb undrain`: ends drains, unless they are somebody else's.

use std::process::ExitCode;

use clap::Args;
use gslb_api::types::{self, ByName, Override};

use super::change::ChangeOptions;
use super::overrides::{PATH, own_name, remove, say, texts};
use super::remote::Remote;
use super::{Outcome, confirm};
use crate::client::Request;
use crate::printable::printable;

#[derive(Debug, Args)]
pub struct Undrain {
    /// Targets, written as for `gslb drain`
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Whose drains to end [default: the token's name]
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    owner: Option<String>,
    /// End everybody's drains of these targets
    #[arg(long)]
    all: bool,
    /// Show every answer that moves
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    options: ChangeOptions,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn undrain(arguments: &Undrain) -> Outcome {
    let client = arguments.remote.client()?.needing(arguments.options.role());
    let all: ByName<Override> = client.ask(Request::get(PATH))?.read()?;
    // A drain of several targets does not end for just one of them.
    let is_requested = |entry: &Override| texts(&entry.targets).iter().all(|target| arguments.targets.contains(target));
    let meets = |entry: &Override| texts(&entry.targets).iter().any(|target| arguments.targets.contains(target));
    let met: Vec<(&str, &Override)> =
        all.iter().filter(|(_, entry)| entry.force == types::Force::Drain && meets(entry)).collect();
    if !met.iter().any(|(_, entry)| is_requested(entry)) {
        return Err(not_drained(arguments, &met).into());
    }
    let owner = match (&arguments.owner, arguments.all) {
        (_, true) => None,
        (Some(owner), _) => Some(owner.clone()),
        (None, _) => Some(own_name(&client)?),
    };
    let is_own = |entry: &Override| owner.as_ref().is_none_or(|owner| entry.owner == *owner);
    let (mut ending, mut staying): (Vec<_>, Vec<_>) =
        met.into_iter().partition(|(_, entry)| is_requested(entry) && is_own(entry));
    if ending.is_empty() {
        let (of_others, wider): (Vec<_>, Vec<_>) = staying.into_iter().partition(|(_, entry)| is_requested(entry));
        let question = format!("{}\nEnd it anyway?", still(&of_others));
        if !confirm::is_interactive() {
            let hint = "none of these is yours: add --all to end them, or --owner NAME to end those of one owner";
            return Err(format!("{}\n{hint}", still(&of_others)).into());
        }
        if !confirm::confirmed(&printable(&question))? {
            return Err("nothing was changed".into());
        }
        (ending, staying) = (of_others, wider);
    }
    // The first exit code that is not a success.
    let mut code = ExitCode::SUCCESS;
    for (id, _) in ending {
        let removed = remove(&arguments.remote, &arguments.options, arguments.verbose, id)?;
        code = if code == ExitCode::SUCCESS { removed } else { code };
    }
    if !staying.is_empty() && arguments.remote.is_talkative() {
        say(&still(&staying));
    }
    Ok(code)
}

/// Why there is no drain to end.
fn not_drained(arguments: &Undrain, met: &[(&str, &Override)]) -> String {
    let requested = arguments.targets.join(" ");
    if met.is_empty() {
        return format!("no drain has the target {requested}; `gslb overrides` lists all overrides");
    }
    format!(
        "{}\nThese drains have other targets too: name all of them, or end one with `gslb overrides delete ID`",
        still(met)
    )
}

/// Active drains with owner and end, one per line.
fn still(drains: &[(&str, &Override)]) -> String {
    let line = |(id, entry): &(&str, &Override)| {
        let ends = entry.expires.map_or_else(|| "until it is removed".to_owned(), |ends| format!("until {ends}"));
        let (targets, Override { owner, reason, .. }) = (texts(&entry.targets).join(" "), entry);
        printable(&format!("{targets} is still drained by {owner} {ends} (override {id}): {reason}")).into_owned()
    };
    drains.iter().map(line).collect::<Vec<_>>().join("\n")
}
