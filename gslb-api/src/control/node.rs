//! Detects a store that another node has used, and reports it in the log and the audit log.

use serde_json::{Value, json};
use tracing::warn;

use crate::audit::{self, Entry};
use crate::change::{Change, Edit, Who};
use crate::clock::now;
use crate::options::Options;
use crate::store::{Commit, Store};

/// Key of the node's name.
const KEY: &str = "node";

/// Records the node of `options` as the user of `store`. Takes the number of the last audit entry (`audited`) and returns the
/// new one. Host names come and go, above all with containers, so only a configured name counts.
pub(super) async fn note(store: &dyn Store, options: &Options, audited: u64, revision: u64) -> u64 {
    if !options.is_node_named {
        return audited;
    }
    let Ok(stored) = store.read(KEY).await else { return audited };
    let before = stored.map(|stored| String::from_utf8_lossy(&stored.value).into_owned());
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
                "this store was last used by another node and has its document, overrides and tokens. If this is a mistake, \
                 stop this server and restore the node's own data_dir"
            );
            let change = Change::new(Who::Server, "node", Edit::document(Value::Null));
            let (was, is) = (Some(json!({ "node": before })), Some(json!({ "node": options.node })));
            let entry = Entry { before: was, after: is, revision, ..Entry::of(&change, audited + 1, now()) };
            (audit::with(commit, &entry), audited + 1)
        }
    };
    // A store that cannot be written is reported separately; the next start retries this.
    if store.commit(commit).await.is_ok() { last } else { audited }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, wait};

    #[test]
    fn another_node_is_reported_once_and_only_if_its_name_is_configured() {
        let store = MemoryStore::new();
        let used = |node: &str, is_node_named: bool, audited: u64| {
            wait(note(&store, &Options { node: node.to_owned(), is_node_named, ..Options::default() }, audited, 1))
        };
        assert_eq!(used("fra-1", true, 0), 0, "the first node");
        assert_eq!(used("pod-x7", false, 0), 0, "only a host name");
        assert_eq!(used("fra-1", true, 0), 0);
        assert_eq!(used("ams-1", true, 0), 1);
        assert_eq!(used("ams-1", true, 1), 1);
        let (entries, _) = wait(audit::list(&store, None, 10)).unwrap();
        assert_eq!((entries.len(), &entries[0].before), (1, &Some(json!({ "node": "fra-1" }))));
    }
}
