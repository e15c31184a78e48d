//! Restarts of a running server: one at a time, and what is asked of them.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use gslb_api::restart::{DEFAULT_TIMEOUT, NotRestarted, RestartRequest, Restarts};
use gslb_api::types::Restarted;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::handover::{Attempt, Failure, Material, Outcome, Program, Started};
use super::sockets::ListenSocket;
use crate::backend::Backend;
use crate::dns::cookies::Cookies;

/// Who waits for the end of an attempt.
type Reply = oneshot::Sender<Result<Restarted, NotRestarted>>;

/// What a server needs to restart.
pub struct Restarting {
    /// What to start; or why this server cannot restart.
    pub program: Result<Program, String>,
    /// Requests of the API.
    pub requests: mpsc::Receiver<RestartRequest>,
    /// How restarts went.
    pub restarts: Arc<Restarts>,
    /// Whether a predecessor still passes its connections to this process.
    pub has_predecessor: Arc<AtomicBool>,
}

impl Restarting {
    /// A server that cannot restart, because of `why`.
    pub fn never(why: &str) -> Self {
        let (_, requests) = mpsc::channel(1);
        Self { program: Err(why.to_owned()), requests, restarts: Arc::default(), has_predecessor: Arc::default() }
    }

    /// The program of this process, unless it is the first one of a container, whose end would end the container.
    pub fn program() -> Result<Program, String> {
        if process::id() == 1 {
            return Err(
                "gslb is process 1 of this container, which ends with it: replace the container instead, with a \
                        rolling update"
                    .to_owned(),
            );
        }
        Program::of_this_process().map_err(|cause| format!("the path of this program is not known: {cause}"))
    }
}

/// The attempt that runs, if one does.
pub(super) struct Attempts {
    restarting: Restarting,
    running: Option<(Attempt, Option<Reply>)>,
    pub(super) sockets: Arc<[ListenSocket]>,
    pub(super) backend: Arc<dyn Backend>,
    cookies: Option<Arc<Cookies>>,
}

impl Attempts {
    pub(super) fn new(
        restarting: Restarting,
        sockets: Vec<ListenSocket>,
        backend: Arc<dyn Backend>,
        cookies: Option<Arc<Cookies>>,
    ) -> Self {
        Self { restarting, running: None, sockets: sockets.into(), backend, cookies }
    }

    /// Whether a predecessor still passes its connections to this process.
    pub(super) fn has_predecessor(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.restarting.has_predecessor)
    }

    /// Waits for the next request of the API.
    pub(super) async fn request(requests: &mut mpsc::Receiver<RestartRequest>) -> RestartRequest {
        match requests.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }

    /// Waits for a request of the API, or for the end of the attempt that runs.
    pub(super) async fn next(&mut self) -> Event {
        let requests = &mut self.restarting.requests;
        match &mut self.running {
            None => Event::Requested(Self::request(requests).await),
            Some((attempt, _)) => tokio::select! {
                outcome = attempt.outcome() => Event::Ended(Box::new(outcome)),
                request = Self::request(requests) => Event::Requested(request),
            },
        }
    }

    /// Starts an attempt on a signal.
    pub(super) fn signal(&mut self) {
        if let Err((why, _)) = self.begin(DEFAULT_TIMEOUT, None) {
            error!("{why}");
        }
    }

    /// Starts an attempt on a request.
    pub(super) fn requested(&mut self, RestartRequest { timeout, reply }: RestartRequest) {
        if let Err((why, Some(reply))) = self.begin(timeout, Some(reply)) {
            let _ = reply.send(Err(why));
        }
    }

    fn begin(&mut self, timeout: Duration, reply: Option<Reply>) -> Result<(), (NotRestarted, Option<Reply>)> {
        let restarts = &self.restarting.restarts;
        if self.running.is_some() || self.restarting.has_predecessor.load(Relaxed) {
            restarts.note(|counts| counts.refused += 1);
            return Err((NotRestarted::Running, reply));
        }
        let program = match &self.restarting.program {
            Ok(program) => program.clone(),
            Err(why) => {
                restarts.note(|counts| counts.refused += 1);
                return Err((NotRestarted::Unsupported(why.clone()), reply));
            }
        };
        info!("restarting: starting {}", program.path.display());
        let (sockets, backend) = (Arc::clone(&self.sockets), Arc::clone(&self.backend));
        let cookies = self.cookies.as_ref().map(|cookies| cookies.random());
        match Attempt::start(Material { program, sockets, restarts: restarts.counts(), cookies, backend, timeout }) {
            Ok(attempt) => {
                self.running = Some((attempt, reply));
                Ok(())
            }
            Err(cause) => {
                restarts.note(|counts| counts.not_started += 1);
                Err((NotRestarted::Failed(format!("cannot start a thread: {cause}")), reply))
            }
        }
    }

    /// Reports how the attempt ended. Returns the successor if it answers.
    pub(super) fn ended(&mut self, outcome: Outcome) -> Option<Started> {
        let reply = self.running.take().and_then(|(_, reply)| reply);
        let (result, started) = match outcome {
            Ok(started) => {
                let Started { pid, version, took, .. } = &started;
                let milliseconds = took.as_millis().try_into().unwrap_or(u64::MAX);
                info!(pid, version, milliseconds, "restarted: the successor answers");
                (Ok(Restarted { pid: *pid, version: version.clone(), milliseconds }), Some(started))
            }
            Err(failure) => {
                self.restarting.restarts.note(|counts| match &failure {
                    Failure::NotStarted(_) => counts.not_started += 1,
                    Failure::Failed(_) => counts.failed += 1,
                    Failure::TimedOut(_) => counts.timed_out += 1,
                    Failure::Unsaved(_) => counts.refused += 1,
                    Failure::Cancelled => {}
                });
                (Err(refusal(failure)), None)
            }
        };
        match &result {
            Err(NotRestarted::Stopped) => warn!("the restart is given up: the server is stopped"),
            Err(why) => error!("{why}"),
            Ok(_) => {}
        }
        if let Some(reply) = reply {
            let _ = reply.send(result);
        }
        started
    }

    /// Ends the attempt that runs, if one does. Returns the successor if it answers already.
    pub(super) async fn cancel(&mut self) -> Option<Started> {
        let (attempt, _) = self.running.as_mut()?;
        attempt.cancel();
        let outcome = attempt.outcome().await;
        self.ended(outcome)
    }
}

/// What [`Attempts::next`] waited for.
pub(super) enum Event {
    /// The API asks for a restart.
    Requested(RestartRequest),
    /// The attempt has ended.
    Ended(Box<Outcome>),
}

fn refusal(failure: Failure) -> NotRestarted {
    match failure {
        Failure::Cancelled => NotRestarted::Stopped,
        Failure::Unsaved(why) => NotRestarted::Unsaved(why),
        other => NotRestarted::Failed(other.to_string()),
    }
}
