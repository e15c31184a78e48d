//! The metrics and labels in a PromQL expression, and which of them do not exist.

use std::collections::BTreeSet;

use promql_parser::parser::token::{T_BOTTOMK, T_LOR, T_TOPK};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse,
};

use crate::exposition::Families;

/// Labels that Prometheus adds to each series.
const TARGET: [&str; 2] = ["job", "instance"];
/// Grafana's variables for a duration, here replaced by any duration.
const INTERVAL: &str = "$__rate_interval";

/// Labels of an expression's result; `None` for a number or a text.
type Labels = Option<BTreeSet<String>>;

/// Missing metrics and labels of an expression.
#[derive(Debug, Default)]
pub struct Read {
    /// A sentence for each metric or label that does not exist.
    pub missing: Vec<String>,
    /// Labels that the result may have.
    pub labels: BTreeSet<String>,
}

/// Holds `expression` against the families that there are.
pub fn read(expression: &str, families: &Families) -> Read {
    let mut reader = Reader { families, missing: Vec::new() };
    match parse(&expression.replace(INTERVAL, "1m")) {
        Ok(parsed) => {
            let labels = reader.labels(&parsed).unwrap_or_default();
            Read { missing: reader.missing, labels }
        }
        Err(error) => Read { missing: vec![error], labels: BTreeSet::new() },
    }
}

/// Reads an expression from inside out.
struct Reader<'f> {
    families: &'f Families,
    missing: Vec<String>,
}

impl Reader<'_> {
    fn labels(&mut self, expression: &Expr) -> Labels {
        match expression {
            Expr::VectorSelector(selector) => Some(self.selected(selector)),
            Expr::MatrixSelector(matrix) => Some(self.selected(&matrix.vs)),
            Expr::Aggregate(aggregate) => Some(self.aggregated(aggregate)),
            Expr::Binary(binary) => self.combined(binary),
            Expr::Paren(inner) => self.labels(&inner.expr),
            Expr::Unary(inner) => self.labels(&inner.expr),
            Expr::Subquery(inner) => self.labels(&inner.expr),
            Expr::Call(call) => {
                let of_all: Vec<Labels> = call.args.args.iter().map(|argument| self.labels(argument)).collect();
                let mut labels: BTreeSet<String> = of_all.into_iter().flatten().flatten().collect();
                if call.func.name == "histogram_quantile" {
                    labels.remove("le");
                }
                (call.func.return_type == ValueType::Vector).then_some(labels)
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => None,
        }
    }

    fn selected(&mut self, selector: &VectorSelector) -> BTreeSet<String> {
        let name = selector.name.as_deref().unwrap_or_default();
        let Some(labels) = labels_of(name, self.families) else {
            self.missing.push(format!("there is no metric {name}"));
            return BTreeSet::new();
        };
        for label in selector.matchers.matchers.iter().map(|matcher| &matcher.name) {
            if !labels.contains(label) {
                self.missing.push(format!("{name} has no label {label}"));
            }
        }
        labels
    }

    fn aggregated(&mut self, aggregate: &AggregateExpr) -> BTreeSet<String> {
        let labels = self.labels(&aggregate.expr).unwrap_or_default();
        match &aggregate.modifier {
            // These choose of the series; all others make new ones.
            None if [T_TOPK, T_BOTTOMK].contains(&aggregate.op.id()) => labels,
            None => BTreeSet::new(),
            Some(modifier) => {
                let of = format!("what {} is of", aggregate.op);
                let listed = self.listed(modifier, &[(&of, &labels)]);
                match modifier {
                    LabelModifier::Include(_) => listed,
                    LabelModifier::Exclude(_) => &labels - &listed,
                }
            }
        }
    }

    fn combined(&mut self, binary: &BinaryExpr) -> Labels {
        let (left, right) = match (self.labels(&binary.lhs), self.labels(&binary.rhs)) {
            (Some(left), Some(right)) => (left, right),
            (left, right) => return left.or(right),
        };
        let operator = binary.op;
        let names = [format!("the left side of {operator}"), format!("the right side of {operator}")];
        let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
        let labels = match matching {
            Some(modifier) => {
                let listed = self.listed(modifier, &[(&names[0], &left), (&names[1], &right)]);
                match modifier {
                    LabelModifier::Include(_) => listed,
                    LabelModifier::Exclude(_) => &left - &listed,
                }
            }
            None if left != right && operator.id() != T_LOR => {
                self.missing.push(format!("{} has the labels {left:?}, and {} {right:?}", names[0], names[1]));
                return Some(left);
            }
            None => left.clone(),
        };
        Some(match binary.modifier.as_ref().map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToOne(more)) => with(left, &more.labels),
            Some(VectorMatchCardinality::OneToMany(more)) => with(right, &more.labels),
            _ if operator.id() == T_LOR => &left | &right,
            _ if operator.is_set_operator() => left,
            _ => labels,
        })
    }

    /// The labels of a list, each of which has to be in all of `sides`, or for those passed over in one of them.
    fn listed(&mut self, modifier: &LabelModifier, sides: &[(&String, &BTreeSet<String>)]) -> BTreeSet<String> {
        let is_passed_over = matches!(modifier, LabelModifier::Exclude(_));
        for label in &modifier.labels().labels {
            let lacking: Vec<_> = sides.iter().filter(|(_, labels)| !labels.contains(label)).collect();
            let is_known = if is_passed_over { lacking.len() < sides.len() } else { lacking.is_empty() };
            if let Some((side, _)) = lacking.first().filter(|_| !is_known) {
                self.missing.push(format!("{side} has no label {label}"));
            }
        }
        modifier.labels().labels.iter().cloned().collect()
    }
}

