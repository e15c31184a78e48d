//! `gslb token`: bearer tokens, created and revoked by a running server, or in its data directory while none runs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use gslb_api::auth::{self, Holder, Revoked, Role, Scope, Scopes};
use gslb_api::change::{Change, Edit, Who};
use gslb_api::store::{Commit, EmbeddedStore, Store, Time, wait};
use gslb_api::types::{ByName, Lifetime, NewToken, ScopeList, Timestamp, Token, TokenRequest};
use gslb_api::{audit, revisions};
use gslb_core::notation::duration;
use hyper::Method;
use serde_json::{Value, json};

use super::Outcome;
use super::age::relative;
use super::remote::{Remote, read, show};
use super::table::{Cell, Column, table};
use crate::client::Request;
use crate::config::Config;
use crate::printable::printable;
use gslb_api::escape;

/// The path of tokens.
const PATH: &str = "/api/v1/tokens";

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token; it is shown once
    #[command(after_help = "Example:\n  gslb token create ci --role operator --scope 'pool/shop-*' --for 720h")]
    Create {
        /// Who or what it is for
        name: String,
        /// reporter, viewer, operator or admin
        #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = role)]
        role: Role,
        /// Limit changes to KIND/NAME with * and ?; may repeat
        #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
        scopes: Vec<String>,
        /// Time until it expires, like 12h [default: never]
        #[arg(long = "for", value_name = "TIME", value_parser = time)]
        lasts: Option<Duration>,
        #[command(flatten)]
        store: TokenStore,
    },
    /// List tokens, without their secrets
    #[command(after_help = "Example:\n  gslb token list")]
    List {
        #[command(flatten)]
        store: TokenStore,
    },
    /// Revoke a token
    #[command(after_help = "Example:\n  gslb token revoke 8f2k1m9q")]
    Revoke {
        /// Its id, as `gslb token list` shows it
        id: String,
        #[command(flatten)]
        store: TokenStore,
    },
}

/// Where the tokens are: at a server, or in a data directory.
#[derive(Debug, Args)]
pub struct TokenStore {
    /// Data directory to use; no server may be running on it
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "config")]
    data_dir: Option<PathBuf>,
    /// Use the data directory that this file names
    #[arg(long, value_name = "gslb.toml")]
    config: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

impl TokenStore {
    /// The data directory, if one is given.
    fn directory(&self) -> Result<Option<PathBuf>, crate::config::ConfigError> {
        let from_config = self.config.as_deref().map(Config::read).transpose()?.map(|config| config.data_dir);
        Ok(self.data_dir.clone().or(from_config))
    }
}

