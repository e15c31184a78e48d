//! Reads a policy table: exactly one of the kinds, each with its own rules.

use std::collections::{HashMap, HashSet};

use super::Policies;
use crate::notation::{Entry, Item, Problems, Value};
use crate::site::document::names::quoted;
use crate::site::document::pools::{v4, v6};
use crate::site::model::{Choose, Endpoint, MAX_ANSWERS, MAX_WEIGHT, Matcher, PolicyKind, PoolId, RegionId, Target};

const KINDS: [&str; 8] = ["geo", "failover", "only", "weighted", "nearest", "latency", "hash", "all"];
const GEO: &str = r#"{ europe = "fra", default = "iad" }"#;
const LIST: &str = r#"["fra", "iad"]"#;
const WEIGHTED: &str = r#"{ fra = 90, iad = 10 }"#;

impl Policies<'_, '_> {
    /// Reads a table with exactly one kind.
    pub(super) fn kind(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyKind> {
        let fields = item.fields(&KINDS, super::EXAMPLE, problems)?;
        let written: Vec<&str> = KINDS.into_iter().filter(|kind| fields.get(kind).is_some()).collect();
        let [kind] = written.as_slice() else {
            match written.as_slice() {
                [first, second, ..] => {
                    let message = format!("a policy has one kind, and this one has both `{first}` and `{second}`");
                    item.error(problems, message, "keep one, and nest the other in it");
                }
                _ if fields.is_empty() => {
                    item.error(problems, "the policy has no kind", format!("add one of {}", KINDS.join(", ")));
                }
                _ => {}
            }
            return None;
        };
        let inner = fields.get(kind)?;
        match *kind {
            "geo" => self.geo(&inner, problems),
            "failover" => self.failover(&inner, problems),
            "only" => self.policy(&inner, problems).map(PolicyKind::Only),
            "weighted" => self.weighted(&inner, problems),
            "nearest" => self.located_pools(&inner, problems).map(PolicyKind::Nearest),
            "latency" => self.located_pools(&inner, problems).map(PolicyKind::Latency),
            "hash" => self.pools(&inner, problems).map(PolicyKind::Hash),
            _ => self.all(&inner, problems),
        }
    }

    fn geo(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyKind> {
        let table = item.table(GEO, problems)?;
        let mut regions = Vec::with_capacity(table.entries.len());
        let mut branches = Some(Vec::with_capacity(table.entries.len()));
        let mut default = None;
        for entry in &table.entries {
            let branch = Item::of(entry, &item.path);
            let policy = self.policy(&branch, problems);
            if &*entry.key == "default" {
                default = Some(policy);
                continue;
            }
            let region = self.to.region_names.resolve_name(&entry.key, entry.at, &branch.path, problems).map(RegionId);
            regions.extend(region.map(|region| (region, entry)));
            match (region.zip(policy), &mut branches) {
                (Some(branch), Some(branches)) => branches.push(branch),
                _ => branches = None,
            }
        }
        if default.is_none() {
            let message = "`default` is missing: clients outside these regions would get nothing";
            item.error(problems, message, "add default = and a pool or policy");
        }
        self.report_contested(item, &regions, problems);
        Some(PolicyKind::Geo { branches: branches?, default: default?? })
    }

    /// If two regions have the same matcher, a client's region would be ambiguous.
    fn report_contested(&self, item: &Item<'_, '_>, regions: &[(RegionId, &Entry)], problems: &mut Problems) {
        let mut first: HashMap<&Matcher, &Entry> = HashMap::new();
        for &(region, entry) in regions {
            let matchers = self.contested.get(&region).map_or(&[][..], Vec::as_slice);
            if let Some((matcher, other)) =
                matchers.iter().find_map(|matcher| first.get(matcher).map(|other| (matcher, other)))
            {
                let message = format!("the regions `{}` and `{}` both match {matcher}", other.key, entry.key);
                problems.error(entry.at, &item.path.key(&entry.key), message, "remove it from one of the two regions");
            }
            for matcher in matchers {
                first.entry(matcher).or_insert(entry);
            }
        }
    }

    fn failover(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyKind> {
        let list = item.list(LIST, problems)?;
        let mut candidates = Some(Vec::with_capacity(list.len()));
        let mut seen = HashSet::new();
        let mut stop: Option<usize> = None;
        for (index, node) in list.iter().enumerate() {
            let item = Item { node, path: item.path.index(index) };
            if let Value::String(name) = &node.value
                && !seen.insert(&**name)
            {
                report_repeated(&item, name, problems);
            }
            let policy = self.policy(&item, problems);
            if let Some(stop) = stop {
                let message = format!("this is never tried: candidate {} of the list is an `only`", stop + 1);
                let help = "an `only` never falls through to the next candidate: put it last, or remove what follows";
                problems.warning(item.at(), &item.path, message, help);
            } else if policy.is_some_and(|policy| self.reach(policy).never_falls_through) {
                stop = Some(index);
            }
            match (policy, &mut candidates) {
                (Some(policy), Some(candidates)) => candidates.push(policy),
                _ => candidates = None,
            }
        }
        candidates.map(PolicyKind::Failover)
    }

    fn weighted(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyKind> {
        let table = item.table(WEIGHTED, problems)?;
        let mut shares = Some(Vec::with_capacity(table.entries.len()));
        for entry in &table.entries {
            let share = Item::of(entry, &item.path);
            let policy = self.refer(&entry.key, entry.at, &share.path, problems);
            let weight = share.integer("a weight", 0..=MAX_WEIGHT, problems);
            match (policy.zip(weight), &mut shares) {
                (Some(share), Some(shares)) => shares.push(share),
                _ => shares = None,
            }
        }
        let shares = shares?;
        if shares.iter().all(|&(_, weight)| weight == 0) {
            let message =
                if shares.is_empty() { "the table is empty" } else { "all weights are 0: nothing would be chosen" };
            item.error(problems, message, format!("write weights such as {WEIGHTED}"));
            return None;
        }
        Some(PolicyKind::Weighted(shares))
    }

    /// A list of distinct pools.
    fn pools(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<Vec<PoolId>> {
        let list = item.list(LIST, problems)?;
        let mut pools = Some(Vec::with_capacity(list.len()));
        let mut seen = HashSet::new();
        for (index, node) in list.iter().enumerate() {
            let item = Item { node, path: item.path.index(index) };
            let pool = self.pool(&item, problems);
            if let Some(pool) = pool.filter(|&pool| !seen.insert(pool)) {
                report_repeated(&item, self.pool_name(pool), problems);
            }
            match (pool, &mut pools) {
                (Some(pool), Some(pools)) => pools.push(pool),
                _ => pools = None,
            }
        }
        pools
    }

    fn pool(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PoolId> {
        let name = match &item.node.value {
            Value::String(name) => name,
            _ => {
                item.mismatch(
                    problems,
                    "the name of a pool",
                    "use a pool; only geo, failover, only and weighted accept policies",
                );
                return None;
            }
        };
        if self.names.contains(name) && !self.to.pool_names.contains(name) {
            let message = format!("expected a pool, but {} is a policy", quoted(name));
            item.error(problems, message, "list its pools; only geo, failover, only and weighted accept policies");
            return None;
        }
        self.to.pool_names.resolve_name(name, item.at(), &item.path, problems).map(PoolId)
    }

    /// A list of pools that all have a coordinate.
    fn located_pools(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<Vec<PoolId>> {
        let pools = self.pools(item, problems)?;
        if !self.to.sound {
            return Some(pools);
        }
        let mut seen = HashSet::new();
        for (index, pool) in pools.iter().enumerate().filter(|&(_, pool)| seen.insert(pool)) {
            let Some(pool) = self.to.pools.get(pool.0 as usize) else { continue };
            let data_center = pool.data_center.and_then(|id| self.to.data_centers.get(id.0 as usize));
            let (message, help) = match data_center {
                None => {
                    let message = format!("the pool `{}` has no data center, so its distance is unknown", pool.name);
                    (message, format!("add data_center to pools.{}", pool.name))
                }
                Some(data_center) if data_center.coordinate.is_none() => {
                    let message =
                        format!("the data center `{}` of pool `{}` has no coordinate", data_center.name, pool.name);
                    (message, format!("add latitude and longitude to data_centers.{}.location", data_center.name))
                }
                Some(_) => continue,
            };
            let path = item.path.index(index);
            let at = match &item.node.value {
                Value::Array(nodes) => nodes.get(index).map_or(item.at(), |node| node.at),
                _ => item.at(),
            };
            problems.error(at, &path, message, help);
        }
        Some(pools)
    }

    fn all(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyKind> {
        let pools = self.pools(item, problems)?;
        let members = || pools.iter().filter_map(|pool| self.to.pools.get(pool.0 as usize));
        if let Some(pool) = members().find(|pool| pool.endpoints.iter().any(|it| matches!(it.target, Target::Cname(_))))
        {
            let message =
                format!("the pool `{}` has cname endpoints, which cannot be combined with other records", pool.name);
            item.error(problems, message, "use only pools with address endpoints");
        }
        for (family, count) in [("IPv4", v4 as fn(&[Endpoint]) -> usize), ("IPv6", v6)] {
            let answers: usize = members()
                .map(|pool| match pool.choose {
                    Choose::All => count(&pool.endpoints),
                    _ => count(&pool.endpoints).min(pool.answers as usize),
                })
                .sum();
            if answers > MAX_ANSWERS {
                let message = format!("these pools together answer with up to {answers} {family} addresses");
                item.error(
                    problems,
                    message,
                    format!("list fewer pools, or lower their `answers`: the maximum is {MAX_ANSWERS}"),
                );
            }
        }
        Some(PolicyKind::All(pools))
    }
}

fn report_repeated(item: &Item<'_, '_>, name: &str, problems: &mut Problems) {
    item.error(problems, format!("{} is listed twice", quoted(name)), "list each one only once");
}
