//! Tracks open connections per client, and evicts the idlest one if there are too many
//! (RFC 7766 section 6.2.2, RFC 9210 section 4).

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;

/// The unit of the per-client limit: an IPv4 address, or an IPv6 /64, since one host can use all its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Client(IpAddr);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

/// HTTP, DNS over TCP and DNS over TLS may each use one in this many file descriptors of the process, so that clients cannot starve
/// the store, files or each other.
const DESCRIPTOR_SHARE: u64 = 4;

/// One in this many connections may be in a handshake, so that clients that never finish one cannot evict all others.
const HANDSHAKE_SHARE: usize = 4;

/// The connection limit of one kind: `limit`, but no more than its share of the descriptors.
pub(crate) fn within_descriptors(limit: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = usize::try_from(descriptors / DESCRIPTOR_SHARE).unwrap_or(usize::MAX).max(1);
    limit.min(share)
}

/// All open connections.
pub(crate) struct Connections {
    start: Instant,
    limit: usize,
    limit_per_client: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_number: u64,
    all: HashMap<u64, Arc<Entry>>,
    per_client: HashMap<Client, usize>,
    /// Those in a handshake, in the order in which they began.
    handshaking: BTreeSet<u64>,
}

/// An open connection.
struct Entry {
    client: Client,
    /// When it was last used, in nanoseconds since [`Connections::start`].
    last_use: AtomicU64,
    /// Number of running requests: while there are any, the connection is not idle.
    busy: AtomicU32,
    evicted: Notify,
}

/// Whether a new connection is admitted.
pub(crate) enum Admission {
    /// It is; `evicted` is true if another one was evicted for it.
    Admitted { slot: ConnectionSlot, evicted: bool },
    /// Its client is at its limit.
    ClientIsFull,
}

/// A connection's slot, freed when dropped.
pub(crate) struct ConnectionSlot {
    connections: Arc<Connections>,
    number: u64,
    entry: Arc<Entry>,
}

impl Connections {
    /// No open connections, with a total limit and one per client.
    pub(crate) fn new(limit: usize, limit_per_client: usize) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), limit, limit_per_client, open: Mutex::default() })
    }

    /// Admits a connection from `address`; if all slots are taken, the idlest connection is evicted.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Admission {
        let client = Client::from(address);
        let mut open = self.lock();
        if open.is_full_of(client, self.limit_per_client) {
            return Admission::ClientIsFull;
        }
        let evicted = open.all.len() >= self.limit && open.evict_idlest();
        Admission::Admitted { slot: self.slot(&mut open, client), evicted }
    }

    /// As [`Connections::admit`], without a limit for its client.
    pub(crate) fn admit_exempt(self: &Arc<Self>, address: IpAddr) -> Admission {
        let mut open = self.lock();
        let evicted = open.all.len() >= self.limit && open.evict_idlest();
        Admission::Admitted { slot: self.slot(&mut open, Client::from(address)), evicted }
    }

    /// As [`Connections::admit`], for a connection that begins with a handshake. If too many are in one, the handshake
    /// that began first is evicted.
    pub(crate) fn admit_handshake(self: &Arc<Self>, address: IpAddr) -> Admission {
        let client = Client::from(address);
        let mut open = self.lock();
        if open.is_full_of(client, self.limit_per_client) {
            return Admission::ClientIsFull;
        }
        let too_many_handshakes = open.handshaking.len() >= (self.limit / HANDSHAKE_SHARE).max(1);
        let evicted = match open.handshaking.first().copied() {
            Some(first) if too_many_handshakes => open.evict(first),
            _ => open.all.len() >= self.limit && open.evict_idlest(),
        };
        let slot = self.slot(&mut open, client);
        open.handshaking.insert(slot.number);
        Admission::Admitted { slot, evicted }
    }

    /// Always admits a connection from `address`: evicts its client's idlest one if the client is at its limit, or the
    /// idlest of all if all slots are taken.
    pub(crate) fn admit_in_place(self: &Arc<Self>, address: IpAddr) -> ConnectionSlot {
        let client = Client::from(address);
        let mut open = self.lock();
        if open.is_full_of(client, self.limit_per_client) {
            open.evict_idlest_of(|entry| entry.client == client);
        } else if open.all.len() >= self.limit {
            open.evict_idlest();
        }
        self.slot(&mut open, client)
    }

    fn slot(self: &Arc<Self>, open: &mut Open, client: Client) -> ConnectionSlot {
        let busy = AtomicU32::new(0);
        let entry = Arc::new(Entry { client, last_use: self.now().into(), busy, evicted: Notify::new() });
        let number = open.next_number;
        open.next_number += 1;
        open.all.insert(number, entry.clone());
        *open.per_client.entry(client).or_default() += 1;
        ConnectionSlot { connections: self.clone(), number, entry }
    }

    /// Evicts the connection that has been idle longest. Returns whether there was one.
    pub(crate) fn evict_idlest(&self) -> bool {
        self.lock().evict_idlest()
    }

    /// Number of open connections.
    pub(crate) fn count(&self) -> usize {
        self.lock().all.len()
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock()
    }
}

