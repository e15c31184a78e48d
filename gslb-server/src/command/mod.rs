//! The subcommands and their arguments.

use std::error;
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Log;
use crate::telemetry::logging;

mod age;
mod audit;
mod broken_pipe;
mod change;
mod check;
mod completions;
mod confirm;
mod demo;
mod digits;
mod drill;
mod events;
pub mod exit;
mod explain;
mod following;
mod history;
mod latency;
mod log;
mod moves;
pub mod nagios;
pub mod order;
mod overrides;
mod plan;
mod remote;
mod resource;
mod restart;
mod selection;
mod serve;
mod shortened;
mod status;
mod table;
mod tail;
mod target;
mod thaw;
mod token;
mod top;
mod undrain;
pub mod usage;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a complete example site on this host: origins, geo data, server
    #[command(after_help = "Example:\n  gslb demo --listen 127.0.0.1:5300")]
    Demo(demo::Arguments),
    /// Answer DNS and serve the API until SIGTERM; SIGHUP reloads, SIGUSR2 restarts
    #[command(after_help = "Example:\n  gslb serve --document site.toml --watch")]
    Serve(serve::Arguments),
    /// Report every problem of a document; exit 0 if it can be served, else 1
    #[command(after_help = "Example:\n  gslb check site.toml --config gslb.toml")]
    Check(check::Arguments),
    /// Show why a query gets its answer
    #[command(after_help = "Example:\n  gslb explain www.example.com A --client 193.0.6.0/24")]
    Explain(explain::Arguments),
    /// Show what a document would change, and whose traffic would move
    #[command(after_help = "Example:\n  gslb plan site.toml")]
    Plan(plan::Plan),
    /// Plan a document, and apply it after confirmation
    #[command(after_help = "Example:\n  gslb apply site.toml --message 'new pool in Tokyo'")]
    Apply(plan::Apply),
    /// Show the document, a collection of it, or one resource
    #[command(after_help = "Example:\n  gslb get pool/fra")]
    Get(resource::Get),
    /// Create or replace one resource
    #[command(after_help = "Example:\n  gslb put pool/fra fra.toml --if-match latest")]
    Put(resource::Put),
    /// Change one resource by a JSON merge patch (RFC 7396)
    #[command(after_help = "Example:\n  gslb patch pool/fra '{\"min_up\": 2}'")]
    Patch(resource::Patch),
    /// Delete one resource
    #[command(after_help = "Example:\n  gslb delete service/old.example.com")]
    Delete(resource::Delete),
    /// List revisions of the document, or show what one of them changed
    #[command(after_help = "Example:\n  gslb history 12")]
    History(history::History),
    /// Restore an earlier revision
    #[command(after_help = "Example:\n  gslb rollback 11 --message 'back to before the move'")]
    Rollback(history::Rollback),
    /// Move clients away from data centers, pools or endpoints
    #[command(after_help = "Example:\n  gslb drain data-center/fra --for 2h --reason 'kernel update'")]
    Drain(overrides::OverrideArgs),
    /// End a drain
    #[command(after_help = "Example:\n  gslb undrain data-center/fra")]
    Undrain(undrain::Undrain),
    /// Force endpoints up, down or to a weight, whatever probes say
    #[command(subcommand, after_help = "Example:\n  gslb force down endpoint/fra/fra-1 --for 1h --reason 'bad disk'")]
    Force(overrides::Force),
    /// List overrides, or delete one
    #[command(after_help = "Example:\n  gslb overrides delete drain-pool-fra-ann-0123456789ab")]
    Overrides(overrides::Overrides),
    /// Show what is up, since when and why
    #[command(after_help = "Example:\n  gslb status data-center/fra --down")]
    Status(status::Arguments),
    /// Return a held endpoint to service
    #[command(after_help = "Example:\n  gslb resume endpoint/fra/fra-1")]
    Resume(status::Resume),
    /// Show measured latencies
    #[command(after_help = "Example:\n  gslb latency")]
    Latency(latency::Latency),
    /// Show what losing a data center would do; exit 7 if services would fail
    #[command(after_help = "Example:\n  gslb drill data-center/fra")]
    Drill(drill::Arguments),
    /// Follow changes as they happen
    #[command(after_help = "Example:\n  gslb events --after 0 --limit 20")]
    Events(events::Arguments),
    /// Follow answers with their decisions
    #[command(after_help = "Example:\n  gslb tail service/www.example.com")]
    Tail(tail::Arguments),
    /// Restart the server without a gap, with the program that is on disk now
    #[command(after_help = "Example:\n  gslb restart")]
    Restart(restart::Arguments),
    /// Let changes through frozen windows for a while (admins only)
    #[command(after_help = "Example:\n  gslb thaw --for 15m --reason 'wrong year in frozen'")]
    Thaw(thaw::Arguments),
    /// List who changed what
    #[command(after_help = "Example:\n  gslb audit -n 50")]
    Audit(audit::Arguments),
    /// Rank the answers of the last ten minutes, from a sample
    #[command(after_help = "Example:\n  gslb top region")]
    Top(top::Arguments),
    /// Show or change how much the server logs
    #[command(after_help = "Example:\n  gslb log debug")]
    Log(log::Arguments),
    /// Create, list and revoke API tokens
    #[command(subcommand, after_help = "Example:\n  gslb token create ann --role operator --for 720h")]
    Token(token::TokenCommand),
    /// Print a shell completion script
    #[command(after_help = "Example:\n  gslb completions bash > /etc/bash_completion.d/gslb")]
    Completions(completions::Arguments),
}

