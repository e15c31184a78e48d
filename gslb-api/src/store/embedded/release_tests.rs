//! A store that is released to another process for a while, or for good.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::super::{Commit, CommitError, Expectation, Store, WatchEvent};
use super::{EmbeddedStore, OpenError};

fn put(key: &str, value: &str) -> Commit {
    Commit::new().expect(key, Expectation::Absent).put(key, value.as_bytes())
}

async fn value(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    store.read(key).await.unwrap().map(|stored| stored.value.to_vec())
}

fn open(folder: &tempfile::TempDir) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open(folder.path()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_waits_for_the_return_of_a_released_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let first = store.commit(put("a", "1")).await.unwrap();
    let mut watch = store.watch("", first);
    store.release().await.unwrap();
    assert_eq!(value(&*store, "a").await.as_deref(), Some(&b"1"[..]), "reads go on");
    store.check().await.unwrap();
    let committing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.commit(put("c", "3")).await })
    };
    let other = open(&folder);
    other.commit(put("b", "2")).await.unwrap();
    assert!(matches!(EmbeddedStore::open(folder.path()), Err(OpenError::InUse { .. })));
    drop(other);
    assert!(!committing.is_finished());
    store.reclaim().await.unwrap();
    let revision = committing.await.unwrap().unwrap();
    assert_eq!(revision.number(), first.number() + 2, "after the commit of the other process");
    assert_eq!(value(&*store, "b").await.as_deref(), Some(&b"2"[..]));
    assert_eq!(watch.next().await, WatchEvent::Compacted, "a watcher reads again");
    assert!(matches!(EmbeddedStore::open(folder.path()), Err(OpenError::InUse { .. })));
    drop(store);
    assert_eq!(value(&*open(&folder), "c").await.as_deref(), Some(&b"3"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_miss_nothing_if_nobody_else_committed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut watch = store.watch("", store.commit(put("a", "1")).await.unwrap());
    store.release().await.unwrap();
    drop(open(&folder));
    store.reclaim().await.unwrap();
    store.commit(put("b", "2")).await.unwrap();
    assert!(matches!(watch.next().await, WatchEvent::Changed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_refused_once_the_store_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.release().await.unwrap();
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.commit(put("a", "1")).await })
    };
    let other = open(&folder);
    store.give_up("it is elsewhere");
    for refused in [waiting.await.unwrap(), store.commit(put("b", "2")).await] {
        let Err(CommitError::Unavailable(unavailable)) = refused else { panic!("{refused:?}") };
        assert!(unavailable.reason.contains("it is elsewhere"), "{unavailable}");
    }
    store.reclaim().await.unwrap();
    drop(store);
    assert_eq!((value(&*other, "a").await, value(&*other, "b").await), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_opened_again_is_tried_with_each_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.release().await.unwrap();
    let other = open(&folder);
    assert!(store.reclaim().await.is_err(), "the other process still has it");
    assert!(matches!(store.commit(put("a", "1")).await, Err(CommitError::Unavailable(_))));
    drop(other);
    store.commit(put("a", "1")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_released_store_that_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.release().await.unwrap();
    let dropped = tokio::task::spawn_blocking(move || drop(store));
    timeout(Duration::from_secs(60), dropped).await.unwrap().unwrap();
    drop(open(&folder));
}
