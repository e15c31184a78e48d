//! Revisions: every document that was in force, numbered from 1, with author, time and reason.

mod keep;
mod record;
pub mod text;

pub use keep::{Kept, MAX_OCTETS, MAX_REVISIONS, MAX_TEXT_OCTETS};
pub use record::{
    CURRENT, Damaged, Header, MESSAGE_CHARACTERS, PREFIX, key, pack, pack_current, unpack, unpack_current,
};

use crate::document::Document;
use crate::store::{Entry, Order, Store, Unavailable};
pub use crate::types::GitCommit;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// The store cannot be read.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The stored row is not a revision.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Revision `number` with its document; `None` if it never existed or was removed.
///
/// # Errors
/// [`RevisionError`].
pub async fn read(store: &dyn Store, number: u64) -> Result<Option<(Header, Document)>, RevisionError> {
    let key = key(number);
    let Some(stored) = store.read(&key).await? else { return Ok(None) };
    Ok(Some(unpack(&key, &stored.value)?))
}

/// The number of the revision that should be in force; `None` if there never was a document. If the row that names it
/// is damaged or missing, it is the latest kept revision.
///
/// # Errors
/// If the store cannot be read.
pub async fn current(store: &dyn Store) -> Result<Option<u64>, Unavailable> {
    let named = store.read(CURRENT).await?.and_then(|stored| unpack_current(&stored.value).ok());
    match named {
        Some(named) => Ok(Some(named)),
        None => Ok(Kept::of(store).await?.before(u64::MAX).next()),
    }
}

/// Whether `store` has all of revision `number`.
pub(crate) async fn is_whole(store: &dyn Store, number: u64) -> Result<bool, Unavailable> {
    Ok(store.read(&key(number)).await?.is_some_and(|stored| record::is_whole(&stored.value)))
}

/// Whether `store` has any revision that can be read.
///
/// # Errors
/// If the store cannot be read.
pub async fn has_any(store: &dyn Store) -> Result<bool, Unavailable> {
    for number in Kept::of(store).await?.before(u64::MAX) {
        if is_whole(store, number).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `entry`, a row of revisions or texts, has a valid key and header. Does not decompress
/// it.
pub(crate) fn is_readable(entry: &Entry) -> bool {
    let value = &entry.versioned.value;
    if entry.key.starts_with(text::PREFIX) {
        return record::number(&entry.key, text::PREFIX).is_some() && text::is_readable(value);
    }
    let number = record::number(&entry.key, PREFIX);
    number.is_some() && record::header(&entry.key, value).is_ok_and(|header| Some(header.revision) == number)
}

/// Up to `limit` revisions before the number `before`, the latest first, and whether there are more. Damaged ones are
/// omitted, so that one of them does not hide all others; [`read`] returns their errors.
///
/// # Errors
/// [`RevisionError`].
pub async fn list(store: &dyn Store, before: Option<u64>, limit: usize) -> Result<(Vec<Header>, bool), RevisionError> {
    let after = before.map(key);
    let page = store.range(PREFIX, after.as_deref(), limit, Order::Descending).await?;
    let headers = page.entries.iter().filter_map(|entry| record::header(&entry.key, &entry.versioned.value).ok());
    Ok((headers.collect(), page.more))
}
