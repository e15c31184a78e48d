//! Response rate limiting: what it lets pass, by a clock that is a number.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gslb_core::limit::{Limiter, Limits, UNITS, Verdict};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
/// Octets of a unit.
const UNIT_OCTETS: usize = 16;
/// Most units that one answer costs.
const MOST_UNITS: u64 = 128;

/// Octets of a query, and of answers that cost one unit, and sixteen.
const QUERY: usize = 60;
const SMALL: usize = 120;
const LARGE: usize = 120 + 256;

fn limiter(limits: Limits) -> Limiter {
    Limiter::new(limits, 1, 42)
}

fn v4(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

/// How many of `queries` evenly spread over `seconds` are within the limits.
fn within(limiter: &mut Limiter, source: IpAddr, answer: usize, queries: u64, seconds: u64) -> u64 {
    let charged = (0..queries).map(|n| limiter.charge(source, n * seconds * SECOND / queries, QUERY, answer));
    charged.filter(|verdict| *verdict == Verdict::Within).count() as u64
}

#[test]
fn an_address_gets_its_burst_and_then_its_limit() {
    // Of sixteen units each: 125 at once and 50 per second.
    let passed = within(&mut limiter(Limits::default()), v4(0xC000_0201), LARGE, 4_000, 10);
    assert!((610..=627).contains(&passed), "{passed}");
    // The same far over the limit.
    let passed = within(&mut limiter(Limits::default()), v4(0xC000_0201), LARGE, 1_000_000, 10);
    assert!((610..=627).contains(&passed), "{passed}");
    // Answers that are hardly longer than their query: sixteen times as many.
    let passed = within(&mut limiter(Limits::default()), v4(0xC000_0201), SMALL, 7_900, 10);
    assert_eq!(passed, 7_900);
    let passed = within(&mut limiter(Limits::default()), v4(0xC000_0201), SMALL, 20_000, 10);
    assert!((9_900..=10_020).contains(&passed), "{passed}");
}

#[test]
fn a_burst_is_there_again_after_a_pause() {
    let mut limiter = limiter(Limits::default());
    let source = v4(0xC000_0201);
    for pause in [0, 3, 10, 60, 600, 3600, 86_400] {
        let now = pause * 1_000 * SECOND;
        let passed = (0..200).filter(|_| limiter.charge(source, now, QUERY, LARGE) == Verdict::Within).count();
        assert!((125..=127).contains(&passed), "{passed} after {pause}");
    }
}

#[test]
fn a_network_is_limited_beyond_its_addresses() {
    let mut limiter = limiter(Limits::default());
    let mut passed = 0;
    for n in 0..1_000_000_u64 {
        // 100,000 per second from all addresses of a network.
        let source = v4(0xC000_0200 | (n as u32 % 256));
        passed += u64::from(limiter.charge(source, n * 10_000, QUERY, LARGE) == Verdict::Within);
    }
    assert!((19_900..=20_010).contains(&passed), "{passed}");
    // Another network is not affected.
    assert_eq!(limiter.charge(v4(0xC000_0301), 10 * SECOND, QUERY, LARGE), Verdict::Within);
}

#[test]
fn a_large_public_resolver_is_never_limited() {
    // 5,000 queries per second from 50 addresses, of one network or of several, with client subnets: 61 octets and
    // steered answers of 1 to 8 addresses. Some of the resolver's addresses are busier than others.
    for (workers, networks) in [(1, 1), (1, 5), (2, 1), (8, 1), (64, 10)] {
        let mut limiters: Vec<Limiter> =
            (0..workers).map(|n| Limiter::new(Limits::default(), workers, n as u64)).collect();
        for n in 0..150_000_u32 {
            let now = u64::from(n) * 200_000;
            let address = (n.wrapping_mul(2_654_435_761) >> 16) % 75 % 50;
            let source = v4(0x0808_0000 | (address % networks) << 8 | address);
            // The kernel spreads ports over the workers.
            let worker = (n.wrapping_mul(0x9E37_79B9) >> 20) as usize % workers;
            let answer = 61 + 16 * (1 + n as usize % 8);
            let verdict = limiters[worker].charge(source, now, 61, answer);
            assert_eq!(verdict, Verdict::Within, "{workers} workers, {networks} networks, query {n}");
        }
    }
}

#[test]
fn forged_sources_do_not_push_out_a_busy_one() {
    // A victim is at its limit while an attacker forges all addresses, one million per second.
    let limits = Limits { memory: 64 << 10, ..Limits::default() };
    let (mut limiter, victim, mut passed) = (limiter(limits), v4(0xC000_0201), 0);
    for n in 0..2_000_000_u32 {
        let now = u64::from(n) * 1_000;
        limiter.charge(v4(n.wrapping_mul(0x9E37_79B9)), now, QUERY, SMALL);
        if n % 1_000 == 0 {
            passed += u64::from(limiter.charge(victim, now, QUERY, LARGE) == Verdict::Within);
        }
    }
    assert!(passed <= 126 + 100, "{passed} of 2,000");
}

#[test]
fn a_well_behaved_source_keeps_its_answers_while_others_are_forged() {
    let (mut limiter, good, mut lost) = (limiter(Limits::default()), v4(0xC633_6401), 0);
    for n in 0..3_000_000_u32 {
        let now = u64::from(n) * 1_000;
        limiter.charge(v4(n.wrapping_mul(0x9E37_79B9)), now, QUERY, LARGE);
        if n % 50_000 == 0 {
            lost += u64::from(limiter.charge(good, now, QUERY, LARGE) != Verdict::Within);
        }
    }
    assert_eq!(lost, 0);
}

#[test]
fn a_flood_is_told_from_a_little_too_much() {
    let mut verdicts = BTreeMap::new();
    for (per_second, expected) in [(40_u64, Verdict::Within), (300, Verdict::Over), (1_000, Verdict::Flood)] {
        let mut limiter = limiter(Limits::default());
        let queries = per_second * 60;
        for n in 0..queries {
            let verdict = limiter.charge(v4(0xC000_0201), n * SECOND / per_second, QUERY, LARGE);
            if n > queries / 2 && verdict != Verdict::Within {
                *verdicts.entry((per_second, verdict as u8)).or_insert(0_u32) += 1;
            }
        }
        let seen = |verdict: Verdict| verdicts.get(&(per_second, verdict as u8)).copied().unwrap_or(0);
        match expected {
            Verdict::Within => assert_eq!((seen(Verdict::Over), seen(Verdict::Flood)), (0, 0)),
            Verdict::Over => assert!(seen(Verdict::Over) > 0 && seen(Verdict::Flood) == 0),
            Verdict::Flood => assert!(seen(Verdict::Flood) > 20 * seen(Verdict::Over)),
        }
    }
}

#[test]
fn replies_to_queries_over_the_limit_are_no_longer_than_these() {
    for (slip, verdict, every) in
        [(1, Verdict::Over, 1), (2, Verdict::Over, 2), (1, Verdict::Flood, 8), (3, Verdict::Flood, 24)]
    {
        let mut limiter = limiter(Limits { slip, ..Limits::default() });
        let replies = (0..2_400).filter(|_| limiter.admits_reply(verdict, 50, 50)).count();
        assert_eq!(replies, 2_400 / every, "slip {slip}, {verdict:?}");
    }
    let mut limiter = limiter(Limits { slip: 0, ..Limits::default() });
    assert!(!(0..100).any(|_| limiter.admits_reply(Verdict::Over, 50, 50)), "slip 0 drops all");
    // A reply with a cookie is longer than its query.
    let mut limiter = Limiter::new(Limits::default(), 1, 1);
    let replies = (0..10_000).filter(|_| limiter.admits_reply(Verdict::Over, 50, 66)).count();
    assert!(replies * 66 <= 10_000 * 50 + 1024 && replies > 7_000, "{replies}");
}

#[test]
fn limits_are_shared_out_among_workers() {
    for workers in [1, 2, 4, 16] {
        let mut all: Vec<Limiter> = (0..workers).map(|n| Limiter::new(Limits::default(), workers, n as u64)).collect();
        // All workers get the same share of the queries: together twice the limit, and at most the burst besides.
        let passed: u64 =
            all.iter_mut().map(|limiter| within(limiter, v4(0xC000_0201), LARGE, 12_000 / workers as u64, 100)).sum();
        let limit = if workers == 1 { 50 } else { 100 };
        assert!(passed <= limit * 100 + 2 * 125 + workers as u64 * 8, "{passed} with {workers}");
        assert!(passed >= limit * 95, "{passed} with {workers}");
    }
}

#[test]
fn networks_are_exempt_by_prefix() {
    let exempt = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let limiter = limiter(Limits { exempt, ..Limits::default() });
    for (address, expected) in [
        ("192.0.2.200", true),
        ("::ffff:192.0.2.200", true),
        ("192.0.3.1", false),
        ("2001:db8:1::1", true),
        ("2001:db9::1", false),
    ] {
        assert_eq!(limiter.is_exempt(address.parse().unwrap()), expected, "{address}");
    }
}

proptest! {
    /// Whatever the times, sizes and limits: an address never gets more than its burst, its limit and one answer.
    #[test]
    fn no_source_exceeds_its_limit(
        steps in prop::collection::vec((0_u64..3_000_000_000, 0_usize..1400), 1..400),
        per_address in 1_u32..2_000,
        burst in 1_u32..2_000,
        network in any::<bool>(),
        v6 in any::<bool>(),
    ) {
        let limits = Limits { per_address, per_network: 32 * per_address, burst, ..Limits::default() };
        let mut limiter = limiter(limits);
        let mut now = 5;
        // Units that have left the bucket since the start, at most, and units that were let pass.
        let mut passed = 0_u64;
        for (n, (pause, answer)) in steps.iter().enumerate() {
            now += pause % (1 + (n as u64 % 3) * 1_000_000_000);
            let host = if network { n as u32 % 3 } else { 7 };
            let source = if v6 { Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(host)).into() } else { v4(host) };
            if limiter.charge(source, now, QUERY, *answer) == Verdict::Within && host == 7 {
                passed += (answer.saturating_sub(2 * QUERY) / UNIT_OCTETS).max(1) as u64;
            }
        }
        let left = now as f64 / 1e9 * f64::from(per_address) * f64::from(UNITS);
        let most = left + f64::from(burst * UNITS).max(MOST_UNITS as f64) + MOST_UNITS as f64;
        prop_assert!((passed as f64) <= most + 1.0, "{passed} of {most}");
    }

    /// Answers at less than the limit are never limited.
    #[test]
    fn no_source_below_its_limit_is_limited(
        per_address in 1_u32..100_000,
        burst in 10_u32..5_000,
        answer in 0_usize..1400,
        start in any::<u32>(),
    ) {
        let mut limiter = limiter(Limits { per_address, per_network: 2 * per_address, burst, ..Limits::default() });
        let units = (answer.saturating_sub(2 * QUERY) / UNIT_OCTETS).max(1) as u64;
        // A fifth less than the limit: short times are rounded up.
        let step = units * SECOND * 5 / 4 / (u64::from(per_address) * u64::from(UNITS)) + 1;
        let mut now = u64::from(start) << 12;
        for n in 0..500 {
            prop_assert_eq!(limiter.charge(v4(1), now, QUERY, answer), Verdict::Within, "answer {}", n);
            now += step;
        }
    }
}

