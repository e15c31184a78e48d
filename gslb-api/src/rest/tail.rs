//! Answers as they are given: server-sent events for who watches.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::stream;
use gslb_core::dns::name::Name;
use ipnet::IpNet;
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use tokio::select;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::answer;
use super::problem::Problem;
use super::query;
use super::streaming::{self, Until};
use crate::Api;
use crate::traffic::tail::{Filter, Missed, Watching};

/// How often a watcher is told what it missed, where it missed something.
const MISSED: Duration = Duration::from_secs(1);

/// The route of answers.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/tail", get(tail))
}

async fn tail(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["text/event-stream"])?;
    let filter = filter(&api, query::of(request.uri())?)?;
    let place = streaming::place(&api.watchers, request.extensions(), "watch answers")?;
    let until = Until::of(&api, request.extensions()).await?;
    let mut ticks = interval(MISSED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reader = Reader { watching: api.options.tail.watch(filter), ticks };
    Ok(streaming::respond(place, until, stream::unfold(reader, next)))
}

/// One who watches.
struct Reader {
    watching: Watching,
    ticks: Interval,
}

/// The next event.
async fn next(mut reader: Reader) -> Option<(Event, Reader)> {
    loop {
        select! {
            biased;
            _ = reader.ticks.tick() => {
                let missed = reader.watching.missed();
                if missed != Missed::default() {
                    let data = json!({ "skipped": missed.skipped, "unseen": missed.unseen }).to_string();
                    return Some((Event::default().event("missed").data(data), reader));
                }
            }
            answered = reader.watching.next() => {
                let event = Event::default().event("answer").data(&*answered?);
                return Some((event, reader));
            }
        }
    }
}

/// What is asked for. A service or data center that there is not is a slip, of which nothing would ever be seen.
fn filter(api: &Api, asked: query::Tail) -> Result<Filter, Problem> {
    let in_force = api.control.in_force();
    let site = &in_force.table.topology().site;
    let service = asked.service.map(|text| {
        let name = Name::parse(text.as_bytes(), &Name::root()).ok();
        let known = name.and_then(|name| site.service_of(&name)).map(|service| service.name.clone());
        known.ok_or_else(|| Problem::not_found(format!("There is no service {text:?}.")))
    });
    let data_center = asked.data_center.map(|name| {
        let known = site.data_centers.iter().find(|data_center| *data_center.name == *name);
        let unknown = || Problem::not_found(format!("There is no data center {name:?}."));
        known.map(|data_center| data_center.name.clone()).ok_or_else(unknown)
    });
    let client = asked.client.map(|text| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let wanted = "client is a network such as 203.0.113.0/24 or 2001:db8::/48, or an address.";
        network.map(|network| network.trunc()).map_err(|_| Problem::bad_request(wanted))
    });
    Ok(Filter { service: service.transpose()?, client: client.transpose()?, data_center: data_center.transpose()? })
}
