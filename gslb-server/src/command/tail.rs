//! `gslb tail`: a stream of answers with their decisions.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, value_parser};
use gslb_api::types::{Answered, ClientFrom, Decision, DecisionKind, MissedAnswers, NamedEndpoint};

use super::Outcome;
use super::following::{Stream, follow};
use super::remote::{Format, Remote, in_terminal, undotted};
use super::target::Target;
use crate::capture::placeholder::DEFAULT;
use crate::client::events::Event;
use crate::printable::printable;
use gslb_api::escape;

/// Maximum records shown per answer.
const RECORDS: usize = 4;

#[derive(Debug, Args)]
pub struct Arguments {
    /// service/NAME or data-center/NAME
    #[arg(value_name = "TARGET", value_parser = target, conflicts_with_all = ["service", "data_center"])]
    target: Option<Target>,
    /// Only answers of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only clients that may be in this network or address
    #[arg(long, value_name = "NETWORK")]
    client: Option<String>,
    /// Only answers that name this data center
    #[arg(long, value_name = "NAME")]
    data_center: Option<String>,
    /// Stop after this many answers
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

/// Shows answers until the limit, or forever.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    let stream = Stream { path: &arguments.path(), last: None, keeps: false };
    follow(&client, stream, arguments.limit, |event| {
        write(arguments.remote.format(), event).map(|()| u64::from(event.name == "answer"))
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn path(&self) -> String {
        let (mut service, mut data_center) = (self.service.as_ref(), self.data_center.as_ref());
        match &self.target {
            Some(Target::Service(name)) => service = Some(name),
            Some(Target::DataCenter(name)) => data_center = Some(name),
            _ => {}
        }
        let filters = [("service", service), ("client", self.client.as_ref()), ("data_center", data_center)];
        let filters = filters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", escape(value?))));
        format!("/api/v1/tail?{}", filters.collect::<Vec<_>>().join("&"))
    }
}

fn target(text: &str) -> Result<Target, &'static str> {
    match text.parse() {
        Ok(target @ (Target::Service(_) | Target::DataCenter(_))) => Ok(target),
        _ => Err("expected service/NAME or data-center/NAME"),
    }
}

/// Prints a line for each answer; missed ones are reported on standard error.
fn write(format: Format, event: &Event) -> io::Result<()> {
    if event.name == "missed"
        && let Ok(MissedAnswers { skipped, unseen }) = serde_json::from_str(&event.data)
    {
        return writeln!(io::stderr(), "not shown: {skipped} more answers, and {unseen} that the server skipped");
    }
    let mut out = io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", in_terminal(&event.data))?,
        Format::Table | Format::Wide | Format::Toml => {
            let line = serde_json::from_str(&event.data).map(|answered| people(&answered));
            writeln!(out, "{}", printable(line.as_ref().unwrap_or(&event.data)))?;
        }
    }
    out.flush()
}

