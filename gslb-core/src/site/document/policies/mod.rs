//! Reads named and inline policies into one arena, in which children come before the policies that refer to them.

mod kinds;
mod order;
mod reach;

use std::collections::{HashMap, HashSet};

pub(super) use self::reach::{Families, Reach};
use super::names::{Names, report_unknown};
use crate::notation::{Entry, Item, Position, Problems, Value};
use crate::problem::{KeyPath, Path};
use crate::site::model::{
    DataCenter, MAX_NESTING, Matcher, Policy, PolicyId, PolicyKind, Pool, PoolId, Region, RegionId, Written,
};

const EXAMPLE: &str = r#"{ failover = ["fra", "iad"] }"#;

/// The parts of the document that policies refer to.
pub(super) struct Referents<'r, 't> {
    pub(super) data_centers: &'r [DataCenter],
    pub(super) pools: &'r [Pool],
    pub(super) regions: &'r [Region],
    pub(super) pool_names: Names<'t>,
    pub(super) region_names: Names<'t>,
    /// False if a pool or a data center has an error: then a missing part may only be misspelled.
    pub(super) sound: bool,
}

/// The arena of policies, and the names that refer to it.
pub(super) struct Policies<'r, 't> {
    pub(super) to: Referents<'r, 't>,
    arena: Vec<Policy>,
    /// What each policy can lead to, by arena index.
    reaches: Vec<Reach>,
    names: Names<'t>,
    /// By index of the name.
    named: Vec<Named>,
    /// The policies that represent a single pool, each created when it is first referenced.
    by_pool: HashMap<PoolId, PolicyId>,
    /// Matchers that are in several regions.
    contested: HashMap<RegionId, Vec<&'r Matcher>>,
}

/// The reading state of a named policy.
#[derive(Debug, Clone, Copy)]
enum Named {
    /// Not read yet. Policies are read after those they refer to, so this occurs only in a cycle, which has been
    /// reported.
    Unread,
    /// Read; `None` if it has an error, which has been reported.
    Read(Option<PolicyId>),
}

impl<'r, 't> Policies<'r, 't> {
    /// Reads all named policies.
    pub(super) fn read(names: Names<'t>, to: Referents<'r, 't>, problems: &mut Problems) -> Policies<'r, 't> {
        let contested = super::regions::contested(to.regions);
        let named = vec![Named::Unread; names.section().entries.len()];
        let (arena, reaches, by_pool) = (Vec::new(), Vec::new(), HashMap::new());
        let mut policies = Policies { to, arena, reaches, names, named, by_pool, contested };
        let section = *policies.names.section();
        for number in order::referents_first(&policies.names, problems) {
            let Some(entry) = section.entries.get(number) else { continue };
            let read = policies.named_policy(entry, &section.path, problems);
            if let Some(named) = policies.named.get_mut(number) {
                *named = Named::Read(read);
            }
        }
        policies
    }

