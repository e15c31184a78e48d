//! The first admin token: made where there is none, and left in a file that this user alone can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::record::Holder;
use super::token::Token;
use super::{AccessError, Role, Scopes, keep, list};
use crate::store::{Store, Time};

/// What was found, or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// There is an admin token that has not expired.
    NotNeeded,
    /// One was made, and is in this file.
    Made {
        /// `admin.token` in the data directory.
        path: PathBuf,
        /// Names the token.
        id: String,
    },
}

/// Sees that there is an admin token: where `store` has none that is of use at `now`, makes one, and writes it to
/// `admin.token` in `data_directory`, in place of one that may be there.
///
/// The file is written first: where the store then fails, the file has a token that opens nothing, and the next start
/// makes another. The other way round, a token could be in force that nobody knows.
///
/// This writes to the disk, so a runtime calls it before it serves.
///
/// # Errors
/// [`AccessError`]; where it is of the store, no token is in force.
pub async fn first_admin(store: &dyn Store, data_directory: &Path, now: Time) -> Result<First, AccessError> {
    if list(store).await?.iter().any(|holder| holder.role == Role::Admin && !holder.is_expired(now)) {
        return Ok(First::NotNeeded);
    }
    let token = Token::draw()?;
    let path = data_directory.join("admin.token");
    write_secret(&path, &token).map_err(|cause| AccessError::File { path: path.clone(), cause })?;
    let id = token.id().to_owned();
    let (name, scopes) = ("first admin".into(), Scopes::default());
    let holder = Holder { id: id.clone(), name, role: Role::Admin, scopes, created: now, expires: None };
    keep(store, &holder, token.digest()).await?;
    Ok(First::Made { path, id })
}

/// Writes `token` to a file that nobody else can read at any moment, then gives it its name.
fn write_secret(path: &Path, token: &Token) -> io::Result<()> {
    let unfinished = path.with_extension("token.new");
    match fs::remove_file(&unfinished) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    // Exclusive: a file or link that somebody has put there since is an error, not a place for a secret.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
