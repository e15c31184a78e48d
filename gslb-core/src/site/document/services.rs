//! Reads `services`.

use std::collections::HashMap;
use std::time::Duration;

use super::domain;
use super::names::Section;
use super::policies::Policies;
use super::zones::Loaded;
use crate::dns::name::Name;
use crate::notation::{Entry, Fields, Item, Position, Problems, Value, duration, shortened};
use crate::problem::{KeyPath, Path};
use crate::site::model::{ClientSource, MAX_NAMES, MAX_TTL, PolicyId, PoolId, PrefixLengths, Service, WhenAllDown};

const KEYS: [&str; 7] = ["policy", "names", "types", "ttl", "sticky", "client", "when_all_down"];
const EXAMPLE: &str = r#"{ policy = "fra" }"#;
const CLIENTS: [(&str, ClientSource); 2] =
    [("client-subnet", ClientSource::ClientSubnet), ("resolver", ClientSource::Resolver)];
const WHEN_ALL_DOWN: [(&str, WhenAllDown); 4] = [
    ("serve-all", WhenAllDown::ServeAll),
    ("last-up", WhenAllDown::LastUp),
    ("nodata", WhenAllDown::NoData),
    ("servfail", WhenAllDown::ServFail),
];
const DEFAULT_TTL: u32 = 30;
const DEFAULT_STICKY: PrefixLengths = PrefixLengths { v4: 24, v6: 56 };
/// How many zones the help text lists for a service outside all zones.
const MAX_LISTED: usize = 8;

/// A service and its entry in the document.
#[derive(Debug)]
pub(super) struct Written<'t> {
    pub(super) entry: &'t Entry<'t>,
    pub(super) service: Service,
}

/// Reads services, each of which lies in a zone and has a policy.
pub(super) struct Services<'a, 'r, 't> {
    zones: &'a [Loaded<'t>],
    apexes: HashMap<&'a Name, u32>,
    policies: &'a mut Policies<'r, 't>,
    /// The position of each steered name.
    names: HashMap<Name, Position>,
    /// Path of an `only` that can be reached from a policy and does not lead to the pool; cached per pair.
    only_without: HashMap<(PolicyId, PoolId), Option<KeyPath>>,
}

impl<'t> Services<'_, '_, 't> {
    /// Returns the valid services.
    pub(super) fn read(
        section: &Section<'t>,
        zones: &[Loaded<'t>],
        policies: &mut Policies<'_, 't>,
        problems: &mut Problems,
    ) -> Vec<Written<'t>> {
        let apexes = zones.iter().zip(0..).map(|(loaded, number)| (&loaded.zone.apex, number)).collect();
        let names = HashMap::with_capacity(section.entries.len());
        let mut services = Services { zones, apexes, policies, only_without: HashMap::new(), names };
        let mut written = Vec::with_capacity(section.entries.len());
        for (entry, item) in section.items() {
            let service = services.service(entry, &item, problems);
            let Some(name) = domain_name(entry, &item, problems) else { continue };
            if let Some(other) = services.names.get(&name) {
                let message = format!("the service {name} is already declared{}", problems.in_line(*other, entry.at));
                problems.error(
                    entry.at,
                    &item.path,
                    message,
                    "declare each service only once; names are case-insensitive",
                );
                continue;
            }
            services.names.insert(name.clone(), entry.at);
            let zone = services.zone(&name, entry.at, &item.path, problems);
            let further_names = services.further_names(&item, problems);
            written.extend(
                service.zip(zone).map(|(service, zone)| Written {
                    entry,
                    service: Service { name, zone, further_names, ..service },
                }),
            );
        }
        written
    }

    /// Everything except name and zone.
    fn service(&mut self, entry: &Entry, item: &Item<'_, '_>, problems: &mut Problems) -> Option<Service> {
        if domain::unquoted(entry, &KEYS).is_some() {
            return None;
        }
        let fields = item.fields(&KEYS, EXAMPLE, problems)?;
        let (steers_a, steers_aaaa) = types(&fields, problems);
        let ttl = fields.get("ttl").map_or(Some(DEFAULT_TTL), |item| ttl(&item, problems));
        let sticky = fields.get("sticky").map(|item| sticky(&item, problems));
        let client = fields.get("client").map(|item| item.choice(&CLIENTS, problems));
        let when_all_down = fields.get("when_all_down").map(|item| self.when_all_down(&item, problems));
        let policy = fields.require("policy", "the name of a pool or policy", problems);
        let policy = policy.and_then(|item| self.policies.policy(&item, problems));
        if let (Some(item), Some(Some(WhenAllDown::Pool(pool))), Some(policy)) =
            (fields.get("when_all_down"), when_all_down, policy)
        {
            self.check_stays_within_only(&item, policy, pool, problems);
        }
        Some(Service {
            name: Name::root(),
            zone: 0,
            further_names: Vec::new(),
            steers_a,
            steers_aaaa,
            ttl: ttl?,
            client: client.unwrap_or(Some(ClientSource::ClientSubnet))?,
            sticky,
            when_all_down: when_all_down.unwrap_or(Some(WhenAllDown::ServeAll))?,
            policy: policy?,
            location: problems.location(entry.at),
        })
    }

