//! Which endpoints of a pool an answer contains.

use super::draw::{Draw, RaceTime, first_in_race, pick_by_weight};
use super::trace::Choice;
use crate::live::pool::{Entry, PoolLiveness, Ready};
use crate::site::model::{Choose, MAX_ANSWERS};

/// The endpoints of a pool that an answer contains.
#[derive(Debug, Clone, Copy)]
pub enum Selected<'a> {
    /// These.
    Entries(&'a [Entry], Choice),
    /// The [leaders] of a race, since the answer has several of them.
    Leaders {
        /// Key of the race.
        key: u64,
        /// What the key depends on.
        by: Choice,
    },
}

/// Selects endpoints of a pool among those that are ready; `client_key` is for sticky draws.
#[inline(always)]
pub fn select<'a>(pool: &PoolLiveness, ready: Ready<'a>, draw: &mut Draw<'_>, client_key: u64) -> Selected<'a> {
    if pool.choose == Choose::All || ready.entries.len() <= pool.answers as usize {
        return Selected::Entries(ready.entries, Choice::All);
    }
    match (pool.choose, draw) {
        (Choose::Weighted, Draw::Fresh(dice)) if pool.answers == 1 => {
            Selected::Entries(drawn(ready, dice.roll()), Choice::Dice)
        }
        (Choose::Weighted, Draw::Fresh(dice)) => Selected::Leaders { key: dice.roll(), by: Choice::Dice },
        _ if pool.answers == 1 => Selected::Entries(fastest(ready.entries, client_key), Choice::Client),
        _ => Selected::Leaders { key: client_key, by: Choice::Client },
    }
}

/// Calls `name` with the `answers` entries that are first in the race for `key`, fastest first.
#[inline(never)]
pub fn leaders<'a>(entries: &'a [Entry], key: u64, answers: u32, mut name: impl FnMut(&'a Entry)) {
    let mut leaders: [Option<(RaceTime, &'a Entry)>; MAX_ANSWERS] = [None; MAX_ANSWERS];
    for entry in entries {
        let mut runner = (RaceTime::new(key, entry.identity, entry.weight), entry);
        for place in leaders.iter_mut().take(answers as usize) {
            match place {
                Some(leader) if !runner.0.beats(&leader.0) => {}
                Some(leader) => std::mem::swap(leader, &mut runner),
                None => {
                    *place = Some(runner);
                    break;
                }
            }
        }
    }
    leaders.iter().flatten().for_each(|(_, entry)| name(entry));
}

/// The entry that is first in the race for `key`.
#[inline]
fn fastest(entries: &[Entry], key: u64) -> &[Entry] {
    let members = entries.iter().map(|entry| (entry.identity, entry.weight, entry));
    first_in_race(key, members).map_or(&[], std::slice::from_ref)
}

/// The entry that a random draw selects.
#[inline(always)]
fn drawn(Ready { entries, total }: Ready<'_>, roll: u64) -> &[Entry] {
    let winner = match total {
        0 => ((u128::from(roll) * entries.len() as u128) >> 64) as usize,
        total => pick_by_weight(roll, total, entries.iter().map(|entry| entry.weight)),
    };
    entries.get(winner).map_or(&[], std::slice::from_ref)
}
