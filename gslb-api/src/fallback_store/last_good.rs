//! The last good copy: what a server needs to start with a damaged store, in a file beside the store.
//!
//! It has the active document, the overrides and the tokens (without secrets), as of the latest commit. History, audit log
//! and statuses are only in the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::store::limits::PAGE_ENTRIES;
use crate::store::{Entry, Order, Revision, Store, Time, Unavailable, Versioned, wait};
use crate::{auth, overrides, readable, revisions};

/// Its file name in the data directory.
pub const NAME: &str = "store.last-good";
/// Octets of the largest copy that is read: more than a store may hold of these keys.
const MAX_OCTETS: u64 = 1 << 30;
/// Start of the file: its type and format version.
const HEAD: &[u8] = b"gslb last good 1\n";
/// Marks an entry without expiry.
const NEVER: u64 = u64::MAX;

/// Writes the copy of `store` to `directory`, replacing an earlier one once the new one is complete and durable. This blocks
/// on the disk.
///
/// # Errors
/// An error of the system or of the store.
pub fn write(store: &dyn Store, directory: &Path) -> io::Result<()> {
    let mut octets = HEAD.to_vec();
    octets.extend_from_slice(&wait(store.revision()).map_err(io::Error::other)?.number().to_le_bytes());
    for entry in entries(store).map_err(io::Error::other)? {
        put(&mut octets, entry.key.as_bytes());
        octets.extend_from_slice(&entry.versioned.revision.number().to_le_bytes());
        octets.extend_from_slice(&entry.versioned.expires.map_or(NEVER, Time::millis).to_le_bytes());
        put(&mut octets, &entry.versioned.value);
    }
    let digest = Sha256::digest(&octets);
    octets.extend_from_slice(&digest);
    let (path, unfinished) = (directory.join(NAME), directory.join("store.last-good.new"));
    match fs::remove_file(&unfinished) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(&octets)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    File::open(directory)?.sync_all()
}

/// Reads the copy in `directory`; `None` if it is missing or damaged.
pub(crate) fn read(directory: &Path) -> Option<(Revision, Vec<Entry>)> {
    let path = directory.join(NAME);
    // Opening a named pipe would block until it has a writer.
    if !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut octets = Vec::new();
    File::open(&path).ok()?.take(MAX_OCTETS).read_to_end(&mut octets).ok()?;
    let (octets, digest) = octets.split_last_chunk::<32>()?;
    if Sha256::digest(octets).as_slice() != digest {
        return None;
    }
    let mut rest = octets.strip_prefix(HEAD)?;
    let revision = Revision::new(number(&mut rest)?);
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let key = std::str::from_utf8(take(&mut rest)?).ok()?.into();
        let revision = Revision::new(number(&mut rest)?);
        let expires = Some(number(&mut rest)?).filter(|millis| *millis != NEVER).map(Time::from_millis);
        let value: Arc<[u8]> = take(&mut rest)?.into();
        entries.push(Entry { key, versioned: Versioned { value, revision, expires } });
    }
    Some((revision, entries))
}

/// Whether `directory` has an intact copy with a document.
pub fn has_document(directory: &Path) -> bool {
    read(directory).is_some_and(|(_, entries)| entries.iter().any(|entry| &*entry.key == revisions::CURRENT))
}

/// Whether a write to `key` makes the copy outdated.
pub fn concerns(key: &str) -> bool {
    key == revisions::CURRENT || key.starts_with(overrides::PREFIX) || key.starts_with(auth::PREFIX)
}

fn entries(store: &dyn Store) -> Result<Vec<Entry>, crate::store::Unavailable> {
    let mut entries = Vec::new();
    if let Some(number) = wait(revisions::current(store))? {
        let key = revisions::key(number);
        // Do not replace a good copy by a damaged document.
        if !wait(revisions::is_whole(store, number))? {
            return Err(Unavailable { reason: format!("{key} is damaged") });
        }
        if let Some(document) = wait(store.read(&key))? {
            let (current, revision) = (revisions::pack_current(number).into(), document.revision);
            entries.push(Entry { key: key.as_str().into(), versioned: document });
            let versioned = Versioned { value: current, revision, expires: None };
            entries.push(Entry { key: revisions::CURRENT.into(), versioned });
        }
    }
    for prefix in [overrides::PREFIX, auth::PREFIX] {
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = wait(store.range(prefix, after.as_deref(), PAGE_ENTRIES, Order::Ascending))?;
            let Some(last) = page.entries.last() else { break };
            after = Some(Arc::clone(&last.key));
            entries.extend(page.entries.into_iter().filter(readable::is_readable));
        }
    }
    Ok(entries)
}

fn put(octets: &mut Vec<u8>, part: &[u8]) {
    octets.extend_from_slice(&(part.len() as u64).to_le_bytes());
    octets.extend_from_slice(part);
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, MemoryStore};

    fn revision(number: u64) -> Arc<[u8]> {
        let header = revisions::Header {
            revision: number,
            author: String::new(),
            author_name: String::new(),
            millis: 0,
            message: String::new(),
            restored: None,
            commit: None,
            octets: 0,
        };
        revisions::pack(header, &serde_json::json!({}).into())
    }

    #[test]
    fn a_copy_round_trips_and_a_damaged_one_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let store = MemoryStore::new();
        let (key, document) = (revisions::key(7), revision(7));
        let stored = br#"{"id":"one","targets":["pool/a"],"force":"drain","reason":"r","owner":"o","created":0}"#;
        let commit = Commit::new()
            .put(&*key, document)
            .put(revisions::CURRENT, revisions::pack_current(7))
            .put_until("overrides/one", stored.as_slice(), Time::from_millis(9))
            .put("overrides/two", b"damaged".as_slice())
            .put("audit/1", b"not kept".as_slice());
        wait(store.commit(commit)).unwrap();
        let token = wait(auth::create(&store, "Ada", auth::Role::Admin, Time::from_millis(1), None)).unwrap();
        write(&store, folder.path()).unwrap();
        let (revision, entries) = read(folder.path()).unwrap();
        let keys: Vec<_> = entries.iter().map(|entry| &*entry.key).collect();
        assert_eq!(keys, [&*key, revisions::CURRENT, "overrides/one", &auth::key(token.id())]);
        assert_eq!((revision.number(), entries[2].versioned.expires), (2, Some(Time::from_millis(9))));
        assert!(has_document(folder.path()));
        // Damage in the store does not reach the copy.
        wait(store.commit(Commit::new().put(&*key, b"damaged".as_slice()))).unwrap();
        assert!(write(&store, folder.path()).is_err() && read(folder.path()).is_some());
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..20], b"", &[whole.as_slice(), b"x"].concat()] {
            fs::write(&path, damaged).unwrap();
            assert!(read(folder.path()).is_none());
        }
    }
}
