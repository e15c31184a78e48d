//! Alertmanager's webhook: alerts with an action label become overrides, which end with them.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::notation::duration;
use serde_json::Value;
use tracing::field::display;
use tracing::warn;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::{self, Media};
use super::caller::Caller;
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::state::RestState;
use crate::Api;
use crate::change::{Condition, Edit, Refusal};
use crate::clock::now;
use crate::control::Unsaved;
use crate::overrides::Override;
use crate::overrides::alert::{AlertAction, MAX_ALERTS};
use crate::types::{Alert, AlertOutcome, AlertParameters, AlertResult, AlertResults, Notification};

/// How long an override lasts after the last notification: longer than Alertmanager's `repeat_interval`, 4 h by
/// default.
const EXPIRES_IN: Duration = Duration::from_secs(5 * 3600);
/// Minimum and maximum of the parameter.
const EXPIRES_LEAST: Duration = Duration::from_secs(60);
const EXPIRES_MOST: Duration = Duration::from_secs(7 * 24 * 3600);
/// An override that would end later by less than this is not written again.
const RENEWED_AFTER: Duration = Duration::from_secs(30);
/// Maximum refused alerts of a notification that are logged, and characters of each.
const MAX_LOGGED: usize = 10;
const MAX_LOGGED_CHARACTERS: usize = 500;

/// The route of the webhook.
pub(super) fn routes() -> Routes {
    Routes::new("alertmanager").add(Access::Operator, routes!(post))
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
    /// It no longer had an override.
    NotInForce(String),
    /// It was not done.
    Refused(Refusal),
}

impl Outcome {
    /// What became of `alert`, for its sender.
    fn result(&self, alert: &Alert, unsaved: &Unsaved) -> AlertResult {
        let (outcome, id) = match self {
            Self::Ignored => (AlertOutcome::Ignored, None),
            Self::Forced(id) => (AlertOutcome::Forced, Some(id)),
            Self::Renewed(id) => (AlertOutcome::Renewed, Some(id)),
            Self::Unchanged(id) => (AlertOutcome::Unchanged, Some(id)),
            Self::Ended(id) => (AlertOutcome::Ended, Some(id)),
            Self::NotInForce(id) => (AlertOutcome::NotInForce, Some(id)),
            Self::Refused(_) => (AlertOutcome::Refused, None),
        };
        let is_unsaved = id.is_some_and(|id| unsaved.set.contains(id) || unsaved.ended.contains(id));
        let (fingerprint, saved) = (alert.fingerprint.clone(), is_unsaved.then_some(false));
        AlertResult { fingerprint, outcome, r#override: id.cloned(), saved }
    }
}

/// Apply alerts from Alertmanager's webhook: set and end overrides
#[utoipa::path(
    post, path = "/integrations/alertmanager", params(AlertParameters), request_body = Notification,
    responses((status = 200, description = "What became of each alert", body = AlertResults))
)]
async fn post(
    State(state): State<RestState>,
    _: AcceptsJson,
    Parameters(parameters): Parameters<AlertParameters>,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    let (api, lasts, caller) = (&state.api, lasts(&parameters)?, &operation.caller);
    let sent = body::read(&state, request, &[Media::Json]).await?.value;
    let alerts = alerts(sent).inspect_err(|refusal| {
        let (who, from) = (caller.who.name(), caller.from.map(display));
        warn!(who, from, why = why(refusal), "a notification of Alertmanager was refused");
    })?;
    let mut outcomes = Vec::with_capacity(alerts.len());
    for alert in &alerts {
        // A refused alert does not block the others.
        let applied = apply_alert(api, &operation, alert, lasts).await;
        outcomes.push(applied.unwrap_or_else(Outcome::Refused));
    }
    log_refused(caller, &alerts, &outcomes);
    let unsaved = api.control.unsaved();
    let results = alerts.iter().zip(&outcomes).map(|(alert, outcome)| outcome.result(alert, &unsaved)).collect();
    match refused(outcomes) {
        Some(problem) => Err(problem.with_alerts(results)),
        None => Ok(answer::json(StatusCode::OK, &AlertResults { alerts: results })),
    }
}

/// How long overrides last.
fn lasts(parameters: &AlertParameters) -> Result<Duration, Problem> {
    let Some(text) = &parameters.expires_in else { return Ok(EXPIRES_IN) };
    let time = duration::parse(text).filter(|time| (EXPIRES_LEAST..=EXPIRES_MOST).contains(time));
    time.ok_or_else(|| Problem::bad_request("expires_in is a duration from 1m to 168h, such as 5h."))
}

fn alerts(sent: Value) -> Result<Vec<Alert>, Refusal> {
    let refuse = |pointer: &str, message: String| Refusal::Body(vec![(pointer.to_owned(), message)]);
    let sent: Notification = serde_json::from_value(sent)
        .map_err(|error| refuse("", format!("expected what Alertmanager sends to a webhook: {error}")))?;
    if sent.alerts.len() > MAX_ALERTS {
        return Err(refuse("/alerts", format!("a notification has at most {MAX_ALERTS} alerts: set max_alerts")));
    }
    Ok(sent.alerts)
}

