//! Reads `pools`.

use std::time::Duration;

use super::endpoints;
use super::names::{Names, Section};
use crate::notation::{Entry, Fields, Item, Problems, Value};
use crate::site::model::{
    Choose, DataCenterId, Endpoint, Initial, MAX_ANSWERS, MAX_PROBES, Pool, ProbeId, Resume, Target,
};

const KEYS: [&str; 10] =
    ["data_center", "probe", "require", "choose", "answers", "min_up", "initial", "hold_down", "resume", "endpoints"];
const EXAMPLE: &str = r#"{ endpoints = { a = { address = "192.0.2.10" } } }"#;
const ENDPOINTS: &str = r#"{ a = { address = "192.0.2.10" } }"#;
const PROBES: &str = r#"["http", "tcp"]"#;
const CHOICES: [(&str, Choose); 3] = [("weighted", Choose::Weighted), ("all", Choose::All), ("hash", Choose::Hash)];
const INITIALS: [(&str, Initial); 3] =
    [("saved-or-up", Initial::SavedOrUp), ("up", Initial::Up), ("down", Initial::Down)];
const RESUMES: [(&str, Resume); 2] = [("auto", Resume::Auto), ("manual", Resume::Manual)];
const LONGEST_HOLD_DOWN: Duration = Duration::from_secs(24 * 3600);

/// Reads pools, which refer to data centers and probes.
pub(super) struct PoolReader<'r, 't> {
    pub(super) data_centers: &'r mut Names<'t>,
    pub(super) probes: &'r mut Names<'t>,
}

impl PoolReader<'_, '_> {
    /// Returns one pool per entry, even an invalid one, so that positions in the section are indices.
    pub(super) fn read(&mut self, section: &Section<'_>, problems: &mut Problems) -> Vec<Pool> {
        section.items().map(|(entry, item)| self.pool(entry, &item, problems)).collect()
    }

