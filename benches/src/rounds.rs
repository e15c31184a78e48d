//! The numbers of a side-by-side run: a line per server, round and phase, and their medians.

use std::collections::BTreeMap;

/// The numbers of all rounds, by server, phase and key.
#[derive(Debug, Default)]
pub struct Rounds {
    /// In the order in which the servers first occur.
    pub servers: Vec<String>,
    numbers: BTreeMap<(String, String, String), Vec<f64>>,
}

impl Rounds {
    /// Reads lines of the form `SERVER ROUND PHASE KEY=NUMBER ...`. Other lines are skipped.
    pub fn read(text: &str) -> Rounds {
        let mut rounds = Rounds::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(server), Some(_round), Some(phase)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if !rounds.servers.iter().any(|known| known == server) {
                rounds.servers.push(server.to_owned());
            }
            let numbers = words.filter_map(|word| word.split_once('='));
            let mut numbers =
                numbers.filter_map(|(key, number)| Some((key.to_owned(), number.parse().ok()?))).collect();
            divide(&mut numbers);
            for (key, number) in numbers {
                rounds.numbers.entry((server.to_owned(), phase.to_owned(), key)).or_default().push(number);
            }
        }
        rounds
    }

    /// The median over the rounds.
    pub fn median(&self, server: &str, phase: &str, key: &str) -> Option<f64> {
        let mut sorted = self.numbers.get(&(server.to_owned(), phase.to_owned(), key.to_owned()))?.clone();
        sorted.sort_by(f64::total_cmp);
        let (below, above) = (sorted.get((sorted.len() - 1) / 2)?, sorted.get(sorted.len() / 2)?);
        Some((below + above) / 2.0)
    }

    /// The sum over the rounds.
    pub fn sum(&self, server: &str, phase: &str, key: &str) -> Option<f64> {
        Some(self.numbers.get(&(server.to_owned(), phase.to_owned(), key.to_owned()))?.iter().sum())
    }
}

/// Adds `cpu_ns`, the sum of user and system time, and splits it by the sampled user share (`user_share`) if there
/// is one: that has many more samples than the kernel's own accounting.
fn divide(numbers: &mut BTreeMap<String, f64>) {
    let (Some(user), Some(system)) = (numbers.get("user_ns"), numbers.get("system_ns")) else { return };
    let both = user + system;
    numbers.insert("cpu_ns".to_owned(), both);
    if let Some(share) = numbers.get("user_share").copied() {
        numbers.insert("user_ns".to_owned(), both * share);
        numbers.insert("system_ns".to_owned(), both * (1.0 - share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_by_server_phase_and_key() {
        let rounds = Rounds::read("b 1 window qps=3 x=y\na 1 window qps=9\nb 2 window qps=1\nb 3 paced qps=7\n\nodd");
        assert_eq!(rounds.servers, ["b", "a"]);
        assert_eq!(rounds.median("b", "window", "qps"), Some(2.0));
        assert_eq!(rounds.median("a", "window", "qps"), Some(9.0));
        assert_eq!(rounds.sum("b", "window", "qps"), Some(4.0));
        let rounds = Rounds::read("a 1 w user_ns=10 system_ns=30 user_share=0.5\nb 1 w user_ns=10 system_ns=30");
        let user = |server| rounds.median(server, "w", "user_ns");
        assert_eq!((user("a"), user("b"), rounds.median("a", "w", "cpu_ns")), (Some(20.0), Some(10.0), Some(40.0)));
        assert_eq!((rounds.median("b", "window", "x"), rounds.median("a", "paced", "qps")), (None, None));
    }
}
