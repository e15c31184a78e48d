//! The forms of statuses, latencies and observations.

use serde_json::{Value, json};

/// The forms by name; `reference` names another form.
pub(super) fn forms(reference: impl Fn(&str) -> Value) -> [(&'static str, Value); 9] {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let by_name = json!({ "type": "object", "additionalProperties": { "type": "object" } });
    let moment = json!({ "type": "string", "format": "date-time" });
    [
        ("Status", status(&text, &number)),
        (
            "Statuses",
            json!({
                "type": "object",
                "required": ["time", "revision", "generation", "counts", "data_centers", "pools", "services", "endpoints", "next"],
                "properties": {
                    "time": moment, "revision": number, "generation": number,
                    "mass_failure": { "type": ["object", "null"], "properties": { "seconds": number } },
                    "degraded": {
                        "type": "array",
                        "description": "What the server answers without, and why; empty where all is as it should be.",
                        "items": { "type": "object", "required": ["what", "why"], "properties": {
                            "what": { "type": "string", "enum": ["store", "rows", "document", "revision", "databases", "certificate", "probes.ca", "overrides", "reload"] },
                            "why": text } },
                    },
                    "overrides": number, "thaw": thaw(), "counts": {
                        "type": "object",
                        "description": "All endpoints, pools and data centers, whatever the filter: `up`, `drained` and `down` are `all`.",
                    }, "data_centers": by_name, "pools": by_name, "services": by_name,
                    "endpoints": { "type": "array", "items": reference("Status") },
                    "next": { "type": "object", "additionalProperties": text,
                              "description": "Where each collection goes on, as far as it does." },
                },
            }),
        ),
        (
            "Resumed",
            json!({ "type": "object", "required": ["pool", "endpoint", "status"],
                    "properties": { "pool": text, "endpoint": text, "status": text } }),
        ),
        ("Lifted", json!({ "type": "object", "properties": { "mass_failure": { "type": "null" } } })),
        (
            "Latency",
            json!({
                "type": "object", "required": ["node", "is_vantage", "measured_ms", "accepted"],
                "properties": {
                    "node": text, "is_vantage": { "type": "boolean" },
                    "measured_ms": { "type": "object", "additionalProperties": { "type": "number" } },
                    "accepted": { "type": "object" },
                },
            }),
        ),
        (
            "DrillAsked",
            json!({ "type": "object", "required": ["data_center"], "additionalProperties": false,
                    "properties": { "data_center": { "type": "string", "examples": ["fra"] } } }),
        ),
        (
            "Drill",
            json!({
                "type": "object", "required": ["data_center", "services", "moves", "failing", "one_left", "witnesses"],
                "properties": {
                    "data_center": text, "services": number, "moves": { "type": "object" },
                    "failing": { "type": "array", "items": left_with("gets", json!({ "enum": ["dead-endpoint", "no-data", "serv-fail"] })) },
                    "one_left": { "type": "array", "items": left_with("left", text.clone()) },
                    "witnesses": { "type": "array", "items": {
                        "type": "object", "required": ["service", "name", "type", "client", "answers", "questions"],
                        "properties": {
                            "service": text, "name": text, "type": text, "client": text,
                            "answers": { "type": "array", "items": text }, "questions": number,
                        } } },
                },
            }),
        ),
        ("Observations", observations(&text)),
        (
            "Observed",
            json!({ "type": "object", "required": ["statuses", "latencies"],
                    "properties": { "statuses": number, "latencies": number } }),
        ),
    ]
}

/// What keeps frozen windows from stopping changes; null if nothing does.
pub(super) fn thaw() -> Value {
    let (text, moment) = (json!({ "type": "string" }), json!({ "type": "string", "format": "date-time" }));
    json!({ "type": ["object", "null"], "required": ["since", "until", "reason", "owner"],
        "properties": { "since": moment, "until": moment, "reason": text, "owner": text } })
}

fn status(text: &Value, number: &Value) -> Value {
    let maybe = |kind: &str| json!({ "type": [kind, "null"] });
    json!({
        "type": "object", "required": ["pool", "endpoint", "target", "status", "source", "why", "weight"],
        "properties": {
            "pool": text, "endpoint": text, "data_center": maybe("string"), "target": text,
            "status": { "type": "string", "enum": ["up", "down", "drained"] },
            "source": { "type": "string", "enum": ["forced", "verdict", "saved", "initial"] },
            "since": { "type": ["string", "null"], "format": "date-time" }, "why": text, "weight": number,
            "override": maybe("string"), "weight_override": maybe("string"), "unforced": { "type": "object" },
            "held": maybe("object"), "progress": maybe("object"),
            "outcomes": { "type": "array", "items": { "type": "object" } }, "unable": maybe("string"),
            "probes": {
                "type": "array", "description": "What each probe found, where the pool has several.",
                "items": { "type": "object", "required": ["probe", "status", "why"], "properties": {
                    "probe": text, "status": { "type": ["string", "null"], "enum": ["up", "down", null] }, "why": text,
                    "progress": { "type": "object" }, "last": maybe("object"), "unable": maybe("string"),
                    "ms": maybe("number"), "connect_ms": maybe("number"),
                    "certificate_expires": { "type": ["string", "null"], "format": "date-time" } } },
            },
            "ms": maybe("number"), "connect_ms": maybe("number"), "latency_ms": maybe("number"), "flaps": number, "ttl_limit": maybe("integer"),
            "certificate_expires": { "type": ["string", "null"], "format": "date-time" },
        },
    })
}

fn observations(text: &Value) -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": 1000,
        "items": { "oneOf": [
            {
                "type": "object", "required": ["pool", "endpoint", "up"], "additionalProperties": false,
                "properties": { "pool": text, "endpoint": text, "up": { "type": "boolean" },
                                "reason": { "type": "string", "maxLength": 200 } },
            },
            {
                "type": "object", "required": ["client", "data_center", "ms"], "additionalProperties": false,
                "properties": {
                    "client": { "type": "string", "examples": ["203.0.113.0/24"] }, "data_center": text,
                    "ms": { "type": "number", "exclusiveMinimum": 0, "maximum": 10000 },
                },
            },
        ] },
    })
}

/// Clients of a service who are left with little: `what` says with what.
fn left_with(what: &str, of: Value) -> Value {
    let extent = json!({ "type": "object", "required": ["share", "prefixes"],
        "properties": { "share": { "type": "number" }, "prefixes": { "type": "integer" } } });
    json!({
        "type": "object", "required": ["service", "types", what, "all", "v4", "v6", "traffic", "clients"],
        "properties": {
            "service": { "type": "string" }, "types": { "type": "array", "items": { "type": "string" } }, (what): of,
            "all": { "type": "boolean", "description": "True where these are all clients of the service." },
            "v4": extent, "v6": extent,
            "traffic": { "type": ["number", "null"], "description": "Share of the service's sampled queries." },
            "clients": { "type": "array", "items": { "type": "object", "required": ["region", "v4", "v6"],
                "properties": { "region": { "type": ["string", "null"] }, "v4": extent, "v6": extent } } },
        },
    })
}
