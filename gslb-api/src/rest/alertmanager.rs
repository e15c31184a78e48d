//! Alertmanager's webhook: alerts that say so become overrides, which end with them.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use gslb_core::site::document::duration;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::field::display;
use tracing::warn;
use utoipa::IntoParams;

use super::body::{self, Media, Size};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, query};
use crate::Api;
use crate::change::{Change, Condition, Edit, Refusal};
use crate::clock::now;
use crate::control::Unsaved;
use crate::overrides::Override;
use crate::overrides::alert::{Alert, Asked, MAX_ALERTS, Notification};

/// How long an override holds after the last word of its alert: longer than Alertmanager's `repeat_interval`, which
/// is 4 h where nothing else is said.
const EXPIRES_IN: Duration = Duration::from_secs(5 * 3600);
/// Shortest and longest that may be asked for.
const EXPIRES_LEAST: Duration = Duration::from_secs(60);
const EXPIRES_MOST: Duration = Duration::from_secs(7 * 24 * 3600);
/// An override that would end later by less than this is not written again.
const RENEWED_AFTER: Duration = Duration::from_secs(30);
/// Refused alerts of one notification of which each has a line of the log, and characters of what one says.
const MAX_TOLD: usize = 10;
const MAX_TOLD_CHARACTERS: usize = 500;

/// The query of the webhook.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Webhook {
    /// How long an override holds after the last word of its alert, 1m to 168h; 5h where it is not said. More than
    /// repeat_interval of Alertmanager, which renews it.
    #[param(pattern = "^[0-9]+(ms|s|m|h)$")]
    pub expires_in: Option<String>,
}

/// The route of the webhook.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/integrations/alertmanager", post(notified))
}

/// What became of one alert.
enum Outcome {
    /// It says nothing to us.
    Ignored,
    /// Its override is in force now.
    Forced(String),
    /// Its override was in force, and holds for longer now.
    Renewed(String),
    /// Its override is in force, and was just renewed.
    Unchanged(String),
    /// Its override has ended.
    Ended(String),
    /// It had no override any more.
    NotInForce(String),
    /// It was not done.
    Refused(Refusal),
}

impl Outcome {
    fn told(&self, alert: &Alert) -> Value {
        let (outcome, id) = match self {
            Self::Ignored => ("ignored", None),
            Self::Forced(id) => ("forced", Some(id)),
            Self::Renewed(id) => ("renewed", Some(id)),
            Self::Unchanged(id) => ("unchanged", Some(id)),
            Self::Ended(id) => ("ended", Some(id)),
            Self::NotInForce(id) => ("not-in-force", Some(id)),
            Self::Refused(_) => ("refused", None),
        };
        json!({ "fingerprint": alert.fingerprint, "outcome": outcome, "override": id })
    }
}

async fn notified(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let holds = holds(&query::of(request.uri())?)?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let sent = body::read(&api, &parts, octets, media, Size::Resource).await?.value;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let alerts = alerts(sent).inspect_err(|refusal| {
        let (who, from) = (caller.who.name(), caller.from.map(display));
        warn!(who, from, why = why(refusal), "a notification of Alertmanager was refused");
    })?;
    let request = format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri));
    let mut outcomes = Vec::with_capacity(alerts.len());
    for alert in &alerts {
        // One that is refused does not keep the others from being done.
        let done = heed(&api, caller, &request, alert, holds).await;
        outcomes.push(done.unwrap_or_else(Outcome::Refused));
    }
    tell_refused(caller, &alerts, &outcomes);
    let unsaved = api.control.unsaved();
    let told: Vec<Value> =
        alerts.iter().zip(&outcomes).map(|(alert, outcome)| marked(outcome.told(alert), &unsaved)).collect();
    match refused(outcomes) {
        Some(problem) => Err(problem.member("alerts", told.into())),
        None => Ok(answer::of_json(StatusCode::OK, &json!({ "alerts": told }))),
    }
}

