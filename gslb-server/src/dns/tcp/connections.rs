//! Which connections are open, how many each client has, and which one has to go when there are too many
//! (RFC 7766 section 6.2.2, RFC 9210 section 4).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;

/// Whom a limit holds for: an IPv4 address, or the first 64 bits of an IPv6 address, which one host can fill alone.
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

/// One of this many file descriptors of the process may be a connection's of one kind, HTTP or DNS over TCP, so that the
/// store, files and the other kind have theirs whatever clients do.
const DESCRIPTOR_SHARE: u64 = 4;

/// How many connections there may be of one kind, of which `most` are wanted: no more than their share of the descriptors.
pub(crate) fn within_descriptors(most: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let share = usize::try_from(descriptors / DESCRIPTOR_SHARE).unwrap_or(usize::MAX).max(1);
    most.min(share)
}

/// All open connections.
pub(crate) struct Connections {
    start: Instant,
    most: usize,
    most_per_client: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_number: u64,
    all: HashMap<u64, Arc<Entry>>,
    per_client: HashMap<Client, usize>,
}

/// What is known about an open connection.
struct Entry {
    client: Client,
    /// When it was last of use, in nanoseconds since [`Connections::start`].
    last_use: AtomicU64,
    /// How much is being done for it: it is not idle then, however long it takes.
    busy: AtomicU32,
    evicted: Notify,
}

/// Whether a new connection may stay.
pub(crate) enum Admission {
    /// It may; `evicted` tells whether another one was told to go for it.
    Admitted { place: Place, evicted: bool },
    /// Its client has as many as it may.
    ClientIsFull,
}

/// A connection's place among the open ones, given up when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    entry: Arc<Entry>,
}

impl Connections {
    /// None open; `most` in all and `most_per_client` may be.
    pub(crate) fn new(most: usize, most_per_client: usize) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), most, most_per_client, open: Mutex::default() })
    }

    /// Makes place for a connection from `address`, at the cost of the one idle for longest where all are taken.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Admission {
        let client = Client::from(address);
        let mut open = self.lock();
        if open.is_full_of(client, self.most_per_client) {
            return Admission::ClientIsFull;
        }
        let evicted = open.all.len() >= self.most && open.evict_idlest();
        Admission::Admitted { place: self.place(&mut open, client), evicted }
    }

    /// Makes place for a connection from `address` in any case: at the cost of its client's idlest one where that has as
    /// many as it may, of the idlest of all where all are taken.
    pub(crate) fn admit_in_place(self: &Arc<Self>, address: IpAddr) -> Place {
        let client = Client::from(address);
        let mut open = self.lock();
        if open.is_full_of(client, self.most_per_client) {
            open.evict_idlest_of(|entry| entry.client == client);
        } else if open.all.len() >= self.most {
            open.evict_idlest();
        }
        self.place(&mut open, client)
    }

    fn place(self: &Arc<Self>, open: &mut Open, client: Client) -> Place {
        let busy = AtomicU32::new(0);
        let entry = Arc::new(Entry { client, last_use: self.now().into(), busy, evicted: Notify::new() });
        let number = open.next_number;
        open.next_number += 1;
        open.all.insert(number, entry.clone());
        *open.per_client.entry(client).or_default() += 1;
        Place { connections: self.clone(), number, entry }
    }

    /// Tells the connection that has been idle for longest to go. Returns whether there was one.
    pub(crate) fn evict_idlest(&self) -> bool {
        self.lock().evict_idlest()
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().all.len()
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// A look at each of them: only done when all places are taken, and there are thousands at most.
    fn evict_idlest(&mut self) -> bool {
        self.evict_idlest_of(|_| true)
    }

    /// The same among those that `may_go`.
    fn evict_idlest_of(&mut self, may_go: impl Fn(&Entry) -> bool) -> bool {
        let use_of = |entry: &Entry| (entry.busy.load(Ordering::Relaxed) > 0, entry.last_use.load(Ordering::Relaxed));
        let all = self.all.iter().filter(|(_, entry)| may_go(entry));
        let idlest = all.min_by_key(|(number, entry)| (use_of(entry), **number));
        let Some(number) = idlest.map(|(number, _)| *number) else { return false };
        if let Some(entry) = self.remove(number) {
            entry.evicted.notify_one();
        }
        true
    }

    fn is_full_of(&self, client: Client, most: usize) -> bool {
        self.per_client.get(&client).is_some_and(|count| *count >= most)
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Entry>> {
        let entry = self.all.remove(&number)?;
        if let Some(count) = self.per_client.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&entry.client);
            }
        }
        Some(entry)
    }
}

impl Place {
    /// Notes that the connection is of use just now.
    pub(crate) fn used(&self) {
        self.entry.last_use.store(self.connections.now(), Ordering::Relaxed);
    }

    /// Notes that something is done for the connection, until what this returns is dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.used();
        self.entry.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Waits until the connection is told to go.
    pub(crate) async fn evicted(&self) {
        self.entry.evicted.notified().await;
    }
}

/// That something is done for a connection.
pub(crate) struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.used();
        self.0.entry.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(connections: &Arc<Connections>, address: &str) -> Option<(Place, bool)> {
        match connections.admit(address.parse().unwrap()) {
            Admission::Admitted { place, evicted } => Some((place, evicted)),
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
    fn the_one_idle_for_longest_makes_place() {
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
        // The evicted one leaves later, and takes nobody's place with it.
        drop(places);
        assert_eq!(numbers(&connections), [3]);
        assert_eq!(connections.lock().per_client.len(), 1);
    }
}