/// The result of a subcommand: an exit code, or an error to print.
pub type Outcome = Result<ExitCode, Box<dyn error::Error>>;

impl Command {
    /// Runs it; `program` is the whole command line, for completions.
    ///
    /// # Errors
    /// A message for the user.
    pub fn run(self, program: clap::Command) -> Outcome {
        // Servers log as their configuration says.
        let serves = matches!(self, Command::Serve(_) | Command::Demo(_));
        let _logging = (!serves).then(|| logging::start(&Log::default()));
        match self {
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Serve(arguments) => serve::run(&arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Plan(arguments) => plan::plan(&arguments),
            Command::Apply(arguments) => plan::apply(&arguments),
            Command::Get(arguments) => resource::get(&arguments),
            Command::Put(arguments) => resource::put(&arguments),
            Command::Patch(arguments) => resource::patch(&arguments),
            Command::Delete(arguments) => resource::delete(&arguments),
            Command::History(arguments) => history::history(&arguments),
            Command::Rollback(arguments) => history::rollback(&arguments),
            Command::Drain(arguments) => overrides::drain(&arguments),
            Command::Undrain(arguments) => undrain::undrain(&arguments),
            Command::Force(force) => overrides::force(&force),
            Command::Overrides(arguments) => overrides::overrides(&arguments),
            Command::Status(arguments) => status::status(&arguments),
            Command::Resume(arguments) => status::resume(&arguments),
            Command::Latency(arguments) => latency::latency(&arguments),
            Command::Drill(arguments) => drill::run(&arguments),
            Command::Events(arguments) => events::run(&arguments),
            Command::Tail(arguments) => tail::run(&arguments),
            Command::Restart(arguments) => restart::run(&arguments),
            Command::Thaw(arguments) => thaw::run(&arguments),
            Command::Audit(arguments) => audit::run(&arguments),
            Command::Top(arguments) => top::run(&arguments),
            Command::Log(arguments) => log::run(&arguments),
            Command::Token(what) => token::run(&what),
            Command::Completions(arguments) => completions::run(&arguments, program),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use clap::error::ErrorKind;

    use super::*;

    /// The commands in a page: text in backquotes that begins with `gslb`, and lines that begin with `$ gslb`.
    fn commands(page: &str) -> Vec<String> {
        let page = page.replace("\\\n", " ");
        let shown = page.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
        let spans = page.split('`').skip(1).step_by(2).filter(|span| !span.is_empty()).map(|span| span.trim());
        let ours = shown.chain(spans).filter(|text| text.starts_with("gslb "));
        // The rest belongs to another program.
        ours.map(|text| text.split(['|', '>', '#', '&']).next().unwrap_or_default().replace('\n', " ")).collect()
    }

    /// Calls `visit` with each runnable command, and the text before its options.
    fn each(command: &clap::Command, words: &str, visit: &mut impl FnMut(&str, clap::Command)) {
        if !words.is_empty() {
            visit(words, command.clone());
        }
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            each(child, format!("{words} {}", child.get_name()).trim_start(), visit);
        }
    }

    #[test]
    fn the_help_of_every_command_fits_a_screen_and_has_an_example() {
        let program = usage::settled(Command::augment_subcommands(clap::Command::new("gslb")));
        let mut count = 0;
        each(&program, "", &mut |words, mut command| {
            count += 1;
            // As `--help` shows it.
            let arguments = ["gslb"].into_iter().chain(words.split_whitespace()).chain(["--help"]);
            let help = program.clone().try_get_matches_from_mut(arguments).unwrap_err().to_string();
            assert!(help.lines().count() <= 40, "gslb {words}: {} lines\n{help}", help.lines().count());
            let widest = help.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(widest.chars().count() <= 100, "gslb {words}: {widest}");
            let has_children = command.get_subcommands().next().is_some();
            let example = help.split("Example:\n").nth(1).unwrap_or_default().lines().next().unwrap_or_default();
            let begin = if has_children { "gslb " } else { &*format!("gslb {words}") };
            assert!(example.trim_start().starts_with(begin), "gslb {words} has no example:\n{help}");
            let usage = command.render_usage().to_string();
            assert!(usage.contains("gslb"), "{usage}");
            for option in ["--server", "--output", "--token", "--limit", "--dns"] {
                assert!(!usage.contains(option), "gslb {words}: {usage}");
            }
        });
        assert!(count > 30, "{count} commands are found");
    }

    #[test]
    fn usage_lines_show_required_arguments() {
        let mut program = usage::settled(Command::augment_subcommands(clap::Command::new("gslb")));
        let error = program.try_get_matches_from_mut(["gslb", "drain", "--reason", "x"]).unwrap_err().to_string();
        assert!(error.contains("Usage: gslb drain [OPTIONS] --reason <TEXT> <TARGET>..."), "{error}");
    }

    #[test]
    fn every_example_runs() {
        let program = usage::settled(Command::augment_subcommands(clap::Command::new("gslb")));
        each(&program, "", &mut |words, mut command| {
            let help = command.render_long_help().to_string();
            let example = help.split("Example:\n").nth(1).unwrap_or_default().lines().next().unwrap_or_default();
            let plain: String = example
                .split('\'')
                .enumerate()
                .map(|(at, part)| if at % 2 == 0 { part } else { "quoted" })
                .collect::<String>();
            let plain = plain.split('>').next().unwrap_or_default().replace("--scope quoted", "--scope pool/a");
            let parsed = program.clone().try_get_matches_from(plain.split_whitespace());
            assert!(parsed.is_ok(), "gslb {words}: {example}: {}", parsed.unwrap_err());
        });
    }

    /// README.md and every page below docs/, by path.
    fn pages() -> Vec<(PathBuf, String)> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let (mut paths, mut pages) = (vec![root.join("README.md"), root.join("docs")], Vec::new());
        while let Some(path) = paths.pop() {
            if path.is_dir() {
                paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                pages.push((path, text));
            }
        }
        pages
    }

    #[test]
    fn the_reference_has_every_command() {
        let page = include_str!("../../../docs/reference/command-line.md");
        let program = Command::augment_subcommands(clap::Command::new("gslb"));
        for command in program.get_subcommands() {
            let name = format!("`gslb {}", command.get_name());
            assert!(page.contains(&name), "docs/reference/command-line.md has no row for {name}`");
        }
    }

    #[test]
    fn every_command_in_the_pages_is_one() {
        let mut count = 0;
        for (page, command) in
            pages().iter().flat_map(|(path, page)| commands(page).into_iter().map(move |it| (path.display(), it)))
        {
            // Quoted text is one word.
            let quoted = command.split(['"', '\'']).enumerate();
            let plain: String = quoted.map(|(at, part)| if at % 2 == 0 { part } else { "quoted" }).collect();
            let words: Vec<&str> = plain.split_whitespace().filter(|word| !["…", "..."].contains(word)).collect();
            let program = Command::augment_subcommands(clap::Command::new("gslb"));
            let error = program.try_get_matches_from(&words).err();
            let kind = error.as_ref().map(clap::Error::kind);
            let slip = [ErrorKind::InvalidSubcommand, ErrorKind::UnknownArgument];
            assert!(kind.is_none_or(|kind| !slip.contains(&kind)), "{page}: {command}: {}", error.unwrap());
            count += 1;
        }
        assert!(count > 50, "{count} commands are found");
    }
}
