//! An alert of Alertmanager as a word on endpoints: whom its labels mean, and what is to become of them.

use std::collections::BTreeMap;

use gslb_core::table::pattern::Pattern;
use serde::Deserialize;

use super::{Force, Override};
use crate::store::Time;

/// Most alerts of one notification; `max_alerts` of Alertmanager makes it send no more.
pub const MAX_ALERTS: usize = 1000;
/// The label that says what an alert does.
pub const ACTION: &str = "gslb_action";
/// How all labels begin that are for gslb.
const PREFIX: &str = "gslb_";
/// What Go's templates write for a label that is not there.
const NO_VALUE: &str = "<no value>";
/// Labels that say to whom, the most specific first.
const TARGETS: [&str; 3] = ["gslb_endpoint", "gslb_pool", "gslb_data_center"];
/// Octets of a fingerprint: Alertmanager's have 16.
const MAX_FINGERPRINT: usize = 32;
/// Characters of a reason.
const REASON_CHARACTERS: usize = 500;

/// What Alertmanager sends to a webhook (version 4), as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Notification {
    /// The alerts of a group, those that fire and those that no longer do.
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Debug, Clone, Deserialize)]
pub struct Alert {
    /// Whether it fires.
    pub status: Status,
    /// By which its rule is told, and whom it means.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What it says to people.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Names it: the same alert has the same one, whenever it fires.
    pub fingerprint: String,
}

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Firing,
    /// It did.
    Resolved,
}

/// What an alert asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: it does not say so.
    Nothing,
    /// That this override be in force.
    Force(Box<Override>),
    /// That the override of this id end.
    End(String),
}

impl Alert {
    /// What the alert asks for at `now`; an override ends at `expires` and is `owner`'s.
    ///
    /// # Errors
    /// Pointers within the alert, and what is wrong there.
    pub fn asks(&self, owner: &str, now: Time, expires: Time) -> Result<Asked, Vec<(String, String)>> {
        // A target without an action may be an alert of other software; a misspelled action is not.
        let asks = self.labels.keys().any(|name| name.starts_with(PREFIX) && !TARGETS.contains(&name.as_str()));
        let action = match self.labels.get(ACTION) {
            Some(action) => action.trim(),
            None if asks => "",
            None => return Ok(Asked::Nothing),
        };
        let mut wrong: Vec<(String, String)> = self.unusable_labels().collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let id = self.id();
        if id.is_none() {
            let told = format!("expected 1 to {MAX_FINGERPRINT} letters and digits");
            wrong.push(("/fingerprint".to_owned(), told));
        }
        let force = force(action);
        if force.is_none() {
            wrong.push((format!("/labels/{ACTION}"), "expected drain, down or up".to_owned()));
        }
        let target = self.target().map_err(|found| wrong.push(found)).ok();
        match (id, force, target, wrong.is_empty()) {
            (Some(id), _, _, true) if self.status == Status::Resolved => Ok(Asked::End(id)),
            (Some(id), Some(force), Some(target), true) => Ok(Asked::Force(Box::new(Override {
                id,
                targets: vec![target],
                force,
                reason: self.reason(),
                owner: owner.to_owned(),
                created: now.millis(),
                expires: Some(expires.millis()),
            }))),
            _ => Err(wrong),
        }
    }

    /// The id of the alert's override.
    fn id(&self) -> Option<String> {
        let fits = self.fingerprint.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let is_one = fits && (1..=MAX_FINGERPRINT).contains(&self.fingerprint.len());
        is_one.then(|| format!("alert-{}", self.fingerprint))
    }

    /// Labels that cannot be what their author wrote: misspelled ones, and those whose template found no value. Passing
    /// over a `gslb_endpoint` that is empty would drain the whole pool.
    fn unusable_labels(&self) -> impl Iterator<Item = (String, String)> {
        let known = |name: &str| name == ACTION || TARGETS.contains(&name);
        self.labels.iter().filter(|(name, _)| name.starts_with(PREFIX)).filter_map(move |(name, value)| {
            let wrong = match value.trim() {
                _ if !known(name) => format!("unknown label; known: {ACTION}, {}", TARGETS.join(", ")),
                "" | NO_VALUE => {
                    "the label is empty: its template found nothing; fix the rule, or leave the label out".to_owned()
                }
                _ => return None,
            };
            Some((format!("/labels/{name}"), wrong))
        })
    }

    /// Whom the alert means: one endpoint, pool or data center, since an alert is about one thing.
    fn target(&self) -> Result<Pattern, (String, String)> {
        let [endpoint, pool, data_center] = TARGETS.map(|name| self.labels.get(name).map(|value| value.trim()));
        let (at, text) = match (endpoint, pool, data_center) {
            (Some(endpoint), Some(pool), _) => (TARGETS[0], format!("endpoint/{pool}/{endpoint}")),
            (Some(_), None, _) => {
                return Err((format!("/labels/{}", TARGETS[0]), "gslb_pool has to name its pool".to_owned()));
            }
            (None, Some(pool), _) => (TARGETS[1], format!("pool/{pool}")),
            (None, None, Some(data_center)) => (TARGETS[2], format!("data-center/{data_center}")),
            (None, None, None) => {
                let told = format!("with {ACTION}, one of {} is needed", TARGETS.join(", "));
                return Err(("/labels".to_owned(), told));
            }
        };
        let wrong = |told: String| (format!("/labels/{at}"), told);
        if text.contains(['*', '?']) {
            return Err(wrong("an alert means one thing: * and ? are not for alerts".to_owned()));
        }
        text.parse::<Pattern>().map_err(|error| wrong(error.to_string()))
    }

