//! A damaged file is refused, with its name and advice, or has exactly the acknowledged commits.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gslb_api::store::{Commit, EmbeddedStore, Entry, OpenError, Order, Revision, Store, wait};

/// Creates a store with a few commits in `directory`, and returns its entries.
fn fill(directory: &Path) -> Vec<Entry> {
    let store = EmbeddedStore::open(directory).unwrap();
    for number in 0..30u8 {
        let key = format!("revisions/{number:020}");
        let value = vec![number; 700];
        wait(store.commit(Commit::new().put(key, value.clone()).put("document", value))).unwrap();
    }
    wait(store.commit(Commit::new().put("large", (0..20_000u32).map(|n| n as u8).collect::<Vec<u8>>()))).unwrap();
    all(&store)
}

fn all(store: &EmbeddedStore) -> Vec<Entry> {
    wait(store.range("", None, 1000, Order::Ascending)).unwrap().entries
}

/// Opens the damaged store in `directory`: it has `expected`, or an error names the file. Returns which.
fn is_refused(directory: &Path, expected: &[Entry], damage: &str) -> bool {
    let file = directory.join("store.redb");
    let damaged = fs::read(&file).unwrap();
    match EmbeddedStore::open(directory) {
        Ok(store) => {
            assert_eq!(all(&store), expected, "{damage}: other data without a word");
            false
        }
        Err(error @ (OpenError::Damaged { .. } | OpenError::Behind { .. } | OpenError::Later { .. })) => {
            assert!(error.to_string().contains("store.redb"), "{error}");
            let is_left_alone = fs::read(&file).unwrap() == damaged || !matches!(error, OpenError::Damaged { .. });
            assert!(is_left_alone, "{damage}: the file was changed");
            true
        }
        Err(error) => panic!("{damage}: {error}"),
    }
}

/// Octets of the database's header, where a flip has the most effect.
const HEADER: usize = 320;

/// The first of them, with the bit that selects the latest of two commits: each bit is flipped.
const SWITCHES: usize = 16;

/// A directory with a sound store, and others to damage.
struct Fixture {
    directory: tempfile::TempDir,
    file: Vec<u8>,
    mark: Vec<u8>,
    expected: Vec<Entry>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let expected = fill(directory.path());
        let [file, mark] = ["store.redb", "store.highest"].map(|name| fs::read(directory.path().join(name)).unwrap());
        Self { directory, file, mark, expected }
    }

    /// Opens the store with these octets as its file.
    fn is_refused(&self, file: &[u8], damage: &str) -> bool {
        fs::write(self.directory.path().join("store.redb"), file).unwrap();
        fs::write(self.directory.path().join("store.highest"), &self.mark).unwrap();
        is_refused(self.directory.path(), &self.expected, damage)
    }
}

#[test]
fn a_sound_file_is_opened() {
    let fixture = Fixture::new();
    assert!(!fixture.is_refused(&fixture.file, "nothing"));
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let fixture = Fixture::new();
    let ends = (0..HEADER).step_by(5).chain((HEADER..fixture.file.len()).step_by(fixture.file.len() / 40));
    for end in ends.chain([fixture.file.len() - 1]) {
        fixture.is_refused(&fixture.file[..end], &format!("cut off after {end}"));
    }
    assert!(fixture.is_refused(&[], "empty"), "the database would make a new one");
    assert!(fixture.is_refused(&fixture.file[..4096], "a page"));
}

#[test]
fn a_flipped_bit_is_detected_where_it_matters() {
    let fixture = Fixture::new();
    let mut refused = 0;
    let every_bit = (0..SWITCHES).flat_map(|offset| (0..8).map(move |bit| (offset, bit)));
    let rest = (SWITCHES..HEADER).chain((HEADER..fixture.file.len()).step_by(fixture.file.len() / 100));
    let flips: Vec<(usize, usize)> = every_bit.chain(rest.map(|offset| (offset, offset % 8))).collect();
    for &(offset, bit) in &flips {
        let mut file = fixture.file.clone();
        file[offset] ^= 1 << bit;
        refused += usize::from(fixture.is_refused(&file, &format!("bit {bit} of octet {offset} flipped")));
    }
    println!("{refused} of {} flips are refused", flips.len());
    assert!(refused > 0);
}

#[test]
fn zeroed_and_random_pages_are_detected_where_they_matter() {
    let fixture = Fixture::new();
    for start in (0..fixture.file.len()).step_by(4096) {
        let end = (start + 4096).min(fixture.file.len());
        let mut file = fixture.file.clone();
        file[start..end].fill(0);
        fixture.is_refused(&file, &format!("zeros from {start}"));
        for (octet, position) in file[start..end].iter_mut().zip(start as u32..) {
            *octet = (position.wrapping_mul(2_654_435_761) >> 24) as u8;
        }
        fixture.is_refused(&file, &format!("noise from {start}"));
    }
}

