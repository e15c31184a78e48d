//! Whose store it is: a store that another node has used is noticed, in the log and in the audit.

use serde_json::{Value, json};
use tracing::warn;

use crate::audit::{self, Entry};
use crate::change::{Change, Edit, Who};
use crate::clock::now;
use crate::options::Options;
use crate::store::{Commit, Store};

/// Where the name of the node is kept.
const KEY: &str = "node";

/// Notes that the node of `options` uses `store` from now on; `audited` is the last entry of the audit, and what is returned is
/// the last one then. Hosts' names come and go, with containers above all, so only a name that somebody has given counts.
pub(super) async fn note(store: &dyn Store, options: &Options, audited: u64, revision: u64) -> u64 {
    if !options.is_node_named {
        return audited;
    }
    let Ok(held) = store.read(KEY).await else { return audited };
    let before = held.map(|held| String::from_utf8_lossy(&held.value).into_owned());
    if before.as_deref() == Some(&*options.node) {
        return audited;
    }
    let commit = Commit::new().put(KEY, options.node.as_bytes());
    let (commit, last) = match &before {
        None => (commit, audited),
        Some(before) => {
            warn!(
                before,
                node = options.node,
                "this store was last used by another node: it has that node's document, overrides and tokens. Where that is not \
                 meant, stop, and put this node's own data_dir in place"
            );
            let change = Change::new(Who::Server, "node", Edit::document(Value::Null));
            let (was, is) = (Some(json!({ "node": before })), Some(json!({ "node": options.node })));
            let entry = Entry { before: was, after: is, revision, ..Entry::of(&change, audited + 1, now()) };
            (audit::with(commit, &entry), audited + 1)
        }
    };
    // A store that cannot be written says so elsewhere, and the next start notes it.
    if store.commit(commit).await.is_ok() { last } else { audited }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, wait};

    #[test]
    fn another_node_is_noticed_once_and_only_where_it_has_a_name() {
        let store = MemoryStore::new();
        let used = |node: &str, is_node_named: bool, audited: u64| {
            wait(note(&store, &Options { node: node.to_owned(), is_node_named, ..Options::default() }, audited, 1))
        };
        assert_eq!(used("fra-1", true, 0), 0, "it is the first");
        assert_eq!(used("pod-x7", false, 0), 0, "that is the name of a host");
        assert_eq!(used("fra-1", true, 0), 0);
        assert_eq!(used("ams-1", true, 0), 1);
        assert_eq!(used("ams-1", true, 1), 1);
        let (entries, _) = wait(audit::list(&store, None, 10)).unwrap();
        assert_eq!((entries.len(), &entries[0].before), (1, &Some(json!({ "node": "fra-1" }))));
    }
}
