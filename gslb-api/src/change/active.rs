//! What is in force at one moment, all of one piece.

use std::collections::BTreeMap;
use std::sync::Arc;

use geoip::Database;
use gslb_core::table::RoutingTable;
use serde_json::Value;

use crate::thaw::Thaw;
use gslb_core::live::overrides::Override;

/// Document, overrides, databases and the table that was made of them.
#[derive(Debug, Clone)]
pub struct Active {
    /// The number of the document's revision.
    pub revision: u64,
    /// The document, as it was written.
    pub document: Arc<Value>,
    /// The overrides, by id.
    pub overrides: Arc<BTreeMap<String, Override>>,
    /// What keeps frozen windows from stopping changes, for as long as it holds.
    pub thaw: Option<Thaw>,
    /// The geo databases.
    pub databases: Arc<[Arc<Database>]>,
    /// What answers.
    pub table: Arc<RoutingTable>,
}