    /// Why, in words: what the alert says, or else its name.
    fn reason(&self) -> String {
        let name = self.labels.get("alertname").map_or("an alert", String::as_str);
        let said = self.annotations.get("summary").map_or(name, String::as_str);
        let printable = said.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let reason: String = printable.take(REASON_CHARACTERS).collect();
        if reason.trim().is_empty() { "an alert".to_owned() } else { reason }
    }
}

fn force(action: &str) -> Option<Force> {
    match action {
        "drain" => Some(Force::Drain),
        "down" => Some(Force::Down),
        "up" => Some(Force::Up),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(alert: &Alert) -> Result<Asked, Vec<(String, String)>> {
        alert.asks("am", Time::from_millis(1_000), Time::from_millis(2_000))
    }

    fn alert(status: &str, labels: &[(&str, &str)]) -> Alert {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let value = serde_json::json!({
            "status": status, "labels": labels, "fingerprint": "c0ffee0123456789", "startsAt": "2026-01-01T00:00:00Z",
            "annotations": {"summary": "the disk of fra-1\nis full"}, "generatorURL": "",
        });
        serde_json::from_value(value).unwrap()
    }

    fn forced(labels: &[(&str, &str)]) -> Override {
        match asks(&alert("firing", labels)) {
            Ok(Asked::Force(held)) => *held,
            other => panic!("{labels:?}: {other:?}"),
        }
    }

    #[test]
    fn the_most_specific_label_says_whom_it_means() {
        let (action, pool, data_center) = (("gslb_action", "drain"), ("gslb_pool", "fra"), ("gslb_data_center", "de"));
        for (labels, target) in [
            (vec![action, pool, data_center, ("gslb_endpoint", "fra-1")], "endpoint/fra/fra-1"),
            (vec![action, pool, data_center], "pool/fra"),
            (vec![action, data_center], "data-center/de"),
        ] {
            let held = forced(&labels);
            assert_eq!(held.targets, [target.parse().unwrap()]);
            assert_eq!((&*held.id, held.force, &*held.owner), ("alert-c0ffee0123456789", Force::Drain, "am"));
            assert_eq!((held.created, held.expires, &*held.reason), (1_000, Some(2_000), "the disk of fra-1 is full"));
        }
    }

    #[test]
    fn what_is_resolved_ends_and_what_says_nothing_is_left_alone() {
        let labels = [("gslb_action", "down"), ("gslb_pool", "fra")];
        let ended = asks(&alert("resolved", &labels));
        assert_eq!(ended, Ok(Asked::End("alert-c0ffee0123456789".to_owned())));
        assert_eq!(asks(&alert("firing", &[("gslb_pool", "fra")])), Ok(Asked::Nothing));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_place() {
        for (labels, pointer) in [
            (vec![("gslb_action", "weight"), ("gslb_pool", "fra")], "/labels/gslb_action"),
            (vec![("gslb_action", "down")], "/labels"),
            (vec![("gslb_action", "down"), ("gslb_endpoint", "fra-1")], "/labels/gslb_endpoint"),
            (vec![("gslb_action", "down"), ("gslb_pool", "f*")], "/labels/gslb_pool"),
            (vec![("gslb_action", "drain"), ("gslb_pool", "fra"), ("gslb_endpoint", "")], "/labels/gslb_endpoint"),
            (vec![("gslb_action", "drain"), ("gslb_pool", "fra"), ("gslb_endpoint", " ")], "/labels/gslb_endpoint"),
            (
                vec![("gslb_action", "drain"), ("gslb_pool", "fra"), ("gslb_endpoint", NO_VALUE)],
                "/labels/gslb_endpoint",
            ),
            (vec![("gslb_action", "drain"), ("gslb_pool", ""), ("gslb_data_center", "de")], "/labels/gslb_pool"),
            (vec![("gslb_action", "drain"), ("gslb_pool", "fra"), ("gslb_endpont", "fra-1")], "/labels/gslb_endpont"),
            (vec![("gslb_acton", "drain"), ("gslb_pool", "fra")], "/labels/gslb_acton"),
            (vec![("gslb_action", ""), ("gslb_pool", "fra")], "/labels/gslb_action"),
            (vec![("gslb_action", "down"), ("gslb_data_center", "a/b")], "/labels/gslb_data_center"),
        ] {
            let wrong = asks(&alert("firing", &labels)).unwrap_err();
            assert_eq!(wrong[0].0, pointer, "{labels:?}");
        }
        let mut nameless = alert("firing", &[("gslb_action", "down"), ("gslb_pool", "fra")]);
        nameless.fingerprint = "../x".to_owned();
        assert_eq!(asks(&nameless).unwrap_err()[0].0, "/fingerprint");
    }
}
