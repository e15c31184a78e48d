//! The subcommands: what each takes, and what it does with it.

use std::error;
use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Log;
use crate::telemetry::logging;

mod asking;
mod audit;
mod change;
mod check;
mod completions;
mod demo;
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
mod serve;
mod status;
mod tail;
mod thaw;
mod token;
mod top;
mod unread;

/// What the program is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an example site with local origins and bundled geo data: a complete system to play with
    Demo(demo::Arguments),
    /// Answer DNS queries and serve the API until SIGTERM; SIGHUP reloads
    Serve(serve::Arguments),
    /// Tell every problem of a document; exit 0 where it can be served, 1 where not
    Check(check::Arguments),
    /// Tell why a query gets the answer that it gets
    Explain(explain::Arguments),
    /// Tell what a document would change, and whose traffic would move; exit 6 where a safety rule forbids it
    Plan(plan::Plan),
    /// Plan a document, and put it in force after a yes
    Apply(plan::Apply),
    /// Show the document, a collection of it, or one resource
    Get(resource::Get),
    /// Write one resource
    Put(resource::Put),
    /// Change one resource by a JSON merge patch
    Patch(resource::Patch),
    /// Remove one resource
    Delete(resource::Delete),
    /// List the revisions of the document, or show what one of them changed
    History(history::History),
    /// Put an earlier revision in force again
    Rollback(history::Rollback),
    /// Send clients elsewhere, away from data centers, pools or endpoints
    Drain(overrides::Word),
    /// End a drain
    Undrain(overrides::Undrain),
    /// Force endpoints up, down or to a weight, whatever the document and the probes say
    #[command(subcommand)]
    Force(overrides::Force),
    /// List what is forced, or end it
    Overrides(overrides::Overrides),
    /// Tell what is up, since when and why
    Status(status::Status),
    /// Let an endpoint back that hold_down or resume keeps down
    Resume(status::Resume),
    /// Tell how far data centers are, as was measured
    Latency(latency::Latency),
    /// Tell what would happen if a data center died, or have it happen for a while; exit 7 where services would fail
    Drill(drill::Drill),
    /// Follow what changes, as it changes
    Events(events::Arguments),
    /// Show queries as they are answered, with their decision
    Tail(tail::Arguments),
    /// Let changes through frozen windows for a while; for admins
    Thaw(thaw::Arguments),
    /// List who changed what
    Audit(audit::Arguments),
    /// Rank what was answered in the last ten minutes, from a sample
    Top(top::Arguments),
    /// Show how much the server logs, or change it until it starts again
    Log(log::Arguments),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(token::What),
    /// Write what a shell needs to complete this command line
    Completions(completions::Arguments),
}

/// What a subcommand comes to: an exit code, or an error to be told.
pub type Outcome = Result<ExitCode, Box<dyn error::Error>>;

impl Command {
    /// Does it; `program` is the whole command line, for completions.
    ///
    /// # Errors
    /// Whatever keeps it from being done, in words for the user.
    pub fn run(self, program: clap::Command) -> Outcome {
        // Those that serve log as they are told to.
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
            Command::Drain(word) => overrides::drain(&word),
            Command::Undrain(arguments) => overrides::undrain(&arguments),
            Command::Force(force) => overrides::force(&force),
            Command::Overrides(arguments) => overrides::overrides(&arguments),
            Command::Status(arguments) => status::status(&arguments),
            Command::Resume(arguments) => status::resume(&arguments),
            Command::Latency(arguments) => latency::latency(&arguments),
            Command::Drill(arguments) => drill::run(&arguments),
            Command::Events(arguments) => events::run(&arguments),
            Command::Tail(arguments) => tail::run(&arguments),
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
    use clap::error::ErrorKind;

    use super::*;

    /// The commands in a page: what stands in backquotes and begins with `gslb`, and lines that begin with `$ gslb`.
    fn commands(page: &str) -> Vec<String> {
        let page = page.replace("\\\n", " ");
        let shown = page.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
        let spans = page.split('`').skip(1).step_by(2).filter(|span| !span.is_empty()).map(|span| span.trim());
        let ours = shown.chain(spans).filter(|text| text.starts_with("gslb "));
        // What follows is another program's.
        ours.map(|text| text.split(['|', '>', '#', '&']).next().unwrap_or_default().replace('\n', " ")).collect()
    }

    #[test]
    fn every_command_in_the_pages_is_one() {
        const PAGES: [(&str, &str); 5] = [
            ("README.md", include_str!("../../../README.md")),
            ("runbooks.md", include_str!("../../../docs/runbooks.md")),
            ("document.md", include_str!("../../../docs/document.md")),
            ("api.md", include_str!("../../../docs/api.md")),
            ("metrics.md", include_str!("../../../docs/metrics.md")),
        ];
        let mut count = 0;
        for (page, command) in
            PAGES.iter().flat_map(|(name, page)| commands(page).into_iter().map(move |it| (name, it)))
        {
            // What is quoted is one word, whatever is in it.
            let quoted = command.split(['"', '\'']).enumerate();
            let plain: String = quoted.map(|(at, part)| if at % 2 == 0 { part } else { "quoted" }).collect();
            let words: Vec<&str> = plain.split_whitespace().filter(|word| !["…", "..."].contains(word)).collect();
            let program = Command::augment_subcommands(clap::Command::new("gslb"));
            let wrong = program.try_get_matches_from(&words).err();
            let kind = wrong.as_ref().map(clap::Error::kind);
            let slip = [ErrorKind::InvalidSubcommand, ErrorKind::UnknownArgument];
            assert!(kind.is_none_or(|kind| !slip.contains(&kind)), "{page}: {command}: {}", wrong.unwrap());
            count += 1;
        }
        assert!(count > 50, "{count} commands are found");
    }
}
