//! `gslb latency`: latencies of data centers, as measured by this node and by clients.

use std::process::ExitCode;

use clap::Args;
use gslb_api::types::{DataCenterLatency, Latencies};

use super::Outcome;
use super::remote::{Remote, show};
use super::table::{Cell, Column, table};
use crate::client::Request;

#[derive(Debug, Args)]
pub struct Latency {
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn latency(arguments: &Latency) -> Outcome {
    let answer = arguments.remote.client()?.ask(Request::get("/api/v1/latency"))?.json()?;
    show(arguments.remote.format(), &answer, described)?;
    Ok(ExitCode::SUCCESS)
}

fn described(latencies: &Latencies) -> String {
    let Latencies { node, is_vantage, measured_ms, accepted } = latencies;
    let mut parts = Vec::new();
    if measured_ms.is_empty() {
        parts.push(format!("node {node} has measured nothing yet"));
    } else {
        let rows = measured_ms.iter().map(|(name, ms)| [Cell::new(name), Cell::new(ms)]);
        parts.push(table([Column::key(format!("data center, from {node}")), Column::key("ms")], rows));
    }
    if !is_vantage {
        parts.push(format!("the document has no [vantages.{node}], so no client is steered by it"));
    }
    let vantages = accepted.vantages.iter();
    let vantages = vantages.map(|(name, order)| [Cell::new(format!("vantage {name}")), Cell::new(in_order(order))]);
    let clients = accepted.clients.iter().map(|area| {
        let who = format!("clients in {} {}", area.area.name(), area.name);
        [Cell::new(who), Cell::new(in_order(&area.order))]
    });
    let rows: Vec<_> = vantages.chain(clients).collect();
    if !rows.is_empty() {
        parts.push(table([Column::key("accepted"), Column::prose("order", 1)], rows));
    }
    parts.join("\n\n")
}

fn in_order(order: &[DataCenterLatency]) -> String {
    let entry = |it: &DataCenterLatency| format!("{} {} ms", it.data_center, it.ms);
    order.iter().map(entry).collect::<Vec<_>>().join(", ")
}
