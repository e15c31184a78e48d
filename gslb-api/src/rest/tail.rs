//! Answers as they are given: server-sent events for who watches.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use gslb_core::name::Name;
use ipnet::IpNet;
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use tokio::select;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::answer;
use super::problem::Problem;
use super::query;
use super::streaming::{ALIVE, Until};
use crate::Api;
use crate::tail::{Filter, Missed, Watching};

/// How often a watcher is told what it missed, where it missed something.
const MISSED: Duration = Duration::from_secs(1);

/// The route of answers.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/tail", get(tail))
}

async fn tail(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["text/event-stream"])?;
    let filter = filter(&api, query::of(request.uri())?)?;
    let until = Until::of(&api, request.extensions()).await?;
    let most = api.options.limits.watchers;
    let watching = api.options.tail.watch(filter, most).ok_or_else(|| {
        let detail = format!("{most} watch already.");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", detail).header(header::RETRY_AFTER, "5")
    })?;
    let mut ticks = interval(MISSED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = stream::unfold(Reader { watching, until, ticks }, next);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

/// One who watches.
struct Reader {
    watching: Watching,
    until: Until,
    ticks: Interval,
}

/// The next event; none once the stream has ended.
async fn next(mut reader: Reader) -> Option<(Result<Event, Infallible>, Reader)> {
    loop {
        select! {
            biased;
            () = reader.until.over() => return None,
            _ = reader.ticks.tick() => {
                let missed = reader.watching.missed();
                if missed != Missed::default() {
                    let data = json!({ "skipped": missed.skipped, "unseen": missed.unseen }).to_string();
                    return Some((Ok(Event::default().event("missed").data(data)), reader));
                }
            }
            answered = reader.watching.next() => {
                let event = Event::default().event("answer").data(&*answered?);
                return Some((Ok(event), reader));
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
        let known = name.filter(|name| site.services.iter().any(|service| service.name == *name));
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
