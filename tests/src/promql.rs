//! Which metrics and labels an expression of PromQL asks for, and which of them there are not.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::exposition::{Families, closing};

/// What Prometheus itself adds to each series.
const TARGET: [&str; 2] = ["job", "instance"];
/// Words that stand between expressions.
const OPERATORS: [&str; 8] = ["and", "or", "unless", "bool", "offset", "inf", "nan", "atan2"];
/// Words before the labels that a sum is told apart by, and those before the labels that two sides are matched by.
const GROUPING: [&str; 2] = ["by", "without"];
const MATCHING: [&str; 4] = ["on", "ignoring", "group_left", "group_right"];

/// What an expression asks for that there is not.
#[derive(Debug, Default)]
pub struct Read {
    /// A sentence for each metric or label that nobody tells.
    pub missing: Vec<String>,
    /// Labels that what comes of it may have.
    pub labels: BTreeSet<String>,
}

/// Holds `expression` against the families that there are.
pub fn read(expression: &str, families: &Families) -> Read {
    let tokens = tokens(expression);
    let mut read = Read::default();
    let mut selected: Vec<(usize, BTreeSet<String>)> = Vec::new();
    for at in 0..tokens.len() {
        let Some(name) = metric(&tokens, at) else { continue };
        let Some(labels) = labels_of(name, families) else {
            read.missing.push(format!("there is no metric {name}"));
            continue;
        };
        for label in matched(&tokens[at + 1..]).filter(|label| !labels.contains(*label)) {
            read.missing.push(format!("{name} has no label {label}"));
        }
        selected.push((at, labels));
    }
    read.labels = selected.iter().flat_map(|(_, labels)| labels.clone()).collect();
    if !read.missing.is_empty() {
        return read;
    }
    for at in 0..tokens.len() {
        let Token::Word(word) = &tokens[at] else { continue };
        let is_grouping = GROUPING.contains(&&**word);
        if !(is_grouping || MATCHING.contains(&&**word)) || tokens.get(at + 1) != Some(&Token::Sign('(')) {
            continue;
        }
        let list = inside(&tokens, at + 1);
        let scope = if is_grouping { operand(&tokens, at, list.end + 1) } else { 0..tokens.len() };
        let known = |label: &str| selected.iter().any(|(at, labels)| scope.contains(at) && labels.contains(label));
        for label in words(&tokens[list.clone()]) {
            if !known(label) {
                read.missing.push(format!("nothing that `{word} (... {label} ...)` is of has that label"));
            }
            if *word == "without" {
                read.labels.remove(label);
            }
        }
    }
    read
}

/// What is asked for between `{{` and `}}`, in a legend or in the text of an alert, and is a label.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim()));
    inner.filter_map(|inner| match inner.strip_prefix("$labels.") {
        Some(label) => label.split([' ', '|']).next(),
        None => Some(inner).filter(|inner| !inner.starts_with('$')),
    })
}

/// The labels of the series that `name` selects; none where there are no such series.
fn labels_of(name: &str, families: &Families) -> Option<BTreeSet<String>> {
    let target = TARGET.map(str::to_owned);
    if name == "up" {
        return Some(target.into());
    }
    let is_histogram = |family: &str| families.get(family).is_some_and(|labels| labels.contains("le"));
    let part = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| Some((name.strip_suffix(end)?, end)));
    let (family, end) = part.filter(|(family, _)| is_histogram(family)).unwrap_or((name, ""));
    let mut labels = families.get(family)?.clone();
    if is_histogram(family) && end.is_empty() {
        return None;
    }
    if end != "_bucket" {
        labels.remove("le");
    }
    labels.extend(target);
    Some(labels)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    /// A text in quotation marks, a number or a range.
    Other,
    Sign(char),
}

fn tokens(expression: &str) -> Vec<Token<'_>> {
    let is_of_word = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | ':' | '$');
    let (mut tokens, mut rest) = (Vec::new(), expression.trim_start());
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            '[' => (Some(Token::Other), rest.find(']').map_or(rest.len(), |end| end + 1)),
            '"' => (Some(Token::Other), closing(&rest[1..]).map_or(rest.len(), |end| end + 2)),
            _ if is_of_word(first) => {
                let end = rest.find(|next| !is_of_word(next)).unwrap_or(rest.len());
                let is_number = first.is_ascii_digit();
                (Some(if is_number { Token::Other } else { Token::Word(&rest[..end]) }), end)
            }
            sign => (Some(Token::Sign(sign)), sign.len_utf8()),
        };
        tokens.extend(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The metric that stands at `at`, where one does.
fn metric<'t>(tokens: &[Token<'t>], at: usize) -> Option<&'t str> {
    let Token::Word(word) = tokens[at] else { return None };
    let grouped = |token: &Token<'_>| GROUPING.iter().any(|grouping| *token == Token::Word(grouping));
    let is_function = tokens.get(at + 1).is_some_and(|next| *next == Token::Sign('(') || grouped(next));
    let is_keyword = OPERATORS.contains(&word) || GROUPING.contains(&word) || MATCHING.contains(&word);
    (!is_function && !is_keyword && !is_listed(&tokens[..at])).then_some(word)
}

