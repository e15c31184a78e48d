//! The location index: every network known from a database or the document, in address order, each with its locus.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use geoip::{Database, Place};

use super::address::Address;
use super::pairs::Pairs;
use super::prefixes::{self, Prefixes, Ranges};
use crate::site::model::Region;

/// What determines the treatment of a leaf's clients: their place, and the document's prefix around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Locus {
    /// Index into [`LocationIndex::places`].
    pub place: u32,
    /// Index into the nodes of [`LocationIndex::prefixes`], or [`prefixes::NONE`].
    pub prefix: u32,
}

/// The leaves of one address family: sorted, contiguous, neighbors different.
#[derive(Debug, Clone)]
pub struct Leaves<A> {
    /// First address of each leaf; the first one's is the first of all.
    pub starts: Vec<A>,
    /// Index into [`LocationIndex::loci`], one per leaf.
    pub loci: Vec<u32>,
}

/// All leaves from all databases and the document's prefixes.
#[derive(Debug, Clone)]
pub struct LocationIndex {
    /// IPv4.
    pub v4: Leaves<u32>,
    /// IPv6; IPv4-mapped addresses are looked up in `v4`.
    pub v6: Leaves<u128>,
    /// All combinations of place and prefix that occur.
    pub loci: Vec<Locus>,
    /// All places, merged from the databases; the first one is unknown.
    pub places: Vec<Place>,
    /// The document's prefixes.
    pub prefixes: Prefixes,
    /// The databases it was built from; together with the prefixes, all its inputs.
    databases: Box<[Weak<Database>]>,
}

impl LocationIndex {
    /// Builds the index; if several databases know a place, the first one takes precedence.
    pub fn build(databases: &[Arc<Database>], regions: &[Region]) -> LocationIndex {
        LocationIndex::overlaid(databases, Prefixes::build(regions))
    }

    /// The index for new inputs: `previous` itself, if databases and prefixes are the same.
    pub fn after(
        previous: Option<&Arc<LocationIndex>>,
        databases: &[Arc<Database>],
        regions: &[Region],
    ) -> Arc<LocationIndex> {
        let prefixes = Prefixes::build(regions);
        match previous.filter(|previous| previous.is_of(databases) && previous.prefixes == prefixes.0) {
            Some(previous) => Arc::clone(previous),
            None => Arc::new(LocationIndex::overlaid(databases, prefixes)),
        }
    }

    /// True if it was built from exactly these databases, in this order.
    fn is_of(&self, databases: &[Arc<Database>]) -> bool {
        let is_same = |(known, database): (&Weak<Database>, &Arc<Database>)| known.as_ptr() == Arc::as_ptr(database);
        self.databases.len() == databases.len() && self.databases.iter().zip(databases).all(is_same)
    }

    fn overlaid(
        databases: &[Arc<Database>],
        (prefixes, prefixes4, prefixes6): (Prefixes, Ranges<u32>, Ranges<u128>),
    ) -> LocationIndex {
        let mut places = Interner::<Place>::starting_with(Place::default());
        let mut place4 = vec![(0u32, 0u32)];
        let mut place6 = vec![(0u128, 0u32)];
        for database in databases {
            let mut merged = Pairs::new(0);
            let mut merge = |known: u32, found: u32| {
                merged.number(known, found, || {
                    let place = combine(places.get(known), database.places.get(found as usize));
                    places.id(place)
                })
            };
            place4 = overlay(&place4, database.v4.iter().map(|leaf| (leaf.start, leaf.place)), &mut merge);
            place6 = overlay(&place6, database.v6.iter().map(|leaf| (leaf.start, leaf.place)), &mut merge);
        }
        let mut loci = Vec::new();
        let mut numbers = Pairs::new(prefixes::NONE);
        let mut locate = |place, prefix| {
            numbers.number(prefix, place, || {
                loci.push(Locus { place, prefix });
                loci.len() as u32 - 1
            })
        };
        // The unknown place comes first.
        locate(0, prefixes::NONE);
        let v4 = Leaves::new(overlay(&place4, prefixes4.into_iter(), &mut locate));
        let v6 = Leaves::new(overlay(&place6, prefixes6.into_iter(), &mut locate));
        loci.shrink_to_fit();
        // A weak reference keeps the address from being reused by another database, without keeping the data.
        let databases = databases.iter().map(Arc::downgrade).collect();
        LocationIndex { v4, v6, loci, places: places.values, prefixes, databases }
    }

