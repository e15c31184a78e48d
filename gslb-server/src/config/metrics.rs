//! The `[metrics]` table: which services get their own series.

use toml::de::DeValue;

use super::section::{Checked, Section, invalid, string};

/// The `[metrics]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// `services`: how many services get their own series; `None` means all. Default `"top:1000"`.
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

/// Largest number of services.
const MAX_SERVICES: usize = 1_000_000;

/// `"all"`, or the number behind `"top:"`.
fn services(value: &DeValue) -> Checked<Option<usize>> {
    let wanted = format!("\"all\", or \"top:N\" with N from 1 to {MAX_SERVICES}");
    let text = string(value, &wanted)?;
    if text == "all" {
        return Ok(None);
    }
    match text.strip_prefix("top:").and_then(|number| number.parse().ok()) {
        Some(number) if (1..=MAX_SERVICES).contains(&number) => Ok(Some(number)),
        _ => invalid(format_args!("unknown value \"{}\"", text.escape_debug()), format!("write {wanted}")),
    }
}
