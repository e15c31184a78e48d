//! `gslb latency`: how far data centers are, as this node and clients measured.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Outcome;
use super::remote::{Remote, show, text};
use super::table::{Cell, Column, table};
use crate::client::Request;

#[derive(Debug, Args)]
pub struct Latency {
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn latency(arguments: &Latency) -> Outcome {
    let answer = arguments.remote.client()?.ask(Request::get("/api/v1/latency"))?.json()?;
    show(arguments.remote.format(), &answer, told);
    Ok(ExitCode::SUCCESS)
}

fn told(answer: &Value) -> String {
    let node = text(answer, "/node");
    let mut parts = Vec::new();
    let measured: Vec<_> = answer["measured_ms"].as_object().into_iter().flatten().collect();
    if measured.is_empty() {
        parts.push(format!("node {node} has measured nothing yet"));
    } else {
        let rows = measured.into_iter().map(|(name, ms)| [Cell::new(name), Cell::new(ms)]);
        parts.push(table([Column::key(format!("data center, from {node}")), Column::key("ms")], rows));
    }
    if answer["is_vantage"] != true {
        parts.push(format!("the document has no [vantages.{node}], so that no client is steered by it"));
    }
    let accepted = &answer["accepted"];
    let vantages = accepted["vantages"].as_object().into_iter().flatten();
    let vantages = vantages.map(|(name, order)| [Cell::new(format!("vantage {name}")), Cell::new(in_order(order))]);
    let clients = accepted["clients"].as_array().into_iter().flatten().map(|area| {
        let who = format!("clients in {} {}", text(area, "/area"), text(area, "/name"));
        [Cell::new(who), Cell::new(in_order(&area["order"]))]
    });
    let rows: Vec<_> = vantages.chain(clients).collect();
    if !rows.is_empty() {
        parts.push(table([Column::key("accepted"), Column::prose("order", 1)], rows));
    }
    parts.join("\n\n")
}

fn in_order(order: &Value) -> String {
    let entry = |it: &Value| format!("{} {} ms", text(it, "/data_center"), it["ms"]);
    order.as_array().into_iter().flatten().map(entry).collect::<Vec<_>>().join(", ")
}
