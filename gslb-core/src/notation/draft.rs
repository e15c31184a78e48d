//! Tables that later statements of a TOML text may extend.
//!
//! The rules for repeated tables are those of TOML 1.1: a header may define a table that was only implied by longer
//! headers, dotted keys may extend tables made by dotted keys, and nothing may extend an inline table.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;

use toml_parser::{ErrorSink, ParseError, Span};

use super::tree::{Entry, Node, Position, Table, Value};
use crate::budget::{Budget, MEMBER};

/// The message for a duplicate key.
pub(super) const DUPLICATE: &str = "duplicate key";
/// Keys of a table that are looked at one by one; with more they are found by a hash.
const FEW: usize = 16;

/// A table that statements may still add to.
#[derive(Debug)]
pub(super) struct Draft<'s> {
    pub(super) defined_by: DefinedBy,
    pub(super) entries: Vec<Member<'s>>,
    /// Indices of entries by the hash of their key, if there are more than [`FEW`].
    #[expect(clippy::box_collection, reason = "few tables have it, and it would take 48 octets in each")]
    numbers: Option<Box<HashMap<u64, u32>>>,
}

/// What defined a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefinedBy {
    /// Its own header or braces.
    Written,
    /// A longer header that it is part of.
    Implied,
    /// Dotted keys.
    Dotted,
}

/// A key and its value before they become an [`Entry`].
#[derive(Debug)]
pub(super) struct Member<'s> {
    key: Cow<'s, str>,
    pub(super) at: Position,
    pub(super) slot: Slot<'s>,
}

