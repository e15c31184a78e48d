//! `gslb status` and `gslb resume`: what is up, since when and why; for people and for programs.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use gslb_api::ACCEPT_MASS_FAILURE;
use gslb_api::types::{
    ByName, Count, Counts, DataCenterStatus, Degradation, EndpointStatus, Held, MassFailure, MassFailureLifted,
    NextPages, PoolStatus, ResumedEndpoint, ServiceStatus, State, Status, StatusPage, TargetOverride,
};
use hyper::Method;
use serde_json::Value;

use super::age::relative;
use super::digits::grouped;
use super::overrides::force_text;
use super::remote::{self, Remote, show, undotted};
use super::table::{Cell, Color, Column, table};
use super::target::Target;
use super::{Outcome, nagios};
use crate::client::{self, Client, Request};
use gslb_api::escape;

/// Interval of `--watch`.
const AGAIN: Duration = Duration::from_secs(1);
/// Entries per page.
const PAGE: usize = 1000;

/// Filters.
#[derive(Debug, Clone, Default, Args)]
struct Chosen {
    /// data-center/NAME, pool/NAME, endpoint/POOL/NAME or service/NAME
    #[arg(value_name = "TARGET", conflicts_with_all = ["pool", "data_center", "service"])]
    target: Option<Target>,
    /// Only this pool, and services that have no other
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// Only this data center, and services that have no other
    #[arg(long, value_name = "NAME")]
    data_center: Option<String>,
    /// Only this service, and the endpoints it may use
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only endpoints that are down
    #[arg(long)]
    down: bool,
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Refresh every second until interrupted
    #[arg(short, long)]
    watch: bool,
    /// Act as a Nagios plugin: one line with performance data
    #[arg(long, conflicts_with_all = ["watch", "output"])]
    nagios: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// Endpoint to return to service
    #[arg(value_name = "endpoint/POOL/NAME", value_parser = pair, required_unless_present = "mass_failure")]
    endpoint: Option<(String, String)>,
    /// Accept the failures of a mass failure instead
    #[arg(long, conflicts_with = "endpoint")]
    mass_failure: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn status(arguments: &Arguments) -> Outcome {
    if arguments.nagios {
        let chosen = arguments.chosen.settled();
        let page = arguments.remote.client().and_then(|client| {
            let answer = all_pages(&client, &chosen)?;
            Ok(remote::read::<StatusPage>(&answer)?)
        });
        let checked = page.map_err(|error| error.to_string()).and_then(|page| match chosen.missed(&page) {
            Some(why) => Err(why),
            None => Ok(page),
        });
        return Ok(nagios::report(checked.as_ref().map_err(Clone::clone)));
    }
    let (client, chosen) = (arguments.remote.client()?, arguments.chosen.settled());
    if arguments.watch {
        super::broken_pipe::ends();
    }
    loop {
        let answer = all_pages(&client, &chosen)?;
        if arguments.watch && io::stdout().is_terminal() {
            // Cursor home, then clear to the end.
            let _ = write!(io::stdout(), "\x1b[H\x1b[2J");
        }
        show(arguments.remote.format(), &answer, |page| described(&chosen, page))?;
        if !arguments.watch {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(AGAIN);
    }
}

pub(super) fn resume(arguments: &Resume) -> Outcome {
    let client = arguments.remote.client()?;
    let Some((pool, endpoint)) = &arguments.endpoint else {
        let answer = client.ask(Request::new(Method::POST, ACCEPT_MASS_FAILURE.to_owned()))?.json()?;
        show(arguments.remote.format(), &answer, |_: &MassFailureLifted| {
            "the failures are accepted: failing endpoints are down now".to_owned()
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let path = format!("/api/v1/status/{}/{}/resume", escape(pool), escape(endpoint));
    let answer = client.ask(Request::new(Method::POST, path))?.json()?;
    show(arguments.remote.format(), &answer, |resumed: &ResumedEndpoint| {
        format!("{}/{} is back", resumed.pool, resumed.endpoint)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads all pages.
fn all_pages(client: &Client, chosen: &Chosen) -> Result<Value, Box<dyn std::error::Error>> {
    let mut path = format!("/api/v1/status?limit={PAGE}");
    let given = [("pool", &chosen.pool), ("data_center", &chosen.data_center), ("service", &chosen.service)];
    for (name, value) in given {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    if chosen.down && chosen.endpoint().is_none() {
        path.push_str("&status=down");
    }
    let answer = client.ask(Request::get(path))?;
    let StatusPage { mut endpoints, mut pools, mut services, next, .. } = answer.read()?;
    if next == NextPages::default() && chosen.endpoint().is_none() {
        return Ok(answer.json()?);
    }
    follow(client, next.endpoints, |page| {
        endpoints.extend(page.endpoints);
        page.next.endpoints
    })?;
    follow(client, next.pools, |page| {
        pools.0.extend(page.pools.0);
        page.next.pools
    })?;
    follow(client, next.services, |page| {
        services.0.extend(page.services.0);
        page.next.services
    })?;
    let mut all = StatusPage { endpoints, pools, services, next: NextPages::default(), ..answer.read()? };
    if let Some((pool, name)) = chosen.endpoint() {
        keep_endpoint(&mut all, pool, name, chosen.down)?;
    }
    Ok(serde_json::to_value(all)?)
}

/// Reads the pages from `next` on; `take` keeps what it needs of each, and returns the path of the next.
fn follow(
    client: &Client,
    mut next: Option<String>,
    mut take: impl FnMut(StatusPage) -> Option<String>,
) -> Result<(), client::Error> {
    while let Some(path) = next {
        next = take(client.ask(Request::get(path))?.read()?);
    }
    Ok(())
}

/// Reduces the status to one endpoint of its pool.
fn keep_endpoint(page: &mut StatusPage, pool: &str, name: &str, only_down: bool) -> Result<(), String> {
    page.endpoints.retain(|endpoint| endpoint.endpoint == name);
    if page.endpoints.is_empty() {
        return Err(format!("there is no endpoint {pool}/{name}"));
    }
    page.endpoints.retain(|endpoint| !only_down || endpoint.status == Status::Down);
    (page.data_centers, page.pools, page.services) = (ByName::default(), ByName::default(), ByName::default());
    Ok(())
}

impl Chosen {
    /// The filters with the positional target as options.
    fn settled(&self) -> Self {
        let mut chosen = self.clone();
        match self.target.clone() {
            None => {}
            Some(Target::DataCenter(name)) => chosen.data_center = Some(name),
            Some(Target::Pool(name) | Target::Endpoint { pool: name, .. }) => chosen.pool = Some(name),
            Some(Target::Service(name)) => chosen.service = Some(name),
        }
        chosen
    }

    /// Pool and name of the endpoint, if one is given.
    fn endpoint(&self) -> Option<(&str, &str)> {
        match &self.target {
            Some(Target::Endpoint { pool, name }) => Some((pool, name)),
            _ => None,
        }
    }

    /// The filters in words; empty if there are none.
    fn words(&self) -> String {
        let said = [("pool", &self.pool), ("data center", &self.data_center), ("service", &self.service)];
        let said = said.into_iter().filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
        said.collect::<Vec<_>>().join(" and ")
    }

    /// The message if all names are known but nothing matches all of them.
    fn missed(&self, page: &StatusPage) -> Option<String> {
        let none = self.endpoint().is_none() && page.pools.is_empty();
        let words = self.words();
        (none && !words.is_empty()).then(|| format!("nothing matches: no pool is of {words}"))
    }
}

/// How many of the shown data centers, pools and endpoints are up; with `--down`, how many endpoints are down.
fn counts(chosen: &Chosen, page: &StatusPage) -> String {
    if let Some((pool, name)) = chosen.endpoint() {
        let status = page.endpoints.first().map_or("not down", |endpoint| endpoint.status.name());
        return format!("endpoint {pool}/{name} is {status}");
    }
    let grouped = |number: usize| grouped(number as u64);
    if chosen.words().is_empty() {
        let count = |Count { all, up, drained, .. }: &Count, of: &str| {
            let drained = if *drained > 0 { format!(" ({} drained)", grouped(*drained)) } else { String::new() };
            format!("{} of {} {of} up{drained}", grouped(*up), grouped(*all))
        };
        let Counts { endpoints, pools, data_centers, .. } = &page.counts;
        return [count(data_centers, "data centers"), count(pools, "pools"), count(endpoints, "endpoints")].join(", ");
    }
    let pools: Vec<&PoolStatus> = page.pools.iter().map(|(_, pool)| pool).collect();
    let names: BTreeSet<&str> = pools.iter().filter_map(|pool| pool.data_center.as_deref()).collect();
    let up = |what: &str, all: &[Status]| {
        let up = all.iter().filter(|status| **status == Status::Up).count();
        format!("{} of {} {what} up", grouped(up), grouped(all.len()))
    };
    let data_centers: Vec<Status> =
        names.iter().filter_map(|name| page.data_centers.get(name)).map(|it| it.status).collect();
    let of_pools: Vec<Status> = pools.iter().map(|pool| pool.status).collect();
    let sum = |of: fn(&PoolStatus) -> usize| pools.iter().map(|pool| of(pool)).sum::<usize>();
    let endpoints = if chosen.down {
        format!("{} endpoints down", grouped(page.endpoints.len()))
    } else {
        let drained = sum(|pool| pool.endpoints_drained);
        let text = if drained > 0 { format!(" ({} drained)", grouped(drained)) } else { String::new() };
        let up = sum(|pool| pool.endpoints_up).saturating_sub(drained);
        format!("{} of {} endpoints up{text}", grouped(up), grouped(sum(|pool| pool.endpoints)))
    };
    let all = [up("data centers", &data_centers), up("pools", &of_pools), endpoints];
    format!("{}: {}", chosen.words(), all.join(", "))
}

/// For people: data centers, services that are not all up, and the endpoints.
fn described(chosen: &Chosen, page: &StatusPage) -> String {
    let mut parts = vec![chosen.missed(page).unwrap_or_else(|| counts(chosen, page))];
    if let Some(MassFailure { seconds }) = page.mass_failure {
        parts.push(format!(
            "MASS FAILURE for {seconds} s: too many hosts fail at once, so statuses stay as they were; to accept the \
             failures: gslb resume --mass-failure"
        ));
    }
    parts.extend(page.degraded.iter().map(|Degradation { what, why }| format!("DEGRADED, {what}: {why}")));
    parts.extend(page.thaw.as_ref().map(super::thaw::described));
    if page.overrides > 0 {
        let are = if page.overrides == 1 { "override is" } else { "overrides are" };
        parts.push(format!("{} {are} in force; `gslb overrides` lists them", page.overrides));
    }
    parts.extend(data_centers(page));
    parts.extend(services(page));
    let columns = [
        Column::key("endpoint"),
        Column::ranked("data center", 2),
        Column::key("status"),
        Column::ranked("source", 3),
        Column::key("since"),
        Column::ranked("ms", 4),
        Column::ranked("connect ms", 5),
        Column::prose("why", 1),
    ];
    if !page.endpoints.is_empty() {
        parts.push(table(columns, page.endpoints.iter().map(row)));
    }
    parts.join("\n\n")
}

/// All data centers, with their drains.
fn data_centers(page: &StatusPage) -> Option<String> {
    let count = |up: usize, all: usize| format!("{} of {}", grouped(up as u64), grouped(all as u64));
    let row = |(name, it): (&str, &DataCenterStatus)| {
        [
            Cell::new(name),
            state_cell(it.state),
            Cell::new(count(it.pools_up, it.pools)),
            Cell::new(count(it.endpoints_up, it.endpoints)),
            Cell::new(it.r#override.as_ref().map(forced).unwrap_or_default()),
        ]
    };
    let rows = page.data_centers.iter().map(row);
    let columns = [
        Column::key("data center"),
        Column::key("state"),
        Column::key("pools up"),
        Column::key("endpoints up"),
        Column::prose("override", 1),
    ];
    (!page.data_centers.is_empty()).then(|| table(columns, rows))
}

/// An override of a whole data center, and when it ends.
fn forced(held: &TargetOverride) -> String {
    let end = held
        .expires
        .map_or_else(|| "without an end".to_owned(), |expires| format!("ends {}", relative(&expires.to_string())));
    format!("{} by {}, {end}: {}", force_text(held.force), held.id, held.reason)
}

/// Services that are not all up.
fn services(page: &StatusPage) -> Option<String> {
    let hurt: Vec<_> = page.services.iter().filter(|(_, service)| service.status != State::Up).collect();
    let row = |(name, service): &(&str, &ServiceStatus)| {
        let further: Vec<&str> = service.names.iter().map(|name| undotted(name)).collect();
        let also = if further.is_empty() { String::new() } else { format!(" (also {})", further.join(", ")) };
        [
            Cell::new(format!("{}{also}", undotted(name))),
            state_cell(service.status),
            Cell::new(format!("{} of {}", grouped(service.pools_up as u64), grouped(service.pools as u64))),
            Cell::new(&service.when_all_down),
        ]
    };
    let columns = [
        Column::list("service", 0),
        Column::key("status"),
        Column::key("pools up"),
        Column::ranked("when all are down", 1),
    ];
    (!hurt.is_empty()).then(|| table(columns, hurt.iter().map(row)))
}

fn row(endpoint: &EndpointStatus) -> [Cell; 8] {
    let evidence = endpoint.evidence.as_ref();
    let why = match &endpoint.weight_override {
        Some(id) => format!("{} (weight {} by override {id})", endpoint.why, endpoint.weight),
        None => endpoint.why.clone(),
    };
    let why = match evidence.and_then(|evidence| evidence.held) {
        None | Some(Held::Manual { .. }) => why,
        Some(held) => format!("held by {}; {why}", held.name()),
    };
    let time = |of: Option<f64>| of.map(|ms| format!("{ms:.1}")).unwrap_or_default();
    [
        Cell::new(format!("{}/{}", endpoint.pool, endpoint.endpoint)),
        Cell::new(endpoint.data_center.as_deref().unwrap_or_default()),
        state_cell(endpoint.status.into()),
        Cell::new(endpoint.source.name()),
        Cell::new(endpoint.since.map(|since| relative(&since.to_string())).unwrap_or_default()),
        Cell::new(time(evidence.and_then(|evidence| evidence.ms))).right(),
        Cell::new(time(evidence.and_then(|evidence| evidence.connect_ms))).right(),
        Cell::new(why),
    ]
}

fn state_cell(state: State) -> Cell {
    let color = match state {
        State::Up => Color::Green,
        State::Degraded | State::Drained => Color::Yellow,
        State::Down => Color::Red,
    };
    Cell::new(state.name()).fg(color)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let is_pair =
        |(pool, endpoint): &(&str, &str)| ![pool, endpoint].iter().any(|it| it.is_empty() || it.contains('/'));
    // Both as a target and as the status table shows it.
    let target = text.strip_prefix("endpoint/").and_then(|text| text.split_once('/')).filter(is_pair);
    let parts = target.or_else(|| text.split_once('/').filter(is_pair));
    let (pool, endpoint) = parts.ok_or("not an endpoint: write endpoint/POOL/NAME, such as endpoint/fra/fra-1")?;
    Ok((pool.to_owned(), endpoint.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_with_its_pool() {
        let named = |pool: &str, endpoint: &str| Ok((pool.to_owned(), endpoint.to_owned()));
        assert_eq!(pair("endpoint/fra/fra-1"), named("fra", "fra-1"));
        assert_eq!(pair("fra/fra-1"), named("fra", "fra-1"));
        assert_eq!(pair("endpoint/fra-1"), named("endpoint", "fra-1"), "a pool may be called so");
        assert!(
            ["", "fra", "/x", "x/", "a/b/c", "endpoint/a/", "pool/a/b"].iter().all(|invalid| pair(invalid).is_err())
        );
    }
}
