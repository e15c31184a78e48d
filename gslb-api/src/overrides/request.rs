//! Override requests: checks that the request types cannot express.

use super::Override;
use crate::change::Refusal;
use crate::store::Time;
use crate::types::{Mistakes, OverrideRequest};

/// Builds the override `id` from a request at `now`. The sender owns it if the request names no owner.
///
/// # Errors
/// [`Refusal::Body`].
pub fn from_request(id: &str, request: OverrideRequest, sender: &str, now: Time) -> Result<Override, Refusal> {
    let mut mistakes = Mistakes::new();
    if !is_id(id) {
        let detail = "an id has 1 to 63 of A-Z a-z 0-9 . _ -, the first a letter or digit";
        mistakes.push((String::new(), detail.to_owned()));
    }
    let OverrideRequest { targets, force, reason, owner, expires, expires_in } = request;
    let expires = match (expires, expires_in) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            let detail = "set either expires or expires_in, not both";
            mistakes.push(("/expires_in".to_owned(), detail.to_owned()));
            None
        }
        (Some(moment), None) => {
            if moment.0 <= now {
                let detail = "expected a time in the future, such as \"2030-01-31T12:00:00Z\"";
                mistakes.push(("/expires".to_owned(), detail.to_owned()));
            }
            Some(moment.0)
        }
        (None, Some(time)) => Some(now.after(time.0)),
    };
    if !mistakes.is_empty() {
        return Err(Refusal::Body(mistakes));
    }
    Ok(Override {
        id: id.into(),
        targets: targets.0,
        force,
        reason: reason.into(),
        owner: owner.map_or_else(|| sender.to_owned(), Into::into),
        created: now.millis(),
        expires: expires.map(Time::millis),
    })
}

fn is_id(id: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-');
    let begins = id.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric());
    begins && id.len() <= 63 && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Force;
    use super::*;
    use crate::types;

    fn request(body: &Value) -> Result<OverrideRequest, Mistakes> {
        types::read(body)
    }

    #[test]
    fn an_override_has_a_valid_id_and_one_expiry_in_the_future() {
        let pointers = |id: &str, end: Value| {
            let mut body = json!({"targets": ["pool/fra"], "force": "up", "reason": "r"});
            body.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
            let refusal = from_request(id, request(&body).unwrap(), "me", Time::from_millis(1000)).unwrap_err();
            let Refusal::Body(mistakes) = refusal else { panic!() };
            mistakes.into_iter().map(|(pointer, _)| pointer).collect::<Vec<String>>()
        };
        assert_eq!(pointers("a b", json!({"expires": "1970-01-01T00:00:01Z"})), ["", "/expires"]);
        assert_eq!(pointers("a", json!({"expires": "2030-01-01T00:00:00Z", "expires_in": "1h"})), ["/expires_in"]);
    }

    #[test]
    fn a_force_has_exactly_one_form() {
        for force in [json!({"drain": null}), json!({"weight": null}), json!({"weight": 1, "up": null}), json!(null)] {
            let body = json!({"targets": ["pool/fra"], "force": force, "reason": "r"});
            assert!(request(&body).is_err(), "{force}");
        }
    }

    #[test]
    fn the_sender_is_the_default_owner() {
        let body = json!({"targets": ["data-center/fra"], "force": "drain", "reason": "power", "expires_in": "1h"});
        let new_override = from_request("fra", request(&body).unwrap(), "Ada", Time::from_millis(1000)).unwrap();
        assert_eq!(
            (&*new_override.owner, new_override.force, new_override.expires),
            ("Ada", Force::Drain, Some(3_601_000))
        );
    }
}
