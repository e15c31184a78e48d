//! Tokens authenticate their holders, and their secrets are stored nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use gslb_api::auth::{
    AccessError, First, Outcome, Revoked, Role, Scopes, authenticate, create, create_scoped, first_admin, list, revoke,
};
use gslb_api::store::{Commit, EmbeddedStore, MemoryStore, Order, Store, Time, wait};

fn now() -> Time {
    Time::from_millis(1_700_000_000_000)
}

fn ask(store: &dyn Store, header: &str, now: Time) -> Outcome {
    wait(authenticate(store, header, now)).unwrap()
}

#[test]
fn a_token_grants_its_role() {
    let store = MemoryStore::new();
    for role in Role::ALL {
        let token = wait(create(&store, "deploy job", role, now(), None)).unwrap();
        let (id, scopes) = (token.id().to_owned(), Scopes::default());
        let granted = Outcome::Granted { id, name: "deploy job".to_owned(), role, scopes };
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(ask(&store, &format!("{scheme} {}", token.reveal()), now()), granted);
        }
    }
}

#[test]
fn a_greater_role_allows_what_a_lesser_one_does() {
    for (place, role) in Role::ALL.into_iter().enumerate() {
        assert_eq!(Role::from_name(role.name()), Some(role));
        for (needed_place, needed) in Role::ALL.into_iter().enumerate() {
            let is_exception = role == Role::Viewer && needed == Role::Reporter;
            assert_eq!(role.allows(needed), place >= needed_place && !is_exception, "{role} for {needed}");
        }
    }
    assert_eq!(Role::from_name("Admin"), None);
}

#[test]
fn invalid_tokens_are_unauthorized() {
    let store = MemoryStore::new();
    let token = wait(create(&store, "somebody", Role::Admin, now(), None)).unwrap().reveal();
    let malformed =
        ["", "Bearer", "Bearer ", &token, &format!("Basic {token}"), &format!("Bearer {token}0"), "Bearer x"];
    for header in malformed {
        assert_eq!(ask(&store, header, now()), Outcome::Malformed, "{header}");
    }
    let last = if token.ends_with('0') { "1" } else { "0" };
    let invalid = format!("Bearer {}{last}", &token[..token.len() - 1]);
    assert_eq!(ask(&store, &invalid, now()), Outcome::Unknown, "another secret");
    let id = &token[5..21];
    let other = token.replace(id, if id.starts_with('0') { "1111111111111111" } else { "0000000000000000" });
    assert_eq!(ask(&store, &format!("Bearer {other}"), now()), Outcome::Unknown, "another id");
}

#[test]
fn an_expired_token_is_reported_only_to_its_holder() {
    let store = MemoryStore::new();
    let end = now().after(Duration::from_secs(3600));
    let token = wait(create(&store, "guest", Role::Viewer, now(), Some(end))).unwrap().reveal();
    let header = format!("Bearer {token}");
    assert!(matches!(ask(&store, &header, Time::from_millis(end.millis() - 1)), Outcome::Granted { .. }));
    assert_eq!(ask(&store, &header, end), Outcome::Expired);
    let last = if token.ends_with('0') { "1" } else { "0" };
    assert_eq!(ask(&store, &format!("{}{last}", &header[..header.len() - 1]), end), Outcome::Unknown);
}

#[test]
fn a_revoked_token_is_of_no_use() {
    let store = MemoryStore::new();
    let token = wait(create(&store, "somebody", Role::Operator, now(), None)).unwrap();
    assert_eq!(wait(list(&store)).unwrap().len(), 1);
    assert_eq!(wait(revoke(&store, token.id())).unwrap(), Revoked::Done);
    assert_eq!(ask(&store, &format!("Bearer {}", token.reveal()), now()), Outcome::Unknown);
    for unknown in [token.id(), "", "line\nbreak", &"0".repeat(1000)] {
        assert_eq!(wait(revoke(&store, unknown)).unwrap(), Revoked::Unknown);
    }
    assert!(wait(list(&store)).unwrap().is_empty());
}

#[test]
fn a_list_shows_all_but_secrets() {
    let store = MemoryStore::new();
    let end = now().after(Duration::from_secs(1));
    let token = wait(create(&store, "Zoë", Role::Operator, now(), Some(end))).unwrap();
    let holders = wait(list(&store)).unwrap();
    let holder = &holders[0];
    assert_eq!((holder.id.as_str(), holder.name.as_str(), holder.role), (token.id(), "Zoë", Role::Operator));
    assert_eq!((holder.created, holder.expires), (now(), Some(end)));
    assert!(!format!("{holders:?}").contains(&token.reveal()[22..]));
    let long = "n".repeat(101);
    for name in ["", "line\nbreak", &long] {
        assert!(matches!(wait(create(&store, name, Role::Viewer, now(), None)), Err(AccessError::Name)));
    }
}

