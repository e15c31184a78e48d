//! The document and its collections as the octets of an answer: written once per revision, and shared by all who read.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::Mutex;

use crate::change::{Active, Refusal};
use crate::control::blocking;
use crate::document::{Etag, Section};

/// The rendered parts of the last requested revision.
#[derive(Debug, Default)]
pub(crate) struct Rendered(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    revision: u64,
    /// No more of them than there are parts.
    parts: Vec<(Part, Text)>,
}

/// All of a document, or one collection of it.
pub(super) type Part = Option<Section>;

/// JSON, and its entity tag.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// The tag.
    pub etag: Etag,
    /// The octets, shared.
    pub octets: Bytes,
}

impl Rendered {
    /// `part` of the active document. Concurrent requests wait for one rendering.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub(super) async fn part(&self, active: &Arc<Active>, part: Part) -> Result<Text, Refusal> {
        let mut written = self.0.lock().await;
        if written.revision != active.revision {
            *written = Written { revision: active.revision, parts: Vec::new() };
        }
        if let Some((_, text)) = written.parts.iter().find(|(known, _)| *known == part) {
            return Ok(text.clone());
        }
        let of = Arc::clone(active);
        let text = blocking(move || write(&of, part)).await?;
        written.parts.push((part, text.clone()));
        Ok(text)
    }
}

fn write(active: &Active, part: Part) -> Text {
    let Some(section) = part else {
        let octets = Bytes::from_owner(active.document.clone());
        return Text { etag: Etag::of_revision(active.revision), octets };
    };
    let entries = active.document.section(section).unwrap_or("{}").as_bytes();
    Text { etag: Etag::of_octets(entries), octets: Bytes::copy_from_slice(entries) }
}
