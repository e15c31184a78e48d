//! Converts an Alertmanager alert into an override: its labels select the endpoints and the action.

use gslb_core::site::pattern::Pattern;

use super::{Force, Override};
use crate::store::Time;
use crate::types::text::MAX_CHARACTERS;
use crate::types::{Alert, AlertStatus, Mistakes};

/// Most alerts per notification; set `max_alerts` in Alertmanager to stay below it.
pub const MAX_ALERTS: usize = 1000;
/// The label with the action.
pub const ACTION: &str = "gslb_action";
/// The label that names the target in full, as `endpoint/POOL/NAME`, `pool/NAME` or `data-center/NAME`.
const TARGET: &str = "gslb_target";
/// Labels that name the target in parts, the most specific first.
const PARTS: [&str; 3] = ["gslb_endpoint", "gslb_pool", "gslb_data_center"];
/// Our labels start with this, so any other label that does is a typing error.
const PREFIX: &str = "gslb_";
/// What a Go template renders for a missing value.
const NO_VALUE: &str = "<no value>";
/// Octets of a fingerprint: Alertmanager's have 16.
const MAX_FINGERPRINT: usize = 32;
/// Prefix of the ids of overrides made by alerts.
const ID_PREFIX: &str = "alert-";

/// Whether the override with this id was made by an alert.
pub fn is_of_alert(id: &str) -> bool {
    id.starts_with(ID_PREFIX)
}

/// The effect of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertAction {
    /// None: the alert has no action label.
    Nothing,
    /// Set this override.
    Force(Box<Override>),
    /// End the override with this id.
    End(String),
}