    /// Returns the valid other names of a service.
    fn further_names(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Vec<(Name, u32)> {
        let Value::Table(table) = &item.node.value else { return Vec::new() };
        let Some(entry) = table.get("names") else { return Vec::new() };
        let list = Item::of(entry, &item.path);
        let nodes = list.list(r#"["example.com"]"#, problems).unwrap_or_default();
        if nodes.len() > MAX_NAMES {
            let message = format!("the service has {} other names", nodes.len());
            list.error(problems, message, format!("use at most {MAX_NAMES}, and move the rest to another service"));
            return Vec::new();
        }
        let mut further = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let item = Item { node, path: list.path.index(index) };
            let Some(text) = item.string("\"example.com\"", problems) else { continue };
            let Some(name) = domain::read(text, item.at(), &item.path, problems) else { continue };
            if let Some(other) = self.names.get(&name) {
                let message =
                    format!("the name {name} is already steered, declared{}", problems.in_line(*other, item.at()));
                item.error(problems, message, "use each name only once, in one service; names are case-insensitive");
                continue;
            }
            self.names.insert(name.clone(), item.at());
            let zone = self.zone(&name, item.at(), &item.path, problems);
            further.extend(zone.map(|zone| (name, zone)));
        }
        further
    }

    /// The index of the zone with the longest apex that contains `name`.
    fn zone(&self, name: &Name, at: Position, path: &Path<'_>, problems: &mut Problems) -> Option<u32> {
        let mut next = Some(name.clone());
        while let Some(ancestor) = next {
            if let Some(&zone) = self.apexes.get(&ancestor) {
                return Some(zone);
            }
            next = ancestor.parent();
        }
        let apexes: Vec<String> =
            self.zones.iter().take(MAX_LISTED + 1).map(|loaded| loaded.zone.apex.to_string()).collect();
        let help = match apexes.len() {
            0 => "declare its zone, such as [zones.\"example.com\"] with file = \"example.com.zone\"".to_owned(),
            1..=MAX_LISTED => format!("declare its zone; declared zones: {}", apexes.join(" ")),
            _ => "declare its zone".to_owned(),
        };
        problems.error(at, path, format!("{name} is in no zone of the document"), help);
        None
    }

    /// When everything is down, clients of an `only` must still get its own pools.
    fn check_stays_within_only(
        &mut self,
        item: &Item<'_, '_>,
        policy: PolicyId,
        pool: PoolId,
        problems: &mut Problems,
    ) {
        let found = self.only_without.entry((policy, pool));
        let Some(only) = found.or_insert_with(|| self.policies.only_without(policy, pool)) else { return };
        let message = format!(
            "the pool `{}` is not below the `only` at {only}, whose clients may only get its own pools",
            self.policies.pool_name(pool)
        );
        item.error(
            problems,
            message,
            "use a pool below every `only` of the policy, or serve-all, last-up, nodata or servfail",
        );
    }

    fn when_all_down(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<WhenAllDown> {
        let text = item.string("\"serve-all\"", problems)?;
        if let Some(name) = text.strip_prefix("pool:") {
            let pool = self.policies.to.pool_names.resolve_name(name, item.at(), &item.path, problems);
            return pool.map(|pool| WhenAllDown::Pool(PoolId(pool)));
        }
        let found = WHEN_ALL_DOWN.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words = WHEN_ALL_DOWN.iter().map(|(word, _)| *word).chain(["pool:NAME"]);
            let help = problems.suggestion(text, words);
            item.error(problems, format!("unknown value {}", shortened(text)), help);
        }
        found.map(|&(_, meaning)| meaning)
    }
}

fn domain_name(entry: &Entry, item: &Item<'_, '_>, problems: &mut Problems) -> Option<Name> {
    if let Some(name) = domain::unquoted(entry, &KEYS) {
        let message = format!("`{}` contains only another table", entry.key);
        problems.error(entry.at, &item.path, message, format!("quote names that contain dots: [services.{name:?}]"));
        return None;
    }
    domain::read(&entry.key, entry.at, &item.path, problems)
}

/// Whether A and AAAA are steered.
fn types(fields: &Fields<'_, '_>, problems: &mut Problems) -> (bool, bool) {
    let Some(list) = fields.get("types") else { return (true, true) };
    let mut steers = (false, false);
    for (index, node) in list.list(r#"["A", "AAAA"]"#, problems).unwrap_or_default().iter().enumerate() {
        let item = Item { node, path: list.path.index(index) };
        let Some(is_a) = item.choice(&[("A", true), ("AAAA", false)], problems) else { continue };
        let steered = if is_a { &mut steers.0 } else { &mut steers.1 };
        if std::mem::replace(steered, true) {
            item.error(problems, "the type is listed twice", "list each type once");
        }
    }
    steers
}

fn ttl(item: &Item<'_, '_>, problems: &mut Problems) -> Option<u32> {
    let ttl = item.duration(Duration::ZERO..=Duration::from_secs(u64::from(MAX_TTL)), problems)?;
    if ttl.subsec_nanos() != 0 {
        let message = format!("a TTL of {} is not a number of whole seconds", duration::show(ttl));
        item.error(problems, message, format!("write \"{}s\"", ttl.as_secs() + 1));
        return None;
    }
    u32::try_from(ttl.as_secs()).ok()
}

fn sticky(item: &Item<'_, '_>, problems: &mut Problems) -> PrefixLengths {
    let Some(fields) = item.fields(&["v4", "v6"], "{ v4 = 24, v6 = 56 }", problems) else { return DEFAULT_STICKY };
    let mut length = |key, most| fields.get(key)?.integer("a prefix length", 1..=most, problems);
    let (v4, v6) = (length("v4", 32), length("v6", 128));
    let narrow = |length: Option<u32>, default| length.and_then(|length| u8::try_from(length).ok()).unwrap_or(default);
    PrefixLengths { v4: narrow(v4, DEFAULT_STICKY.v4), v6: narrow(v6, DEFAULT_STICKY.v6) }
}
