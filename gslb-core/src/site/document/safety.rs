//! Reads `safety`.

use std::time::Duration;

use super::instant;
use crate::notation::{Fields, Item, Problems, Table, Value, duration, shortened};
use crate::problem::Path;
use crate::site::model::{MassFailure, Safety, Share, Window};

const KEYS: [&str; 6] = [
    "min_data_centers_up",
    "max_traffic_moved",
    "max_address_space_moved",
    "require_endpoints",
    "frozen",
    "mass_failure",
];
const EXAMPLE: &str = r#"{ max_traffic_moved = "20%" }"#;
const WINDOW: &str = r#""2026-12-24T00:00:00Z/2026-12-27T00:00:00Z""#;
const MASS_FAILURE: &str = r#"{ share = "50%", within = "10s", hold = "10s", longest = "5m" }"#;
const SHORTEST_WITHIN: Duration = Duration::from_secs(1);
const LONGEST_WITHIN: Duration = Duration::from_secs(3600);
const LONGEST_HOLD: Duration = Duration::from_secs(86_400);
/// Maximum intervals of `frozen`.
const MAX_WINDOWS: usize = 1_000;

/// Reads the rules; invalid ones are omitted.
pub(super) fn read(root: &Table, data_centers: usize, problems: &mut Problems) -> Safety {
    let mut safety = Safety::default();
    let Some(entry) = root.get("safety") else { return safety };
    let Some(fields) = Item::of(entry, &Path::ROOT).fields(&KEYS, EXAMPLE, problems) else { return safety };
    safety.min_data_centers_up =
        fields.get("min_data_centers_up").and_then(|item| least(&item, data_centers, problems));
    let mut limit = |key| fields.get(key).and_then(|item| share(&item, problems));
    safety.max_traffic_moved = limit("max_traffic_moved");
    safety.max_address_space_moved = limit("max_address_space_moved");
    fields.set("require_endpoints", &mut safety.require_endpoints, problems, |item, problems| item.boolean(problems));
    safety.frozen = frozen(&fields, problems);
    fields.set("mass_failure", &mut safety.mass_failure, problems, |item, problems| Some(mass_failure(item, problems)));
    safety
}

/// A number above the existing data centers would refuse every change.
fn least(item: &Item<'_, '_>, data_centers: usize, problems: &mut Problems) -> Option<u32> {
    if data_centers == 0 {
        item.error(problems, "the document has no data centers", "define them in `data_centers`, or remove the rule");
        return None;
    }
    let most = u32::try_from(data_centers).unwrap_or(u32::MAX);
    item.integer("the least number of data centers up", 1..=most, problems)
}

/// A percentage from 0 to 100, with optional decimals.
pub(super) fn share(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Share> {
    let text = item.string("\"20%\"", problems)?;
    let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|it| it.is_ascii_digit() || it == b'.'));
    let percent = digits.and_then(|digits| digits.parse::<f64>().ok()).filter(|percent| *percent <= 100.0);
    if percent.is_none() {
        let message = format!("{} is not a percentage", shortened(text));
        item.error(problems, message, "write a number from 0 to 100 and a percent sign, such as \"20%\"");
    }
    percent.map(|percent| Share(percent / 100.0))
}

/// A share and times, all optional; `None` if it is `"off"`.
fn mass_failure(item: &Item<'_, '_>, problems: &mut Problems) -> Option<MassFailure> {
    if let Value::String(text) = &item.node.value {
        if **text != *"off" {
            let message = format!("{} is neither \"off\" nor a table", shortened(text));
            item.error(problems, message, format!("write \"off\", or {MASS_FAILURE}"));
        }
        return None;
    }
    let fields = item.fields(&["share", "within", "hold", "longest"], MASS_FAILURE, problems)?;
    let mut rule = MassFailure::default();
    let time = |item: &Item<'_, '_>, problems: &mut Problems| item.duration(SHORTEST_WITHIN..=LONGEST_WITHIN, problems);
    fields.set("share", &mut rule.share, problems, share);
    fields.set("within", &mut rule.within, problems, time);
    fields.set("hold", &mut rule.hold, problems, time);
    rule.longest = rule.longest.max(rule.hold);
    if let Some(item) = fields.get("longest") {
        rule.longest = item.duration(SHORTEST_WITHIN..=LONGEST_HOLD, problems).unwrap_or(rule.longest);
        if rule.longest < rule.hold {
            let hold = duration::show(rule.hold);
            let message = format!("`longest` is shorter than `hold`, which is {hold}");
            item.error(problems, message, format!("use at least \"{hold}\", or reduce `hold`"));
        }
    }
    Some(rule)
}

fn frozen(fields: &Fields<'_, '_>, problems: &mut Problems) -> Vec<Window> {
    let Some(item) = fields.get("frozen") else { return Vec::new() };
    let Value::Array(nodes) = &item.node.value else {
        item.mismatch(problems, "a list", format!("write a list such as [{WINDOW}]"));
        return Vec::new();
    };
    if nodes.len() > MAX_WINDOWS {
        let message = format!("the list has {} intervals", nodes.len());
        item.error(problems, message, format!("use at most {MAX_WINDOWS}: remove past intervals"));
        return Vec::new();
    }
    let read = |(index, node)| window(&Item { node, path: item.path.index(index) }, problems);
    nodes.iter().enumerate().filter_map(read).collect()
}

fn window(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Window> {
    let text = item.string(WINDOW, problems)?;
    let bounds = text.split_once('/').and_then(|(start, end)| instant::parse(start).zip(instant::parse(end)));
    let Some((start, end)) = bounds else {
        let message = format!("{} is not an interval in UTC", shortened(text));
        item.error(problems, message, format!("write two instants of ISO 8601 and a slash, such as {WINDOW}"));
        return None;
    };
    if end <= start {
        let message = format!("{} ends before it starts", shortened(text));
        item.error(problems, message, "write the earlier instant first");
        return None;
    }
    Some(Window { text: text.into(), start, end })
}
