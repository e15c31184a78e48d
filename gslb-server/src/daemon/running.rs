//! A server that answers: what it is asked meanwhile, and the order in which it stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use crate::daemon::notify::{Notify, State};
use crate::daemon::signals::{Asked, Signals};
use crate::dns::pulse::Pulses;
use crate::dns::totals::{Totals, TotalsReader};
use crate::dns::{tcp, udp};
use crate::files::reload::{Cause, Reloader};
use crate::files::watch::Watcher;
use crate::http;
use crate::telemetry::collector;
use crate::telemetry::gather::Gatherer;

/// A server that answers.
pub struct Running {
    pub(super) control: Runtime,
    pub(super) signals: Signals,
    pub(super) udp: udp::Workers,
    pub(super) tcp: tcp::Server,
    pub(super) collector: collector::Collector,
    pub(super) http: http::Server,
    pub(super) stopping: Box<dyn FnOnce() + Send>,
    pub(super) watcher: Watcher,
    pub(super) reloader: Reloader,
    pub(super) totals: TotalsReader,
    pub(super) notify: Arc<Notify>,
    pub(super) _gatherer: Gatherer,
}

impl Running {
    /// Tells the service manager that queries are answered, and from then on that this goes on: while every UDP worker
    /// does, and the control side, whose runtime does the telling.
    pub fn notify(&mut self, notify: Notify) {
        notify.tell(State::Ready);
        self.notify = Arc::new(notify);
        if let Some(within) = self.notify.watchdog() {
            let pulses = Pulses::new(self.udp.pulses());
            self.control.spawn(tell_while_all_go_on(Arc::clone(&self.notify), within, pulses));
        }
    }

    /// Where to read what has been counted.
    pub fn totals(&self) -> TotalsReader {
        self.totals.clone()
    }

    /// Passes each SIGHUP on as a reload; returns at SIGTERM or SIGINT.
    pub fn wait(&mut self) {
        let (control, signals, ask) = (&self.control, &mut self.signals, self.reloader.requester());
        control.block_on(async {
            while signals.next().await == Asked::Reload {
                info!("reloading, as SIGHUP asks");
                ask.ask(Cause::Asked);
            }
        });
    }

    /// Takes no new reloads, answers the queries that have been received, then ends. Health checks are answered
    /// until the last, so that whoever looks sees a server that is stopping and not one that has died.
    pub fn stop(self) -> Totals {
        info!("stopping");
        self.notify.tell(State::Stopping);
        drop(self.watcher);
        self.reloader.stop();
        self.udp.stop();
        self.tcp.stop();
        self.collector.stop();
        (self.stopping)();
        self.http.stop();
        self.control.shutdown_background();
        self.totals.read()
    }
}

/// Tells that all is well, a few times within each period, as long as it is.
async fn tell_while_all_go_on(notify: Arc<Notify>, within: Duration, mut pulses: Pulses) {
    let mut looks = interval((within / 4).max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if pulses.all_went_on() {
            notify.tell(State::Alive);
        }
    }
}
