//! The store's identity in a file beside it, to detect the store of another node.
//!
//! A store gets a random identity when it is created, or with its first commit if it is older than identities. A backup
//! has the same identity, and so has a copy of the whole directory, which the node name distinguishes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Octets of the file: 16 hexadecimal digits and the end of the line.
const OCTETS: usize = 17;

/// A store's identity.
pub(super) type Number = u64;

/// The file and its content.
#[derive(Debug)]
pub(super) struct Identity {
    path: PathBuf,
    /// The identity of the directory's store; `None` if the file is missing or damaged.
    known: Option<Number>,
}

impl Identity {
    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> Self {
        Self { path: path.to_owned(), known: number(path) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the directory's store, if it differs from that of the opened store.
    pub(super) fn other_than(&self, stored: Option<Number>) -> Option<Number> {
        self.known.filter(|known| stored.is_some_and(|stored| stored != *known))
    }

    /// The identity for the opened store: its own, or else the directory's, or else a new one. Writes it to the file.
    /// If that fails, the store still opens: it only detects less later.
    pub(super) fn settle(&self, stored: Option<Number>) -> io::Result<Number> {
        let number = match stored.or(self.known) {
            Some(number) => number,
            None => draw()?,
        };
        if self.known != Some(number) {
            let _ = self.write(number);
        }
        Ok(number)
    }

    fn write(&self, number: Number) -> io::Result<()> {
        let unfinished = self.path.with_extension("id.new");
        match fs::remove_file(&unfinished) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        writeln!(file, "{}", shown(number))?;
        file.sync_all()?;
        fs::rename(&unfinished, &self.path)
    }
}

/// An identity for people.
pub(super) fn shown(number: Number) -> String {
    format!("{number:016x}")
}

fn draw() -> io::Result<Number> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(Number::from_le_bytes(octets))
}

fn number(path: &Path) -> Option<Number> {
    // Opening a named pipe would wait for a writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(OCTETS as u64 + 1).read_to_string(&mut text).ok()?;
    let digits = text.strip_suffix('\n').filter(|_| text.len() == OCTETS)?;
    Number::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_stored_and_a_damaged_file_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.id");
        let new = Identity::read(&path);
        let number = new.settle(None).unwrap();
        let again = Identity::read(&path);
        assert_eq!((again.settle(None).unwrap(), again.other_than(Some(number))), (number, None));
        assert_eq!(again.other_than(Some(number ^ 1)), Some(number));
        assert_eq!(again.other_than(None), None, "a store of before has no number");
        for damaged in ["", "0123456789abcdef", "0123456789abcdeg\n", "0123456789abcdef\n\n"] {
            fs::write(&path, damaged).unwrap();
            let damaged = Identity::read(&path);
            assert_eq!((damaged.other_than(Some(7)), damaged.settle(Some(7)).unwrap()), (None, 7));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "0000000000000007\n");
    }
}
