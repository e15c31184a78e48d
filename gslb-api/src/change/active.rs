//! The active state: one consistent snapshot of document, overrides, databases and table.

use std::collections::BTreeMap;
use std::sync::Arc;

use geoip::Database;
use gslb_core::live::overrides::Override;
use gslb_core::table::RoutingTable;

use crate::document::Document;
use crate::thaw::Thaw;

/// The document, overrides and databases in force, and the table compiled from them.
#[derive(Debug, Clone)]
pub struct Active {
    /// Revision number of the document.
    pub revision: u64,
    /// The document as written.
    pub document: Document,
    /// Overrides by id.
    pub overrides: Arc<BTreeMap<String, Override>>,
    /// Suspends frozen windows until it expires.
    pub thaw: Option<Thaw>,
    /// Geo databases.
    pub databases: Arc<[Arc<Database>]>,
    /// The table that answers queries.
    pub table: Arc<RoutingTable>,
}
