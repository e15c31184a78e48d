//! The first admin token: created if there is none, and written to a file that only this user can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::record::Holder;
use super::token::Token;
use super::{AccessError, Role, Scopes, keep, list};
use crate::store::{Store, Time};

/// Whether a first admin token was needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// A valid admin token exists.
    NotNeeded,
    /// One was created and written to this file.
    Made {
        /// `admin.token` in the data directory.
        path: PathBuf,
        /// Token id.
        id: String,
    },
}

/// Makes sure that there is an admin token: if `store` has none that is valid at `now`, creates one and writes it to
/// `admin.token` in `data_directory`, replacing an existing file.
///
/// The file is written first: if the store then fails, the token in the file is not valid, and the next start creates
/// another. The other way round, a valid token could exist that nobody has.
///
/// This blocks on the disk: call it before serving.
///
/// # Errors
/// [`AccessError`]. If the store failed, no token was created.
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

/// Writes `token` to a temporary file that was never readable by others, then renames it.
fn write_secret(path: &Path, token: &Token) -> io::Result<()> {
    let unfinished = path.with_extension("token.new");
    match fs::remove_file(&unfinished) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    // Exclusive: if somebody created a file or link there in between, fail rather than write a secret to it.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