impl Alert {
    /// The action of the alert at `now`. A new override ends at `expires` and belongs to `owner`.
    ///
    /// A resolved alert ends its override whatever its labels say: its rule may have been corrected since.
    ///
    /// # Errors
    /// JSON pointers into the alert, each with an error message.
    pub fn action(&self, owner: &str, now: Time, expires: Time) -> Result<AlertAction, Mistakes> {
        let mut errors = self.label_errors();
        let Some(action) = self.labels.get(ACTION) else {
            return if errors.is_empty() || self.status == AlertStatus::Resolved {
                Ok(AlertAction::Nothing)
            } else {
                Err(errors)
            };
        };
        let Some(id) = self.id() else {
            errors.push(("/fingerprint".to_owned(), format!("expected 1 to {MAX_FINGERPRINT} letters and digits")));
            return Err(errors);
        };
        if self.status == AlertStatus::Resolved {
            return Ok(AlertAction::End(id));
        }
        let force = force(action.trim());
        if force.is_none() {
            errors.push((format!("/labels/{ACTION}"), "expected drain, down or up".to_owned()));
        }
        // A missing part would widen the target.
        let target = if errors.is_empty() { self.target().map_err(|found| errors.push(found)).ok() } else { None };
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
            _ => Err(errors),
        }
    }

    /// Errors in labels that begin with `gslb_`: an empty value or an unknown name.
    fn label_errors(&self) -> Mistakes {
        let is_known = |name: &str| name == ACTION || name == TARGET || PARTS.contains(&name);
        let check = |(name, value): (&String, &String)| {
            let why = if !is_known(name) {
                format!("unknown label; known: {ACTION}, {TARGET}, {}", PARTS.join(", "))
            } else if name != ACTION && (value.trim().is_empty() || value.contains(NO_VALUE)) {
                format!(
                    "the label has no value: select only series that have one, for example {{{}!=\"\"}}",
                    example(name)
                )
            } else {
                return None;
            };
            Some((format!("/labels/{name}"), why))
        };
        self.labels.iter().filter(|(name, _)| name.starts_with(PREFIX)).filter_map(check).collect()
    }

    /// The id of the alert's override.
    fn id(&self) -> Option<String> {
        let fits = self.fingerprint.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let is_one = fits && (1..=MAX_FINGERPRINT).contains(&self.fingerprint.len());
        is_one.then(|| format!("{ID_PREFIX}{}", self.fingerprint))
    }

    /// The target of the alert: exactly one endpoint, pool or data center.
    fn target(&self) -> Result<Pattern, (String, String)> {
        let label = |name: &str| self.labels.get(name).map(|value| value.trim());
        let [endpoint, pool, data_center] = PARTS.map(label);
        let (at, text) = match (label(TARGET), endpoint, pool, data_center) {
            (Some(target), None, None, None) => (TARGET, target.to_owned()),
            (Some(_), ..) => {
                let message = format!("leave out {}: {TARGET} names the target in full", PARTS.join(", "));
                return Err((format!("/labels/{TARGET}"), message));
            }
            (None, Some(endpoint), Some(pool), _) => (PARTS[0], format!("endpoint/{pool}/{endpoint}")),
            (None, Some(_), None, _) => {
                return Err((format!("/labels/{}", PARTS[0]), "also set gslb_pool, the endpoint's pool".to_owned()));
            }
            (None, None, Some(pool), _) => (PARTS[1], format!("pool/{pool}")),
            (None, None, None, Some(data_center)) => (PARTS[2], format!("data-center/{data_center}")),
            (None, None, None, None) => {
                let message = format!("{ACTION} also needs one of {TARGET}, {}", PARTS.join(", "));
                return Err(("/labels".to_owned(), message));
            }
        };
        let at_label = |message: String| (format!("/labels/{at}"), message);
        if text.contains(['*', '?']) {
            return Err(at_label("* and ? are not allowed: an alert has exactly one target".to_owned()));
        }
        text.parse::<Pattern>().map_err(|error| at_label(error.to_string()))
    }

    /// The reason: the alert's summary, or else its name.
    fn reason(&self) -> String {
        let name = self.labels.get("alertname").map_or("an alert", String::as_str);
        let text = self.annotations.get("summary").map_or(name, String::as_str);
        let printable = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let reason: String = printable.take(MAX_CHARACTERS).collect();
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

    fn action(alert: &Alert) -> Result<AlertAction, Mistakes> {
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
        match action(&alert("firing", labels)) {
            Ok(AlertAction::Force(new_override)) => *new_override,
            other => panic!("{labels:?}: {other:?}"),
        }
    }

    #[test]
    fn the_most_specific_label_is_the_target() {
        let (action, pool, data_center) = (("gslb_action", "drain"), ("gslb_pool", "fra"), ("gslb_data_center", "de"));
        for (labels, target) in [
            (vec![action, pool, data_center, ("gslb_endpoint", "fra-1")], "endpoint/fra/fra-1"),
            (vec![action, pool, data_center], "pool/fra"),
            (vec![action, data_center], "data-center/de"),
            (vec![action, ("gslb_target", "endpoint/fra/fra-1")], "endpoint/fra/fra-1"),
        ] {
            let new_override = forced(&labels);
            assert_eq!(new_override.targets, [target.parse().unwrap()]);
            assert_eq!(
                (&*new_override.id, new_override.force, &*new_override.owner),
                ("alert-c0ffee0123456789", Force::Drain, "am")
            );
            assert_eq!(
                (new_override.created, new_override.expires, &*new_override.reason),
                (1_000, Some(2_000), "the disk of fra-1 is full")
            );
        }
    }

    #[test]
    fn a_resolved_alert_ends_its_override_and_one_without_an_action_does_nothing() {
        let labels = [("gslb_action", "down"), ("gslb_pool", "fra")];
        let ended = action(&alert("resolved", &labels));
        assert_eq!(ended, Ok(AlertAction::End("alert-c0ffee0123456789".to_owned())));
        assert_eq!(action(&alert("firing", &[("gslb_pool", "fra")])), Ok(AlertAction::Nothing));
    }

    #[test]
    fn a_target_label_without_a_value_never_widens_the_target() {
        for value in ["", " ", "\t", "<no value>", "fra-<no value>"] {
            for empty in ["gslb_endpoint", "gslb_pool", "gslb_data_center"] {
                let whole = [("gslb_endpoint", "fra-1"), ("gslb_pool", "fra"), ("gslb_data_center", "de")];
                let mut labels = whole.map(|(name, of)| (name, if name == empty { value } else { of })).to_vec();
                labels.push(("gslb_action", "drain"));
                let errors = action(&alert("firing", &labels)).unwrap_err();
                assert_eq!(errors.len(), 1, "{errors:?}");
                assert_eq!(errors[0].0, format!("/labels/{empty}"), "{value:?}");
            }
        }
    }

    #[test]
    fn a_resolved_alert_ends_its_override_even_with_bad_labels() {
        for labels in [vec![("gslb_action", "")], vec![("gslb_action", "drain"), ("gslb_pool", "")]] {
            let ended = action(&alert("resolved", &labels));
            assert_eq!(ended, Ok(AlertAction::End("alert-c0ffee0123456789".to_owned())), "{labels:?}");
        }
    }

    #[test]
    fn errors_point_to_the_bad_label() {
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
            let errors = action(&alert("firing", &labels)).unwrap_err();
            assert_eq!(errors[0].0, pointer, "{labels:?}");
        }
        let mut nameless = alert("firing", &[("gslb_action", "down"), ("gslb_pool", "fra")]);
        nameless.fingerprint = "../x".to_owned();
        assert_eq!(action(&nameless).unwrap_err()[0].0, "/fingerprint");
    }
}
