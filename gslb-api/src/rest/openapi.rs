//! What the API says of itself.

use axum::Router;

use crate::Api;

/// The routes of the description.
pub(super) fn routes() -> Router<Api> {
    Router::new()
}
