//! A start whose revision in force is damaged or gone: the one before is served, and no write is lost.

use std::sync::Arc;

use gslb_api::control::StartError;
use gslb_api::store::{Commit, MemoryStore, Store};
use gslb_api::{Api, Options, Origin, revisions};

use crate::support::{start_on, with_site};

#[tokio::test]
async fn a_damaged_or_missing_revision_is_replaced_by_the_previous_one() {
    let key = revisions::key(2);
    for damage in [Commit::new().put(key.clone(), *b"damaged"), Commit::new().delete(key)] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let api = start_on(Arc::clone(&store), with_site()).await;
        let weight = |weight: u32| format!("{{\"endpoints\": {{\"fra-1\": {{\"weight\": {weight}}}}}}}");
        let any = [("if-match", "*")];
        assert_eq!(api.ask("PATCH", "/api/v1/pools/fra", &any, weight(7)).await.status, 200);
        drop(api);
        store.commit(damage).await.unwrap();

        let started = Api::start(Arc::clone(&store), Vec::new(), Options::default()).await.unwrap();
        assert_eq!((started.revision, started.origin), (1, Origin::Stored));
        let [unservable] = &started.unservable[..] else { panic!("{:?}", started.unservable) };
        assert_eq!(unservable.revision, Some(2));
        assert!(matches!(unservable.why, StartError::Damaged(_) | StartError::Missing(2)), "{:?}", unservable.why);

        let api = start_on(Arc::clone(&store), Options::default()).await;
        let revisions = api.get("/api/v1/revisions").await.body;
        assert_eq!(revisions["in_force"], 1, "{revisions}");
        let written = api.ask("PATCH", "/api/v1/pools/fra", &any, weight(9)).await;
        assert_eq!(written.status, 200, "{}", written.text);
        let number = written.body["revision"].as_u64().unwrap();
        assert_eq!(number, 3, "no number is given twice");
        let started = Api::start(store, Vec::new(), Options::default()).await.unwrap();
        assert_eq!((started.revision, started.unservable.len()), (number, 0));
    }
}
