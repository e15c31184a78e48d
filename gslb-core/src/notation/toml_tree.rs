//! Builds the tree from the events of the TOML parser.

use std::borrow::Cow;
use std::collections::HashMap;

use toml_datetime::Datetime;
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError, Raw, Source, Span};

use super::draft::{DefinedBy, Draft, Key, ReachedBy, Slot, duplicate};
use super::line_index::LineIndex;
use super::tree::{Node, Position, Table, Value};
use crate::budget::{Budget, ITEM, OverBudget};

/// An array or inline table being read.
enum Frame<'s> {
    Array {
        items: Vec<Node<'s>>,
        at: Position,
    },
    /// With the key whose value comes next.
    Inline {
        draft: Draft<'s>,
        at: Position,
        key: Vec<Key<'s>>,
    },
}

/// The header being read, and its offset.
struct Header {
    is_array: bool,
    start: usize,
}

/// Receives the events of the parser.
pub(super) struct Builder<'s, 'b> {
    source: Source<'s>,
    lines: &'b LineIndex<'s>,
    budget: &'b mut Budget,
    root: Draft<'s>,
    /// The path of indices from the root to the current table; `None` if its header was invalid, so that its entries
    /// are skipped.
    here: Option<Vec<u32>>,
    header: Option<Header>,
    /// The parts that were read of the key at hand.
    parts: Vec<Key<'s>>,
    /// The key whose value comes next, of the table that statements add to.
    key: Vec<Key<'s>>,
    frames: Vec<Frame<'s>>,
    deepest: usize,
    /// Whole numbers beyond 64 bits, as they are written.
    huge: HashMap<Position, Box<str>>,
}

impl<'s, 'b> Builder<'s, 'b> {
    pub(super) fn new(source: Source<'s>, lines: &'b LineIndex<'s>, budget: &'b mut Budget) -> Self {
        Builder {
            source,
            lines,
            budget,
            root: Draft::new(DefinedBy::Written),
            here: Some(Vec::new()),
            header: None,
            parts: Vec::new(),
            key: Vec::new(),
            frames: Vec::new(),
            deepest: 0,
            huge: HashMap::new(),
        }
    }

    /// Whether the budget has room for `octets` that are released before the next statement.
    pub(super) fn may_take(&mut self, octets: usize) -> Result<(), OverBudget> {
        if octets > self.budget.left() { self.budget.charge(octets) } else { Ok(()) }
    }

    /// Discards an unfinished invalid statement. Returns the reason if the document exceeds its
    /// budget.
    pub(super) fn end_statement(&mut self) -> Option<OverBudget> {
        self.header = None;
        self.parts.clear();
        self.key.clear();
        self.frames.clear();
        self.budget.overrun()
    }

    /// Levels of tables and arrays, at most.
    pub(super) fn deepest(&self) -> usize {
        self.deepest
    }

    /// The tree, and the integers in it that do not fit, which are 0 in it.
    pub(super) fn finish(self) -> (Table<'s>, HashMap<Position, Box<str>>) {
        (self.root.finish(), self.huge)
    }

    fn position(&self, span: Span) -> Position {
        self.lines.position(span.start())
    }

