//! The `[metrics]` table: what is told to Prometheus.

use toml::de::DeValue;

use super::section::{Checked, Section, string, wrong};

/// The `[metrics]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// `services`: how many services are told apart; none is all of them. Default `"top:1000"`.
    pub services: Option<usize>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { services: Some(1000) }
    }
}

impl Metrics {
    pub(super) fn take_from(&mut self, mut metrics: Section<'_, '_>) {
        metrics.set("services", &mut self.services, services);
        metrics.finish();
    }
}

/// Most services that can be told apart by a number.
const SERVICES_MOST: usize = 1_000_000;

/// `"all"`, or the number behind `"top:"`.
fn services(value: &DeValue) -> Checked<Option<usize>> {
    let wanted = format!("\"all\", or \"top:N\" with N from 1 to {SERVICES_MOST}");
    let text = string(value, &wanted)?;
    if text == "all" {
        return Ok(None);
    }
    match text.strip_prefix("top:").and_then(|number| number.parse().ok()) {
        Some(number) if (1..=SERVICES_MOST).contains(&number) => Ok(Some(number)),
        _ => wrong(format_args!("\"{}\" is no choice of services", text.escape_debug()), format!("write {wanted}")),
    }
}
