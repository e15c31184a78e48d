//! A damaged row in a store that is sound otherwise costs only itself.

use std::fs;

use gslb_tests::ask::{curl_with, dig};
use gslb_tests::folder::Folder;
use gslb_tests::server::Server;
use redb::{Database, ReadableDatabase as _, TableDefinition};

use crate::sites::small;

const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Octets of a row before its value: revision and expiry.
const HEAD: usize = 16;

fn database(folder: &Folder) -> Database {
    Database::open(folder.path("gslb-data/store.redb")).unwrap()
}

/// The row `key` of the store, if there is one.
fn read(folder: &Folder, key: &str) -> Option<Vec<u8>> {
    let database = database(folder);
    let table = database.begin_read().unwrap().open_table(ENTRIES).unwrap();
    table.get(key).unwrap().map(|row| row.value().to_vec())
}

/// Writes these octets to the row `key`.
fn put(folder: &Folder, key: &str, octets: &[u8]) {
    let database = database(folder);
    let transaction = database.begin_write().unwrap();
    transaction.open_table(ENTRIES).unwrap().insert(key, octets).unwrap();
    transaction.commit().unwrap();
}

/// Writes `value` to the row `key`, keeping its revision.
pub(crate) fn write(folder: &Folder, key: &str, value: &[u8]) {
    let mut row = read(folder, key).unwrap_or_else(|| [[0; 8], [0xff; 8]].concat());
    row.truncate(HEAD);
    row.extend_from_slice(value);
    put(folder, key, &row);
}

/// A folder in which a server has run that had overrides, and its admin token.
fn stopped() -> (Folder, String) {
    let folder = small("");
    let server = folder.serve_store();
    for id in ["one", "other"] {
        let output = folder.ask(&server, &format!("force up pool/here --id {id} --reason test"));
        assert_eq!(output.code, 0, "{}", output.err);
    }
    server.stop();
    let token = folder.token();
    (folder, token)
}

fn get(server: &Server, token: &str, path: &str) -> String {
    curl_with(&["--header", &format!("Authorization: Bearer {token}")], &server.url(path)).body
}

/// Rows of every kind; some are not there before.
const KEYS: [&str; 16] = [
    "overrides/one",
    "overrides/new",
    "audit/00000000000000000002",
    "audit/00000000000000000099",
    "audit/x",
    "health/here/one",
    "health/nowhere/one",
    "health-seen",
    "mass-failure",
    "latency/vantage/x",
    "latency-observed",
    "thaw",
    "texts/00000000000000000001",
    "revisions/x",
    "revisions/00000000000000000000",
    "tokens/x",
];

#[test]
fn a_damaged_row_of_any_kind_affects_only_itself() {
    // Whole rows, then values of rows.
    let octets: [&[u8]; 5] = [b"", b"short", &[0; 16], &[0xff; 40], b"garbage that is longer than the head of a row"];
    let values: [&[u8]; 4] = [b"", b"{", b"null", b"garbage"];
    let (folder, token) = stopped();
    for number in 0..octets.len() + values.len() {
        // What would restore it.
        let _ = fs::remove_file(folder.path("gslb-data/store.last-good"));
        for key in KEYS {
            match octets.get(number) {
                Some(octets) => put(&folder, key, octets),
                None => write(&folder, key, values[number - octets.len()]),
            }
        }
        let mut server = folder.serve_store();
        assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
        let ready = get(&server, &token, "/readyz");
        assert!(ready.starts_with("ready") && ready.contains("degraded: rows: "), "{number}: {ready}");
        assert_eq!(server.metric("gslb_degraded{what=\"rows\"}"), 1);
        assert!(folder.ask_as(&token, &server, "status").out.contains("DEGRADED, rows: "));
        let overrides = get(&server, &token, "/api/v1/overrides");
        assert!(overrides.contains("\"other\"") && !overrides.contains("\"one\""), "{overrides}");
        let audit = get(&server, &token, "/api/v1/audit");
        assert!(audit.contains("\"number\":1,") && !audit.contains("\"number\":2,"), "{audit}");
        assert!(get(&server, &token, "/api/v1/tokens").contains("first admin"));
        // Later writes do not conflict with the damaged row, and the row can be set again.
        let again = folder.ask_as(&token, &server, "force up pool/here --id one --reason again");
        assert_eq!((again.code, again.out.contains("NOT SAVED")), (0, false), "{again:?}");
        let ended = server.stop();
        assert_eq!(ended.code, Some(0));
        assert!(ended.log.contains("rows of the store were damaged or missing"), "{}", ended.log);
        server = folder.serve_store();
        assert!(get(&server, &token, "/api/v1/overrides").contains("\"one\""), "it was set again");
        server.stop();
        assert_eq!(folder.gslb("serve --strict --config gslb.toml").code, 1);
    }
}

