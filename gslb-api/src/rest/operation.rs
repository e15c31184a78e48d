//! A request that changes something: dry run or applied, and recorded in the audit log.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use super::answer;
use super::body::Work;
use super::caller::{Caller, OVERRIDE_RULES};
use super::parameters::Parameters;
use super::permits::Permit;
use super::problem::Problem;
use crate::Api;
use crate::change::{Applied, Change, Edit, Refusal};
use crate::control::Resource;
use crate::types::text::{self, MAX_CHARACTERS};
use crate::types::{ChangeParameters, Role};

/// The caller of a request, and how the audit log describes it.
pub(super) struct Operation {
    pub caller: Caller,
    /// Method and path.
    request: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Operation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        Ok(Self { caller, request: format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri)) })
    }
}

impl Operation {
    /// `edit` as a change by this caller.
    pub(super) fn change(&self, edit: Edit) -> Change {
        Change { from: self.caller.from, ..Change::new(self.caller.who.clone(), &self.request, edit) }
    }

    /// Records in the audit log an action that changes no document.
    pub(super) async fn note(&self, api: &Api, resource: Resource) {
        api.control.note(self.change(Edit::document(Value::Null)), resource).await;
    }

    /// Applies `edit`, or computes its effect in a dry run. The place of `work` is freed when that is done, even if the
    /// client has disconnected.
    ///
    /// # Errors
    /// Any refusal.
    pub(super) async fn run(
        &self,
        api: &Api,
        options: ChangeOptions,
        edit: Edit,
        work: Work,
    ) -> Result<Response, Problem> {
        let (Work { permit, budget }, ChangeParameters { dry_run, message, override_rules }) = (work, options.0);
        let change = Change { message, override_rules, budget, ..self.change(edit) };
        let control = api.control.clone();
        let done = match dry_run {
            true => holding(permit, async move { control.dry_run(change).await }).await?,
            false => holding(permit, async move { control.change(change).await }).await?,
        };
        Ok(answer::changed(done, dry_run))
    }
}

/// Runs `work` to its end, even if the client disconnects: it keeps its place until then.
///
/// # Errors
/// As `work`.
pub(super) async fn holding(
    permit: Option<Permit>,
    work: impl Future<Output = Result<Applied, Refusal>> + Send + 'static,
) -> Result<Applied, Refusal> {
    let done = tokio::spawn(async move {
        let done = work.await;
        drop(permit);
        done
    });
    done.await.unwrap_or(Err(Refusal::Internal))
}

/// Options of a change: from the query and a header.
pub(super) struct ChangeOptions(ChangeParameters);

impl<S: Send + Sync> FromRequestParts<S> for ChangeOptions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Parameters(mut options) = Parameters::<ChangeParameters>::from_request_parts(parts, state).await?;
        if let Some(reason) = parts.headers.get(OVERRIDE_RULES) {
            let reason = reason.to_str().map_err(|_| Problem::bad_request("Gslb-Override-Rules is not text."))?;
            options.override_rules = Some(reason.to_owned());
        }
        if options.override_rules.as_deref().is_some_and(|reason| reason.trim().is_empty() || !text::fits(reason)) {
            let detail =
                format!("A reason to override safety rules has 1 to {MAX_CHARACTERS} characters, none of control.");
            return Err(Problem::bad_request(detail));
        }
        if !text::fits(&options.message) {
            let detail = format!("A message has up to {MAX_CHARACTERS} characters, none of control.");
            return Err(Problem::bad_request(detail));
        }
        if options.override_rules.is_some() {
            Caller::from_request_parts(parts, state).await?.needs(Role::Admin)?;
        }
        Ok(Self(options))
    }
}