/// True where what follows `before` is a label: within braces, or in a list after one of the words for that.
fn is_listed(before: &[Token<'_>]) -> bool {
    let mut depth = 0;
    for (at, token) in before.iter().enumerate().rev() {
        match token {
            Token::Sign('{') => return true,
            Token::Sign('}') => return false,
            Token::Sign(')') => depth += 1,
            Token::Sign('(') if depth > 0 => depth -= 1,
            Token::Sign('(') => {
                let Some(Token::Word(word)) = at.checked_sub(1).map(|at| before[at]) else { return false };
                return GROUPING.contains(&word) || MATCHING.contains(&word);
            }
            _ => {}
        }
    }
    false
}

/// The labels in the braces at the beginning of `tokens`; none where there are no braces.
fn matched<'t, 'l>(tokens: &'l [Token<'t>]) -> impl Iterator<Item = &'t str> + use<'l, 't> {
    let braces = if tokens.first() == Some(&Token::Sign('{')) { tokens } else { &[] };
    words(braces.split(|token| *token == Token::Sign('}')).next().unwrap_or_default())
}

fn words<'t, 'l>(tokens: &'l [Token<'t>]) -> impl Iterator<Item = &'t str> + use<'l, 't> {
    tokens.iter().filter_map(|token| match token {
        Token::Word(word) => Some(*word),
        _ => None,
    })
}

/// What is between the parenthesis at `open` and the one that closes it.
fn inside(tokens: &[Token<'_>], open: usize) -> Range<usize> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') if depth == 1 => return open + 1..at,
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
    }
    open..tokens.len()
}

/// What a grouping at `at`, whose list ends before `after`, is of: the parentheses that follow, or those before it.
fn operand(tokens: &[Token<'_>], at: usize, after: usize) -> Range<usize> {
    if tokens.get(after) == Some(&Token::Sign('(')) {
        return inside(tokens, after);
    }
    let opens = (0..at).rev().filter(|open| tokens[*open] == Token::Sign('('));
    let mut around = opens.map(|open| inside(tokens, open)).filter(|inside| inside.end + 1 == at);
    around.next().unwrap_or(0..0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<const N: usize>(labels: [&str; N]) -> BTreeSet<String> {
        labels.map(str::to_owned).into()
    }

    fn missing(expression: &str) -> Vec<String> {
        let families = Families::from([
            ("up_total".to_owned(), labels(["pool", "kind"])),
            ("took_seconds".to_owned(), labels(["route", "le"])),
            ("revision".to_owned(), labels([])),
        ]);
        read(expression, &families).missing
    }

    #[test]
    fn what_there_is_may_be_asked_for() {
        for expression in [
            "sum by (pool) (rate(up_total{job=~\"$job\",kind!=\"a by (x) {y}\"}[$__rate_interval])) / 1e3",
            "topk(10, sum without (instance) (up_total)) or vector(0)",
            "sum(rate(up_total[5m])) by (kind) > bool 0",
            "histogram_quantile(0.99, sum by (le, route) (rate(took_seconds_bucket[5m]))) # of all routes, by x",
            "took_seconds_count unless on (job, instance) revision",
            "revision < on (job) group_left () max by (job) (revision) offset 5m and (time() - up) > 45 * 86400",
        ] {
            assert_eq!(missing(expression), [""; 0], "{expression}");
        }
    }

    #[test]
    fn what_there_is_not_is_named() {
        for (expression, said) in [
            ("sum(rate(down_total[5m]))", "there is no metric down_total"),
            ("revision_count", "there is no metric revision_count"),
            ("took_seconds", "there is no metric took_seconds"),
            ("up_total{pol=\"x\"}", "up_total has no label pol"),
            ("took_seconds_count{le=\"1\"}", "took_seconds_count has no label le"),
            ("sum by (pool) (revision)", "by (... pool ...)"),
            ("sum by (pool) (revision) / sum by (pool) (up_total)", "by (... pool ...)"),
            ("sum(revision) by (pool)", "by (... pool ...)"),
            ("sum without (call) (up_total)", "without (... call ...)"),
            ("revision and on (hash) revision", "on (... hash ...)"),
        ] {
            let told = missing(expression);
            assert!(told.len() == 1 && told[0].contains(said), "{expression}: {told:?}");
        }
    }

    #[test]
    fn placeholders_are_labels() {
        let text = "{{ $labels.pool }} of {{pool}}/{{ kind }}: {{ $value | humanize }} {{ $labels.id | x }}";
        assert_eq!(placeholders(text).collect::<Vec<_>>(), ["pool", "pool", "kind", "id"]);
    }
}