/// Applies `alert`.
async fn apply_alert(api: &Api, operation: &Operation, alert: &Alert, lasts: Duration) -> Result<Outcome, Refusal> {
    let now = now();
    let owner = operation.caller.who.name();
    let action = alert.action(owner, now, now.after(lasts)).map_err(Refusal::Body)?;
    let active = api.control.active();
    let went_back = api.meters.clock_went_back_within(EXPIRES_MOST);
    let (id, body) = match action {
        AlertAction::Nothing => return Ok(Outcome::Ignored),
        AlertAction::End(id) if !active.overrides.contains_key(&id) => return Ok(Outcome::NotInForce(id)),
        AlertAction::End(id) => (id, None),
        AlertAction::Force(requested) => {
            match active.overrides.get(&requested.id).and_then(|old| renewed(old, &requested, went_back)) {
                Some(None) => return Ok(Outcome::Unchanged(requested.id)),
                Some(Some(renewed)) => (requested.id, Some(Box::new(renewed))),
                None => (requested.id.clone(), Some(requested)),
            }
        }
    };
    let outcome = match (&body, active.overrides.contains_key(&id)) {
        (None, _) => Outcome::Ended(id.clone()),
        (Some(_), true) => Outcome::Renewed(id.clone()),
        (Some(_), false) => Outcome::Forced(id.clone()),
    };
    // The order does not matter: several Alertmanagers may send the same alert.
    let condition = if active.overrides.contains_key(&id) { Condition::Any } else { Condition::Absent };
    let edit = Edit::Override { id: id.clone(), body, condition };
    match api.control.change(operation.change(edit)).await {
        Ok(_) => Ok(outcome),
        Err(Refusal::Stale { .. }) => Ok(Outcome::Unchanged(id)),
        Err(Refusal::NotFound { .. }) => Ok(Outcome::NotInForce(id)),
        // Errors in the override come from the labels.
        Err(Refusal::Body(errors)) => {
            Err(Refusal::Body(errors.into_iter().map(|(_, message)| ("/labels".to_owned(), message)).collect()))
        }
        Err(refusal) => Err(refusal),
    }
}

/// The active override with the expiry of `new` and its own start. `Some(None)` if it would end hardly later; `None` if
/// the two are different overrides. `went_back` is true if the wall clock was set back lately: a later end then looks
/// like an earlier one.
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

/// Logs alerts that were refused: their authors look here, not into Alertmanager's log.
fn log_refused(caller: &Caller, alerts: &[Alert], outcomes: &[Outcome]) {
    let refused = alerts.iter().zip(outcomes).filter_map(|(alert, outcome)| match outcome {
        Outcome::Refused(refusal) => Some((alert, refusal)),
        _ => None,
    });
    let (who, mut more) = (caller.who.name(), 0);
    for (at, (alert, refusal)) in refused.enumerate() {
        if at >= MAX_LOGGED {
            more += 1;
            continue;
        }
        let alertname =
            alert.labels.get("alertname").map(|name| name.chars().take(MAX_LOGGED_CHARACTERS).collect::<String>());
        let fingerprint: String = alert.fingerprint.chars().take(MAX_LOGGED_CHARACTERS).collect();
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
        Refusal::Body(errors) => errors.iter().map(|(pointer, message)| format!("{pointer}: {message}")).collect(),
        Refusal::Unsafe(breaks) => breaks.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    };
    all.join("; ").chars().take(MAX_LOGGED_CHARACTERS).collect()
}

/// How many alerts were refused, why, and what became of the others.
fn summary(refused: usize, all: usize, worst: &Refusal) -> String {
    let why = match worst {
        Refusal::Unsafe(_) => "safety rules of the document forbid it".to_owned(),
        Refusal::Body(_) => "its labels mean nothing here".to_owned(),
        other => other.to_string(),
    };
    let were = if refused == 1 { "alert was" } else { "alerts were" };
    let others = if refused < all { " The other alerts are in force." } else { "" };
    format!("{refused} of {all} {were} refused: {why}.{others}")
}

/// The problem of a notification with refused alerts, by the worst refusal: Alertmanager retries soon after errors of
/// the store, and otherwise with the next notification of the group.
fn refused(outcomes: Vec<Outcome>) -> Option<Problem> {
    let rank = |refusal: &Refusal| match refusal {
        Refusal::Unavailable(_) => 3,
        Refusal::Internal => 2,
        Refusal::Unsafe(_) => 1,
        _ => 0,
    };
    let (all, mut count) = (outcomes.len(), 0);
    let mut errors = Vec::new();
    let mut worst: Option<Refusal> = None;
    for (at, outcome) in outcomes.into_iter().enumerate() {
        let Outcome::Refused(refusal) = outcome else { continue };
        count += 1;
        let refusal = match refusal {
            Refusal::Body(found) => {
                errors.extend(found.into_iter().map(|(pointer, message)| (format!("/alerts/{at}{pointer}"), message)));
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
        errors
            .into_iter()
            .fold(Problem::from(worst).with_detail(summary), |problem, (at, message)| problem.at(at, message))
    })
}
