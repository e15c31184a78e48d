//! An alert of Alertmanager as an override: which endpoints its labels name, and what it forces.

use gslb_core::site::pattern::Pattern;

use super::{Force, Override};
use crate::store::Time;
use crate::types::{Alert, AlertStatus, Mistakes};

/// Most alerts of one notification; `max_alerts` of Alertmanager makes it send no more.
pub const MAX_ALERTS: usize = 1000;
/// The label that says what an alert does.
pub const ACTION: &str = "gslb_action";
/// The label that names the target in full, as `endpoint/POOL/NAME`, `pool/NAME` or `data-center/NAME`.
const TARGET: &str = "gslb_target";
/// Labels that name the target in parts, the most specific first.
const PARTS: [&str; 3] = ["gslb_endpoint", "gslb_pool", "gslb_data_center"];
/// Our labels start with this, so any other label that does is a typing error.
const PREFIX: &str = "gslb_";
/// What a Go template writes for a value that is missing.
const NO_VALUE: &str = "<no value>";
/// Octets of a fingerprint: Alertmanager's have 16.
const MAX_FINGERPRINT: usize = 32;
/// Ids of overrides that alerts make begin with this.
const ID_PREFIX: &str = "alert-";
/// Characters of a reason.
const REASON_CHARACTERS: usize = 500;

/// Whether an override of this id is one that an alert made.
pub fn is_of_alert(id: &str) -> bool {
    id.starts_with(ID_PREFIX)
}