/// The same, marked where the last change of its override is not saved.
fn marked(mut told: Value, unsaved: &Unsaved) -> Value {
    let id = told.get("override").and_then(Value::as_str);
    let is_unsaved = id.is_some_and(|id| unsaved.set.contains(id) || unsaved.ended.contains(id));
    if let (true, Some(members)) = (is_unsaved, told.as_object_mut()) {
        members.insert("saved".to_owned(), false.into());
    }
    told
}

/// How long overrides are to hold.
fn holds(query: &Webhook) -> Result<Duration, Problem> {
    let Some(text) = &query.expires_in else { return Ok(EXPIRES_IN) };
    let time = duration::parse(text).filter(|time| (EXPIRES_LEAST..=EXPIRES_MOST).contains(time));
    time.ok_or_else(|| Problem::bad_request("expires_in is a duration from 1m to 168h, such as 5h."))
}

fn alerts(sent: Value) -> Result<Vec<Alert>, Refusal> {
    let wrong = |pointer: &str, told: String| Refusal::Body(vec![(pointer.to_owned(), told)]);
    let sent: Notification = serde_json::from_value(sent)
        .map_err(|error| wrong("", format!("expected what Alertmanager sends to a webhook: {error}")))?;
    if sent.alerts.len() > MAX_ALERTS {
        return Err(wrong("/alerts", format!("a notification has at most {MAX_ALERTS} alerts: set max_alerts")));
    }
    Ok(sent.alerts)
}

/// Does what `alert` asks for.
async fn heed(api: &Api, caller: &Caller, request: &str, alert: &Alert, holds: Duration) -> Result<Outcome, Refusal> {
    let now = now();
    let asked = alert.asks(caller.who.name(), now, now.after(holds)).map_err(Refusal::Body)?;
    let in_force = api.control.in_force();
    let went_back = api.meters.clock_went_back_within(EXPIRES_MOST);
    let (id, body) = match asked {
        Asked::Nothing => return Ok(Outcome::Ignored),
        Asked::End(id) if !in_force.overrides.contains_key(&id) => return Ok(Outcome::NotInForce(id)),
        Asked::End(id) => (id, None),
        Asked::Force(held) => match in_force.overrides.get(&held.id).and_then(|old| renewed(old, &held, went_back)) {
            Some(None) => return Ok(Outcome::Unchanged(held.id)),
            Some(Some(renewed)) => (held.id, Some(Box::new(renewed))),
            None => (held.id.clone(), Some(held)),
        },
    };
    let outcome = match (&body, in_force.overrides.contains_key(&id)) {
        (None, _) => Outcome::Ended(id.clone()),
        (Some(_), true) => Outcome::Renewed(id.clone()),
        (Some(_), false) => Outcome::Forced(id.clone()),
    };
    // Whoever comes first, the same is in force afterwards: several Alertmanagers may tell the same.
    let condition = if in_force.overrides.contains_key(&id) { Condition::Any } else { Condition::Absent };
    let mut change = Change::new(caller.who.clone(), request, Edit::Override { id: id.clone(), body, condition });
    change.from = caller.from;
    match api.control.change(change).await {
        Ok(_) => Ok(outcome),
        Err(Refusal::Stale { .. }) => Ok(Outcome::Unchanged(id)),
        Err(Refusal::NotFound { .. }) => Ok(Outcome::NotInForce(id)),
        // What the override would be wrong in, its labels are.
        Err(Refusal::Body(wrong)) => {
            Err(Refusal::Body(wrong.into_iter().map(|(_, told)| ("/labels".to_owned(), told)).collect()))
        }
        Err(refusal) => Err(refusal),
    }
}

