//! A thaw: for a limited time, no frozen window of the document stops a change.
//!
//! Without it, a typo in `frozen` could not be fixed in a watched file: the wrong window would refuse the corrected
//! file until it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::{Store, Time, Unavailable};
use crate::types::{self, ThawRequest, Timestamp};

/// Key of the thaw.
pub const KEY: &str = "thaw";
/// Default duration of a thaw.
pub const USUAL: Duration = Duration::from_secs(15 * 60);

/// A thaw requested by an admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thaw {
    /// Start, in milliseconds since 1970-01-01 00:00 UTC.
    pub since: u64,
    /// End, in milliseconds since 1970-01-01 00:00 UTC.
    pub until: u64,
    /// The reason.
    pub reason: String,
    /// Name of the admin.
    pub owner: String,
}

impl Thaw {
    /// Whether it is active at `now`. Setting the wall clock back to before the thaw does not extend it.
    pub fn holds(&self, now: Time) -> bool {
        (self.since..self.until).contains(&now.millis())
    }

    /// Its stored form.
    pub fn pack(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The thaw that `owner` requests at `now`.
///
/// # Errors
/// An error message with its JSON pointer (RFC 6901), if the thaw is invalid.
pub fn from_request(request: ThawRequest, owner: &str, now: Time) -> Result<Thaw, Vec<(String, String)>> {
    let ThawRequest { reason, r#for } = request;
    if reason.as_str().trim().is_empty() {
        return Err(vec![("/reason".to_owned(), "expected a reason that is not blank".to_owned())]);
    }
    let until = now.after(r#for.map_or(USUAL, |time| time.0)).millis();
    Ok(Thaw { since: now.millis(), until, reason: reason.into(), owner: owner.to_owned() })
}

/// The thaw if it is active at `now`, as the API shows it.
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

/// The thaw in `store`. A damaged one is ignored: it would only loosen a rule.
///
/// # Errors
/// If the store cannot be read.
pub(crate) async fn read(store: &dyn Store) -> Result<Option<Thaw>, Unavailable> {
    let stored = store.read(KEY).await?;
    Ok(stored.and_then(|stored| serde_json::from_slice(&stored.value).ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value, now: Time) -> Result<Thaw, types::Mistakes> {
        from_request(types::read(body)?, "Ada", now)
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