/// What an alert does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertAction {
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
    /// A resolved alert ends its override whatever its labels say: its rule may have been corrected meanwhile.
    ///
    /// # Errors
    /// Pointers within the alert, and what is wrong there.
    pub fn action(&self, owner: &str, now: Time, expires: Time) -> Result<AlertAction, Mistakes> {
        let mut wrong = self.wrong_labels();
        let Some(action) = self.labels.get(ACTION) else {
            return if wrong.is_empty() || self.status == AlertStatus::Resolved {
                Ok(AlertAction::Nothing)
            } else {
                Err(wrong)
            };
        };
        let Some(id) = self.id() else {
            wrong.push(("/fingerprint".to_owned(), format!("expected 1 to {MAX_FINGERPRINT} letters and digits")));
            return Err(wrong);
        };
        if self.status == AlertStatus::Resolved {
            return Ok(AlertAction::End(id));
        }
        let force = force(action.trim());
        if force.is_none() {
            wrong.push((format!("/labels/{ACTION}"), "expected drain, down or up".to_owned()));
        }
        // A part of the target that is missing would make it a wider one.
        let target = if wrong.is_empty() { self.target().map_err(|found| wrong.push(found)).ok() } else { None };
        match (force, target) {
            (Some(force), Some(target)) => Ok(AlertAction::Force(Box::new(Override {
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

    /// Labels of ours that cannot be right: without a value, or with a name that we do not know.
    fn wrong_labels(&self) -> Mistakes {
        let is_known = |name: &str| name == ACTION || name == TARGET || PARTS.contains(&name);
        let wrong = |(name, value): (&String, &String)| {
            let why = if !is_known(name) {
                format!("unknown label; known: {ACTION}, {TARGET}, {}", PARTS.join(", "))
            } else if name != ACTION && (value.trim().is_empty() || value.contains(NO_VALUE)) {
                format!(
                    "the label has no value: have the rule select series that do, such as {{{}!=\"\"}}",
                    example(name)
                )
            } else {
                return None;
            };
            Some((format!("/labels/{name}"), why))
        };
        self.labels.iter().filter(|(name, _)| name.starts_with(PREFIX)).filter_map(wrong).collect()
    }

    /// The id of the alert's override.
    fn id(&self) -> Option<String> {
        let fits = self.fingerprint.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let is_one = fits && (1..=MAX_FINGERPRINT).contains(&self.fingerprint.len());
        is_one.then(|| format!("{ID_PREFIX}{}", self.fingerprint))
    }

    /// The target of the alert: one endpoint, pool or data center, since an alert is about one thing.
    fn target(&self) -> Result<Pattern, (String, String)> {
        let label = |name: &str| self.labels.get(name).map(|value| value.trim());
        let [endpoint, pool, data_center] = PARTS.map(label);
        let (at, text) = match (label(TARGET), endpoint, pool, data_center) {
            (Some(target), None, None, None) => (TARGET, target.to_owned()),
            (Some(_), ..) => {
                let told = format!("leave out {}: {TARGET} names the target in full", PARTS.join(", "));
                return Err((format!("/labels/{TARGET}"), told));
            }
            (None, Some(endpoint), Some(pool), _) => (PARTS[0], format!("endpoint/{pool}/{endpoint}")),
            (None, Some(_), None, _) => {
                return Err((format!("/labels/{}", PARTS[0]), "gslb_pool has to name its pool".to_owned()));
            }
            (None, None, Some(pool), _) => (PARTS[1], format!("pool/{pool}")),
            (None, None, None, Some(data_center)) => (PARTS[2], format!("data-center/{data_center}")),
            (None, None, None, None) => {
                let told = format!("with {ACTION}, one of {TARGET}, {} is needed", PARTS.join(", "));
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

/// The label of a series that the label `name` of a rule usually takes its value from.
fn example(name: &str) -> &str {
    if name == TARGET { "endpoint" } else { name.strip_prefix(PREFIX).unwrap_or(name) }
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
    use std::collections::BTreeMap;

    use super::*;

    fn asks(alert: &Alert) -> Result<AlertAction, Mistakes> {
        alert.action("am", Time::from_millis(1_000), Time::from_millis(2_000))
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
            Ok(AlertAction::Force(held)) => *held,
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
            (vec![action, ("gslb_target", "endpoint/fra/fra-1")], "endpoint/fra/fra-1"),
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
        assert_eq!(ended, Ok(AlertAction::End("alert-c0ffee0123456789".to_owned())));
        assert_eq!(asks(&alert("firing", &[("gslb_pool", "fra")])), Ok(AlertAction::Nothing));
    }

    #[test]
    fn a_target_label_without_a_value_never_widens_the_target() {
        for value in ["", " ", "\t", "<no value>", "fra-<no value>"] {
            for empty in ["gslb_endpoint", "gslb_pool", "gslb_data_center"] {
                let whole = [("gslb_endpoint", "fra-1"), ("gslb_pool", "fra"), ("gslb_data_center", "de")];
                let mut labels = whole.map(|(name, of)| (name, if name == empty { value } else { of })).to_vec();
                labels.push(("gslb_action", "drain"));
                let wrong = asks(&alert("firing", &labels)).unwrap_err();
                assert_eq!(wrong.len(), 1, "{wrong:?}");
                assert_eq!(wrong[0].0, format!("/labels/{empty}"), "{value:?}");
            }
        }
    }

    #[test]
    fn an_alert_that_is_resolved_ends_its_override_whatever_its_labels_say() {
        for labels in [vec![("gslb_action", "")], vec![("gslb_action", "drain"), ("gslb_pool", "")]] {
            let ended = asks(&alert("resolved", &labels));
            assert_eq!(ended, Ok(AlertAction::End("alert-c0ffee0123456789".to_owned())), "{labels:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_place() {
        for (labels, pointer) in [
            (vec![("gslb_action", "weight"), ("gslb_pool", "fra")], "/labels/gslb_action"),
            (vec![("gslb_action", "down")], "/labels"),
            (vec![("gslb_action", "down"), ("gslb_endpoint", "fra-1")], "/labels/gslb_endpoint"),
            (vec![("gslb_action", "down"), ("gslb_pool", "f*")], "/labels/gslb_pool"),
            (vec![("gslb_action", "down"), ("gslb_data_center", "a/b")], "/labels/gslb_data_center"),
            (vec![("gslb_action", "down"), ("gslb_target", "endpoint/fra/")], "/labels/gslb_target"),
            (vec![("gslb_action", "down"), ("gslb_target", "pool/fra"), ("gslb_pool", "fra")], "/labels/gslb_target"),
            (vec![("gslb_action", ""), ("gslb_pool", "fra")], "/labels/gslb_action"),
            (vec![("gslb_action", "down"), ("gslb_pool", "fra"), ("gslb_endpont", "fra-1")], "/labels/gslb_endpont"),
            (vec![("gslb_actoin", "down"), ("gslb_pool", "fra")], "/labels/gslb_actoin"),
        ] {
            let wrong = asks(&alert("firing", &labels)).unwrap_err();
            assert_eq!(wrong[0].0, pointer, "{labels:?}");
        }
        let mut nameless = alert("firing", &[("gslb_action", "down"), ("gslb_pool", "fra")]);
        nameless.fingerprint = "../x".to_owned();
        assert_eq!(asks(&nameless).unwrap_err()[0].0, "/fingerprint");
    }
}
