//! Any sequence of commits, expiries and restarts has the same effect as on a plain map.

use std::collections::BTreeMap;
use std::sync::Arc;

use gslb_api::store::{
    Change, Commit, EmbeddedStore, Expectation, MemoryStore, Order, Revision, Store, Time, Watch, WatchEvent, Write,
    wait,
};
use proptest::prelude::*;

/// Key to revision, value and expiry.
type Model = BTreeMap<String, (u64, Vec<u8>, Option<u64>)>;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(String, Expected)>, Vec<Write>),
    Expire(u64),
    Restart,
}

/// The expectation of a commit; a revision is given by its distance.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Absent,
    Any,
    Ago(u64),
    /// The entries.
    Right,
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]/[0-3]", Just("document".to_owned())]
}

fn write() -> impl Strategy<Value = Write> {
    let put = (key(), prop::collection::vec(any::<u8>(), 0..40), prop::option::of(0..100u64));
    let put = put.prop_map(|(key, value, expires)| Write::Put {
        key,
        value: value.into(),
        expires: expires.map(Time::from_millis),
    });
    prop_oneof![3 => put, 1 => key().prop_map(|key| Write::Delete { key })]
}

fn step() -> impl Strategy<Value = Step> {
    let expected = prop_oneof![
        1 => Just(Expected::Absent),
        1 => Just(Expected::Any),
        1 => (0..5u64).prop_map(Expected::Ago),
        4 => Just(Expected::Right),
    ];
    let expected = prop::collection::vec((key(), expected), 0..3);
    let writes = prop::collection::vec(write(), 0..4);
    prop_oneof![
        12 => (expected, writes).prop_map(|(expected, writes)| Step::Commit(expected, writes)),
        2 => (0..100u64).prop_map(Step::Expire),
        1 => Just(Step::Restart),
    ]
}

/// A commit of this step, and whether the model takes it.
fn commit_of(expected: Vec<(String, Expected)>, mut writes: Vec<Write>, model: &Model, now: u64) -> (Commit, bool) {
    writes.sort_by(|left, right| left.key().cmp(right.key()));
    writes.dedup_by(|left, right| left.key() == right.key());
    let mut holds = true;
    let expect = expected.into_iter().map(|(key, expected)| {
        let there = model.get(&key).map(|(revision, ..)| *revision);
        let expectation = match (expected, there) {
            (Expected::Absent, _) | (Expected::Right, None) => Expectation::Absent,
            (Expected::Any, _) => Expectation::Any,
            (Expected::Ago(ago), _) => Expectation::At(Revision::new(now.saturating_sub(ago))),
            (Expected::Right, Some(revision)) => Expectation::At(Revision::new(revision)),
        };
        let this_one_holds = match expectation {
            Expectation::Absent => there.is_none(),
            Expectation::Any => there.is_some(),
            Expectation::At(revision) => there == Some(revision.number()),
        };
        if !this_one_holds {
            holds = false;
        }
        (key, expectation)
    });
    (Commit { expect: expect.collect(), writes }, holds)
}

fn apply(model: &mut Model, writes: &[Write], revision: u64) {
    for write in writes {
        match write {
            Write::Put { key, value, expires } => {
                model.insert(key.clone(), (revision, value.to_vec(), expires.map(Time::millis)));
            }
            Write::Delete { key } => drop(model.remove(key)),
        }
    }
}

fn contents(store: &dyn Store) -> Model {
    let page = wait(store.range("", None, 1000, Order::Ascending)).unwrap();
    let entry = |entry: gslb_api::store::Entry| {
        let contents = entry.versioned;
        (
            entry.key.to_string(),
            (contents.revision.number(), contents.value.to_vec(), contents.expires.map(Time::millis)),
        )
    };
    page.entries.into_iter().map(entry).collect()
}

/// Applies the changes of a watch.
fn follow(watch: &mut Watch, followed: &mut Model) {
    while let Some(watched) = watch.ready() {
        let WatchEvent::Changed(changes) = watched else { panic!("{watched:?}") };
        for change in changes.changes {
            match change {
                Change::Put { key, versioned } => {
                    let expires = versioned.expires.map(Time::millis);
                    followed.insert(key.to_string(), (versioned.revision.number(), versioned.value.to_vec(), expires));
                }
                Change::Deleted { key } => assert!(followed.remove(&*key).is_some(), "{key} was not there"),
            }
        }
    }
}

fn behaves(steps: Vec<Step>, mut open: impl FnMut(Option<Arc<dyn Store>>) -> Arc<dyn Store>) {
    let mut store = open(None);
    let (mut model, mut followed, mut now) = (Model::new(), Model::new(), 0);
    let mut watch = store.watch("", Revision::ZERO);
    for step in steps {
        match step {
            Step::Commit(expected, writes) => {
                let (commit, holds) = commit_of(expected, writes, &model, now);
                let writes = commit.writes.clone();
                let done = wait(store.commit(commit));
                assert_eq!(done.is_ok(), holds, "{done:?}");
                if let Ok(revision) = done {
                    now += u64::from(!writes.is_empty());
                    assert_eq!(revision.number(), now);
                    apply(&mut model, &writes, now);
                }
            }
            Step::Expire(time) => {
                let before = model.len();
                model.retain(|_, (_, _, expires)| expires.is_none_or(|expires| expires > time));
                let expired = wait(store.expire(Time::from_millis(time))).unwrap();
                assert_eq!(expired.keys, before - model.len());
                now += u64::from(expired.keys > 0);
                assert_eq!(expired.revision.number(), now);
            }
            Step::Restart => {
                follow(&mut watch, &mut followed);
                store = open(Some(store));
                watch = store.watch("", Revision::new(now));
            }
        }
        assert_eq!(contents(&*store), model);
    }
    follow(&mut watch, &mut followed);
    assert_eq!(followed, model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_in_memory_is_a_map(steps in prop::collection::vec(step(), 1..60)) {
        behaves(steps, |before| before.unwrap_or_else(|| Arc::new(MemoryStore::new())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_in_a_file_is_a_map_also_after_restarts(steps in prop::collection::vec(step(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        behaves(steps, |before| {
            drop(before);
            Arc::new(EmbeddedStore::open(directory.path()).unwrap())
        });
    }
}
