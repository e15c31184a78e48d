//! Nodes of a catalog under construction, numbered in order of arrival, and their move to final slots.

use super::catalog::{Catalog, Details};
use super::names::{Names, NodeId};
use super::nodes::{NONE, Node, Nodes, PLAIN};
use super::set::{Set, TooLarge};
use crate::dns::wire::qname::NameKey;

/// A node whose slot is not known yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) zone: u32,
    /// Offset of its name in the storage of RRsets; [`NONE`] if it has no RRset.
    pub(super) name: u32,
    /// Index of its details; [`PLAIN`] while it is plain.
    pub(super) details: u32,
    /// Its sets, as a range of the catalog's.
    pub(super) sets: u32,
    pub(super) set_count: u16,
}

impl Draft {
    /// A node without data.
    pub(super) fn new(zone: u32) -> Draft {
        Draft { zone, name: NONE, details: PLAIN, sets: 0, set_count: 0 }
    }
}

/// Assigns every node its slot, and replaces all node numbers in `catalog` with slots.
pub(super) fn settle(mut catalog: Catalog, names: Names, mut drafts: Vec<Draft>) -> Result<Catalog, TooLarge> {
    for ((_, name), draft) in names.all().zip(&mut drafts).filter(|(_, draft)| draft.name == NONE) {
        draft.name = catalog.octets.add_name(name)?;
    }
    // All names are stored with the RRsets now; free the first copy before allocating the table.
    drop(names);
    let mut key = NameKey::default();
    let mut slots = Vec::with_capacity(drafts.len());
    // Plain nodes contain their RRset; the RRsets of other nodes are stored contiguously.
    let sets = std::mem::take(&mut catalog.sets);
    catalog.nodes = Nodes::with_capacity(drafts.len());
    for draft in &drafts {
        let own = range(&sets, draft.sets, usize::from(draft.set_count));
        let (details, only) = match *own {
            [] => (draft.details, Set::EMPTY),
            [only] if draft.details == PLAIN => (PLAIN, only),
            _ => (with_sets(&mut catalog, draft.details, own), Set::EMPTY),
        };
        let filled = key.fill(catalog.octets.tail(draft.name));
        debug_assert!(filled.is_ok(), "names come from keys");
        slots.push(catalog.nodes.insert(key.hash_at(0), Node::new(draft.name, draft.zone, details, only)));
    }
    for cut in &mut catalog.cuts {
        let glue = range(&sets, cut.glue, usize::from(cut.needed) + usize::from(cut.helpful));
        cut.glue = catalog.sets.len() as u32;
        catalog.sets.extend_from_slice(glue);
    }
    let slot = |node: u32| slots.get(node as usize).map_or(NONE, |slot| slot.0);
    catalog.details.iter_mut().for_each(|details| details.wildcard = slot(details.wildcard));
    catalog.zones.iter_mut().for_each(|zone| zone.apex = NodeId(slot(zone.apex.0)));
    catalog.parent_cuts = catalog.parent_cuts.iter().map(|(apex, &cut)| (NodeId(slot(apex.0)), cut)).collect();
    // So that no target is at the very end, where it takes longer to read.
    catalog.targets.extend_from_slice(&[0; NameKey::WINDOW]);
    catalog.targets.shrink_to_fit();
    catalog.details.shrink_to_fit();
    catalog.sets.shrink_to_fit();
    catalog.octets.shrink();
    Ok(catalog)
}

/// Adds a node's RRsets to the catalog; creates its details if it has none.
fn with_sets(catalog: &mut Catalog, details: u32, own: &[Set]) -> u32 {
    let index = if details == PLAIN { catalog.details.len() as u32 } else { details };
    if details == PLAIN {
        catalog.details.push(Details::PLAIN);
    }
    if let Some(details) = catalog.details.get_mut(index as usize) {
        (details.sets, details.set_count) = (catalog.sets.len() as u32, own.len() as u16);
    }
    catalog.sets.extend_from_slice(own);
    index
}

fn range(sets: &[Set], start: u32, count: usize) -> &[Set] {
    sets.get(start as usize..).and_then(|rest| rest.get(..count)).unwrap_or_default()
}