#[derive(Debug)]
pub(super) enum Slot<'s> {
    /// A complete value.
    Ready(Node<'s>),
    Table(Box<Draft<'s>>),
    /// The tables of `[[...]]` headers, and the position of the first header.
    Tables(Position, Vec<(Position, Draft<'s>)>),
}

/// One part of a dotted key.
pub(super) struct Key<'s> {
    pub(super) text: Cow<'s, str>,
    pub(super) span: Span,
    pub(super) at: Position,
}

/// What refers to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReachedBy {
    Header,
    /// A dotted key of a table with a header.
    Key,
    /// A dotted key inside braces.
    InlineKey,
}

impl<'s> Draft<'s> {
    pub(super) fn new(defined_by: DefinedBy) -> Draft<'s> {
        Draft { defined_by, entries: Vec::new(), numbers: None }
    }

    /// The index of the entry `key`.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        let is_it = |number: &u32| self.entries.get(*number as usize).is_some_and(|member| *member.key == *key);
        match &self.numbers {
            // Two keys may have the same hash; then search linearly.
            Some(numbers) => match numbers.get(&numbers.hasher().hash_one(key)) {
                None => None,
                Some(number) if is_it(number) => Some(*number),
                Some(_) => (0..self.entries.len() as u32).find(is_it),
            },
            None => (0..self.entries.len() as u32).find(is_it),
        }
    }

    /// Adds a new entry and returns its index; `None` if that exceeds the budget.
    pub(super) fn push(&mut self, key: &Key<'s>, slot: Slot<'s>, budget: &mut Budget) -> Option<u32> {
        // The text of a key takes memory twice, in the document and in the tree.
        budget.charge(MEMBER + 2 * key.text.len()).ok()?;
        let number = self.entries.len() as u32;
        // A vector starts with capacity for four. Dotted keys make tables of one.
        if self.entries.len() < 4 {
            self.entries.reserve_exact(1);
        }
        self.entries.push(Member { key: key.text.clone(), at: key.at, slot });
        if self.entries.len() > FEW {
            let numbers = self.numbers.get_or_insert_default();
            // When hashing starts, existing entries are added too.
            let from = if numbers.is_empty() { 0 } else { number };
            for (member, number) in self.entries.iter().skip(from as usize).zip(from..) {
                let hash = numbers.hasher().hash_one(&*member.key);
                numbers.entry(hash).or_insert(number);
            }
        }
        Some(number)
    }

    /// The table that these numbers lead to.
    pub(super) fn at(&mut self, numbers: &[u32]) -> Option<&mut Draft<'s>> {
        let mut table = self;
        for &number in numbers {
            table = match &mut table.entries.get_mut(number as usize)?.slot {
                Slot::Table(table) => table,
                Slot::Tables(_, tables) => &mut tables.last_mut()?.1,
                Slot::Ready(_) => return None,
            };
        }
        Some(table)
    }

    /// The table at `path`, created if missing. Appends its indices to `trail`.
    pub(super) fn descend(
        &mut self,
        path: &[Key<'s>],
        reached_by: ReachedBy,
        trail: &mut Vec<u32>,
        budget: &mut Budget,
        errors: &mut dyn ErrorSink,
    ) -> Option<&mut Draft<'s>> {
        let defined_by = if reached_by == ReachedBy::Header { DefinedBy::Implied } else { DefinedBy::Dotted };
        let mut table = self;
        for key in path {
            let number = match table.find(&key.text) {
                Some(number) => number,
                None => table.push(key, Slot::Table(Box::new(Draft::new(defined_by))), budget)?,
            };
            trail.push(number);
            table = match &mut table.entries.get_mut(number as usize)?.slot {
                Slot::Table(table) => {
                    if reached_by != ReachedBy::Header {
                        if table.defined_by == DefinedBy::Written {
                            duplicate(key, errors);
                            return None;
                        }
                        table.defined_by = DefinedBy::Dotted;
                    }
                    table
                }
                Slot::Tables(_, tables) => &mut tables.last_mut()?.1,
                Slot::Ready(node) => {
                    match (&node.value, reached_by) {
                        (Value::Table(_), ReachedBy::InlineKey) => duplicate(key, errors),
                        (value, _) => errors.report_error(
                            ParseError::new(format!(
                                "cannot extend value of type {} with a dotted key",
                                kind_of(value)
                            ))
                            .with_unexpected(key.span),
                        ),
                    }
                    return None;
                }
            };
        }
        Some(table)
    }

    /// Sets the dotted key `key` to `node`.
    pub(super) fn insert(
        &mut self,
        key: &[Key<'s>],
        reached_by: ReachedBy,
        mut node: Node<'s>,
        budget: &mut Budget,
        errors: &mut dyn ErrorSink,
    ) {
        let Some((last, path)) = key.split_last() else { return };
        let Some(table) = self.descend(path, reached_by, &mut Vec::new(), budget, errors) else { return };
        // A dotted key adds to no table that has a header, as the last one of an array does.
        if !path.is_empty() && table.defined_by == DefinedBy::Written || table.find(&last.text).is_some() {
            duplicate(last, errors);
            return;
        }
        if matches!(node.value, Value::Table(_)) {
            node.at = last.at;
        }
        table.push(last, Slot::Ready(node), budget);
    }

    pub(super) fn finish(self) -> Table<'s> {
        let mut entries: Vec<Entry<'s>> = self.entries.into_iter().map(Member::finish).collect();
        // A header may define a table long after a longer one has implied it: its position is that of its own header.
        entries.sort_by_key(|entry| entry.at);
        Table { entries: entries.into() }
    }
}

impl<'s> Member<'s> {
    fn finish(self) -> Entry<'s> {
        let Member { key, at, slot } = self;
        let table = |(at, draft): (Position, Draft<'s>)| Node { value: Value::Table(draft.finish()), at };
        let node = match slot {
            Slot::Ready(node) => node,
            Slot::Table(draft) => table((at, *draft)),
            Slot::Tables(at, tables) => Node { value: Value::Array(tables.into_iter().map(table).collect()), at },
        };
        Entry { key, at, node }
    }
}

pub(super) fn duplicate(key: &Key<'_>, errors: &mut dyn ErrorSink) {
    errors.report_error(ParseError::new(DUPLICATE).with_unexpected(key.span));
}

/// What TOML calls a value.
fn kind_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null | Value::String(_) => "string",
        Value::Integer(_) => "integer",
        Value::Float(_) => "float",
        Value::Boolean(_) => "boolean",
        Value::Moment(_) => "datetime",
        Value::Table(_) => "inline table",
        Value::Array(_) => "array",
    }
}