    fn note_depth(&mut self) {
        let in_frames = |frame: &Frame<'_>| match frame {
            Frame::Array { .. } => 1,
            Frame::Inline { key, .. } => 1 + key.len(),
        };
        let depth: usize = self.frames.iter().map(in_frames).sum();
        // A header may lead through arrays of tables, each of them one more level.
        let header = self.here.as_ref().map_or(0, |here| 2 * here.len());
        self.deepest = self.deepest.max(depth + header + self.key.len());
    }

    /// Opens the table or the next table of the array that a header names.
    fn open(&mut self, header: &Header, errors: &mut dyn ErrorSink) {
        let parts = std::mem::take(&mut self.parts);
        self.here = None;
        let Some((last, path)) = parts.split_last() else { return };
        let mut here = Vec::with_capacity(parts.len());
        let Some(parent) = self.root.descend(path, ReachedBy::Header, &mut here, self.budget, errors) else { return };
        let at = self.lines.position(header.start);
        let fresh = || Draft::new(DefinedBy::Written);
        let slot = || match header.is_array {
            true => Slot::Tables(at, vec![(at, fresh())]),
            false => Slot::Table(Box::new(fresh())),
        };
        let Some(number) = parent.find(&last.text) else {
            here.extend(parent.push(last, slot(), self.budget));
            self.here = Some(here).filter(|_| self.budget.overrun().is_none());
            return;
        };
        let Some(member) = parent.entries.get_mut(number as usize) else { return };
        match &mut member.slot {
            Slot::Tables(_, tables) if header.is_array => {
                if self.budget.charge(ITEM).is_err() {
                    return;
                }
                tables.push((at, fresh()));
            }
            _ if header.is_array => {
                duplicate(last, errors);
                return;
            }
            Slot::Table(table) => {
                if table.defined_by != DefinedBy::Implied {
                    duplicate(last, errors);
                }
                table.defined_by = DefinedBy::Written;
                member.at = last.at;
            }
            other => {
                duplicate(last, errors);
                *other = Slot::Table(Box::new(fresh()));
            }
        }
        here.push(number);
        self.here = Some(here);
    }

    /// Stores a value in the enclosing array or inline table, or else under its key.
    fn complete(&mut self, node: Node<'s>, errors: &mut dyn ErrorSink) {
        match self.frames.last_mut() {
            Some(Frame::Array { items, .. }) => {
                if self.budget.charge(ITEM).is_ok() {
                    items.push(node);
                }
            }
            Some(Frame::Inline { draft, key, .. }) => {
                let key = std::mem::take(key);
                draft.insert(&key, ReachedBy::InlineKey, node, self.budget, errors);
            }
            None => {
                let key = std::mem::take(&mut self.key);
                let table = self.here.as_ref().and_then(|here| self.root.at(here));
                if let Some(table) = table {
                    table.insert(&key, ReachedBy::Key, node, self.budget, errors);
                }
            }
        }
    }

    /// The value of a scalar; `None` if it is invalid, which is reported.
    fn value(&mut self, raw: Raw<'s>, span: Span, errors: &mut dyn ErrorSink) -> Value<'s> {
        let mut text = Cow::Borrowed("");
        let kind = raw.decode_scalar(&mut text, errors);
        match kind {
            ScalarKind::String => {
                // Twice: in the document, and in the tree.
                if self.budget.charge(2 * text.len()).is_err() {
                    return Value::Null;
                }
                Value::String(exact(text))
            }
            ScalarKind::Boolean(truth) => Value::Boolean(truth),
            ScalarKind::Float => Value::Float(text.parse().unwrap_or(f64::NAN)),
            ScalarKind::Integer(radix) => match i64::from_str_radix(&text, radix.value()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    self.huge.insert(self.lines.position(span.start()), raw.as_str().into());
                    Value::Integer(0)
                }
            },
            ScalarKind::DateTime => match text.parse::<Datetime>() {
                Ok(moment) => Value::Moment(moment.to_string().into()),
                Err(error) => {
                    errors.report_error(ParseError::new(error.to_string()).with_unexpected(span));
                    Value::Null
                }
            },
        }
    }
}

impl EventReceiver for Builder<'_, '_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.parts.clear();
        self.header = Some(Header { is_array: false, start: span.start() });
    }

    fn std_table_close(&mut self, _: Span, errors: &mut dyn ErrorSink) {
        if let Some(header) = self.header.take() {
            self.open(&header, errors);
        }
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.parts.clear();
        self.header = Some(Header { is_array: true, start: span.start() });
    }

    fn array_table_close(&mut self, _: Span, errors: &mut dyn ErrorSink) {
        if let Some(header) = self.header.take() {
            self.open(&header, errors);
        }
    }

    fn simple_key(&mut self, span: Span, kind: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let Some(raw) = self.source.get(span) else { return };
        let mut text = Cow::Borrowed("");
        Raw::new_unchecked(raw.as_str(), kind, span).decode_key(&mut text, errors);
        self.parts.push(Key { text, span, at: self.position(span) });
    }

    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        let parts = std::mem::take(&mut self.parts);
        match self.frames.last_mut() {
            Some(Frame::Inline { key, .. }) => *key = parts,
            Some(Frame::Array { .. }) => {}
            None => self.key = parts,
        }
        self.note_depth();
    }

    fn scalar(&mut self, span: Span, kind: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let Some(raw) = self.source.get(span) else { return };
        let value = self.value(Raw::new_unchecked(raw.as_str(), kind, span), span, errors);
        let at = self.position(span);
        self.note_depth();
        self.complete(Node { value, at }, errors);
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.frames.push(Frame::Array { items: Vec::new(), at: self.position(span) });
        self.note_depth();
        true
    }

    fn array_close(&mut self, _: Span, errors: &mut dyn ErrorSink) {
        if let Some(Frame::Array { items, at }) = self.frames.pop() {
            self.complete(Node { value: Value::Array(items.into()), at }, errors);
        }
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.parts.clear();
        let draft = Draft::new(DefinedBy::Written);
        self.frames.push(Frame::Inline { draft, at: self.position(span), key: Vec::new() });
        self.note_depth();
        true
    }

    fn inline_table_close(&mut self, _: Span, errors: &mut dyn ErrorSink) {
        if let Some(Frame::Inline { draft, at, .. }) = self.frames.pop() {
            self.complete(Node { value: Value::Table(draft.finish()), at }, errors);
        }
    }
}

/// The text without spare capacity.
fn exact(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Owned(text) => Cow::Owned(text.into_boxed_str().into_string()),
        borrowed => borrowed,
    }
}
