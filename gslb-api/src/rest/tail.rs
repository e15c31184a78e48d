//! Answers as they are given: server-sent events for who watches.

use std::time::Duration;

use axum::extract::State;
use axum::http::Extensions;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use gslb_core::dns::name::Name;
use tokio::select;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa_axum::routes;

use super::answer::AcceptsEvents;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::state::RestState;
use super::streaming::{self, Until};
use crate::Api;
use crate::traffic::tail::{Filter, Watching};
use crate::types::{MissedAnswers, TailParameters};

/// How often a stream reports what it missed, if it missed something.
const MISSED: Duration = Duration::from_secs(1);

/// The route of answers.
pub(super) fn routes() -> Routes {
    Routes::new("tail").add(Access::Viewer, routes!(read))
}

/// Follow queries as they are answered, with their decision, as server-sent events
#[utoipa::path(get, path = "/tail", params(TailParameters), responses(
    (status = 200, description = "Answers, and how many were missed", content_type = "text/event-stream", body = String),
))]
async fn read(
    State(RestState { api, watchers, .. }): State<RestState>,
    _: AcceptsEvents,
    Parameters(parameters): Parameters<TailParameters>,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let filter = filter(&api, parameters)?;
    let permit = streaming::permit(&watchers, &extensions, "watch answers")?;
    let until = Until::of(&api, &extensions).await?;
    let mut ticks = interval(MISSED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reader = Reader { watching: api.options.tail.watch(filter), ticks };
    Ok(streaming::respond(permit, until, stream::unfold(reader, next)))
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
                if missed != MissedAnswers::default() {
                    let data = serde_json::to_string(&missed).unwrap_or_default();
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

/// Which answers to show. A service or data center that does not exist is a slip: nothing of it would ever be seen.
fn filter(api: &Api, parameters: TailParameters) -> Result<Filter, Problem> {
    let active = api.control.active();
    let site = &active.table.topology().site;
    let service = parameters.service.map(|text| {
        let name = Name::parse(text.as_bytes(), &Name::root()).ok();
        let known = name.and_then(|name| site.service_of(&name)).map(|service| service.name.clone());
        known.ok_or_else(|| Problem::not_found(format!("There is no service {text:?}.")))
    });
    let data_center = parameters.data_center.map(|name| {
        let known = site.data_centers.iter().find(|data_center| *data_center.name == *name);
        let unknown = || Problem::not_found(format!("There is no data center {name:?}."));
        known.map(|data_center| data_center.name.clone()).ok_or_else(unknown)
    });
    let client = parameters.client.map(|network| network.0);
    Ok(Filter { service: service.transpose()?, client, data_center: data_center.transpose()? })
}
