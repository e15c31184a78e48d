//! Parses TOML text into the located tree, and reports every syntax error.

use std::borrow::Cow;
use std::collections::HashMap;

use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::{RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Source, Span};

use super::draft::DUPLICATE;
use super::line_index::LineIndex;
use super::problems::Problems;
use super::toml_tree::Builder;
use super::tree::{Entry, MAX_DEPTH, Node, Position, Table, Value};
use crate::budget::{Budget, OverBudget};
use crate::problem::Path;

/// Maximum document size in octets.
const MAX_TEXT: usize = 64 << 20;
/// Maximum parts of a dotted key. Each part is a table inside a table.
const MAX_KEY_PARTS: usize = 16;
/// Maximum nesting of arrays and inline tables in the parser, which is recursive. [`MAX_DEPTH`] is lower and gives a
/// better message.
const MAX_RECURSION: u32 = 80;
/// Octets per token while its statement is read.
const TOKEN: usize = 2 * size_of::<Token>();

/// Parses `text`; `None` if syntax errors would make further problems misleading, or if it exceeds `budget`.
pub fn read<'t>(text: &'t str, budget: &mut Budget, problems: &mut Problems) -> Option<Table<'t>> {
    read_file(0, text, budget, problems)
}

/// Parses the file with this number.
pub(crate) fn read_file<'t>(
    file: u16,
    text: &'t str,
    budget: &mut Budget,
    problems: &mut Problems,
) -> Option<Table<'t>> {
    let start = Position::new(file, 1, 1);
    if text.len() > MAX_TEXT {
        let message = format!("the document has {} octets; the maximum is {MAX_TEXT}", text.len());
        problems.error(start, &Path::ROOT, message, "split the site between several servers");
        return None;
    }
    let lines = LineIndex::new(file, text);
    if let Some(offset) = overlong_key(text) {
        let message = format!("a key has more than {MAX_KEY_PARTS} parts");
        problems.error(lines.position(offset), &Path::ROOT, message, "quote names that contain dots");
        return None;
    }
    let source = Source::new(text);
    let mut errors = Errors { text, lines: &lines, problems: &mut *problems, usable: true, duplicates: Vec::new() };
    let mut builder = Builder::new(source, &lines, budget);
    let mut statements = Statements { lexer: source.lex(), tokens: Vec::new() };
    while let Some(tokens) = statements.next() {
        let at = tokens.first().map_or(0, |token| token.span().start());
        if builder.may_take(tokens.len() * TOKEN).is_ok() {
            let mut checked = ValidateWhitespace::new(&mut builder, source);
            parse_document(tokens, &mut RecursionGuard::new(&mut checked, MAX_RECURSION), &mut errors);
        }
        if let Some(over) = builder.end_statement() {
            report_over_budget(over, lines.position(at), errors.problems);
            return None;
        }
    }
    if !errors.finish() {
        return None;
    }
    let nests = builder.deepest() > MAX_DEPTH;
    let (table, huge) = builder.finish();
    let is_sound = !nests && huge.is_empty();
    Some(if is_sound { table } else { Checking { huge, problems }.table(table, &Path::ROOT, 0) })
}

/// Reports that a document exceeds its memory budget, at the position where it does.
pub(crate) fn report_over_budget(over: OverBudget, at: Position, problems: &mut Problems) {
    let message = format!("up to here the document takes {over}");
    problems.error(at, &Path::ROOT, message, "split it, or use fewer keys and values");
}

/// Offset of the first dotted key with more than [`MAX_KEY_PARTS`] parts.
fn overlong_key(text: &str) -> Option<usize> {
    let mut dots = 0;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Atom | TokenKind::BasicString | TokenKind::LiteralString | TokenKind::Whitespace => {}
            _ => dots = 0,
        }
        if dots >= MAX_KEY_PARTS {
            return Some(token.span().start());
        }
    }
    None
}

/// Splits the text into statements: single lines, or several joined by brackets. Only one statement's tokens are in
/// memory.
struct Statements<'s> {
    lexer: toml_parser::lexer::Lexer<'s>,
    tokens: Vec<Token>,
}

