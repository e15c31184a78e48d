//! `gslb tail`: what is answered, as it is answered, with its decision.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Outcome;
use super::following::follow;
use super::remote::{Format, Remote, text};
use super::resource::escape;
use crate::client::events::Event;

/// Records of an answer that a line shows.
const RECORDS: usize = 4;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Answers that this service decided only
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Answers to clients in this network only
    #[arg(long, value_name = "PREFIX")]
    client: Option<String>,
    /// Answers that name an endpoint in this data center only
    #[arg(long, value_name = "NAME")]
    data_center: Option<String>,
    /// End after this many answers
    #[arg(short = 'n', long, value_name = "NUMBER")]
    limit: Option<usize>,
    #[command(flatten)]
    remote: Remote,
}

/// Shows answers until the limit, or for ever.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let client = arguments.remote.client()?;
    follow(&client, &arguments.path(), None, arguments.limit, |event| {
        write(arguments.remote.format(), event).map(|()| usize::from(event.name == "answer"))
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn path(&self) -> String {
        let asked = [("service", &self.service), ("client", &self.client), ("data_center", &self.data_center)];
        let asked = asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", escape(value.as_ref()?))));
        format!("/api/v1/tail?{}", asked.collect::<Vec<_>>().join("&"))
    }
}

/// A line for each answer; what was missed goes to standard error, so that lines stay of one kind.
fn write(format: Format, event: &Event) -> io::Result<()> {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    if event.name == "missed" {
        let (skipped, unseen) = (text(&data, "/skipped"), text(&data, "/unseen"));
        return writeln!(io::stderr(), "not shown: {skipped} answers more, and {unseen} that nobody could look at");
    }
    let mut out = io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{data}")?,
        Format::Table => writeln!(out, "{}", people(&data))?,
    }
    out.flush()
}

/// An answer on one line: when, whose, what was asked, what came of it, why, and what was answered.
fn people(answered: &Value) -> String {
    let at = |pointer: &str| text(answered, pointer);
    let time = at("/time");
    let mut line = format!("{}  {}", time.get(11..23).unwrap_or(&time), at("/client"));
    if answered["client_from"] == "subnet" {
        let resolver = at("/resolver");
        line += &format!(" via {}", resolver.rsplit_once(':').map_or(&*resolver, |(address, _)| address));
    }
    line += &format!("  {} {}  {}", at("/name"), at("/type"), at("/rcode"));
    if answered["truncated"] == true {
        line += " truncated";
    }
    if let Some(scope) = answered["scope"].as_u64() {
        line += &format!(" scope {scope}");
    }
    line += &format!("  {}", decision(answered));
    let records = answered["answer"].as_array().map(Vec::as_slice).unwrap_or_default();
    let data = |record: &Value| record.as_str().and_then(|line| line.splitn(5, '\t').nth(4)).map(str::to_owned);
    let shown: Vec<String> = records.iter().take(RECORDS).filter_map(data).collect();
    if !shown.is_empty() {
        line += &format!("  {}", shown.join(", "));
    }
    if records.len() > RECORDS {
        line += &format!(" and {} more", records.len() - RECORDS);
    }
    line
}

fn decision(answered: &Value) -> String {
    let at = |pointer: &str| text(answered, pointer);
    match answered["decision"].as_str() {
        Some("zone") => return "no service".to_owned(),
        Some("lost") => return "the document has changed since: the decision has no names any more".to_owned(),
        _ => {}
    }
    let (service, region) = (at("/service"), at("/region"));
    let mut told = Vec::new();
    if at("/name").trim_end_matches('.') != service {
        told.push(format!("service {service}"));
    }
    if !region.is_empty() {
        told.push(region);
    }
    let endpoint = |named: &Value| {
        let data_center = text(named, "/data_center");
        let within = if data_center.is_empty() { data_center } else { format!(" in {data_center}") };
        format!("{}/{}{within}", text(named, "/pool"), text(named, "/endpoint"))
    };
    let endpoints = answered["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> = endpoints.iter().map(endpoint).collect();
    told.push(if named.is_empty() { "-> nobody".to_owned() } else { format!("-> {}", named.join(", ")) });
    if let Some(fallback) = answered["fallback"].as_str() {
        told.push(format!("(fallback: {fallback})"));
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_one_line_that_says_who_asked_what_and_why_they_got_it() {
        let answered = json!({
            "time": "2026-11-22T13:10:46.084Z", "generation": 3, "transport": "udp", "resolver": "[2001:db8::1]:53",
            "client": "203.0.113.0/24", "client_from": "subnet", "name": "www.example.com.", "type": "A",
            "decision": "service", "service": "www.example.com", "region": "europe", "fallback": null,
            "endpoints": [{"pool": "fra", "endpoint": "fra-1", "data_center": "fra"}],
            "rcode": "NOERROR", "truncated": false, "scope": 24,
            "answer": ["www.example.com.\t30\tIN\tA\t192.0.2.10"],
        });
        assert_eq!(
            people(&answered),
            "13:10:46.084  203.0.113.0/24 via [2001:db8::1]  www.example.com. A  NOERROR scope 24  \
             europe -> fra/fra-1 in fra  192.0.2.10"
        );
        let mut other = answered;
        other["client_from"] = json!("resolver");
        other["client"] = json!("2001:db8::1");
        other["service"] = json!("*.example.com");
        (other["region"], other["scope"]) = (Value::Null, Value::Null);
        (other["fallback"], other["endpoints"], other["answer"]) = (json!("nodata"), json!([]), json!([]));
        assert_eq!(
            people(&other),
            "13:10:46.084  2001:db8::1  www.example.com. A  NOERROR  service *.example.com -> nobody (fallback: nodata)"
        );
    }
}
