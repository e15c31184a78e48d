//! Requests to the API.

use gslb_api::Api;

use super::{Collector, Family};

/// Requests and their durations.
pub fn collector(api: Api) -> Collector {
    Collector::new("api", move || {
        let meters = api.meters();
        let mut requests =
            Family::counter("gslb_api_requests_total", "Requests to the API, by route, method and status.");
        for ((route, method, status), count) in meters.requests() {
            let labels = [("method", method), ("route", route.as_str()), ("status", &status.to_string())];
            requests.add(&labels, count as f64);
        }
        let help = "Time from a request to the start of its response, by route.";
        let mut times = Family::histogram("gslb_api_request_duration_seconds", help);
        for (route, took) in meters.request_times() {
            times.add_ranges(&[("route", route.as_str())], took.ranges(), took.count, took.sum);
        }
        vec![requests, times]
    })
}
