//! The sockets, the process and its configuration, from outside. What is answered does not matter here: a table
//! without zones refuses every query, and a refusal is an answer.

mod config;
mod http;
mod limits;
mod process;
mod query;
mod tcp;
mod tls;
mod udp;

use std::sync::Arc;

use gslb_core::site::model::Site;
use gslb_core::table::{Published, compile};

/// A table without zones, published.
fn published() -> Arc<Published> {
    let compiled = compile::compile(Site::default(), &[], &Default::default(), None);
    Arc::new(Published::new(compiled.table.expect("nothing in it can be wrong")))
}
