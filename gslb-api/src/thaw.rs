//! A thaw: for a limited time, no frozen window of the document stops a change.
//!
//! Without it, a typing error in `frozen` could not be taken out of a watched file: the window that the error made would
//! refuse the file that corrects it, until the year that the error names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::change::Refusal;
use crate::store::{Store, Time, Unavailable};
use crate::types::{self, ThawRequest, Timestamp};

/// Where the thaw is kept.
pub const KEY: &str = "thaw";
/// How long a thaw lasts if nobody says how long.
pub const USUAL: Duration = Duration::from_secs(15 * 60);

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

/// The thaw that `owner` asks for at `now`.
///
/// # Errors
/// [`Refusal::Body`] if it has no reason.
pub fn from_request(request: ThawRequest, owner: &str, now: Time) -> Result<Thaw, Refusal> {
    let ThawRequest { reason, r#for } = request;
    if reason.as_str().trim().is_empty() {
        return Err(Refusal::Body(vec![("/reason".to_owned(), "expected a reason, which is not blank".to_owned())]));
    }
    let until = now.after(r#for.map_or(USUAL, |time| time.0)).millis();
    Ok(Thaw { since: now.millis(), until, reason: reason.into(), owner: owner.to_owned() })
}

/// The thaw if it holds at `now`, as the API shows it.
pub fn holding(thaw: Option<&Thaw>, now: Time) -> Option<types::Thaw> {
    thaw.filter(|thaw| thaw.holds(now)).map(Into::into)
}

impl From<&Thaw> for types::Thaw {
    fn from(thaw: &Thaw) -> Self {
        Self {
            since: Timestamp::from_millis(thaw.since),
            until: Timestamp::from_millis(thaw.until),
            reason: thaw.reason.clone(),
            owner: thaw.owner.clone(),
        }
    }
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
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value, now: Time) -> Result<Thaw, types::Mistakes> {
        match from_request(types::read(body)?, "Ada", now) {
            Ok(thaw) => Ok(thaw),
            Err(Refusal::Body(mistakes)) => Err(mistakes),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_thaw_has_a_reason_and_an_end() {
        let now = Time::from_millis(1_000);
        let thaw = read(&json!({"reason": "wrong year"}), now).unwrap();
        assert_eq!((thaw.since, thaw.until), (1_000, 901_000));
        assert!(thaw.holds(now) && thaw.holds(Time::from_millis(900_999)));
        assert!(!thaw.holds(Time::from_millis(901_000)) && !thaw.holds(Time::from_millis(999)));
        assert_eq!(read(&json!({"reason": "r", "for": "1d"}), now).unwrap().until, 86_401_000);
        for (body, pointer) in [
            (json!({}), "/reason"),
            (json!({"reason": " "}), "/reason"),
            (json!({"reason": "a\nb"}), "/reason"),
            (json!({"reason": "r", "for": "0s"}), "/for"),
            (json!({"reason": "r", "for": "25h"}), "/for"),
            (json!({"reason": "r", "for": 900}), "/for"),
            (json!({"reason": "r", "until": "2036"}), "/until"),
        ] {
            assert_eq!(read(&body, now).unwrap_err()[0].0, pointer, "{body}");
        }
        assert!(read(&json!("thaw"), now).is_err());
    }
}
