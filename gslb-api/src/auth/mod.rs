//! Who may ask: bearer tokens with a role each, made, revoked, listed and recognised.

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

/// Characters of a holder's name.
pub const NAME_CHARACTERS: usize = 100;

/// Why a token could not be made, revoked, listed or looked up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] CommitError),
    /// The name of a holder is empty, too long, or has control characters.
    #[error("a token's name has 1 to {NAME_CHARACTERS} characters and no control characters")]
    Name,
    /// The scopes are too many, or go with a role that they mean nothing for.
    #[error(
        "a token has at most {MAX_SCOPES} scopes, and only reporters and operators have any: a viewer changes nothing, and an \
             admin can make tokens without scopes"
    )]
    Scopes,
    /// What the store has under the key is no token.
    #[error("{key} in the store is not a token of this version; delete it, or use the version that wrote it")]
    Damaged {
        /// The key.
        key: String,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random octets: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The file of the first token cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

impl From<Unavailable> for AccessError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Store(unavailable.into())
    }
}

/// What a request's `Authorization` header comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The token is known and in force.
    Granted {
        /// Names the token, for the audit.
        id: String,
        /// Who has it.
        name: String,
        /// What it allows.
        role: Role,
        /// What it may change.
        scopes: Scopes,
    },
    /// It has the form of a token, and is none of ours: never made, or revoked, or with another secret.
    Unknown,
    /// It was one of ours.
    Expired,
    /// It is no bearer token of ours by its form.
    Malformed,
}

/// What a revocation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The token is of no use from now on.
    Done,
    /// There is no such token.
    Unknown,
}

/// Makes a token at `now` for `name`, of no use from `expires` on. This is the only time that its secret is known.
///
/// # Errors
/// [`AccessError::Name`], [`AccessError::Randomness`], [`AccessError::Store`]: there is no new token then.
pub async fn create(
    store: &dyn Store,
    name: &str,
    role: Role,
    now: Time,
    expires: Option<Time>,
) -> Result<Token, AccessError> {
    create_scoped(store, name, role, &Scopes::default(), now, expires).await
}

/// The same for a token that may change only what `scopes` cover.
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

/// Puts a new token into the store.
async fn keep(store: &dyn Store, holder: &Holder, digest: Digest) -> Result<(), AccessError> {
    let key = record::key(&holder.id);
    let value = record::pack(holder, digest)?;
    let commit = Commit::new().expect(key.as_str(), Expectation::Absent).put(key, value);
    store.commit(commit).await?;
    Ok(())
}

/// Revokes the token `id`, for every request that comes after this.
///
/// # Errors
/// [`AccessError::Store`].
pub async fn revoke(store: &dyn Store, id: &str) -> Result<Revoked, AccessError> {
    let key = record::key(id);
    match store.commit(Commit::new().expect(key.as_str(), Expectation::Any).delete(key)).await {
        Ok(_) => Ok(Revoked::Done),
        // No token has a name that no key can have.
        Err(CommitError::Conflict { .. } | CommitError::Invalid { .. } | CommitError::TooLarge { .. }) => {
            Ok(Revoked::Unknown)
        }
        Err(error) => Err(error.into()),
    }
}

/// The holder of the token `id`, expired or not; none where there is no such token.
///
/// # Errors
/// [`AccessError::Store`], [`AccessError::Damaged`].
pub async fn find(store: &dyn Store, id: &str) -> Result<Option<Holder>, AccessError> {
    let held = store.read(&key(id)).await?;
    held.map(|held| record::unpack(id, &held).map(|(holder, _)| holder)).transpose()
}

/// All tokens that can be read, expired ones too, by id. A damaged one lets nobody in, and hides no other.
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

/// The holder of the token in `entry`; none where that is damaged.
pub(crate) fn holder(entry: &Entry) -> Option<Holder> {
    let id = entry.key.strip_prefix(record::PREFIX)?;
    record::unpack(id, &entry.versioned).ok().map(|(holder, _)| holder)
}

/// Recognises the value of an `Authorization` header at `now`: `Bearer gslb_ID_SECRET` (RFC 6750 section 2.1), the
/// scheme in any case (RFC 9110 section 11.1).
///
/// The secret is compared in constant time. That an id is known can be measured; it is no secret.
///
/// # Errors
/// [`AccessError::Store`] where the store cannot be asked, [`AccessError::Damaged`]: nobody is let in then.
pub async fn authenticate(store: &dyn Store, header: &str, now: Time) -> Result<Outcome, AccessError> {
    let Some(token) = bearer(header).and_then(Token::parse) else { return Ok(Outcome::Malformed) };
    let Some(held) = store.read(&record::key(token.id())).await? else { return Ok(Outcome::Unknown) };
    let (holder, digest) = record::unpack(token.id(), &held)?;
    // The secret first: who does not have it is not told that the token has expired.
    Ok(if !digest.is(&token.digest()) {
        Outcome::Unknown
    } else if holder.is_expired(now) {
        Outcome::Expired
    } else {
        Outcome::Granted { id: holder.id, name: holder.name, role: holder.role, scopes: holder.scopes }
    })
}

/// What follows the scheme.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { Some(rest.trim_matches(' ')) } else { None }
}
