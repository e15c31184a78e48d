//! A counter as it is shown: the same shape for what the sockets count and for what answering counts.

/// Metric name, one label pair (`reason="short"`) or nothing, help, and the count since start.
pub type Counter = (&'static str, &'static str, &'static str, u64);
