//! Exit codes: the outcomes that a script can distinguish.

use std::error::Error;
use std::process::ExitCode;

use hyper::StatusCode;

use crate::client;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// There are problems, or the server refused: the message says why.
    Refused = 1,
    /// The command line is invalid. clap exits with this code.
    Usage = 2,
    /// The server cannot be reached or is not available.
    Unreachable = 3,
    /// The change is based on a stale revision.
    Stale = 4,
    /// The token is missing, unknown or expired, or does not allow this.
    Unauthorized = 5,
    /// A safety rule forbids the change.
    Unsafe = 6,
    /// A drill found services that would fail.
    Fails = 7,
    /// A drill found services that would have one data center left.
    OneLeft = 8,
    /// In a real drill, answers did not leave the data center, or did not return.
    Unmoved = 9,
}

/// Exit codes in `gslb -h`.
pub const SHORT_HELP: &str = "`gslb --help` lists exit codes; `gslb COMMAND --help` shows an example.";

/// Exit codes in `gslb --help`.
pub const HELP: &str = "\
`gslb COMMAND --help` shows an example. The options --server, --token,
--token-file, --ca, --output and --quiet may also stand before the command.

Exit codes:
  0  done
  1  problems, or the server refuses
  2  the command line is invalid
  3  the server cannot be reached, or cannot do it now
  4  stale: someone else has changed it since
  5  the token is missing, unknown or expired, or does not allow this
  6  a safety rule forbids the change
  7  a drill: services would fail
  8  a drill: services would have one data center left
  9  a real drill: answers did not leave the data center, or did not come back
gslb status --nagios: 0 ok, 1 warning, 2 critical, 3 unknown";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit code of an error.
pub fn of(error: &(dyn Error + 'static)) -> Exit {
    match error.downcast_ref::<client::Error>() {
        Some(client::Error::Unreachable { .. } | client::Error::Broken(_)) => Exit::Unreachable,
        Some(client::Error::Refused(refusal)) => of_refusal(refusal),
        _ if error.is::<Stale>() || error.is::<MissingIfMatch>() => Exit::Stale,
        _ => Exit::Refused,
    }
}

fn of_refusal(refusal: &client::Refusal) -> Exit {
    match refusal.code {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Unauthorized,
        StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED => Exit::Stale,
        StatusCode::TOO_MANY_REQUESTS => Exit::Unreachable,
        code if code.is_server_error() => Exit::Unreachable,
        _ if refusal.problem.kind.ends_with(":unsafe") => Exit::Unsafe,
        _ => Exit::Refused,
    }
}

/// `--if-match` is missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "it exists: add --if-match {tag} to replace its current state, or --if-match latest to replace whatever is \
     there; this keeps you from undoing somebody's change unseen"
)]
pub struct MissingIfMatch {
    /// The current tag, without quotes.
    pub tag: String,
}

/// The change is based on a stale revision.
#[derive(Debug, thiserror::Error)]
#[error("the base is stale: revision {active} is in force, and the change is based on {base}; plan it again")]
pub struct Stale {
    /// The revision in force.
    pub active: u64,
    /// The revision that the change is based on.
    pub base: u64,
}
