//! A metric family: its name, and a value for each set of labels.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// All series of one metric name.
pub struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    metrics: Vec<Metric>,
}

/// Names of labels and their values.
type Labels<'l> = &'l [(&'static str, &'l str)];

impl Family {
    /// A family of counters.
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::COUNTER, metrics: Vec::new() }
    }

    /// A family of gauges.
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::GAUGE, metrics: Vec::new() }
    }

    /// A family of histograms.
    pub fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::HISTOGRAM, metrics: Vec::new() }
    }

    /// Adds a value without labels.
    pub fn of(mut self, value: f64) -> Self {
        self.add(&[], value);
        self
    }

    /// Adds a value.
    pub fn add(&mut self, labels: Labels<'_>, value: f64) {
        let mut metric = labeled(labels);
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    /// Adds a histogram from the count of each range with its upper bound, in ascending order; `count` and `sum` are of
    /// all values.
    pub fn add_ranges(
        &mut self,
        labels: Labels<'_>,
        ranges: impl IntoIterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
    ) {
        let mut so_far = 0;
        let bucket = |(bound, more): (f64, u64)| {
            so_far += more;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(so_far);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_bucket(ranges.into_iter().map(bucket).collect());
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        let mut metric = labeled(labels);
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    pub(super) fn finish(self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(self.metrics);
        family
    }
}

fn labeled(labels: Labels<'_>) -> Metric {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}