    /// The locus of an address. An IPv4-mapped address counts as IPv4.
    pub fn locus_of(&self, address: IpAddr) -> u32 {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.locus_of(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.locus_of(v6.to_bits()),
        }
    }

    /// The place of a locus.
    pub fn place(&self, locus: u32) -> Option<&Place> {
        self.loci.get(locus as usize).and_then(|locus| self.places.get(locus.place as usize))
    }

    /// Memory of the leaves in octets.
    pub fn memory(&self) -> usize {
        self.v4.starts.capacity() * 8 + self.v6.starts.capacity() * 20 + self.loci.capacity() * size_of::<Locus>()
    }
}

impl<A: Address> Leaves<A> {
    fn new(pairs: Vec<(A, u32)>) -> Leaves<A> {
        let (starts, loci) = pairs.into_iter().unzip();
        Leaves { starts, loci }
    }

    fn locus_of(&self, address: A) -> u32 {
        let after = self.starts.partition_point(|start| *start <= address);
        self.loci.get(after.saturating_sub(1)).copied().unwrap_or(0)
    }
}

/// Cuts two lists of ranges at all borders of both; `join` combines the values of overlapping ranges.
fn overlay<A: Address>(
    below: &[(A, u32)],
    above: impl Iterator<Item = (A, u32)>,
    mut join: impl FnMut(u32, u32) -> u32,
) -> Vec<(A, u32)> {
    let mut above = above.peekable();
    let mut below = below.iter().copied().peekable();
    let (mut low, mut high) = (0, 0);
    let mut joined: Vec<(A, u32)> = Vec::with_capacity(below.len() + above.size_hint().0);
    loop {
        let next = match (below.peek(), above.peek()) {
            (None, None) => break,
            (Some(&(start, _)), None) | (None, Some(&(start, _))) => start,
            (Some(&(a, _)), Some(&(b, _))) => a.min(b),
        };
        if let Some((_, value)) = below.next_if(|&(start, _)| start == next) {
            low = value;
        }
        if let Some((_, value)) = above.next_if(|&(start, _)| start == next) {
            high = value;
        }
        let value = join(low, high);
        if joined.last().is_none_or(|&(_, last)| last != value) {
            joined.push((next, value));
        }
    }
    joined.shrink_to_fit();
    joined
}

/// Combines two places; the first takes precedence.
fn combine(known: Option<&Place>, found: Option<&Place>) -> Place {
    let (mut place, found) = (known.cloned().unwrap_or_default(), found.cloned().unwrap_or_default());
    place.continent = place.continent.or(found.continent);
    place.country = place.country.or(found.country);
    place.subdivision = place.subdivision.or(found.subdivision);
    place.coordinate = place.coordinate.or(found.coordinate);
    place.asn = place.asn.or(found.asn);
    place
}

/// Assigns equal values the same ID.
struct Interner<T> {
    ids: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T: Clone + Eq + Hash> Interner<T> {
    fn starting_with(first: T) -> Interner<T> {
        Interner { ids: HashMap::from([(first.clone(), 0)]), values: vec![first] }
    }

    fn get(&self, id: u32) -> Option<&T> {
        self.values.get(id as usize)
    }

    fn id(&mut self, value: T) -> u32 {
        let next = self.values.len() as u32;
        *self.ids.entry(value.clone()).or_insert_with(|| {
            self.values.push(value);
            next
        })
    }
}