#[test]
fn rows_that_are_not_tokens_authenticate_nobody() {
    let store = MemoryStore::new();
    let token = wait(create(&store, "somebody", Role::Admin, now(), None)).unwrap();
    let key = format!("tokens/{}", token.id());
    for value in ["", "{}", r#"{"name":"x","role":"root","created_millis":0,"secret_sha256":""}"#] {
        wait(store.commit(Commit::new().put(key.as_str(), value.as_bytes()))).unwrap();
        let error = wait(authenticate(&store, &format!("Bearer {}", token.reveal()), now())).unwrap_err();
        assert!(error.to_string().contains(&key), "{error}");
    }
}

/// Whether a file of the directory other than `admin.token` has these octets anywhere.
fn is_anywhere(directory: &Path, octets: &[u8]) -> bool {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let others = files.filter(|path| !path.ends_with("admin.token"));
    others.map(|path| fs::read(path).unwrap()).any(|file| file.windows(octets.len()).any(|window| window == octets))
}

#[test]
fn the_secret_of_the_first_admin_token_is_only_in_a_private_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let First::Made { path, id } = wait(first_admin(&store, directory.path(), now())).unwrap() else { panic!() };
    assert_eq!(path, directory.path().join("admin.token"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&path).unwrap();
    let token = token.trim_end();
    let (name, scopes) = ("first admin".to_owned(), Scopes::default());
    let granted = Outcome::Granted { id: id.clone(), name, role: Role::Admin, scopes };
    assert_eq!(ask(&store, &format!("Bearer {token}"), now()), granted);
    assert_eq!(wait(first_admin(&store, directory.path(), now())).unwrap(), First::NotNeeded);
    let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().ends_with(".new")));

    let secret = &token[22..];
    let octets: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&secret[2 * n..2 * n + 2], 16).unwrap()).collect();
    let entries = wait(store.range("", None, 1000, Order::Ascending)).unwrap().entries;
    assert!(entries.iter().all(|entry| !String::from_utf8_lossy(&entry.versioned.value).contains(secret)));
    drop(store);
    assert!(is_anywhere(directory.path(), id.as_bytes()), "the search finds what is there");
    for part in [secret.as_bytes(), &secret.as_bytes()[..16], &octets, &octets[..8]] {
        assert!(!is_anywhere(directory.path(), part));
    }
}

#[test]
fn an_admin_token_is_created_again_if_none_is_usable() {
    let directory = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    wait(create(&store, "viewer", Role::Viewer, now(), None)).unwrap();
    let end = now().after(Duration::from_secs(1));
    wait(create(&store, "for a second", Role::Admin, now(), Some(end))).unwrap();
    assert_eq!(wait(first_admin(&store, directory.path(), now())).unwrap(), First::NotNeeded);
    // Leftovers of a crash, and files of others, are replaced; links are not followed.
    let outside = directory.path().join("elsewhere");
    std::os::unix::fs::symlink(&outside, directory.path().join("admin.token.new")).unwrap();
    fs::write(directory.path().join("admin.token"), "old").unwrap();
    let First::Made { path, .. } = wait(first_admin(&store, directory.path(), end)).unwrap() else { panic!() };
    let token = fs::read_to_string(&path).unwrap();
    assert!(matches!(ask(&store, &format!("Bearer {}", token.trim_end()), end), Outcome::Granted { .. }));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!outside.exists());
}

#[test]
fn an_unwritable_directory_is_named_and_no_token_is_created() {
    let store = MemoryStore::new();
    let error = wait(first_admin(&store, Path::new("/nonexistent"), now())).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/admin.token"), "{error}");
    assert!(wait(list(&store)).unwrap().is_empty());
}

#[test]
fn a_token_keeps_its_scopes_and_an_unreadable_one_authenticates_nobody() {
    let store = MemoryStore::new();
    let scopes = Scopes::parse(&["pool/fra*", "service/*.shop.example.com"]).unwrap();
    let token = wait(create_scoped(&store, "shop", Role::Operator, &scopes, now(), None)).unwrap();
    let Outcome::Granted { scopes: kept, .. } = ask(&store, &format!("Bearer {}", token.reveal()), now()) else {
        panic!()
    };
    assert_eq!(kept, scopes);
    for role in [Role::Viewer, Role::Admin] {
        let refused = wait(create_scoped(&store, "x", role, &scopes, now(), None));
        assert!(matches!(refused, Err(AccessError::Scopes)), "{role}");
    }
    let key = gslb_api::auth::key(token.id());
    let value = wait(store.read(&key)).unwrap().unwrap().value;
    let damaged = String::from_utf8(value.to_vec()).unwrap().replace("pool/fra*", "pools/fra*");
    wait(store.commit(gslb_api::store::Commit::new().put(key, damaged.into_bytes()))).unwrap();
    let refused = wait(authenticate(&store, &format!("Bearer {}", token.reveal()), now()));
    assert!(matches!(refused, Err(AccessError::Damaged { .. })), "it must not become a token without scopes");
}
