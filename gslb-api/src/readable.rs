//! Whether this version can read a row of the store.

use serde::de::IgnoredAny;

use crate::store::Entry;
use crate::thaw::{self, Thaw};
use crate::{audit, auth, health, overrides, revisions};
/// Whether this version can read `entry`. Unknown keys belong to another version and count as readable.
pub(crate) fn is_readable(entry: &Entry) -> bool {
    let (key, value) = (&*entry.key, &*entry.versioned.value);
    let is_of = |prefix: &str| key.starts_with(prefix);
    match key {
        revisions::CURRENT => revisions::unpack_current(value).is_ok(),
        health::SEEN | health::OBSERVED => serde_json::from_slice::<u64>(value).is_ok(),
        health::MASS_FAILURE => serde_json::from_slice::<IgnoredAny>(value).is_ok(),
        thaw::KEY => serde_json::from_slice::<Thaw>(value).is_ok(),
        _ if is_of(revisions::PREFIX) || is_of(revisions::text::PREFIX) => revisions::is_readable(entry),
        _ if is_of(overrides::PREFIX) => overrides::unpack(entry).is_some(),
        _ if is_of(audit::PREFIX) => audit::unpack(entry).is_some(),
        _ if is_of(auth::PREFIX) => auth::holder(entry).is_some(),
        _ if is_of(health::PREFIX) => health::unpack(key, value).is_ok(),
        _ if is_of(health::ORDERS) => !health::is_damaged_order(key, value),
        _ => true,
    }
}
