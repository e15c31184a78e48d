//! Access control: bearer tokens with roles, created, revoked, listed and authenticated.

use std::io;
use std::path::PathBuf;

use crate::store::{Commit, CommitError, Entry, Expectation, Order, Store, Time, Unavailable, limits};

mod first;
mod record;
mod role;
mod scope;
mod token;

pub use first::{First, first_admin};
pub(crate) use record::PREFIX;
pub use record::{Holder, key};
pub use role::Role;
pub use scope::{InvalidScope, MAX_SCOPES, Resource, Scope, Scopes};
pub use token::Token;

use token::Digest;

/// Maximum length of a token's name, in characters.
pub const NAME_CHARACTERS: usize = 100;

/// Why a token could not be created, revoked, listed or looked up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] CommitError),
    /// The name of a holder is empty, too long, or has control characters.
    #[error("a token's name has 1 to {NAME_CHARACTERS} characters and no control characters")]
    Name,
    /// Too many scopes, or a role that cannot have scopes.
    #[error(
        "a token has at most {MAX_SCOPES} scopes, and only reporters and operators have any: a viewer changes nothing, and an \
             admin can make tokens without scopes"
    )]
    Scopes,
    /// The stored value is not a token.
    #[error("{key} in the store is not a token of this version; delete it, or use the version that wrote it")]
    Damaged {
        /// The key.
        key: String,
    },
    /// The system's random number generator failed.
    #[error("the system's random number generator failed: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The file of the first token cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
}

impl From<Unavailable> for AccessError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Store(unavailable.into())
    }
}

/// The result of checking an `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The token is valid.
    Granted {
        /// Token id, for the audit log.
        id: String,
        /// Name of the holder.
        name: String,
        /// Role of the token.
        role: Role,
        /// Resources that the token may change.
        scopes: Scopes,
    },
    /// Well-formed, but not a known token: never created, revoked, or with a wrong secret.
    Unknown,
    /// The token has expired.
    Expired,
    /// Not a well-formed gslb bearer token.
    Malformed,
}

/// The result of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The token was revoked.
    Done,
    /// The token does not exist.
    Unknown,
}

/// Creates a token for `name` at `now`, valid until `expires`. Its secret is available only here.
///
/// # Errors
/// [`AccessError::Name`], [`AccessError::Randomness`], [`AccessError::Store`]: no token was created.
pub async fn create(
    store: &dyn Store,
    name: &str,
    role: Role,
    now: Time,
    expires: Option<Time>,
) -> Result<Token, AccessError> {
    create_scoped(store, name, role, &Scopes::default(), now, expires).await
}

/// Like [`create`], for a token that may change only what `scopes` cover.
///
/// # Errors
/// As for [`create`], and [`AccessError::Scopes`].
pub async fn create_scoped(
    store: &dyn Store,
    name: &str,
    role: Role,
    scopes: &Scopes,
    now: Time,
    expires: Option<Time>,
) -> Result<Token, AccessError> {
    if !scopes.is_everything() && !matches!(role, Role::Reporter | Role::Operator) || scopes.texts().len() > MAX_SCOPES
    {
        return Err(AccessError::Scopes);
    }
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS || name.chars().any(char::is_control) {
        return Err(AccessError::Name);
    }
    let token = Token::draw()?;
    let holder = Holder {
        id: token.id().to_owned(),
        name: name.to_owned(),
        role,
        scopes: scopes.clone(),
        created: now,
        expires,
    };
    keep(store, &holder, token.digest()).await?;
    Ok(token)
}

/// Stores a new token.
async fn keep(store: &dyn Store, holder: &Holder, digest: Digest) -> Result<(), AccessError> {
    let key = record::key(&holder.id);
    let value = record::pack(holder, digest)?;
    let commit = Commit::new().expect(key.as_str(), Expectation::Absent).put(key, value);
    store.commit(commit).await?;
    Ok(())
}

/// Revokes the token `id` for all later requests.
///
/// # Errors
/// [`AccessError::Store`].
pub async fn revoke(store: &dyn Store, id: &str) -> Result<Revoked, AccessError> {
    let key = record::key(id);
    match store.commit(Commit::new().expect(key.as_str(), Expectation::Any).delete(key)).await {
        Ok(_) => Ok(Revoked::Done),
        // The id cannot be a key, so there is no such token.
        Err(CommitError::Conflict { .. } | CommitError::Invalid { .. } | CommitError::TooLarge { .. }) => {
            Ok(Revoked::Unknown)
        }
        Err(error) => Err(error.into()),
    }
}

/// The holder of the token `id`, expired or not; `None` if there is no such token.
///
/// # Errors
/// [`AccessError::Store`], [`AccessError::Damaged`].
pub async fn find(store: &dyn Store, id: &str) -> Result<Option<Holder>, AccessError> {
    let stored = store.read(&key(id)).await?;
    stored.map(|stored| record::unpack(id, &stored).map(|(holder, _)| holder)).transpose()
}

/// All readable tokens by id, including expired ones. Damaged ones are skipped; they grant no access.
///
/// # Errors
/// [`AccessError::Store`].
pub async fn list(store: &dyn Store) -> Result<Vec<Holder>, AccessError> {
    let mut holders = Vec::new();
    let mut after = None;
    loop {
        let page = store.range(record::PREFIX, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await?;
        holders.extend(page.entries.iter().filter_map(holder));
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(holders);
        }
    }
}

/// The holder of the token in `entry`; `None` if it is damaged.
pub(crate) fn holder(entry: &Entry) -> Option<Holder> {
    let id = entry.key.strip_prefix(record::PREFIX)?;
    record::unpack(id, &entry.versioned).ok().map(|(holder, _)| holder)
}

/// Checks the value of an `Authorization` header at `now`: `Bearer gslb_ID_SECRET` (RFC 6750 section 2.1), the
/// scheme in any case (RFC 9110 section 11.1).
///
/// The secret is compared in constant time. Whether an id exists can be measured, but ids are not secret.
///
/// # Errors
/// [`AccessError::Store`] if the store cannot be read, [`AccessError::Damaged`]: access is denied.
pub async fn authenticate(store: &dyn Store, header: &str, now: Time) -> Result<Outcome, AccessError> {
    let Some(token) = bearer(header).and_then(Token::parse) else { return Ok(Outcome::Malformed) };
    let Some(stored) = store.read(&record::key(token.id())).await? else { return Ok(Outcome::Unknown) };
    let (holder, digest) = record::unpack(token.id(), &stored)?;
    // The secret first: without it, a caller must not learn that the token has expired.
    Ok(if !digest.is(&token.digest()) {
        Outcome::Unknown
    } else if holder.is_expired(now) {
        Outcome::Expired
    } else {
        Outcome::Granted { id: holder.id, name: holder.name, role: holder.role, scopes: holder.scopes }
    })
}

/// The token after the scheme.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { Some(rest.trim_matches(' ')) } else { None }
}
