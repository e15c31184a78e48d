//! A running server: signals it handles, and the order in which it stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use crate::backend::Backend;
use crate::daemon::notify::{Notify, State};
use crate::daemon::signals::{Request, Signals};
use crate::dns::pulse::Pulses;
use crate::dns::totals::{Totals, TotalsReader};
use crate::dns::{tcp, udp};
use crate::files::reload::{Cause, Reloader};
use crate::files::watch::Watcher;
use crate::http;
use crate::telemetry::collector;
use crate::telemetry::gather::Gatherer;

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
    pub(super) _gatherer: Gatherer,
}

impl Running {
    /// Reports readiness to the service manager, then liveness as long as every UDP worker makes progress. The control
    /// runtime sends the reports, so a blocked one stops them too.
    pub fn notify(&mut self, notify: Notify) {
        notify.send(State::Ready);
        self.notify = Arc::new(notify);
        if let Some(within) = self.notify.watchdog() {
            let pulses = Pulses::new(self.udp.pulses());
            self.control.spawn(report_while_alive(Arc::clone(&self.notify), within, pulses));
        }
    }

    /// A reader of the DNS counters.
    pub fn totals(&self) -> TotalsReader {
        self.totals.clone()
    }

    /// Requests a reload on each SIGHUP; returns on SIGTERM or SIGINT.
    pub fn wait(&mut self) {
        let (control, signals, requester) = (&self.control, &mut self.signals, self.reloader.requester());
        control.block_on(async {
            while signals.next().await == Request::Reload {
                info!("received SIGHUP, reloading");
                requester.request(Cause::Requested);
            }
        });
    }

    /// Stops reloads, answers the queries already received, then stops. Health checks are answered until the end, so
    /// that a monitor sees a server that is stopping, not one that died.
    pub fn stop(self) -> Totals {
        info!("stopping");
        self.notify.send(State::Stopping);
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