#[test]
fn a_file_of_something_else_is_refused() {
    let fixture = Fixture::new();
    let text = b"[zones.\"example.com\"]\n".repeat(1000);
    assert!(fixture.is_refused(&text, "text"));
    assert_eq!(fs::read(fixture.directory.path().join("store.redb")).unwrap(), text, "it is left as it is");
}

#[test]
fn a_stale_file_is_refused_until_an_operator_accepts_it() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let path = directory.path().join("store.redb");
    let yesterday = fs::read(&path).unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    wait(store.commit(Commit::new().put("document", *b"today"))).unwrap();
    drop(store);
    fs::write(&path, yesterday).unwrap();
    let error = EmbeddedStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Behind { .. }), "{error}");
    fs::remove_file(&path).unwrap();
    let error = EmbeddedStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Behind { revision: Revision::ZERO, .. }), "{error}");
    assert!(!path.exists());
    fs::remove_file(directory.path().join("store.highest")).unwrap();
    assert!(all(&EmbeddedStore::open(directory.path()).unwrap()).is_empty());
}

#[test]
fn a_damaged_mark_prevents_nothing() {
    let fixture = Fixture::new();
    for mark in [&b""[..], b"nonsense", b"00000000000000000031 00000000000000000099\n"] {
        fs::write(fixture.directory.path().join("store.highest"), mark).unwrap();
        assert!(!is_refused(fixture.directory.path(), &fixture.expected, "mark"));
    }
}

#[test]
fn opening_a_directory_twice_reports_that_it_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let first = EmbeddedStore::open(directory.path()).unwrap();
    let error = EmbeddedStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(first);
    EmbeddedStore::open(directory.path()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_created_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = EmbeddedStore::open(&file.join("data")).unwrap_err().to_string();
    assert!(error.contains("file/data"), "{error}");
}

#[test]
fn only_this_user_may_read_the_files() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data");
    fill(&directory);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for name in ["store.redb", "store.highest", "store.lock"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
}

/// Changes rows of the file in `directory` as no store would.
fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(directory.join("store.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

const ENTRIES: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("entries");
const NUMBERS: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");

#[test]
fn an_invalid_row_affects_only_itself_and_can_be_overwritten() {
    for octets in [&b""[..], b"short", &[0xff; 15], &[0xff; 16], b"text that is longer than the head of an entry"] {
        let directory = tempfile::tempdir().unwrap();
        let mut expected = fill(directory.path());
        change(directory.path(), |rows| drop(rows.open_table(ENTRIES).unwrap().insert("document", octets).unwrap()));
        let store = EmbeddedStore::open(directory.path()).unwrap();
        let stored = wait(store.read("document")).unwrap().unwrap();
        assert_eq!((&*stored.value, stored.expires), (octets, None), "its readers find that it is damaged");
        expected.retain(|entry| &*entry.key != "document");
        let mut others = all(&store);
        others.retain(|entry| &*entry.key != "document");
        assert!(others == expected, "all other rows are as they were");
        let revision = wait(store.commit(Commit::new().put("document", *b"again"))).unwrap();
        drop(store);
        let store = EmbeddedStore::open(directory.path()).unwrap();
        let stored = wait(store.read("document")).unwrap().unwrap();
        assert_eq!((&*stored.value, stored.revision), (&b"again"[..], revision));
    }
}

#[test]
fn a_damaged_revision_is_detected_and_its_number_is_not_reused() {
    for damaged in [None, Some(0), Some(7), Some(u64::MAX)] {
        for has_mark in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let expected = fill(directory.path());
            change(directory.path(), |rows| {
                let mut numbers = rows.open_table(NUMBERS).unwrap();
                match damaged {
                    Some(number) => drop(numbers.insert("revision", number).unwrap()),
                    None => drop(numbers.remove("revision").unwrap()),
                }
            });
            if !has_mark {
                fs::remove_file(directory.path().join("store.highest")).unwrap();
            }
            for open in 1..=2 {
                let store = EmbeddedStore::open(directory.path()).unwrap();
                let page = wait(store.range("", None, 1000, Order::Ascending)).unwrap();
                let last = expected.iter().map(|entry| entry.versioned.revision).max().unwrap();
                assert!(page.revision >= last, "{damaged:?} {has_mark} {open}");
                let revision = wait(store.commit(Commit::new().put("next", *b""))).unwrap();
                assert!(revision > page.revision);
            }
        }
    }
}
