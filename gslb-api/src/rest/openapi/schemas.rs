//! The forms of what is sent and answered.

use serde_json::{Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::health;
use crate::LogLevel;
use crate::auth::{MAX_SCOPES, Role};
use crate::overrides::alert::MAX_ALERTS;
use crate::rest::problem::Detail;

/// All forms, by name.
pub(super) fn all() -> Vec<(String, RefOr<Schema>)> {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let any = json!({ "type": ["object", "array", "string", "number", "boolean", "null"] });
    let moment = json!({ "type": "string", "format": "date-time" });
    let list = |name: &str| json!({ "type": "array", "items": reference(name) });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    let forms = [
        ("Resource", json!({ "type": "object", "description": "An entry of the document, as it is written there." })),
        ("Collection", json!({ "type": "object", "additionalProperties": reference("Policy") })),
        (
            "Policy",
            json!({ "type": ["object", "string"], "description": "A policy, or the name of one or of a pool." }),
        ),
        ("Document", json!({ "type": "object", "description": "The whole site: zones, pools, policies, services." })),
        ("Patch", json!({ "type": "object", "description": "What is to be different (RFC 7396)." })),
        ("Difference", object(&["pointer"], json!({ "pointer": text, "before": any, "after": any }))),
        ("Broken", object(&["rule", "detail"], json!({ "rule": text, "detail": text }))),
        (
            "Done",
            object(
                &["dry_run", "revision", "generation", "changes", "moves", "breaks", "warnings", "saved"],
                json!({
                    "dry_run": { "type": "boolean" }, "revision": number, "generation": number,
                    "changes": list("Difference"), "breaks": list("Broken"), "warnings": list("Detail"),
                    "moves": { "type": ["object", "null"], "description": "Whose answers move, and where to." },
                    "saved": { "type": "boolean", "description": "False where an override is in force and the store cannot be written." },
                    "not_saved": { "type": "string", "description": "Why it is not saved." },
                }),
            ),
        ),
        (
            "Problem",
            object(
                &["type", "title", "status", "detail"],
                json!({
                    "type": text, "title": text, "status": number, "detail": text,
                    "errors": list("Detail"), "more_errors": number, "breaks": list("Broken"),
                    "outside": { "type": "array", "items": text }, "scopes": { "type": "array", "items": text },
                }),
            ),
        ),
        (
            "Revision",
            object(
                &["revision", "author", "author_name", "time", "message", "octets"],
                json!({
                    "revision": number, "author": text, "author_name": text, "time": moment, "message": text,
                    "restored": { "type": ["integer", "null"] },
                    "commit": { "type": ["object", "null"], "required": ["id", "message", "modified"],
                        "description": "The git commit that the watched file comes from.",
                        "properties": { "id": text, "message": text, "modified": { "type": "boolean" } } },
                    "octets": number,
                    "document": reference("Document"),
                }),
            ),
        ),
        (
            "Revisions",
            object(
                &["in_force", "revisions", "next"],
                json!({
                    "in_force": { "type": "integer", "minimum": 1 },
                    "revisions": list("Revision"),
                    "next": { "type": ["string", "null"] },
                }),
            ),
        ),
        (
            "Diff",
            object(
                &["from", "to", "differences"],
                json!({ "from": number, "to": number, "differences": list("Difference") }),
            ),
        ),
        ("Override", written_override(&text)),
        (
            "OverrideRead",
            object(
                &["targets", "force", "reason", "owner", "created"],
                json!({
                    "targets": { "type": "array", "items": text }, "force": force(), "reason": text, "owner": text,
                    "created": moment, "expires": moment,
                    "saved": { "type": "boolean", "description": "False while its last change is not saved; absent otherwise." },
                }),
            ),
        ),
        ("Overrides", json!({ "type": "object", "additionalProperties": reference("OverrideRead") })),
        (
            "Question",
            json!({
                "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": {
                    "name": { "type": "string", "examples": ["www.example.com"] },
                    "type": { "type": "string", "default": "A" },
                    "client": { "type": "string", "examples": ["203.0.113.0/24"] },
                    "resolver": { "type": "string", "examples": ["198.51.100.53"] },
                    "revision": number, "seed": number,
                },
            }),
        ),
        (
            "Explained",
            object(
                &["revision", "explanation", "statuses"],
                json!({
                    "revision": number, "explanation": { "type": "object" },
                    "statuses": { "type": "array", "items": reference("Status") },
                }),
            ),
        ),
        (
            "AuditEntry",
            object(
                &["number", "at", "who", "name", "request", "outcome", "revision"],
                json!({
                    "number": number, "at": moment, "who": text, "name": text, "from": text, "request": text,
                    "role": text, "scopes": { "type": "array", "items": text },
                    "outcome": { "type": "string", "enum": ["done", "refused"] }, "revision": number, "before": any, "after": any,
                    "broke": { "type": "array", "items": text }, "override_rules": text,
                }),
            ),
        ),
        (
            "Audit",
            object(
                &["entries", "next"],
                json!({ "entries": list("AuditEntry"), "next": { "type": ["string", "null"] } }),
            ),
        ),
        (
            "Ranked",
            object(
                &["name", "answers", "share"],
                json!({
                    "name": {
                        "type": ["string", "null"],
                        "description": "Null for clients in no region, and for answers from no data center.",
                    },
                    "answers": number, "share": { "type": "number" },
                }),
            ),
        ),
        (
            "Ranking",
            object(
                &["by", "answers", "top", "more"],
                json!({ "by": text, "answers": number, "top": list("Ranked"), "more": number }),
            ),
        ),
        (
            "TokenAsked",
            json!({
                "type": "object", "required": ["name", "role"], "additionalProperties": false,
                "properties": {
                    "name": { "type": "string", "minLength": 1, "maxLength": 100 },
                    "role": { "type": "string", "enum": Role::ALL.map(Role::name) },
                    "scopes": {
                        "type": "array", "minItems": 1, "maxItems": MAX_SCOPES, "items": text,
                        "description": "What it may change, for reporters and operators; everything where it is left out.",
                    },
                    "expires_in": { "type": "string", "examples": ["720h"] },
                },
            }),
        ),
        (
            "Token",
            object(
                &["id", "name", "role", "scopes", "created"],
                json!({
                    "id": text, "name": text, "role": text, "scopes": { "type": "array", "items": text }, "created": moment,
                    "expires": { "type": ["string", "null"], "format": "date-time" },
                    "token": { "type": "string", "description": "The whole token, once, when it is made." },
                }),
            ),
        ),
        (
            "Caller",
            object(
                &["id", "name", "role", "scopes"],
                json!({ "id": text, "name": text, "role": text, "scopes": { "type": "array", "items": text } }),
            ),
        ),
        ("Notification", notification(&text)),
        (
            "Heeded",
            object(
                &["alerts"],
                json!({ "alerts": { "type": "array", "items": object(
                    &["fingerprint", "outcome", "override"],
                    json!({
                        "fingerprint": text, "override": { "type": ["string", "null"] }, "saved": { "type": "boolean" },
                        "outcome": { "type": "string",
                            "enum": ["ignored", "forced", "renewed", "unchanged", "ended", "not-in-force"] },
                    }),
                ) } }),
            ),
        ),
        (
            "Log",
            json!({
                "type": "object", "required": ["level"], "additionalProperties": false,
                "properties": { "level": { "type": "string", "enum": LogLevel::ALL.map(LogLevel::name) } },
            }),
        ),
        (
            "ThawAsked",
            json!({
                "type": "object", "required": ["reason"], "additionalProperties": false,
                "properties": {
                    "reason": { "type": "string", "minLength": 1, "maxLength": 500 },
                    "for": { "type": "string", "default": "15m", "examples": ["15m"] },
                },
            }),
        ),
        ("Thawed", object(&["thaw"], json!({ "thaw": health::thaw() }))),
        ("Tokens", json!({ "type": "object", "additionalProperties": reference("Token") })),
    ];
    let parsed = forms
        .into_iter()
        .chain(health::forms(reference))
        .filter_map(|(name, form)| Some((name.to_owned(), serde_json::from_value(form).ok()?)));
    parsed.chain([("Detail".to_owned(), Detail::schema())]).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn force() -> Value {
    json!({ "oneOf": [
        { "type": "string", "enum": ["up", "down", "drain"] },
        { "type": "object", "required": ["weight"], "additionalProperties": false,
          "properties": { "weight": { "type": "integer", "minimum": 0, "maximum": 1_000_000 } } },
    ] })
}

fn written_override(text: &Value) -> Value {
    json!({
        "type": "object", "required": ["targets", "force", "reason"], "additionalProperties": false,
        "properties": {
            "targets": { "type": "array", "minItems": 1, "maxItems": 100, "items": text },
            "force": force(),
            "reason": { "type": "string", "minLength": 1, "maxLength": 500 },
            "owner": { "type": "string", "minLength": 1, "maxLength": 500 },
            "expires": { "type": "string", "format": "date-time" },
            "expires_in": { "type": "string", "examples": ["30m"] },
        },
    })
}

/// What Alertmanager sends; members that are not told here are let be.
fn notification(text: &Value) -> Value {
    let texts = json!({ "type": "object", "additionalProperties": text });
    let labels = json!({
        "type": "object", "additionalProperties": text,
        "properties": {
            "gslb_action": { "type": "string", "enum": ["drain", "down", "up"] },
            "gslb_data_center": text, "gslb_pool": text, "gslb_endpoint": text,
        },
    });
    json!({
        "type": "object", "required": ["alerts"],
        "properties": { "alerts": { "type": "array", "maxItems": MAX_ALERTS, "items": {
            "type": "object", "required": ["status", "fingerprint"],
            "properties": {
                "status": { "type": "string", "enum": ["firing", "resolved"] },
                "labels": labels, "annotations": texts,
                "fingerprint": { "type": "string", "pattern": "^[0-9A-Za-z]{1,32}$" },
            },
        } } },
    })
}

/// Responses that every operation may give.
pub(super) fn responses() -> Vec<(String, RefOr<Response>)> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new().description("Why it was not done (RFC 9457).");
    vec![("Problem".to_owned(), RefOr::T(problem.content("application/problem+json", content).build()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_one() {
        let names: Vec<String> = all().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 40, "a form that cannot be read is left out: {names:?}");
    }
}
