//! A requested change: who, what, and under which precondition.

use std::sync::Arc;
use std::time::Instant;

use gslb_core::budget::Budget;
use serde_json::Value;

use super::Refusal;
use crate::auth::{Role, Scopes};
use crate::document::{Document, Etag, Section};
use crate::revisions::GitCommit;
use crate::safety::Touched;
use crate::store::Time;
use crate::thaw::Thaw;
use gslb_core::live::overrides::Override;

/// Who requests a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The holder of an API token.
    Token {
        /// Token id.
        id: String,
        /// Name of the holder.
        name: String,
        /// Role of the token.
        role: Role,
        /// Resources that the token may change.
        scopes: Scopes,
    },
    /// A client on this host, if loopback needs no token.
    Loopback,
    /// The watched file.
    File,
    /// A `gslb` command that works on the data directory of a stopped server.
    Command,
    /// The server itself: at its start, or on an expiry.
    Server,
}

impl Who {
    /// Id for revisions and the audit log.
    pub fn id(&self) -> &str {
        match self {
            Self::Token { id, .. } => id,
            Self::Loopback => "loopback",
            Self::File => "file",
            Self::Command => "command",
            Self::Server => "server",
        }
    }

    /// The role, if a token grants one.
    pub fn role(&self) -> Option<Role> {
        if let Self::Token { role, .. } = self { Some(*role) } else { None }
    }

    /// The resources they may change.
    pub fn scopes(&self) -> Scopes {
        if let Self::Token { scopes, .. } = self { scopes.clone() } else { Scopes::default() }
    }

    /// Display name.
    pub fn name(&self) -> &str {
        match self {
            Self::Token { name, .. } => name,
            other => other.id(),
        }
    }
}

/// Precondition on the current state, as in `If-Match` and `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// No condition given: enough to create a resource, not to replace one.
    MissingIfMatch,
    /// The resource exists, in any state.
    Any,
    /// The resource exists and has one of these tags.
    Matches(Vec<String>),
    /// The resource does not exist.
    Absent,
}

impl Condition {
    /// Checks the condition against the current state; `None` if the resource does not exist.
    ///
    /// # Errors
    /// [`Refusal::Unconditional`] if the resource exists and no condition was given (RFC 6585 §3), and
    /// [`Refusal::Stale`] if the condition does not hold.
    pub fn check(&self, current: Option<&Etag>) -> Result<(), Refusal> {
        let holds = match (self, current) {
            (Self::MissingIfMatch, None) | (Self::Absent, None) | (Self::Any, Some(_)) => true,
            (Self::MissingIfMatch, Some(current)) => return Err(Refusal::Unconditional { current: current.clone() }),
            (Self::Matches(tags), Some(current)) => tags.iter().any(|tag| tag == current.opaque()),
            (Self::Absent, Some(_)) | (Self::Any | Self::Matches(_), None) => false,
        };
        if holds { Ok(()) } else { Err(Refusal::Stale { current: current.cloned() }) }
    }
}

/// What to do with one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Replace it.
    Put(Value),
    /// Apply this JSON merge patch.
    Merge(Value),
    /// Delete it.
    Delete,
}

/// What to change.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Replace the whole document.
    Document {
        /// The new document.
        document: Document,
        /// The same as TOML text, with comments.
        text: Option<Arc<str>>,
        /// Precondition on the active document.
        condition: Condition,
    },
    /// Apply a JSON merge patch to the whole document.
    Merge {
        /// The patch.
        patch: Value,
        /// Precondition on the active document.
        condition: Condition,
    },
    /// Change one resource of the document.
    Resource {
        /// Its collection.
        section: Section,
        /// Its name.
        name: String,
        /// What to do with it.
        action: Action,
        /// Precondition on the resource.
        condition: Condition,
    },
    /// Restore an earlier document.
    Restored {
        /// The revision to restore.
        revision: u64,
        /// Its document.
        document: Document,
        /// Its TOML text with comments, if still stored.
        text: Option<Arc<str>>,
        /// Precondition on the active document.
        condition: Condition,
    },
    /// Set or remove an override.
    Override {
        /// Its id.
        id: String,
        /// The new override; `None` removes it.
        body: Option<Box<Override>>,
        /// Precondition on the resource.
        condition: Condition,
    },
    /// Suspend frozen windows for a while; `None` ends the thaw.
    Thaw(Option<Thaw>),
}

impl Edit {
    /// What kind of state this touches.
    pub fn touched(&self) -> Touched {
        match self {
            Self::Document { .. } | Self::Merge { .. } | Self::Restored { .. } => Touched::Document,
            Self::Resource { .. } => Touched::Resource,
            Self::Override { .. } | Self::Thaw(_) => Touched::Overrides,
        }
    }

    /// Replaces the whole document unconditionally.
    pub fn document(document: impl Into<Document>) -> Self {
        Self::Document { document: document.into(), text: None, condition: Condition::Any }
    }

    /// The document's text as its author wrote it.
    pub fn text(&self) -> Option<&Arc<str>> {
        match self {
            Self::Document { text, .. } | Self::Restored { text, .. } => text.as_ref(),
            _ => None,
        }
    }
}

/// A requested change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Who requests it.
    pub who: Who,
    /// The client's address, if there is one.
    pub from: Option<std::net::IpAddr>,
    /// The request as the audit log shows it: method and path.
    pub request: String,
    /// What to change.
    pub edit: Edit,
    /// The reason, kept in the history.
    pub message: String,
    /// Git commit the document comes from.
    pub commit: Option<GitCommit>,
    /// Reason to override the safety rules.
    pub override_rules: Option<String>,
    /// When it was requested, by both clocks: it may wait in the queue.
    pub requested: (Time, Instant),
    /// Extra memory that reading and compiling the new document may take, compared with the active one.
    pub budget: Budget,
}

impl Change {
    /// A change without a client address and without a message.
    pub fn new(who: Who, request: &str, edit: Edit) -> Self {
        let request = request.to_owned();
        let requested = (crate::clock::now(), Instant::now());
        Self {
            who,
            from: None,
            request,
            edit,
            message: String::new(),
            commit: None,
            override_rules: None,
            requested,
            budget: Budget::UNLIMITED,
        }
    }
}
