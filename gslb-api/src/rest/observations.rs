//! What others have seen: word of endpoints that nobody probes from here, and latencies that clients measured.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use gslb_core::latency::Observation;
use ipnet::IpNet;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::body::{self, Media, Size};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, query};
use crate::Api;
use crate::auth::Resource;
use crate::change::Refusal;
use crate::control::blocking;
use crate::document::Section;
use crate::health::{Posted, Word};
use crate::members;

/// Most observations of one request.
pub(super) const MAX_OBSERVATIONS: usize = 1000;
/// Most characters of a reason.
const REASON_CHARACTERS: usize = 200;

/// The route of observations.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/observations", post(take))
}

/// What is wrong, and where in the body.
type Wrong = Vec<(String, String)>;

/// A list of observations, each with its place in the body.
#[derive(Default)]
struct Sent {
    posted: Vec<(usize, Posted)>,
    latencies: Vec<(usize, Observation)>,
}

async fn take(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let Sent { posted, latencies } = sent(&body::read(&api, &parts, octets, media, Size::Resource).await?.value)?;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let of_endpoints = posted.iter().map(|(_, word)| Resource::endpoint(&word.pool, &word.endpoint));
    let of_places = latencies.iter().map(|(_, seen)| Resource::entry(Section::DataCenters, &seen.data_center));
    caller.may_change(&of_endpoints.chain(of_places).collect::<Vec<_>>())?;
    let told = json!({ "statuses": posted.len(), "latencies": latencies.len() });
    let (places, posted): (Vec<usize>, Vec<Posted>) = posted.into_iter().unzip();
    // Asked before anything is taken, so that all of it is or none.
    let asked = posted.clone();
    let unknown = api.control.look(move |keeper, in_force| keeper.refused(&asked, &in_force.table.topology().site));
    let mut wrong = located(unknown.await?, &places);
    let measured = Arc::clone(&api.measured);
    let table = Arc::clone(&api.control.in_force().table);
    let is_good = wrong.is_empty();
    let taken = blocking(move || {
        let (places, latencies): (Vec<usize>, Vec<Observation>) = latencies.into_iter().unzip();
        let refused = if is_good { measured.take(&table, &latencies) } else { measured.check(&table, &latencies) };
        located(refused.err().unwrap_or_default(), &places)
    });
    wrong.extend(taken.await?);
    if !wrong.is_empty() {
        return Err(Refusal::Body(wrong).into());
    }
    if !posted.is_empty() {
        let (asker, taken) = oneshot::channel();
        api.control.words().send(Word::Posted(posted, asker)).await.map_err(|_| Refusal::Fault)?;
        // Only a document that came in between can have made them wrong.
        let taken = taken.await.map_err(|_| Refusal::Fault)?;
        taken.map_err(|refused| Refusal::Body(located(refused, &places)))?;
    }
    Ok(answer::of_json(StatusCode::OK, &told))
}

/// The same with pointers into the body.
fn located(refused: Vec<(usize, String)>, places: &[usize]) -> Wrong {
    let pointer = |at: usize| format!("/{}", places.get(at).copied().unwrap_or(at));
    refused.into_iter().map(|(at, why)| (pointer(at), why)).collect()
}

/// Reads the body, whole.
fn sent(body: &Value) -> Result<Sent, Refusal> {
    let told = "expected a list of {\"pool\", \"endpoint\", \"up\"} or {\"client\", \"data_center\", \"ms\"}";
    let Some(list) = body.as_array() else { return Err(Refusal::Body(vec![(String::new(), told.to_owned())])) };
    if list.is_empty() || list.len() > MAX_OBSERVATIONS {
        let told = format!("expected 1 to {MAX_OBSERVATIONS} observations, not {}", list.len());
        return Err(Refusal::Body(vec![(String::new(), told)]));
    }
    let (mut sent, mut wrong) = (Sent::default(), Wrong::new());
    for (place, item) in list.iter().enumerate() {
        match item.as_object() {
            Some(members) if members.contains_key("client") => {
                sent.latencies.extend(latency(members, place, &mut wrong).map(|latency| (place, latency)));
            }
            Some(members) => sent.posted.extend(posted(members, place, &mut wrong).map(|posted| (place, posted))),
            None => wrong.push((format!("/{place}"), told.to_owned())),
        }
    }
    if wrong.is_empty() { Ok(sent) } else { Err(Refusal::Body(wrong)) }
}

fn posted(members: &Map<String, Value>, place: usize, wrong: &mut Wrong) -> Option<Posted> {
    only(members, &["pool", "endpoint", "up", "reason"], place, wrong);
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let mut need = |name: &str, told: &str| wrong.push((format!("/{place}/{name}"), told.to_owned()));
    let (pool, endpoint, up) = (text("pool"), text("endpoint"), members.get("up").and_then(Value::as_bool));
    if pool.is_none() {
        need("pool", "expected the name of a pool");
    }
    if endpoint.is_none() {
        need("endpoint", "expected the name of an endpoint");
    }
    if up.is_none() {
        need("up", "expected true or false");
    }
    let reason = text("reason").unwrap_or_default();
    let is_short = reason.chars().count() <= REASON_CHARACTERS && !reason.chars().any(char::is_control);
    if !is_short || members.get("reason").is_some_and(|reason| !reason.is_string()) {
        need("reason", &format!("expected up to {REASON_CHARACTERS} characters, none of control"));
        return None;
    }
    Some(Posted { pool: pool?.to_owned(), endpoint: endpoint?.to_owned(), up: up?, reason: reason.to_owned() })
}

fn latency(members: &Map<String, Value>, place: usize, wrong: &mut Wrong) -> Option<Observation> {
    only(members, &["client", "data_center", "ms"], place, wrong);
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let mut need = |name: &str, told: &str| wrong.push((format!("/{place}/{name}"), told.to_owned()));
    let client = text("client").and_then(network);
    if client.is_none() {
        need("client", "expected a network such as \"203.0.113.0/24\" or \"2001:db8::/48\"");
    }
    let data_center = text("data_center");
    if data_center.is_none() {
        need("data_center", "expected the name of a data center");
    }
    let milliseconds = members.get("ms").and_then(Value::as_f64);
    if milliseconds.is_none() {
        need("ms", "expected a number of milliseconds");
    }
    Some(Observation { client: client?, data_center: data_center?.to_owned(), milliseconds: milliseconds? })
}

fn only(members: &Map<String, Value>, known: &[&str], place: usize, wrong: &mut Wrong) {
    wrong.extend(members::unknown(members, known, &format!("/{place}")));
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.ok().map(|network| network.trunc())
}