    /// Reads a policy: the name of a pool or policy, or an inline table.
    pub(super) fn policy(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyId> {
        match &item.node.value {
            Value::String(name) => self.refer(name, item.at(), &item.path, problems),
            Value::Table(_) => {
                let kind = self.kind(item, problems)?;
                self.push(Written::InPlace((&item.path).into()), kind, item, problems)
            }
            _ => {
                let wanted = "a policy: the name of a pool or policy, or a table";
                item.mismatch(problems, wanted, format!("write a name, or a table such as {EXAMPLE}"));
                None
            }
        }
    }

    /// What `policy` can lead to.
    pub(super) fn reach(&self, policy: PolicyId) -> Reach {
        self.reaches.get(policy.0 as usize).copied().unwrap_or_default()
    }

    /// True if `policy` can lead to `pool`.
    pub(super) fn leads_to(&self, policy: PolicyId, pool: PoolId) -> bool {
        let mut seen = HashSet::from([policy]);
        let mut open = vec![policy];
        while let Some(kind) =
            open.pop().and_then(|policy| self.arena.get(policy.0 as usize)).map(|policy| &policy.kind)
        {
            if reach::pools(kind).any(|named| named == pool) {
                return true;
            }
            open.extend(reach::children(kind).filter(|&child| seen.insert(child)));
        }
        false
    }

    /// Path of an `only` that `policy` can lead to and that does not lead to `pool`.
    pub(super) fn only_without(&self, policy: PolicyId, pool: PoolId) -> Option<KeyPath> {
        let mut seen = HashSet::from([policy]);
        let mut open = vec![policy];
        while let Some(id) = open.pop() {
            let policy = self.arena.get(id.0 as usize)?;
            if matches!(policy.kind, PolicyKind::Only(_)) && !self.leads_to(id, pool) {
                return Some(policy.path());
            }
            open.extend(reach::children(&policy.kind).filter(|&child| seen.insert(child)));
        }
        None
    }

    /// Name of a pool, for messages.
    pub(super) fn pool_name(&self, pool: PoolId) -> &str {
        self.to.pools.get(pool.0 as usize).map_or("", |pool| &pool.name)
    }

    /// Warns about each named policy that no policy in `roots` leads to.
    pub(super) fn warn_of_unused(&self, roots: impl Iterator<Item = PolicyId>, problems: &mut Problems) {
        let mut used = vec![false; self.arena.len()];
        let mark = |policy: PolicyId, used: &mut Vec<bool>| {
            if let Some(mark) = used.get_mut(policy.0 as usize) {
                *mark = true;
            }
        };
        roots.for_each(|root| mark(root, &mut used));
        for (number, policy) in self.arena.iter().enumerate().rev() {
            if used.get(number) == Some(&true) {
                reach::children(&policy.kind).for_each(|child| mark(child, &mut used));
            }
        }
        let section = self.names.section();
        for (entry, named) in section.entries.iter().zip(&self.named) {
            if matches!(named, Named::Read(Some(policy)) if used.get(policy.0 as usize) == Some(&false)) {
                let message = format!("no service uses the policy `{}`", entry.key);
                problems.warning(entry.at, &section.path.key(&entry.key), message, "use it in a service, or remove it");
            }
        }
    }

    /// The arena.
    pub(super) fn into_arena(self) -> Vec<Policy> {
        self.arena
    }

    fn named_policy(&mut self, entry: &'t Entry<'t>, section: &Path<'_>, problems: &mut Problems) -> Option<PolicyId> {
        let item = Item::of(entry, section);
        if self.to.pool_names.contains(&entry.key) {
            let message = format!("a pool is also named `{}`, and both share one namespace", entry.key);
            problems.error(entry.at, &item.path, message, "give the policy another name");
        }
        let kind = match &item.node.value {
            Value::String(_) => self.alias(&item, problems)?,
            Value::Table(_) => self.kind(&item, problems)?,
            _ => return self.policy(&item, problems),
        };
        self.push(Written::Named((&*entry.key).into()), kind, &item, problems)
    }

    /// Another name for a pool, or for a policy: a failover with a single candidate is that candidate.
    fn alias(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<PolicyKind> {
        let target = self.policy(item, problems)?;
        match self.arena.get(target.0 as usize).map(|policy| &policy.kind) {
            Some(&PolicyKind::Pool(pool)) => Some(PolicyKind::Pool(pool)),
            _ => Some(PolicyKind::Failover(vec![target])),
        }
    }

    /// The policy that `name` refers to, a policy or a pool; reports an unknown name.
    fn refer(&mut self, name: &str, at: Position, path: &Path<'_>, problems: &mut Problems) -> Option<PolicyId> {
        if let Some(number) = self.names.refer(name) {
            return match self.named.get(number as usize)? {
                Named::Read(policy) => *policy,
                Named::Unread => None,
            };
        }
        if let Some(number) = self.to.pool_names.refer(name) {
            return Some(self.pool_policy(PoolId(number)));
        }
        let known = self.to.pool_names.all().chain(self.names.all());
        report_unknown("pool or policy", name, (at, path), known, problems);
        None
    }

    fn pool_policy(&mut self, pool: PoolId) -> PolicyId {
        if let Some(&policy) = self.by_pool.get(&pool) {
            return policy;
        }
        let id = PolicyId(self.arena.len() as u32);
        if let Some(named) = self.to.pools.get(pool.0 as usize) {
            let (written, location) = (Written::AsPool(named.name.clone()), named.location.clone());
            self.arena.push(Policy { written, kind: PolicyKind::Pool(pool), location });
            self.reaches.push(Reach::of_pool(pool, named));
        }
        self.by_pool.insert(pool, id);
        id
    }

    fn push(
        &mut self,
        written: Written,
        kind: PolicyKind,
        item: &Item<'_, '_>,
        problems: &mut Problems,
    ) -> Option<PolicyId> {
        let reach = self.reach_of(&kind);
        if reach.depth > MAX_NESTING {
            let message = format!("policies nest {} levels deep here", reach.depth);
            item.error(problems, message, format!("nest at most {MAX_NESTING} levels, counting the pool"));
            return None;
        }
        let id = PolicyId(self.arena.len() as u32);
        self.arena.push(Policy { written, kind, location: problems.location(item.at()) });
        self.reaches.push(reach);
        Some(id)
    }

    /// True if an `only` keeps all clients of a policy of this kind.
    fn never_falls_through(&self, kind: &PolicyKind) -> bool {
        let of = |id: &PolicyId| self.reach(*id).never_falls_through;
        match kind {
            PolicyKind::Only(_) => true,
            PolicyKind::Failover(list) => list.iter().any(of),
            PolicyKind::Weighted(list) => list.iter().any(|(id, weight)| *weight > 0 && of(id)),
            PolicyKind::Geo { branches, default } => of(default) && branches.iter().all(|(_, id)| of(id)),
            _ => false,
        }
    }

    fn reach_of(&self, kind: &PolicyKind) -> Reach {
        let mut reach = Reach::default();
        for pool in reach::pools(kind) {
            if let Some(named) = self.to.pools.get(pool.0 as usize) {
                reach.join(&Reach::of_pool(pool, named));
            }
        }
        for child in reach::children(kind) {
            reach.join(&self.reach(child));
        }
        if matches!(kind, PolicyKind::Only(_)) {
            reach.close();
        }
        reach.never_falls_through = self.never_falls_through(kind);
        // An alias of a pool is the pool itself, not a level above it.
        reach.depth += usize::from(!matches!(kind, PolicyKind::Pool(_)));
        reach
    }
}