impl Statements<'_> {
    fn next(&mut self) -> Option<&[Token]> {
        self.tokens.clear();
        let mut open = 0usize;
        for token in self.lexer.by_ref() {
            self.tokens.push(token);
            match token.kind() {
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => open += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => open = open.saturating_sub(1),
                TokenKind::Newline if open == 0 => break,
                _ => {}
            }
        }
        if self.tokens.is_empty() { None } else { Some(&self.tokens) }
    }
}

/// Converts syntax errors to problems.
struct Errors<'a> {
    text: &'a str,
    lines: &'a LineIndex<'a>,
    problems: &'a mut Problems,
    /// Whether the parser's result is still usable.
    usable: bool,
    /// Duplicate keys.
    duplicates: Vec<Span>,
}

impl Errors<'_> {
    /// Reports duplicate keys. Text that is not TOML may be any file, even a secret one, so it is not quoted.
    fn finish(mut self) -> bool {
        for span in std::mem::take(&mut self.duplicates) {
            let key = self.text.get(span.start()..span.end()).filter(|_| self.usable);
            let key = key.map_or_else(|| "a key".to_owned(), |key| format!("`{key}`"));
            let message = format!("{key} is duplicated in this table");
            let at = self.lines.position(span.start());
            self.problems.error(at, &Path::ROOT, message, "remove or rename one of the two");
        }
        self.usable
    }
}

impl ErrorSink for Errors<'_> {
    fn report_error(&mut self, error: ParseError) {
        let span = error.unexpected().unwrap_or(Span::new_unchecked(0, 0));
        let at = self.lines.position(span.start());
        if error.description() == DUPLICATE {
            self.duplicates.push(span);
            return;
        }
        self.usable = false;
        let what = error.description();
        let help = match (what, error.expected()) {
            ("string values must be quoted", _) => Cow::from("put the text in quotes: \"...\""),
            ("cannot recurse further; max recursion depth met", _) => "nest fewer tables and arrays".into(),
            (_, None) => "correct the TOML syntax here".into(),
            (_, Some(expected)) => format!("TOML expects {} here", listed(expected)).into(),
        };
        self.problems.error(at, &Path::ROOT, format!("not TOML: {what}"), help);
    }
}

/// What TOML expects, as text.
fn listed(expected: &[Expected]) -> String {
    let word = |expected: &Expected| match expected {
        Expected::Literal("\n") => "newline".to_owned(),
        Expected::Literal("`") => "'`'".to_owned(),
        Expected::Literal(text) if text.chars().all(|letter| letter.is_ascii_control()) => {
            format!("`{}`", text.escape_debug())
        }
        Expected::Literal(text) => format!("`{text}`"),
        Expected::Description(text) => (*text).to_owned(),
        _ => "something else".to_owned(),
    };
    if expected.is_empty() { "nothing".to_owned() } else { expected.iter().map(word).collect::<Vec<_>>().join(", ") }
}

/// Removes and reports values that nest too deep, and integers that do not fit.
struct Checking<'a> {
    huge: HashMap<Position, Box<str>>,
    problems: &'a mut Problems,
}

impl Checking<'_> {
    fn table<'t>(&mut self, table: Table<'t>, path: &Path<'_>, depth: usize) -> Table<'t> {
        let checked = |entry: Entry<'t>| {
            let Entry { key, at, node } = entry;
            let node = self.node(node, &path.key(&key), depth + 1)?;
            Some(Entry { key, at, node })
        };
        Table { entries: table.entries.into_iter().filter_map(checked).collect() }
    }

    fn node<'t>(&mut self, node: Node<'t>, path: &Path<'_>, depth: usize) -> Option<Node<'t>> {
        let Node { value, at } = node;
        if depth > MAX_DEPTH {
            let message = format!("tables and arrays nest more than {MAX_DEPTH} deep");
            self.problems.error(at, path, message, "move inner policies to `policies`, under a name");
            return None;
        }
        let value = match value {
            Value::Table(table) => Value::Table(self.table(table, path, depth)),
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Value::Array(items.filter_map(|(at, item)| self.node(item, &path.index(at), depth + 1)).collect())
            }
            Value::Integer(0) if self.huge.contains_key(&at) => {
                let digits = self.huge.get(&at).map_or("", |digits| digits);
                let message = format!("{digits} does not fit into 64 bits");
                self.problems.error(at, path, message, "write a smaller number");
                return None;
            }
            other => other,
        };
        Some(Node { value, at })
    }
}
