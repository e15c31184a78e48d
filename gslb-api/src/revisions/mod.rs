//! Revisions: every document that was in force, numbered from 1, with who put it in force, when and why.

mod keep;
mod record;
pub mod text;

pub use keep::{Kept, MAX_OCTETS, MAX_REVISIONS, MAX_TEXT_OCTETS};
pub use record::{
    CURRENT, Damaged, GitCommit, Header, MESSAGE_CHARACTERS, PREFIX, key, pack, pack_current, unpack, unpack_current,
};

use serde_json::Value;

use crate::store::{Order, Store, Unavailable};

/// Why a revision cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// The store cannot be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// What the store has is no revision.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Revision `number` with its document; nothing where it never was or is not kept any more.
///
/// # Errors
/// [`RevisionError`].
pub async fn read(store: &dyn Store, number: u64) -> Result<Option<(Header, Value)>, RevisionError> {
    let key = key(number);
    let Some(held) = store.read(&key).await? else { return Ok(None) };
    Ok(Some(unpack(&key, &held.value)?))
}

/// Up to `limit` revisions before the number `before`, the latest first, and whether there are more. Damaged ones are
/// left out, so that one of them does not hide all others; to [`read`] one tells what is wrong with it.
///
/// # Errors
/// [`RevisionError`].
pub async fn list(store: &dyn Store, before: Option<u64>, limit: usize) -> Result<(Vec<Header>, bool), RevisionError> {
    let after = before.map(key);
    let page = store.range(PREFIX, after.as_deref(), limit, Order::Descending).await?;
    let headers = page.entries.iter().filter_map(|entry| record::header(&entry.key, &entry.held.value).ok());
    Ok((headers.collect(), page.more))
}