/// An answer on one line: time, client, question, result, reason and records.
fn people(answered: &Answered<'_>) -> String {
    let time = answered.time.to_string();
    let mut line = format!("{}  {}", time.get(11..23).unwrap_or(&time), answered.client);
    if answered.client_from == ClientFrom::Subnet {
        let resolver = answered.resolver.to_string();
        line += &format!(" via {}", resolver.rsplit_once(':').map_or(&*resolver, |(address, _)| address));
    }
    let (name, rtype) = (name(answered), answered.r#type.as_deref().unwrap_or_default());
    line += &format!("  {} {rtype} {}  {}", undotted(name), answered.transport, answered.rcode);
    if answered.truncated {
        line += " truncated";
    }
    if let Some(scope) = answered.scope {
        line += &format!(" scope {scope}");
    }
    line += &format!("  {}", decision(answered));
    let records = &answered.answer;
    let data = |record: &String| record.splitn(5, '\t').nth(4).map(str::to_owned);
    let shown: Vec<String> = records.iter().take(RECORDS).filter_map(data).collect();
    if !shown.is_empty() {
        line += &format!("  {}", shown.join(", "));
    }
    if records.len() > RECORDS {
        line += &format!(" and {} more", records.len() - RECORDS);
    }
    line
}

/// The queried name.
fn name<'a>(answered: &'a Answered<'_>) -> &'a str {
    answered.name.as_deref().unwrap_or_default()
}

fn decision(answered: &Answered<'_>) -> String {
    match answered.decision {
        DecisionKind::Zone => return "no service".to_owned(),
        DecisionKind::Lost => {
            return "the document has changed since: the names of the decision are unknown".to_owned();
        }
        DecisionKind::Service => {}
    }
    let described = answered.decisions.iter().enumerate().map(|(number, decision)| {
        let is_first = number == 0;
        // A service with the queried name needs no mention.
        let is_named = is_first && undotted(name(answered)) == decision.service;
        let service = if is_named { String::new() } else { format!("service {}", decision.service) };
        // As in metrics and rankings: no region can have this name.
        let region = if is_first { answered.region.as_deref().unwrap_or(DEFAULT) } else { "" };
        let words = [&*service, region, &*outcome(decision)];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    });
    described.collect::<Vec<_>>().join(", then ")
}

/// The decision of one service: its endpoints, and the fallback if there was one.
fn outcome(decision: &Decision<'_>) -> String {
    let endpoint = |NamedEndpoint { pool, endpoint, data_center }: &NamedEndpoint<'_>| match data_center {
        Some(data_center) => format!("{pool}/{endpoint} in {data_center}"),
        None => format!("{pool}/{endpoint}"),
    };
    let named: Vec<String> = decision.endpoints.iter().map(endpoint).collect();
    let named = if named.is_empty() { "no endpoint".to_owned() } else { named.join(", ") };
    match &decision.fallback {
        Some(fallback) => format!("-> {named} (fallback: {fallback})"),
        None => format!("-> {named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shown(answered: &Value) -> String {
        people(&serde_json::from_str(&answered.to_string()).unwrap())
    }

    #[test]
    fn an_answer_is_one_line_with_client_query_and_reason() {
        let answered = json!({
            "time": "2026-11-22T13:10:46.084Z", "generation": 3, "transport": "udp", "resolver": "[2001:db8::1]:53",
            "client": "203.0.113.0/24", "client_from": "subnet", "name": "www.example.com.", "type": "A",
            "decision": "service", "service": "www.example.com", "region": "europe", "fallback": null,
            "decisions": [{
                "service": "www.example.com", "fallback": null,
                "endpoints": [{"pool": "fra", "endpoint": "fra-1", "data_center": "fra"}],
            }],
            "endpoints": [{"pool": "fra", "endpoint": "fra-1", "data_center": "fra"}],
            "rcode": "NOERROR", "truncated": false, "scope": 24,
            "answer": ["www.example.com.\t30\tIN\tA\t192.0.2.10"],
        });
        assert_eq!(
            shown(&answered),
            "13:10:46.084  203.0.113.0/24 via [2001:db8::1]  www.example.com A udp  NOERROR scope 24  \
             europe -> fra/fra-1 in fra  192.0.2.10"
        );
        let mut other = answered;
        other["client_from"] = json!("resolver");
        other["client"] = json!("2001:db8::1");
        (other["region"], other["scope"], other["answer"]) = (Value::Null, Value::Null, json!([]));
        other["decisions"] = json!([{"service": "*.example.com", "fallback": "nodata", "endpoints": []}]);
        assert_eq!(
            shown(&other),
            "13:10:46.084  2001:db8::1  www.example.com A udp  NOERROR  service *.example.com default -> no endpoint \
             (fallback: nodata)"
        );
    }
    #[test]
    fn a_service_that_refers_to_another_is_shown_with_it() {
        let cdn = json!({"pool": "edge", "endpoint": "cdn", "data_center": null});
        let answered = json!({
            "time": "2026-11-22T13:10:46.084Z", "generation": 3, "resolver": "[2001:db8::1]:53",
            "client": "2001:db8::1", "client_from": "resolver", "since": "a later version",
            "name": "www.example.com.", "type": "A", "decision": "service", "service": "www.example.com",
            "region": "europe", "fallback": null, "rcode": "NOERROR", "truncated": false, "scope": null, "transport": "tcp",
            "decisions": [
                {"service": "www.example.com", "fallback": null, "endpoints": [cdn]},
                {"service": "cdn.example.com", "fallback": "nodata", "endpoints": []},
            ],
            "endpoints": [cdn], "answer": ["www.example.com.\t30\tIN\tCNAME\tcdn.example.com."],
        });
        assert_eq!(
            shown(&answered),
            "13:10:46.084  2001:db8::1  www.example.com A tcp  NOERROR  europe -> edge/cdn, \
             then service cdn.example.com -> no endpoint (fallback: nodata)  cdn.example.com."
        );
    }
}
