//! What a change asks for: by whom, of what, under which condition.

use std::sync::Arc;
use std::time::Instant;

use gslb_core::budget::Budget;
use serde_json::Value;

use super::Refusal;
use crate::auth::{Role, Scopes};
use crate::document::{Etag, Section};
use crate::revisions::GitCommit;
use crate::safety::Touched;
use crate::store::Time;
use crate::thaw::Thaw;
use gslb_core::live::overrides::Override;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The holder of a token.
    Token {
        /// Names the token.
        id: String,
        /// Its holder's name.
        name: String,
        /// What it allows.
        role: Role,
        /// What it may change.
        scopes: Scopes,
    },
    /// Someone on this host, where that needs no token.
    Loopback,
    /// The watched file.
    File,
    /// The command, in the data directory of a server that does not run.
    Command,
    /// The server itself, when it starts or a time has come.
    Server,
}

impl Who {
    /// What names them in a revision and in the audit.
    pub fn id(&self) -> &str {
        match self {
            Self::Token { id, .. } => id,
            Self::Loopback => "loopback",
            Self::File => "file",
            Self::Command => "command",
            Self::Server => "server",
        }
    }

    /// Their role, where a token gives them one.
    pub fn role(&self) -> Option<Role> {
        if let Self::Token { role, .. } = self { Some(*role) } else { None }
    }

    /// What they may change.
    pub fn scopes(&self) -> Scopes {
        if let Self::Token { scopes, .. } = self { scopes.clone() } else { Scopes::default() }
    }

    /// What people call them.
    pub fn name(&self) -> &str {
        match self {
            Self::Token { name, .. } => name,
            other => other.id(),
        }
    }
}

/// What the state before a change must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is said, which suffices for what is not there yet.
    MissingIfMatch,
    /// There is one, in any state.
    Any,
    /// There is one, with one of these tags.
    Matches(Vec<String>),
    /// There is none.
    Absent,
}

impl Condition {
    /// Holds the condition against the state that is there; none where nothing is.
    ///
    /// # Errors
    /// [`Refusal::Unconditional`] where something is there and nothing was said of it (RFC 6585 §3), and
    /// [`Refusal::Stale`] where the condition does not hold.
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

/// What is done to one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It becomes this.
    Put(Value),
    /// It is changed by this merge patch.
    Merge(Value),
    /// It goes.
    Delete,
}

/// What is to be different.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// The whole document becomes this.
    Document {
        /// It.
        document: Arc<Value>,
        /// Its text with comments, which says the same.
        text: Option<Arc<str>>,
        /// What the document in force must be.
        condition: Condition,
    },
    /// The whole document is changed by this merge patch.
    Merge {
        /// It.
        patch: Value,
        /// What the document in force must be.
        condition: Condition,
    },
    /// One resource of the document.
    Resource {
        /// Its collection.
        section: Section,
        /// Its name.
        name: String,
        /// What is done to it.
        action: Action,
        /// What it must be before.
        condition: Condition,
    },
    /// The document becomes what it was once.
    Restored {
        /// The revision that had it.
        revision: u64,
        /// It.
        document: Arc<Value>,
        /// Its text with comments, as far as it is kept.
        text: Option<Arc<str>>,
        /// What the document in force must be.
        condition: Condition,
    },
    /// One override.
    Override {
        /// Its id.
        id: String,
        /// What it says; none removes it.
        body: Option<Box<Override>>,
        /// What it must be before.
        condition: Condition,
    },
    /// Frozen windows stop no change for a while; none makes them hold again.
    Thaw(Option<Thaw>),
}

impl Edit {
    /// What it is a change of.
    pub fn touched(&self) -> Touched {
        match self {
            Self::Document { .. } | Self::Merge { .. } | Self::Restored { .. } => Touched::Document,
            Self::Resource { .. } => Touched::Resource,
            Self::Override { .. } | Self::Thaw(_) => Touched::Overrides,
        }
    }

    /// A whole document, whatever is in force.
    pub fn document(document: Value) -> Self {
        Self::Document { document: Arc::new(document), text: None, condition: Condition::Any }
    }

    /// The text of the document that it puts in force, as its author wrote it.
    pub fn text(&self) -> Option<&Arc<str>> {
        match self {
            Self::Document { text, .. } | Self::Restored { text, .. } => text.as_ref(),
            _ => None,
        }
    }
}

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Who asks.
    pub who: Who,
    /// From which address, where it came from one.
    pub from: Option<std::net::IpAddr>,
    /// The request as the audit tells it: method and path.
    pub request: String,
    /// What is to be different.
    pub edit: Edit,
    /// Why, for the history.
    pub message: String,
    /// The git commit that it comes from.
    pub commit: Option<GitCommit>,
    /// Why the safety rules do not hold this time.
    pub override_rules: Option<String>,
    /// When it was asked for, by both clocks: it may wait for its turn.
    pub requested: (Time, Instant),
    /// Memory that it may take to read and compile what would come of it, beyond what that took for what is in force.
    pub budget: Budget,
}

impl Change {
    /// A change that came from no address and says nothing about itself.
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
