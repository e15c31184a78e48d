//! A write, whatever it is of: foreseen, or done.

use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use super::body::Work;
use super::caller::Caller;
use super::places::Place;
use super::problem::Problem;
use super::{answer, query};
use crate::Api;
use crate::auth::Role;
use crate::change::{Change, Done, Edit, Refusal};
use crate::control::Resource;

/// Does `edit`, which a request with these `parts` asks for, or tells what it would come to. The place of `work` is
/// given up once that is over, also where the client does not wait for it.
///
/// # Errors
/// Every refusal, 400 for the query, and 403 for who may not override safety rules.
pub(super) async fn run(api: &Api, parts: &Parts, edit: Edit, work: Work) -> Result<Response, Problem> {
    let Work { place, budget } = work;
    let query = query::of_write(&parts.uri, &parts.headers)?;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    if query.override_rules.is_some() {
        caller.needs(Role::Admin)?;
    }
    let request = format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri));
    let change = Change {
        from: caller.from,
        message: query.message,
        override_rules: query.override_rules,
        budget,
        ..Change::new(caller.who.clone(), &request, edit)
    };
    let control = api.control.clone();
    let done = match query.dry_run {
        true => holding(place, async move { control.foresee(change).await }).await?,
        false => holding(place, async move { control.change(change).await }).await?,
    };
    Ok(answer::of_done(&done, query.dry_run))
}

/// Does `work`. What waits for its turn, and what is worked on, holds its place, whether anybody still waits for the answer
/// or not.
pub(super) async fn holding(
    place: Option<Place>,
    work: impl Future<Output = Result<Done, Refusal>> + Send + 'static,
) -> Result<Done, Refusal> {
    let done = tokio::spawn(async move {
        let done = work.await;
        drop(place);
        done
    });
    done.await.unwrap_or(Err(Refusal::Fault))
}

/// Notes in the audit what was done without the document.
pub(super) async fn note(api: &Api, parts: &Parts, resource: Resource) {
    let Some(caller) = parts.extensions.get::<Caller>() else { return };
    let request = format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri));
    let mut change = Change::new(caller.who.clone(), &request, Edit::document(Value::Null));
    change.from = caller.from;
    api.control.note(change, resource).await;
}