pub(super) fn run(what: &TokenCommand) -> Outcome {
    let (TokenCommand::Create { store, .. } | TokenCommand::List { store } | TokenCommand::Revoke { store, .. }) = what;
    let answer = match store.directory()? {
        Some(directory) => in_directory(&directory, what)?,
        None => at_server(&store.remote, what)?,
    };
    if matches!(what, TokenCommand::Revoke { .. }) && store.remote.is_quiet() {
        return Ok(ExitCode::SUCCESS);
    }
    match what {
        TokenCommand::Create { .. } => {
            show(store.remote.format(), &answer, |made: &NewToken| made.secret.clone())?;
            let NewToken { token, .. } = read(&answer)?;
            store.remote.hint(&format!("shown once; to revoke it: gslb token revoke {}", token.id));
        }
        TokenCommand::List { .. } => show(store.remote.format(), &answer, listed)?,
        TokenCommand::Revoke { .. } => show(store.remote.format(), &answer, |_: &Value| "revoked".to_owned())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn at_server(remote: &Remote, what: &TokenCommand) -> Result<Value, Box<dyn Error>> {
    let request = match what {
        TokenCommand::Create { name, role, scopes, lasts, .. } => {
            let scopes: Result<Vec<Scope>, _> = scopes.iter().map(|scope| scope.parse()).collect();
            let scopes = Some(scopes?).filter(|scopes| !scopes.is_empty()).map(ScopeList);
            let expires_in = lasts.map(Lifetime);
            let body = TokenRequest { name: name.clone(), role: *role, scopes, expires_in };
            Request::new(Method::POST, PATH).json(&body)
        }
        TokenCommand::List { .. } => Request::get(PATH),
        TokenCommand::Revoke { id, .. } => Request::new(Method::DELETE, format!("{PATH}/{}", escape(id))),
    };
    Ok(remote.client()?.ask(request)?.json()?)
}

fn in_directory(directory: &Path, what: &TokenCommand) -> Result<Value, Box<dyn Error>> {
    if !directory.is_dir() {
        return Err(format!("{} does not exist: a server creates it when it first runs", directory.display()).into());
    }
    let store = EmbeddedStore::open(directory)?;
    let now = now();
    match what {
        TokenCommand::Create { name, role, scopes, lasts, .. } => {
            let scopes = Scopes::parse(scopes)?;
            let expires = lasts.map(|lasts| now.after(lasts));
            let token = wait(auth::create_scoped(&store, name, *role, &scopes, now, expires))?;
            let (id, name) = (token.id().to_owned(), name.clone());
            let holder = Holder { id, name, role: *role, scopes, created: now, expires };
            let made = Token::from(&holder);
            note(&store, "token create", None, Some(json!(made)));
            Ok(json!(NewToken { token: made, secret: token.reveal() }))
        }
        TokenCommand::List { .. } => {
            let all = wait(auth::list(&store))?;
            let all: ByName<Token> = all.iter().map(|holder| (holder.id.clone(), holder.into())).collect();
            Ok(json!(all))
        }
        TokenCommand::Revoke { id, .. } => {
            // A damaged token can still be revoked.
            let before = wait(auth::find(&store, id)).ok().flatten();
            match wait(auth::revoke(&store, id))? {
                Revoked::Done => note(&store, "token revoke", before.map(|holder| json!(Token::from(&holder))), None),
                Revoked::Unknown => return Err(format!("there is no token {id}").into()),
            }
            Ok(Value::Null)
        }
    }
}

/// Records in the audit log a change to a token that was made while no server ran. The change is already done, so
/// failures are only reported.
fn note(store: &dyn Store, what: &str, before: Option<Value>, after: Option<Value>) {
    let change = Change::new(Who::Command, what, Edit::document(Value::Null));
    let kept = || -> Result<(), Box<dyn Error>> {
        let number = wait(audit::last(store))? + 1;
        let revision = wait(revisions::current(store))?.unwrap_or_default();
        let entry = audit::Entry { before, after, revision, ..audit::Entry::of(&change, number, now()) };
        wait(store.commit(audit::with(Commit::new(), &entry)))?;
        Ok(())
    };
    if let Err(cause) = kept() {
        eprintln!("gslb: failed to write audit entry: {}", printable(&cause.to_string()));
    }
}

fn listed(all: &ByName<Token>) -> String {
    let row = |(_, token): (&str, &Token)| {
        let moment = |at: Timestamp| relative(&at.to_string());
        [
            token.id.clone(),
            token.name.clone(),
            token.role.to_string(),
            token.scopes.join(" "),
            moment(token.created),
            token.expires.map(moment).unwrap_or_default(),
        ]
        .map(Cell::new)
    };
    let columns = [
        Column::key("id"),
        Column::key("name"),
        Column::key("role"),
        Column::list("scopes", 1),
        Column::ranked("created", 3),
        Column::ranked("expires", 2),
    ];
    table(columns, all.iter().map(row))
}

/// The current time.
pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "expected reporter, viewer, operator or admin".to_owned())
}

fn scope(text: &str) -> Result<String, String> {
    text.parse::<Scope>().map(|scope| scope.to_string()).map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "not a time: write a number and its unit (ms, s, m, h, d), like 12h".to_owned())
}
