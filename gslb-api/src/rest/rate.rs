//! Rate limits: a token bucket for each API token or address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Most buckets; beyond that full ones are dropped, which changes nothing.
const MAX_BUCKETS: usize = 10_000;

/// The client that a limit applies to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    /// The holder of a token.
    Token(String),
    /// An address without a valid token; IPv6 by its /64, since one host may use all of it.
    Address(IpAddr),
    /// Unknown.
    Unknown,
}

impl ClientKey {
    /// The client at `address`.
    pub(crate) fn at(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(v6)) => Self::Address(IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into())),
            Some(v4) => Self::Address(v4),
            None => Self::Unknown,
        }
    }
}

/// The verdict on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// It may proceed.
    Now,
    /// It may be sent again after this many seconds.
    After(u64),
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    seen: Instant,
}

/// The buckets of all clients.
#[derive(Debug)]
pub(crate) struct Buckets {
    per_second: f64,
    most: f64,
    buckets: Mutex<HashMap<ClientKey, Bucket>>,
}

impl Buckets {
    /// Buckets that admit `per_second` requests on average and `burst` at once.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, most) = (f64::from(per_second.max(1)), f64::from(burst.max(1)));
        Self { per_second, most, buckets: Mutex::default() }
    }

    /// Takes one from the bucket of `client_key` at `now`; `cost` of a request is 1, that of a wrong token more.
    pub(crate) fn take(&self, client_key: ClientKey, cost: f64, now: Instant) -> Allowed {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&client_key) {
            let full = Duration::from_secs_f64(self.most / self.per_second);
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.seen) < full);
        }
        // Beyond the limit, all new clients share one bucket.
        let client_key = if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&client_key) {
            ClientKey::Unknown
        } else {
            client_key
        };
        let bucket = buckets.entry(client_key).or_insert(Bucket { left: self.most, seen: now });
        let passed = now.saturating_duration_since(bucket.seen).as_secs_f64();
        bucket.left = (bucket.left + passed * self.per_second).min(self.most);
        bucket.seen = now;
        if bucket.left < cost {
            return Allowed::After(((cost - bucket.left) / self.per_second).ceil().max(1.0) as u64);
        }
        bucket.left -= cost;
        Allowed::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_a_rate_per_second() {
        let (buckets, start) = (Buckets::new(10, 3), Instant::now());
        let ask = |millis| buckets.take(ClientKey::Token("a".into()), 1.0, start + Duration::from_millis(millis));
        assert_eq!([ask(0), ask(0), ask(0), ask(0)], [Allowed::Now, Allowed::Now, Allowed::Now, Allowed::After(1)]);
        assert_eq!([ask(100), ask(100)], [Allowed::Now, Allowed::After(1)]);
        assert_eq!(buckets.take(ClientKey::Token("b".into()), 1.0, start), Allowed::Now);
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_clients() {
        let (buckets, start) = (Buckets::new(10, 3), Instant::now());
        for number in 0..2 * MAX_BUCKETS as u32 {
            buckets.take(ClientKey::at(Some(IpAddr::V4(number.into()))), 1.0, start);
        }
        assert!(buckets.buckets.lock().len() <= MAX_BUCKETS + 1);
    }

    #[test]
    fn addresses_of_one_host_share_a_client_key() {
        let at = |text: &str| ClientKey::at(text.parse().ok());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }
}