    /// The probes of a pool: one name, or a list of names.
    fn probes(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Vec<ProbeId> {
        let Value::Array(_) = item.node.value else {
            return self.probes.resolve(item, problems).map(ProbeId).into_iter().collect();
        };
        let Some(names) = item.list(PROBES, problems) else { return Vec::new() };
        if names.len() > MAX_PROBES {
            item.error(problems, format!("the pool has {} probes", names.len()), format!("use at most {MAX_PROBES}"));
        }
        let mut probes = Vec::new();
        for (at, node) in names.iter().enumerate() {
            let name = Item { node, path: item.path.index(at) };
            let Some(probe) = self.probes.resolve(&name, problems).map(ProbeId) else { continue };
            if probes.contains(&probe) {
                name.error(problems, "the probe is listed twice", "remove one of them");
            } else {
                probes.push(probe);
            }
        }
        probes
    }

    fn pool(&mut self, entry: &Entry, item: &Item<'_, '_>, problems: &mut Problems) -> Pool {
        let mut pool = Pool {
            name: (&*entry.key).into(),
            data_center: None,
            probes: Vec::new(),
            require: 0,
            choose: Choose::Weighted,
            answers: 1,
            min_up: 1,
            initial: Initial::SavedOrUp,
            hold_down: Duration::ZERO,
            resume: Resume::Auto,
            endpoints: Vec::new(),
            location: problems.location(entry.at),
        };
        let Some(fields) = item.fields(&KEYS, EXAMPLE, problems) else { return pool };
        if let Some(item) = fields.get("data_center") {
            pool.data_center = self.data_centers.resolve(&item, problems).map(DataCenterId);
        }
        if let Some(item) = fields.get("probe") {
            pool.probes = self.probes(&item, problems);
            pool.require = pool.probes.len() as u32;
        }
        if let Some(item) = fields.get("require") {
            require(&fields, &item, &mut pool, problems);
        }
        choice(&fields, &mut pool, problems);
        comeback(&fields, &mut pool, problems);
        members(&fields, &mut pool, problems);
        pool
    }
}

/// How many of its probes must find an endpoint up: `"all"`, `"any"`, or a number.
fn require(fields: &Fields<'_, '_>, item: &Item<'_, '_>, pool: &mut Pool, problems: &mut Problems) {
    let Some(probe) = fields.get("probe") else {
        return item.error(problems, "`require` has no effect without `probe`", "add probes, or remove it");
    };
    let count = match &probe.node.value {
        Value::Array(names) if names.len() > 1 => names.len() as u32,
        _ => {
            let help = "remove it, or write several probes, such as probe = [\"http\", \"tcp\"]";
            return item.error(problems, "`require` has no effect with a single probe", help);
        }
    };
    let needed = match &item.node.value {
        Value::String(word) if &**word == "all" => Some(count),
        Value::String(word) if &**word == "any" => Some(1),
        Value::Integer(number) => match u32::try_from(*number) {
            Ok(number) if (1..=count).contains(&number) => Some(number),
            _ => {
                let message = format!("cannot require {number} of {count} probes");
                item.error(problems, message, format!("write a whole number from 1 to {count}, \"all\" or \"any\""));
                None
            }
        },
        _ => {
            let help = format!("write \"all\", \"any\", or a whole number from 1 to {count}");
            item.mismatch(problems, "\"all\", \"any\" or a whole number", help);
            None
        }
    };
    // If a name is invalid, the document is refused anyway.
    pool.require = needed.unwrap_or(count).min(pool.probes.len() as u32);
}

fn choice(fields: &Fields<'_, '_>, pool: &mut Pool, problems: &mut Problems) {
    fields.set("choose", &mut pool.choose, problems, |item, problems| item.choice(&CHOICES, problems));
    fields.set("initial", &mut pool.initial, problems, |item, problems| item.choice(&INITIALS, problems));
    let Some(item) = fields.get("answers") else { return };
    if let Some(answers) = item.integer("a number of answers", 1..=MAX_ANSWERS as u32, problems) {
        pool.answers = answers;
    }
    if pool.choose == Choose::All {
        item.warning(problems, "`answers` has no effect if `choose` is \"all\"", "remove it");
    }
}

/// How endpoints return to service; that needs a probe.
fn comeback(fields: &Fields<'_, '_>, pool: &mut Pool, problems: &mut Problems) {
    for key in ["hold_down", "resume"] {
        if let (Some(item), None) = (fields.get(key), fields.get("probe")) {
            item.error(problems, format!("`{key}` has no effect without `probe`"), "add a probe, or remove it");
        }
    }
    fields.set("hold_down", &mut pool.hold_down, problems, |item, problems| {
        item.duration(Duration::ZERO..=LONGEST_HOLD_DOWN, problems)
    });
    fields.set("resume", &mut pool.resume, problems, |item, problems| item.choice(&RESUMES, problems));
}

fn members(fields: &Fields<'_, '_>, pool: &mut Pool, problems: &mut Problems) {
    let min_up = fields.get("min_up");
    let Some(item) = fields.require("endpoints", ENDPOINTS, problems) else { return };
    let Some(table) = item.table(ENDPOINTS, problems) else { return };
    if table.entries.is_empty() {
        item.error(
            problems,
            "the pool has no endpoints",
            "add one, such as endpoints.a = { address = \"192.0.2.10\" }",
        );
        return;
    }
    let count = table.entries.len();
    if let Some(min_up) =
        min_up.and_then(|item| item.integer("the least number of endpoints up", 1..=count as u32, problems))
    {
        pool.min_up = min_up;
    }
    pool.endpoints = endpoints::read(table, &item.path, problems);
    if pool.endpoints.len() == count {
        agreement(&item, pool, problems);
    }
}

/// Rules across the endpoints of a pool; checked only if each one is valid by itself.
fn agreement(item: &Item<'_, '_>, pool: &Pool, problems: &mut Problems) {
    if pool.endpoints.iter().all(|endpoint| endpoint.weight == 0) {
        item.warning(
            problems,
            "all endpoints have weight 0: the pool is used only when nothing else is up",
            "give one a weight, unless the pool is drained on purpose",
        );
    }
    if let Some(name) = pool.endpoints.iter().find(|endpoint| matches!(endpoint.target, Target::Cname(_))) {
        let cause = match pool.choose {
            Choose::All => Some("`choose` is \"all\""),
            _ if pool.answers > 1 => Some("`answers` is more than 1"),
            _ => None,
        };
        if let Some(cause) = cause {
            let message = format!("endpoint `{}` is a cname, but {cause}", name.name);
            item.error(problems, message, "a name has only one CNAME: use \"weighted\" or \"hash\", with answers = 1");
        }
    }
    for (family, count) in [("IPv4", v4(&pool.endpoints)), ("IPv6", v6(&pool.endpoints))] {
        if pool.choose == Choose::All && count > MAX_ANSWERS {
            let message = format!("`choose` is \"all\" and there are {count} {family} endpoints");
            item.error(problems, message, format!("an answer has at most {MAX_ANSWERS}: use \"weighted\""));
        }
    }
}

/// Number of endpoints with an IPv4 address.
pub(super) fn v4(endpoints: &[Endpoint]) -> usize {
    endpoints.iter().filter(|endpoint| matches!(endpoint.target, Target::Address(address) if address.is_ipv4())).count()
}

/// Number of endpoints with an IPv6 address.
pub(super) fn v6(endpoints: &[Endpoint]) -> usize {
    endpoints.iter().filter(|endpoint| matches!(endpoint.target, Target::Address(address) if address.is_ipv6())).count()
}
