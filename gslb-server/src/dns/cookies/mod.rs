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
mod random;

pub(crate) use origin::parse_secret;
pub use origin::{MAX_SECRETS, Origin, SecretFile, SecretList};
pub use random::RandomSecret;

/// The secrets in use, shared by all workers.
pub struct Cookies {
    origin: Origin,
    current: RwLock<InUse>,
    /// Increases with each change of the secrets, so that workers see it without a lock.
    version: AtomicU64,
}

struct InUse {
    /// For the case that there are no other secrets.
    random: RandomSecret,
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
        let random = RandomSecret::new();
        let (master, refused) = match origin.read(&random) {
            Ok(master) => (master, None),
            Err(why) => (random.master(), Some(why)),
        };
        if let Some(why) = &refused {
            error!("{}", describe_refusal(why));
        }
        let current = RwLock::new(InUse { random, master: Arc::new(master), refused, read_from });
        Self { origin, current, version: AtomicU64::new(0) }
    }

    /// The random secret, for a successor.
    pub fn random(&self) -> RandomSecret {
        self.current.read().random.clone()
    }

    /// Continues the random secret of a predecessor. Call it before anything is answered.
    pub fn continue_random(&self, random: RandomSecret) {
        let mut current = self.current.write();
        if self.origin == Origin::Random || current.refused.is_some() {
            current.master = Arc::new(random.master());
            self.version.fetch_add(1, Ordering::Release);
        }
        current.random = random;
    }

    /// Reads the file again if `cause` concerns it. If the file cannot be used, the previous secrets stay in use.
    pub fn reload(&self, cause: &Cause) {
        let Ok(Some(path)) = self.origin.file() else { return };
        if cause.concerns(&[&path]) {
            self.read_again(&path);
        }
    }

    fn read_again(&self, path: &Path) {
        let read_from = SourceFile::before_reading(path);
        let read = self.origin.read(&self.random());
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
