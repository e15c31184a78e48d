//! A thaw: for a limited time, no frozen window of the document stops a change.
//!
//! Without it, a typing error in `frozen` could not be taken out of a watched file: the window that the error made would
//! refuse the file that corrects it, until the year that the error names.

use std::time::Duration;

use gslb_core::site::document::duration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::members;
use crate::store::{Store, Time, Unavailable};

/// Where the thaw is kept.
pub const KEY: &str = "thaw";
/// How long a thaw lasts if nobody says how long.
pub const USUAL: Duration = Duration::from_secs(15 * 60);
/// How long a thaw may last.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Characters of a reason.
const REASON_CHARACTERS: usize = 500;
const KEYS: [&str; 2] = ["reason", "for"];

/// A thaw that an admin has asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thaw {
    /// Since when it holds, in milliseconds since 1970-01-01 00:00 UTC.
    pub since: u64,
    /// Until when it holds, likewise.
    pub until: u64,
    /// Why.
    pub reason: String,
    /// The name of the admin.
    pub owner: String,
}

impl Thaw {
    /// Whether it holds at `now`. A wall clock that was set back to before the thaw does not make it longer.
    pub fn holds(&self, now: Time) -> bool {
        (self.since..self.until).contains(&now.millis())
    }

    /// Its stored form.
    pub fn pack(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Reads a thaw that `owner` asks for at `now`.
///
/// # Errors
/// Everything that is wrong, each with the JSON pointer to it (RFC 6901).
pub fn from_body(body: &Value, owner: &str, now: Time) -> Result<Thaw, Vec<(String, String)>> {
    let mut wrong: Vec<(String, String)> = Vec::new();
    let none = Map::new();
    let members = body.as_object().unwrap_or_else(|| {
        wrong.push((String::new(), "expected an object".to_owned()));
        &none
    });
    wrong.extend(members::unknown(members, &KEYS, ""));
    let reason = members.get("reason").and_then(Value::as_str).unwrap_or_default();
    let is_reason = !reason.trim().is_empty()
        && reason.chars().count() <= REASON_CHARACTERS
        && !reason.chars().any(char::is_control);
    if !is_reason {
        let told = format!("expected text of 1 to {REASON_CHARACTERS} characters, without control characters");
        wrong.push(("/reason".to_owned(), told));
    }
    let lasts = match members.get("for") {
        None => Some(USUAL),
        Some(time) => time.as_str().and_then(duration::parse).filter(|time| !time.is_zero() && *time <= LONGEST),
    };
    let Some(lasts) = lasts.filter(|_| wrong.is_empty()) else {
        if lasts.is_none() {
            let most = duration::show(LONGEST);
            wrong.push(("/for".to_owned(), format!("expected a duration such as \"15m\", at most \"{most}\"")));
        }
        return Err(wrong);
    };
    let until = now.after(lasts).millis();
    Ok(Thaw { since: now.millis(), until, reason: reason.to_owned(), owner: owner.to_owned() })
}

/// A thaw as the API shows it: null if there is none that holds at `now`.
pub fn to_json(thaw: Option<&Thaw>, now: Time) -> Value {
    let holding = thaw.filter(|thaw| thaw.holds(now));
    holding.map_or(Value::Null, |thaw| {
        json!({
            "since": clock::show(Time::from_millis(thaw.since)),
            "until": clock::show(Time::from_millis(thaw.until)),
            "reason": thaw.reason,
            "owner": thaw.owner,
        })
    })
}

/// The thaw in `store`. One that cannot be read is none: it would only loosen a rule.
///
/// # Errors
/// Where the store cannot be asked.
pub(crate) async fn read(store: &dyn Store) -> Result<Option<Thaw>, Unavailable> {
    let held = store.read(KEY).await?;
    Ok(held.and_then(|held| serde_json::from_slice(&held.value).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thaw_has_a_reason_and_an_end() {
        let now = Time::from_millis(1_000);
        let thaw = from_body(&json!({"reason": "wrong year"}), "Ada", now).unwrap();
        assert_eq!((thaw.since, thaw.until), (1_000, 901_000));
        assert!(thaw.holds(now) && thaw.holds(Time::from_millis(900_999)));
        assert!(!thaw.holds(Time::from_millis(901_000)) && !thaw.holds(Time::from_millis(999)));
        assert_eq!(from_body(&json!({"reason": "r", "for": "1d"}), "Ada", now).unwrap().until, 86_401_000);
        for (body, pointer) in [
            (json!({}), "/reason"),
            (json!({"reason": " "}), "/reason"),
            (json!({"reason": "a\nb"}), "/reason"),
            (json!({"reason": "r", "for": "0s"}), "/for"),
            (json!({"reason": "r", "for": "25h"}), "/for"),
            (json!({"reason": "r", "for": 900}), "/for"),
            (json!({"reason": "r", "until": "2036"}), "/until"),
        ] {
            let Err(wrong) = from_body(&body, "Ada", now) else { panic!("{body}") };
            assert_eq!(wrong[0].0, pointer, "{body}");
        }
        assert!(from_body(&json!("thaw"), "Ada", now).is_err());
    }
}
