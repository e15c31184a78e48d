//! Whether a side-by-side run was undisturbed, so that its figures may be published.

use crate::rounds::Rounds;

/// Least share of its core that a saturated server uses when nothing else is the limit.
pub const LEAST_BUSY: f64 = 0.95;
/// Highest load average of a quiet machine, before the run.
pub const MOST_LOAD: f64 = 0.5;

/// Why the figures of `rounds` must not be published; empty if they may be.
pub fn disturbances(rounds: &Rounds) -> Vec<String> {
    let busy = |server: &String| Some((server.clone(), rounds.median(server, "window", "busy")?));
    let idle = rounds.servers.iter().filter_map(busy).filter(|(_, busy)| *busy < LEAST_BUSY);
    idle.map(|(server, busy)| {
        let (busy, least) = (busy * 100.0, LEAST_BUSY * 100.0);
        format!("{server} used {busy:.1} % of its core while saturated, less than {least:.0} %")
    })
    .collect()
}

/// Why nothing that is measured at this load average may be published; `None` if it may be.
pub fn too_much_load(load_average: f64) -> Option<String> {
    (load_average > MOST_LOAD)
        .then(|| format!("the load average was {load_average} before the run, more than {MOST_LOAD}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_not_saturated_is_a_disturbance() {
        let rounds = Rounds::read(
            "gslb 1 window busy=0.99\ngslb 2 window busy=0.94\ngslb 3 window busy=0.98\n\
             echo 1 window busy=0.9\necho 1 paced busy=0.2\nnsd 1 window busy=0.95\nnsd 1 paced busy=0.2",
        );
        assert_eq!(disturbances(&rounds), ["echo used 90.0 % of its core while saturated, less than 95 %"]);
    }

    #[test]
    fn a_loaded_machine_is_a_disturbance() {
        assert_eq!(too_much_load(0.5), None);
        assert!(too_much_load(0.51).is_some_and(|reason| reason.contains("0.51")));
    }
}
