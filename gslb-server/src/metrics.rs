//! Counters in the text format that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::reload::Reloads;
use crate::totals::Totals;

/// The format's media type; Prometheus 3 takes no answer without it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Samples of one metric.
struct Family {
    kind: &'static str,
    help: &'static str,
    samples: Vec<(&'static str, u64)>,
}

/// All metrics, by name: the format wants the samples of one name together.
#[derive(Default)]
struct Families(BTreeMap<&'static str, Family>);

impl Families {
    fn add(&mut self, kind: &'static str, name: &'static str, labels: &'static str, help: &'static str, value: u64) {
        let family = self.0.entry(name).or_insert_with(|| Family { kind, help, samples: Vec::new() });
        family.samples.push((labels, value));
    }

    fn write(&self) -> String {
        let mut text = String::new();
        for (name, Family { kind, help, samples }) in &self.0 {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = match *labels {
                    "" => writeln!(text, "{name} {value}"),
                    labels => writeln!(text, "{name}{{{labels}}} {value}"),
                };
            }
        }
        text
    }
}

/// Writes `totals`, how reloads went, and the generation of the table in force when there is one.
pub fn exposition(totals: &Totals, generation: Option<u64>, reloads: &Reloads) -> String {
    let mut families = Families::default();
    let counters = totals.tally.counters().chain(totals.udp.counters()).chain(totals.tcp.counters());
    for (name, labels, help, value) in counters {
        families.add("counter", name, labels, help, value);
    }
    families.add("gauge", "gslb_tcp_connections", "", "TCP connections that are open.", totals.tcp.open);
    if let Some(generation) = generation {
        families.add("gauge", "gslb_table_generation", "", "Number of the routing table in force.", generation);
    }
    let (published, refused) = reloads.counts();
    let help = "Reloads, by what came of them.";
    families.add("counter", "gslb_reloads_total", "result=\"published\"", help, published);
    families.add("counter", "gslb_reloads_total", "result=\"refused\"", help, refused);
    let help = "1 while what is on disk was refused, and something older is served.";
    families.add("gauge", "gslb_reload_refused", "", help, u64::from(reloads.last_was_refused()));
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    families.add("gauge", "gslb_build_info", version, "What is running; always 1.", 1);
    families.write()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_name_stand_together_under_one_heading() {
        let text = exposition(&Totals::default(), Some(7), &Reloads::default());
        let mut seen = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with("# HELP")) {
            if let Some(heading) = line.strip_prefix("# TYPE ") {
                let name = heading.split(' ').next().unwrap();
                assert!(!seen.contains(&name), "two headings for {name}");
                seen.push(name);
            } else {
                let name = line.split(['{', ' ']).next().unwrap();
                assert_eq!(seen.last(), Some(&name), "{line}");
                line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            }
        }
        assert!(text.contains("\ngslb_table_generation 7\n"));
        assert!(text.contains("\ngslb_panics_total{transport=\"udp\"} 0\ngslb_panics_total{transport=\"tcp\"} 0\n"));
        assert!(text.ends_with('\n'));
    }
}