#[test]
fn damaged_rows_are_restored_from_the_copy() {
    let (folder, token) = stopped();
    let id = token.split('_').nth(1).unwrap();
    let token_key = format!("tokens/{id}");
    for key in ["document", "revisions/00000000000000000001", "overrides/one", &token_key] {
        put(&folder, key, b"damaged");
        let server = folder.start("serve --config gslb.toml");
        assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"], "{key}");
        let ready = get(&server, &token, "/readyz");
        assert!(ready.contains(&format!("restored from store.last-good: {key}")), "{ready}");
        let overrides = get(&server, &token, "/api/v1/overrides");
        assert!(overrides.contains("\"one\"") && overrides.contains("\"other\""), "{overrides}");
        assert_eq!(server.stop().code, Some(0));
        let server = folder.start("serve --config gslb.toml");
        assert!(!get(&server, &token, "/readyz").contains("degraded"), "it is whole again");
        server.stop();
    }
}

#[test]
fn without_the_copy_a_damaged_row_can_be_replaced() {
    let (folder, token) = stopped();
    let id = token.split('_').nth(1).unwrap();
    fs::remove_file(folder.path("gslb-data/store.last-good")).unwrap();
    write(&folder, "document", b"damaged");
    write(&folder, &format!("tokens/{id}"), b"damaged");
    let server = folder.serve_store();
    assert_eq!(folder.ask(&server, "status").code, 0, "there is another admin token");
    assert_eq!(server.metric("gslb_document_revision"), 1, "the latest that is kept");
    server.stop();
    // Neither the store nor a copy of it has any document.
    fs::remove_file(folder.path("gslb-data/store.last-good")).unwrap();
    write(&folder, "revisions/00000000000000000001", b"damaged");
    assert_eq!(folder.gslb("serve --config gslb.toml").code, 1, "there is nothing to answer from");
    let server = folder.serve_store();
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    assert_eq!((server.metric("gslb_document_revision"), server.metric("gslb_degraded{what=\"rows\"}")), (2, 1));
    server.stop();
}

#[test]
fn a_damaged_store_identity_is_repaired() {
    let (folder, token) = stopped();
    for damaged in [None, Some(0), Some(1), Some(u64::MAX)] {
        let database = database(&folder);
        let transaction = database.begin_write().unwrap();
        for name in ["revision", "format", "identity"] {
            let mut table = transaction.open_table(NUMBERS).unwrap();
            match damaged {
                Some(number) if name == "revision" => drop(table.insert(name, number).unwrap()),
                Some(_) => {}
                None => drop(table.remove(name).unwrap()),
            }
        }
        transaction.commit().unwrap();
        drop(database);
        let server = folder.serve_store();
        let ready = get(&server, &token, "/readyz");
        assert!(!ready.contains("degraded"), "{damaged:?}: {ready}");
        let saved = folder.ask_as(&token, &server, "force up pool/here --id one --reason again");
        assert_eq!((saved.code, saved.out.contains("NOT SAVED")), (0, false), "{damaged:?}: {saved:?}");
        assert_eq!(server.stop().code, Some(0));
    }
}