impl Open {
    /// Scans all connections: there are thousands at most, and this happens only when all slots are taken.
    fn evict_idlest(&mut self) -> bool {
        self.evict_idlest_of(|_| true)
    }

    /// As [`Open::evict_idlest`], among those that `may_evict`.
    fn evict_idlest_of(&mut self, may_evict: impl Fn(&Entry) -> bool) -> bool {
        let use_of = |entry: &Entry| (entry.busy.load(Ordering::Relaxed) > 0, entry.last_use.load(Ordering::Relaxed));
        let all = self.all.iter().filter(|(_, entry)| may_evict(entry));
        let idlest = all.min_by_key(|(number, entry)| (use_of(entry), **number));
        idlest.map(|(number, _)| *number).is_some_and(|number| self.evict(number))
    }

    /// Evicts this connection. Returns whether there was one.
    fn evict(&mut self, number: u64) -> bool {
        let entry = self.remove(number);
        entry.inspect(|entry| entry.evicted.notify_one()).is_some()
    }

    fn is_full_of(&self, client: Client, limit: usize) -> bool {
        self.per_client.get(&client).is_some_and(|count| *count >= limit)
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Entry>> {
        let entry = self.all.remove(&number)?;
        self.handshaking.remove(&number);
        if let Some(count) = self.per_client.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&entry.client);
            }
        }
        Some(entry)
    }
}

impl ConnectionSlot {
    /// Records a use of the connection.
    pub(crate) fn used(&self) {
        self.entry.last_use.store(self.connections.now(), Ordering::Relaxed);
    }

    /// Records that the handshake is complete.
    pub(crate) fn established(&self) {
        self.connections.lock().handshaking.remove(&self.number);
        self.used();
    }

    /// Marks the connection as busy until the result is dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.used();
        self.entry.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Waits until the connection is evicted.
    pub(crate) async fn evicted(&self) {
        self.entry.evicted.notified().await;
    }
}

/// Marks a connection as busy.
pub(crate) struct Busy(Arc<ConnectionSlot>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.used();
        self.0.entry.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(connections: &Arc<Connections>, address: &str) -> Option<(ConnectionSlot, bool)> {
        match connections.admit(address.parse().unwrap()) {
            Admission::Admitted { slot, evicted } => Some((slot, evicted)),
            Admission::ClientIsFull => None,
        }
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_a_network_of_64_bits() {
        let connections = Connections::new(100, 2);
        let _first = admit(&connections, "2001:db8:0:1::1").unwrap();
        let second = admit(&connections, "2001:db8:0:1:ffff::2").unwrap();
        assert!(admit(&connections, "2001:db8:0:1::3").is_none());
        let _elsewhere = admit(&connections, "2001:db8:0:2::3").unwrap();
        drop(second);
        let _again = admit(&connections, "2001:db8:0:1::3").unwrap();

        let _v4 = (admit(&connections, "192.0.2.1").unwrap(), admit(&connections, "::ffff:192.0.2.1").unwrap());
        assert!(admit(&connections, "192.0.2.1").is_none());
        assert!(admit(&connections, "192.0.2.2").is_some());
    }

    #[test]
    fn handshakes_evict_each_other_before_they_take_more_than_their_share() {
        let connections = Connections::new(8, 8);
        let established: Vec<_> = (0..6)
            .map(|_| match connections.admit_handshake([192, 0, 2, 1].into()) {
                Admission::Admitted { slot, evicted } => {
                    assert!(!evicted);
                    slot.established();
                    slot
                }
                Admission::ClientIsFull => panic!("there is room"),
            })
            .collect();
        let mut handshaking = Vec::new();
        for number in 0..20 {
            let Admission::Admitted { slot, evicted } = connections.admit_handshake([192, 0, 2, 2].into()) else {
                panic!("its client has room")
            };
            assert_eq!(evicted, number >= 2, "handshake {number}");
            handshaking.push(slot);
        }
        assert_eq!(connections.count(), 8);
        let numbers = connections.lock().handshaking.iter().copied().collect::<Vec<_>>();
        assert_eq!(numbers, [24, 25], "the ones that began last");
        assert!(established.iter().all(|slot| connections.lock().all.contains_key(&slot.number)));
        drop(handshaking);
        assert_eq!((connections.count(), connections.lock().handshaking.len()), (6, 0));
    }

    #[test]
    fn the_idlest_connection_is_evicted() {
        let connections = Connections::new(3, 3);
        let places = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|address| admit(&connections, address).unwrap().0);
        places[0].used();
        let (_fourth, evicted) = admit(&connections, "192.0.2.4").unwrap();
        assert!(evicted);
        let numbers = |connections: &Connections| {
            let mut numbers: Vec<u64> = connections.lock().all.keys().copied().collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(&connections), [0, 2, 3]);
        // The evicted connection closes later, without freeing another slot.
        drop(places);
        assert_eq!(numbers(&connections), [3]);
        assert_eq!(connections.lock().per_client.len(), 1);
    }
}
