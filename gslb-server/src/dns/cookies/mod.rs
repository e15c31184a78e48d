//! Secrets of DNS cookies: read from gslb.toml or a file, reloaded when the file changes, and handed to each worker.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gslb_core::respond::{Secrets, Worker};
use parking_lot::RwLock;
use tracing::{error, info};

use crate::files::reload::Cause;
use crate::files::watch::SourceFile;

mod origin;

pub(crate) use origin::parse_secret;
pub use origin::{MAX_SECRETS, Origin, SecretFile, SecretList};

/// The secrets in use, shared by all workers.
pub struct Cookies {
    origin: Origin,
    current: RwLock<InUse>,
    /// Increases with each change of the secrets, so that workers see it without a lock.
    version: AtomicU64,
}

struct InUse {
    master: Arc<origin::Master>,
    /// Why the file is not in use, if it is not.
    refused: Option<String>,
    /// The state of the file just before it was read.
    read_from: Option<SourceFile>,
}

impl Cookies {
    /// Reads the secrets. If their file cannot be used, cookies are made with a random secret, which no other node
    /// accepts, and [`refused`](Self::refused) says why: DNS is still answered.
    pub fn start(origin: Origin) -> Self {
        let read_from = origin.file().ok().flatten().map(|path| SourceFile::before_reading(&path));
        let (master, refused) = match origin.read() {
            Ok(master) => (master, None),
            Err(why) => (origin::Master::random(), Some(why)),
        };
        if let Some(why) = &refused {
            error!("{}", describe_refusal(why));
        }
        let current = RwLock::new(InUse { master: Arc::new(master), refused, read_from });
        Self { origin, current, version: AtomicU64::new(0) }
    }

    /// Reads the file again if `cause` concerns it, and returns the part of the cause that concerns others. If the file
    /// cannot be used, the previous secrets stay in use.
    pub fn reload(&self, cause: Cause) -> Option<Cause> {
        let Ok(Some(path)) = self.origin.file() else { return Some(cause) };
        let (is_concerned, rest) = cause.split(&[&path]);
        if is_concerned {
            self.read_again(&path);
        }
        rest
    }

    fn read_again(&self, path: &Path) {
        let read_from = SourceFile::before_reading(path);
        let read = self.origin.read();
        let mut current = self.current.write();
        current.read_from = Some(read_from);
        match read {
            Ok(master) => {
                (current.master, current.refused) = (Arc::new(master), None);
                self.version.fetch_add(1, Ordering::Release);
                info!(path = %path.display(), "DNS cookies use the secrets in this file");
            }
            Err(why) => {
                error!("{}", describe_refusal(&why));
                current.refused = Some(why);
            }
        }
    }

    /// Why the file is not in use; `None` if it is.
    pub fn refused(&self) -> Option<String> {
        self.current.read().refused.as_deref().map(describe_refusal)
    }

    /// The state of the file just before it was read, to detect changes.
    pub fn source(&self) -> Option<SourceFile> {
        self.current.read().read_from.clone()
    }
}

fn describe_refusal(why: &str) -> String {
    format!("cannot use the secrets of [dns.cookies], keeping the previous or a random one: {why}")
}

/// What one worker knows of the secrets.
pub(crate) struct WorkerCookies {
    cookies: Arc<Cookies>,
    /// The version and day of the secrets that the worker has.
    has: Option<(u64, u32)>,
}

impl WorkerCookies {
    pub(crate) fn new(cookies: Arc<Cookies>) -> Self {
        Self { cookies, has: None }
    }

    /// Gives `worker` the secrets for `unix`, seconds since the epoch, if it does not have them. Between batches, never
    /// while answering: this may take a lock, and allocates once a day.
    #[inline]
    pub(crate) fn refresh(&mut self, worker: &mut Worker, unix: u32) {
        let current = (self.cookies.version.load(Ordering::Acquire), Secrets::day(unix));
        if self.has != Some(current) {
            self.renew(worker, current);
        }
    }

    #[cold]
    fn renew(&mut self, worker: &mut Worker, current: (u64, u32)) {
        let master = Arc::clone(&self.cookies.current.read().master);
        worker.set_secrets(Some(master.secrets(current.1)));
        self.has = Some(current);
    }
}
