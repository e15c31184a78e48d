//! The `[metrics]` table: which services get their own series.

use gslb_core::notation::{Fields, Item, Problems, shortened};

use super::value::table;

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
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(metrics) = table(root, "metrics", &["services"], problems) else { return };
        metrics.set("services", &mut self.services, problems, services);
    }
}

/// Largest number of services.
const MAX_SERVICES: usize = 1_000_000;

/// `"all"`, or the number behind `"top:"`.
fn services(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Option<usize>> {
    let text = item.string("\"top:1000\"", problems)?;
    if text == "all" {
        return Some(None);
    }
    let number = text.strip_prefix("top:").and_then(|number| number.parse().ok());
    let number = number.filter(|number| (1..=MAX_SERVICES).contains(number));
    if number.is_none() {
        let help = format!("write \"all\", or \"top:N\" with N from 1 to {MAX_SERVICES}");
        item.error(problems, format!("unknown value {}", shortened(text)), help);
    }
    number.map(Some)
}
