//! The `[dns.rrl]` table: response rate limiting.

use gslb_core::limit::Limits;
use gslb_core::notation::{Fields, Item, Problems, shortened};

use super::value::{count, network, table};

/// The `[dns.rrl]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rrl {
    /// `enabled`: whether responses over UDP are limited. Default true.
    pub enabled: bool,
    /// All other keys.
    pub limits: Limits,
}

impl Default for Rrl {
    fn default() -> Self {
        Self { enabled: true, limits: Limits::default() }
    }
}

const KEYS: [&str; 8] = ["enabled", "per_address", "per_network", "burst", "slip", "exempt", "dry_run", "memory"];
/// Most answers per second.
const MAX_RATE: u32 = 1_000_000;
/// Largest `burst`. The times of buckets have so many bits.
const MAX_BURST: u32 = 10_000;
/// Least and most octets of a table.
const MIN_MEMORY: u64 = 64 << 10;
const MAX_MEMORY: u64 = 1 << 30;

impl Rrl {
    pub(super) fn take_from(&mut self, dns: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(rrl) = table(dns, "rrl", &KEYS, problems) else { return };
        let limits = &mut self.limits;
        rrl.set("enabled", &mut self.enabled, problems, |item, problems| item.boolean(problems));
        let rate = || count("a number of answers per second", 1..=MAX_RATE);
        rrl.set("per_address", &mut limits.per_address, problems, rate());
        rrl.set("per_network", &mut limits.per_network, problems, rate());
        rrl.set("burst", &mut limits.burst, problems, count("a number of answers", 1..=MAX_BURST));
        rrl.set("slip", &mut limits.slip, problems, count("a number of queries", 0..=100));
        rrl.set("exempt", &mut limits.exempt, problems, |item, problems| {
            item.list_of("[\"192.0.2.0/24\"]", problems, network)
        });
        rrl.set("dry_run", &mut limits.dry_run, problems, |item, problems| item.boolean(problems));
        rrl.set("memory", &mut limits.memory, problems, memory);
        if limits.per_network < limits.per_address {
            let help = "a network has many addresses: leave it at 32 times `per_address`";
            let message =
                format!("per_network is {}, less than per_address, {}", limits.per_network, limits.per_address);
            if let Some(item) = rrl.get("per_network").or_else(|| rrl.get("per_address")) {
                item.error(problems, message, help);
            }
        }
    }
}

/// A number of octets, such as `"4MiB"`.
fn memory(item: &Item<'_, '_>, problems: &mut Problems) -> Option<usize> {
    let text = item.string("\"4MiB\"", problems)?;
    let units = [("KiB", 1_u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let octets = units.into_iter().find_map(|(unit, octets)| {
        let number = text.strip_suffix(unit)?.trim_end();
        let is_whole = number.bytes().all(|digit| digit.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| is_whole)?.checked_mul(octets)
    });
    match octets {
        Some(octets @ MIN_MEMORY..=MAX_MEMORY) => usize::try_from(octets).ok(),
        Some(_) => {
            item.error(problems, format!("{text} is out of range"), "write \"64KiB\" to \"1GiB\"");
            None
        }
        None => {
            let help = "write a whole number with KiB, MiB or GiB, such as \"4MiB\"";
            item.error(problems, format!("{} is not an amount of memory", shortened(text)), help);
            None
        }
    }
}
