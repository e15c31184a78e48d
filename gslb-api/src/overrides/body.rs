//! An override as somebody sends it: every mistake in it told at once, each with its place.

use gslb_core::site::document::duration;
use gslb_core::site::model::MAX_WEIGHT;
use gslb_core::site::pattern::Pattern;
use serde_json::{Map, Value};

use super::{Force, Override};
use crate::change::Refusal;
use crate::clock;
use crate::members;
use crate::store::Time;

const KEYS: [&str; 6] = ["targets", "force", "reason", "owner", "expires", "expires_in"];
/// Most targets of one override.
const MAX_TARGETS: usize = 100;
/// Characters of a reason, and of an owner.
const TEXT_CHARACTERS: usize = 500;

/// Reads the override `id` as it was sent at `now`. `sender` owns it where the body names no owner.
///
/// # Errors
/// [`Refusal::Body`].
pub fn from_body(id: &str, body: &Value, sender: &str, now: Time) -> Result<Override, Refusal> {
    let mut wrong = Wrong::default();
    wrong.check_id(id);
    let Some(members) = body.as_object() else {
        return Err(Refusal::Body(vec![(String::new(), "expected an object".to_owned())]));
    };
    wrong.0.extend(members::unknown(members, &KEYS, ""));
    let targets = wrong.targets(members);
    let force = wrong.force(members);
    let reason = wrong.text(members, "reason");
    let owner = if members.contains_key("owner") { wrong.text(members, "owner") } else { sender.to_owned() };
    let expires = wrong.expires(members, now);
    match (force, wrong.0.is_empty()) {
        (Some(force), true) => Ok(Override {
            id: id.into(),
            targets,
            force,
            reason,
            owner,
            created: now.millis(),
            expires: expires.map(Time::millis),
        }),
        _ => Err(Refusal::Body(wrong.0)),
    }
}

/// Pointers, and what is wrong there.
#[derive(Default)]
struct Wrong(Vec<(String, String)>);

impl Wrong {
    fn note(&mut self, pointer: impl Into<String>, told: impl Into<String>) {
        self.0.push((pointer.into(), told.into()));
    }

    fn check_id(&mut self, id: &str) {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-');
        let begins = id.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric());
        if !begins || id.len() > 63 || !id.bytes().all(fits) {
            self.note("", "an id has 1 to 63 of A-Z a-z 0-9 . _ -, the first a letter or digit");
        }
    }

    fn targets(&mut self, members: &Map<String, Value>) -> Vec<Pattern> {
        let list = members.get("targets").and_then(Value::as_array);
        let Some(list) = list.filter(|list| (1..=MAX_TARGETS).contains(&list.len())) else {
            self.note("/targets", format!("expected a list of 1 to {MAX_TARGETS}, such as [\"data-center/fra\"]"));
            return Vec::new();
        };
        let mut targets = Vec::with_capacity(list.len());
        for (at, target) in list.iter().enumerate() {
            match target.as_str().map(str::parse::<Pattern>) {
                Some(Ok(target)) => targets.push(target),
                Some(Err(error)) => self.note(format!("/targets/{at}"), error.to_string()),
                None => self.note(format!("/targets/{at}"), "expected text such as \"pool/eu-*\""),
            }
        }
        targets
    }

    fn force(&mut self, members: &Map<String, Value>) -> Option<Force> {
        let told = r#"expected "up", "down", "drain" or {"weight": NUMBER}"#;
        // `{"drain": null}` would be read as `"drain"`.
        let is_plain = |force: &&Value| force.is_string() || force.get("weight").is_some_and(Value::is_number);
        let force = members.get("force").filter(is_plain);
        let force = force.and_then(|force| serde_json::from_value(force.clone()).ok());
        match force {
            Some(Force::Weight(weight)) if weight > MAX_WEIGHT => {
                self.note("/force/weight", format!("a weight is at most {MAX_WEIGHT}"));
            }
            Some(_) => {}
            None => self.note("/force", told),
        }
        force
    }

    fn text(&mut self, members: &Map<String, Value>, name: &str) -> String {
        let text = members.get(name).and_then(Value::as_str).unwrap_or_default();
        let fits = !text.is_empty() && text.chars().count() <= TEXT_CHARACTERS && !text.chars().any(char::is_control);
        if !fits {
            let told = format!("expected text of 1 to {TEXT_CHARACTERS} characters, without control characters");
            self.note(format!("/{name}"), told);
        }
        text.to_owned()
    }

    fn expires(&mut self, members: &Map<String, Value>, now: Time) -> Option<Time> {
        match (members.get("expires"), members.get("expires_in")) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.note("/expires_in", "say either when it expires or in what time, not both");
                None
            }
            (Some(moment), None) => {
                let moment = moment.as_str().and_then(clock::parse).filter(|moment| *moment > now);
                if moment.is_none() {
                    self.note("/expires", "expected a moment to come, such as \"2030-01-31T12:00:00Z\"");
                }
                moment
            }
            (None, Some(time)) => {
                let time = time.as_str().and_then(duration::parse).filter(|time| !time.is_zero());
                if time.is_none() {
                    self.note("/expires_in", "expected a duration such as \"30m\"; the units are ms, s, m, h and d");
                }
                time.map(|time| now.after(time))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_mistakes_are_told_at_once() {
        let body = json!({
            "targets": ["pool/eu-*", "rack/1", 5], "force": {"weight": "x"}, "reason": "", "own/er": 1,
            "expires": "tomorrow",
        });
        let Err(Refusal::Body(wrong)) = from_body("a b", &body, "me", Time::from_millis(0)) else { panic!() };
        let pointers: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["", "/own~1er", "/targets/1", "/targets/2", "/force", "/reason", "/expires"]);
    }

    #[test]
    fn a_force_is_written_in_one_way() {
        for force in [json!({"drain": null}), json!({"weight": null}), json!({"weight": 1, "up": null}), json!(null)] {
            let body = json!({"targets": ["pool/fra"], "force": force, "reason": "r"});
            assert!(from_body("a", &body, "me", Time::from_millis(0)).is_err(), "{force}");
        }
    }

    #[test]
    fn the_sender_owns_what_nobody_else_does() {
        let body = json!({"targets": ["data-center/fra"], "force": "drain", "reason": "power", "expires_in": "1h"});
        let held = from_body("fra", &body, "Ada", Time::from_millis(1000)).unwrap();
        assert_eq!((&*held.owner, held.force, held.expires), ("Ada", Force::Drain, Some(3_601_000)));
    }
}
