//! A write, whatever it is of: foreseen, or done.

use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use super::caller::Caller;
use super::problem::Problem;
use super::{answer, query};
use crate::Api;
use crate::control::{Change, Edit, Refusal};

/// Does `edit`, which a request with these `parts` asks for, or tells what it would come to.
///
/// # Errors
/// Every refusal, and 400 for the query.
pub(super) async fn run(api: &Api, parts: &Parts, edit: Edit) -> Result<Response, Problem> {
    let query = query::of_write(&parts.uri, &parts.headers)?;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let change = Change {
        who: caller.who.clone(),
        from: caller.from,
        request: format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri)),
        edit,
        message: query.message,
        override_rules: query.override_rules,
    };
    let done = if query.dry_run { api.control.foresee(change).await? } else { api.control.change(change).await? };
    Ok(answer::of_done(&done, query.dry_run))
}

/// Notes in the audit what was done without the document, and what it came to.
pub(super) async fn note(api: &Api, parts: &Parts, after: Option<Value>) {
    let Some(caller) = parts.extensions.get::<Caller>() else { return };
    let request = format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri));
    let mut change = Change::new(caller.who.clone(), &request, Edit::document(Value::Null));
    change.from = caller.from;
    api.control.note(change, after).await;
}