fn with(mut labels: BTreeSet<String>, more: &[String]) -> BTreeSet<String> {
    labels.extend(more.iter().cloned());
    labels
}

/// Labels between `{{` and `}}`, in a legend or in the text of an alert.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim()));
    inner.filter_map(|inner| match inner.strip_prefix("$labels.") {
        Some(label) => label.split([' ', '|']).next(),
        None => Some(inner).filter(|inner| !inner.starts_with('$')),
    })
}

/// The labels of the series that `name` selects; `None` if there are no such series.
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
    fn existing_names_may_be_queried() {
        for expression in [
            "sum by (pool) (rate(up_total{job=~\"$job\",kind!=\"a by (x) {y}\"}[$__rate_interval])) / 1e3",
            "topk(10, sum without (instance) (up_total)) or vector(0)",
            "sum(rate(up_total[5m])) by (kind) > bool 0",
            "histogram_quantile(0.99, sum by (le, route) (rate(took_seconds_bucket[5m]))) # of all routes, by x",
            "took_seconds_count unless on (job, instance) revision",
            "revision < on (job) group_left () max by (job) (revision offset 5m) and (time() - up) > 45 * 86400",
            "topk(3, up_total) and up_total",
        ] {
            assert_eq!(missing(expression), [""; 0], "{expression}");
        }
    }

    #[test]
    fn missing_names_are_reported() {
        for (expression, message) in [
            ("sum(rate(down_total[5m]))", "there is no metric down_total"),
            ("revision_count", "there is no metric revision_count"),
            ("took_seconds", "there is no metric took_seconds"),
            ("up_total{pol=\"x\"}", "up_total has no label pol"),
            ("took_seconds_count{le=\"1\"}", "took_seconds_count has no label le"),
            ("sum by (pool) (revision)", "what sum is of has no label pool"),
            ("sum by (pool) (revision) / sum by (pool) (up_total)", "what sum is of has no label pool"),
            ("sum(revision) by (pool)", "what sum is of has no label pool"),
            ("sum without (call) (up_total)", "what sum is of has no label call"),
            ("revision and on (hash, job) up{job=\"\"}", "the left side of and has no label hash"),
            ("up_total and on (pool) revision", "the right side of and has no label pool"),
            ("sum by (pool) (up_total) / sum by (kind) (up_total)", "the left side of / has the labels"),
            ("sum(up_total", "unclosed"),
        ] {
            let labels = missing(expression);
            assert!(labels.len() == 1 && labels[0].contains(message), "{expression}: {labels:?}");
        }
    }

    #[test]
    fn placeholders_are_labels() {
        let text = "{{ $labels.pool }} of {{pool}}/{{ kind }}: {{ $value | humanize }} {{ $labels.id | x }}";
        assert_eq!(placeholders(text).collect::<Vec<_>>(), ["pool", "pool", "kind", "id"]);
    }
}
