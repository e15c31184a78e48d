//! The stored form of a token, under `tokens/ID`: JSON with a digest of the secret, never the secret itself.

use serde::{Deserialize, Serialize};

use super::AccessError;
use super::role::Role;
use super::scope::Scopes;
use super::token::Digest;
use crate::store::{Time, Versioned};

/// Key prefix of tokens.
pub(crate) const PREFIX: &str = "tokens/";

/// The key of the token `id`.
pub fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// A token as an operator may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Token id.
    pub id: String,
    /// Name of the holder, given when the token was created.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Resources it may change.
    pub scopes: Scopes,
    /// When it was created.
    pub created: Time,
    /// When it expires; `None` if never.
    pub expires: Option<Time>,
}

impl Holder {
    /// Whether the token has expired.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The stored form. Unknown fields, from later versions, are ignored.
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

/// Serializes a holder and the digest of the secret.
///
/// # Errors
/// [`AccessError::Damaged`] if serialization fails, which cannot happen for these types.
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

/// Deserializes the token `id`.
///
/// # Errors
/// [`AccessError::Damaged`] if the value is not a token. The content of the store is not trusted.
pub(super) fn unpack(id: &str, stored: &Versioned) -> Result<(Holder, Digest), AccessError> {
    let damaged = || AccessError::Damaged { key: key(id) };
    let token: Stored = serde_json::from_slice(&stored.value).map_err(|_| damaged())?;
    let digest = Digest::from_hex(&token.secret_sha256).ok_or_else(damaged)?;
    // An unreadable scope must not become an unrestricted token.
    let scopes = Scopes::parse(&token.scopes).map_err(|_| damaged())?;
    let created = Time::from_millis(token.created_millis);
    let expires = token.expires_millis.map(Time::from_millis);
    Ok((Holder { id: id.to_owned(), name: token.name, role: token.role, scopes, created, expires }, digest))
}
