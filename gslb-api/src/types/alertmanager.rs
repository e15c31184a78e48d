//! Alertmanager's webhook: its request body (version 4), and the result of each alert.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How the webhook is used.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertParameters {
    /// How long an override holds after its alert was seen last, 1m to 168h; 5h by default. More than `repeat_interval`
    /// of Alertmanager, which renews it.
    #[param(pattern = "^[0-9]+(ms|s|m|h)$")]
    pub expires_in: Option<String>,
}

/// A notification; other members are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct Notification {
    /// The alerts of a group, firing and resolved.
    #[schema(max_items = 1000)]
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct Alert {
    /// Whether it fires.
    pub status: AlertStatus,
    /// Its labels.
    #[serde(default)]
    #[schema(value_type = AlertLabels)]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Identifies the alert: it is the same whenever the alert fires.
    #[schema(pattern = "^[0-9A-Za-z]{1,32}$")]
    pub fingerprint: String,
}

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It does.
    Firing,
    /// It did.
    Resolved,
}

/// The labels that select an action, and others.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct AlertLabels {
    /// The forced state. Without this label, an alert has no effect.
    #[schema(nullable = false)]
    pub gslb_action: Option<ActionLabel>,
    /// The target in full: `data-center/NAME`, `pool/NAME` or `endpoint/POOL/NAME`.
    #[schema(nullable = false)]
    pub gslb_target: Option<String>,
    /// The data center.
    #[schema(nullable = false)]
    pub gslb_data_center: Option<String>,
    /// The pool.
    #[schema(nullable = false)]
    pub gslb_pool: Option<String>,
    /// The endpoint, of that pool.
    #[schema(nullable = false)]
    pub gslb_endpoint: Option<String>,
    /// Other labels.
    #[serde(flatten)]
    pub others: BTreeMap<String, String>,
}

/// The state forced by an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionLabel {
    /// Endpoints get no clients while others can take them.
    Drain,
    /// Endpoints are down.
    Down,
    /// Endpoints are up.
    Up,
}

/// What became of the alerts of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertResults {
    /// Each of them, in order.
    pub alerts: Vec<AlertResult>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertResult {
    /// Identifies the alert.
    pub fingerprint: String,
    /// What became of it.
    pub outcome: AlertOutcome,
    /// The id of its override.
    #[schema(required = true)]
    pub r#override: Option<String>,
    /// False if the last change of its override is not saved; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub saved: Option<bool>,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlertOutcome {
    /// It has no action label.
    Ignored,
    /// Its override is in force now.
    Forced,
    /// Its override was in force, and holds for longer now.
    Renewed,
    /// Its override is in force, and was renewed just before.
    Unchanged,
    /// Its override has ended.
    Ended,
    /// It no longer had an override.
    NotInForce,
    /// It was refused: `errors` or `breaks` say why.
    Refused,
}
