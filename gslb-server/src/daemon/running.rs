//! A running server: signals it handles, and the order in which it stops.

use std::mem;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::backend::Backend;
use crate::daemon::alone::Alone;
use crate::daemon::handover::{Message, Started};
use crate::daemon::notify::{Notify, State, stored_name};
use crate::daemon::restarting::{Attempts, Event};
use crate::daemon::retiring::Retiring;
use crate::daemon::signals::{Request, Signals};
use crate::dns::pulse::Pulses;
use crate::dns::totals::{Totals, TotalsReader};
use crate::dns::{tcp, udp};
use crate::files::reload::{Cause, Reloader};
use crate::files::watch::Watcher;
use crate::http;
use crate::telemetry::collector;
use crate::telemetry::gather::Gatherer;

/// How long passing one connection to the successor may take.
const PASSING: Duration = Duration::from_secs(1);

/// A running server.
pub struct Running {
    pub(super) control: Runtime,
    pub(super) signals: Signals,
    pub(super) udp: udp::Workers,
    pub(super) tcp: tcp::Server,
    pub(super) tls: Option<tcp::Server>,
    pub(super) collector: collector::Collector,
    pub(super) http: http::Server,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) watcher: Watcher,
    pub(super) reloader: Reloader,
    pub(super) totals: TotalsReader,
    pub(super) notify: Arc<Notify>,
    pub(super) attempts: Attempts,
    /// Names of sockets that the service manager is to close.
    pub(super) forgotten: Vec<String>,
    /// Sockets that are not needed.
    pub(super) retiring: Option<Retiring>,
    pub(super) _gatherer: Gatherer,
}

impl Running {
    /// Reports liveness to the service manager as long as every UDP worker makes progress. The control runtime sends the
    /// reports, so a blocked one stops them too. Returns what remains to do once there is no predecessor.
    pub fn notify(&mut self, notify: Notify) -> Alone {
        self.notify = Arc::new(notify);
        if let Some(within) = self.notify.watchdog() {
            let pulses = Pulses::new(self.udp.pulses());
            self.control.spawn(report_while_alive(Arc::clone(&self.notify), within, pulses));
        }
        Alone {
            notify: Arc::clone(&self.notify),
            sockets: Arc::clone(&self.attempts.sockets),
            forgotten: mem::take(&mut self.forgotten),
            retiring: self.retiring.take(),
            has_predecessor: self.attempts.has_predecessor(),
        }
    }

    /// A reader of the DNS counters.
    pub fn totals(&self) -> TotalsReader {
        self.totals.clone()
    }

    /// Continues the open TCP connections of a predecessor.
    pub fn adopter(&self) -> tcp::Adopter {
        self.tcp.adopter()
    }

    /// Requests a reload on each SIGHUP, and a restart on each SIGUSR2; returns on SIGTERM or SIGINT, or when a
    /// successor answers.
    pub fn wait(&mut self) -> Ended {
        let Self { control, signals, reloader, attempts, .. } = self;
        let requester = reloader.requester();
        control.block_on(async {
            loop {
                let event = tokio::select! {
                    biased;
                    request = signals.next() => Ok(request),
                    event = attempts.next() => Err(event),
                };
                match event {
                    Ok(Request::Reload) => {
                        info!("received SIGHUP, reloading");
                        requester.request(Cause::Requested);
                    }
                    Ok(Request::Restart) => {
                        info!("received SIGUSR2");
                        attempts.signal();
                    }
                    Ok(Request::Stop) => {
                        let Some(started) = attempts.cancel().await else { return Ended::Stopped };
                        stop_successor(started.pid);
                        return Ended::Restarted(started.into());
                    }
                    Err(Event::Requested(request)) => attempts.requested(request),
                    Err(Event::Ended(outcome)) => {
                        if let Some(started) = attempts.ended(*outcome) {
                            return Ended::Restarted(started.into());
                        }
                    }
                }
            }
        })
    }

    /// Leaves everything to the successor: it reads the sockets from now on, and gets the open TCP connections.
    pub fn leave(self, started: Started) -> Totals {
        let Started { pid, channel, released, .. } = started;
        // Without it, the service manager takes the end of this process for the end of the service.
        self.notify.send_surely(State::MainProcess(pid));
        self.control.spawn(pass_on(self.signals, pid));
        // First, so that hardly any request comes here that only the successor can do.
        self.http.begin_stop();
        drop(self.attempts);
        if let Some(released) = released {
            released.give_up();
        }
        self.backend.stop();
        self.udp.leave();
        // A successor that does not read loses connections, but must not keep this process.
        let _ = channel.set_timeout(Some(PASSING));
        let mut lost = 0_usize;
        let mut pass = |leaving: tcp::Leaving| {
            let tcp::Leaving { stream, input, client, local, transport, is_proxied } = leaving;
            let message = Message::Connection { client, local, transport, is_proxied };
            let passed = channel.send_all(&message, &input, Some(stream.as_fd()));
            lost += usize::from(passed.is_err());
        };
        self.tcp.leave(&mut pass);
        if let Some(tls) = self.tls {
            tls.leave(pass);
        }
        if lost > 0 {
            warn!(lost, "TCP connections could not be passed to the successor, and are closed");
        }
        drop(self.watcher);
        self.reloader.stop();
        self.collector.stop();
        self.http.stop();
        self.control.shutdown_background();
        drop(channel);
        self.totals.read()
    }

    /// Stops reloads, answers the queries already received, then stops. Health checks are answered until the end, so
    /// that a monitor sees a server that is stopping, not one that died.
    pub fn stop(self) -> Totals {
        info!("stopping");
        self.notify.send(State::Stopping);
        // Copies of the sockets would keep them open.
        for socket in self.attempts.sockets.iter() {
            self.notify.forget(&stored_name(socket.kind.name(), socket.address));
        }
        drop(self.attempts);
        drop(self.watcher);
        self.reloader.stop();
        self.udp.stop();
        // Both at the same time: each waits for its connections.
        self.tls.iter().for_each(tcp::Server::begin_stop);
        self.tcp.stop();
        if let Some(tls) = self.tls {
            tls.stop();
        }
        self.collector.stop();
        self.backend.stop();
        self.http.stop();
        self.control.shutdown_background();
        self.totals.read()
    }
}

/// Why a server ends.
pub enum Ended {
    /// It was asked to stop.
    Stopped,
    /// Its successor answers.
    Restarted(Box<Started>),
}

/// Passes requests to stop on to the successor.
async fn pass_on(mut signals: Signals, successor: u32) {
    loop {
        if signals.next().await == Request::Stop {
            stop_successor(successor);
        }
    }
}

/// Stops the successor, which is the server now.
fn stop_successor(pid: u32) {
    info!(pid, "the successor answers already: stopping it");
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let sent = pid.map(|pid| kill_process(pid, Signal::TERM));
    if let Some(Err(cause)) = sent {
        warn!(why = %cause, "cannot stop the successor");
    }
}

/// Reports liveness a few times in each watchdog period, as long as all workers make progress.
async fn report_while_alive(notify: Arc<Notify>, within: Duration, mut pulses: Pulses) {
    let mut looks = interval((within / 4).max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if pulses.all_advanced() {
            notify.send(State::Alive);
        }
    }
}
