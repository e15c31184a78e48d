//! What the store keeps of a token, under `tokens/ID`: JSON that has a digest of the secret, and not the secret.

use serde::{Deserialize, Serialize};

use super::AccessError;
use super::role::Role;
use super::scope::Scopes;
use super::token::Digest;
use crate::store::{Time, Versioned};

/// Where tokens are kept.
pub(crate) const PREFIX: &str = "tokens/";

/// The key of the token `id`.
pub fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// A token as an operator may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Names the token.
    pub id: String,
    /// Who has it, as told when it was made.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// What it may change.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Time,
    /// From when on it is of no use; absent where that never comes.
    pub expires: Option<Time>,
}

impl Holder {
    /// Whether the token is of no use any more.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The stored form. Fields that later versions add are passed over.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    role: Role,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    created_millis: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_millis: Option<u64>,
    secret_sha256: String,
}

/// A holder and the digest of their secret as the value of a key.
///
/// # Errors
/// [`AccessError::Damaged`] if it could not be written as JSON, which nothing in it can cause.
pub(super) fn pack(holder: &Holder, digest: Digest) -> Result<Vec<u8>, AccessError> {
    let stored = Stored {
        name: holder.name.clone(),
        role: holder.role,
        scopes: holder.scopes.texts(),
        created_millis: holder.created.millis(),
        expires_millis: holder.expires.map(Time::millis),
        secret_sha256: digest.to_hex(),
    };
    serde_json::to_vec(&stored).map_err(|_| AccessError::Damaged { key: key(&holder.id) })
}

/// What is kept under the key of `id`.
///
/// # Errors
/// [`AccessError::Damaged`] where that is no token: whoever writes the store is not trusted.
pub(super) fn unpack(id: &str, held: &Versioned) -> Result<(Holder, Digest), AccessError> {
    let damaged = || AccessError::Damaged { key: key(id) };
    let stored: Stored = serde_json::from_slice(&held.value).map_err(|_| damaged())?;
    let digest = Digest::from_hex(&stored.secret_sha256).ok_or_else(damaged)?;
    // A scope that cannot be read must not become none.
    let scopes = Scopes::parse(&stored.scopes).map_err(|_| damaged())?;
    let created = Time::from_millis(stored.created_millis);
    let expires = stored.expires_millis.map(Time::from_millis);
    Ok((Holder { id: id.to_owned(), name: stored.name, role: stored.role, scopes, created, expires }, digest))
}