/// Whether queries at `tenths` tenths of the limit, for so many windows, are found to be a flood. All are from one
/// address, or from those of a network. Their answers cost `units`.
fn is_flood(limits: &Limits, network: bool, tenths: u64, windows: u64, units: u64) -> bool {
    let mut limiter = limiter(limits.clone());
    let per_second = if network { limits.per_network } else { limits.per_address };
    // Units of the bucket, and those that are asked for.
    let bucket = u64::from(limits.burst) * u64::from(UNITS) * u64::from(per_second) / u64::from(limits.per_address);
    let queries = (bucket * windows * tenths / 10 / units).max(1_000);
    let time_of = |n: u64| {
        let tenths_of_units = u128::from(n * units) * u128::from(SECOND) * 10;
        5 + (tenths_of_units / u128::from(tenths) / u128::from(UNITS) / u128::from(per_second)) as u64
    };
    (0..queries).any(|n| {
        let source = v4(0xC000_0200 | if network { n as u32 % 256 } else { 1 });
        limiter.charge(source, time_of(n), QUERY, 2 * QUERY + units as usize * UNIT_OCTETS) == Verdict::Flood
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the limits: a flood begins at eight times the limit of an address or network, within a tenth.
    #[test]
    fn a_flood_begins_at_eight_times_the_limit(
        per_address in 1_u32..=30_000,
        burst in 20_u32..=10_000,
        network in any::<bool>(),
    ) {
        let limits = Limits { per_address, per_network: 32 * per_address, burst, ..Limits::default() };
        // The smallest answers that need no more than about a million queries, and the largest.
        let small = (u64::from(burst) * if network { 32 } else { 1 } / 2_500).max(1);
        prop_assert!(!is_flood(&limits, network, 72, 4, small), "a flood at 7.2 times the limit");
        prop_assert!(is_flood(&limits, network, 88, 12, MOST_UNITS), "no flood at 8.8 times the limit");
    }
}

#[test]
fn a_network_with_a_large_burst_is_flooded_at_eight_times_its_limit() {
    for burst in [500, 2_000] {
        let limits = Limits { burst, ..Limits::default() };
        assert!(!is_flood(&limits, true, 72, 3, 1), "burst {burst}");
    }
}