/// The override that is in force, with the end that `new` asks for: since when it holds does not change. None within
/// where it would end hardly later; none at all where the two are different overrides. `went_back` says whether the wall clock
/// was set back lately: a later end then looks like an earlier one.
fn renewed(old: &Override, new: &Override, went_back: bool) -> Option<Option<Override>> {
    if (&old.targets, old.force) != (&new.targets, new.force) {
        return None;
    }
    let least = RENEWED_AFTER.as_millis() as u64;
    let is_renewal = old
        .expires
        .zip(new.expires)
        .is_some_and(|(old, new)| new >= old.saturating_add(least) || (went_back && old >= new.saturating_add(least)));
    Some(is_renewal.then(|| Override { created: old.created, ..new.clone() }))
}

/// Tells the log of alerts that were refused: whoever set them up looks there, and not into Alertmanager's.
fn tell_refused(caller: &Caller, alerts: &[Alert], outcomes: &[Outcome]) {
    let refused = alerts.iter().zip(outcomes).filter_map(|(alert, outcome)| match outcome {
        Outcome::Refused(refusal) => Some((alert, refusal)),
        _ => None,
    });
    let (who, mut more) = (caller.who.name(), 0);
    for (at, (alert, refusal)) in refused.enumerate() {
        if at >= MAX_TOLD {
            more += 1;
            continue;
        }
        let alertname =
            alert.labels.get("alertname").map(|name| name.chars().take(MAX_TOLD_CHARACTERS).collect::<String>());
        let fingerprint: String = alert.fingerprint.chars().take(MAX_TOLD_CHARACTERS).collect();
        let from = caller.from.map(display);
        warn!(who, from, alertname, fingerprint, why = why(refusal), "an alert was refused");
    }
    if more > 0 {
        warn!(who, "{more} more alerts were refused");
    }
}

/// Why an alert or a notification was refused, on one line.
fn why(refusal: &Refusal) -> String {
    let all = match refusal {
        Refusal::Body(wrong) => wrong.iter().map(|(pointer, told)| format!("{pointer}: {told}")).collect(),
        Refusal::Unsafe(breaks) => breaks.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    };
    all.join("; ").chars().take(MAX_TOLD_CHARACTERS).collect()
}

/// How many alerts were refused, why, and what became of the others.
fn summary(refused: usize, all: usize, worst: &Refusal) -> String {
    let why = match worst {
        Refusal::Unsafe(_) => "safety rules of the document forbid it".to_owned(),
        Refusal::Body(_) => "its labels mean nothing here".to_owned(),
        other => other.to_string(),
    };
    let were = if refused == 1 { "alert was" } else { "alerts were" };
    let others = if refused < all { " What the others ask for is in force." } else { "" };
    format!("{refused} of {all} {were} refused: {why}.{others}")
}

/// The problem of a notification that could not be done whole, by the worst of its refusals: Alertmanager sends it
/// again soon where that is the store's, and with its group otherwise.
fn refused(outcomes: Vec<Outcome>) -> Option<Problem> {
    let rank = |refusal: &Refusal| match refusal {
        Refusal::Unavailable(_) => 3,
        Refusal::Fault => 2,
        Refusal::Unsafe(_) => 1,
        _ => 0,
    };
    let (all, mut count) = (outcomes.len(), 0);
    let mut wrong = Vec::new();
    let mut worst: Option<Refusal> = None;
    for (at, outcome) in outcomes.into_iter().enumerate() {
        let Outcome::Refused(refusal) = outcome else { continue };
        count += 1;
        let refusal = match refusal {
            Refusal::Body(found) => {
                wrong.extend(found.into_iter().map(|(pointer, told)| (format!("/alerts/{at}{pointer}"), told)));
                Refusal::Body(Vec::new())
            }
            other => other,
        };
        if worst.as_ref().is_none_or(|worst| rank(&refusal) > rank(worst)) {
            worst = Some(refusal);
        }
    }
    worst.map(|worst| {
        let summary = summary(count, all, &worst);
        wrong.into_iter().fold(Problem::from(worst).told(summary), |problem, (at, told)| problem.at(at, told))
    })
}
