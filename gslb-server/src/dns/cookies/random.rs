//! The random secret of a server, which its successor continues.

use std::fmt;
use std::iter;

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::origin::Master;

/// 32 random octets. Never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomSecret([u8; 32]);

impl fmt::Debug for RandomSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RandomSecret")
    }
}

impl RandomSecret {
    /// One that no one knows.
    pub(super) fn new() -> Self {
        let mut octets = [0; 32];
        if getrandom::fill(&mut octets).is_err() {
            // Without a source of randomness in the kernel, that of the hasher is what there is.
            let seeds = iter::repeat_with(crate::dns::udp::seed).flat_map(u64::to_ne_bytes);
            octets.iter_mut().zip(seeds).for_each(|(octet, seed)| *octet = seed);
        }
        Self(octets)
    }

    /// The master secret with these octets.
    pub(super) fn master(&self) -> Master {
        Master::Daily(hmac::Key::new(hmac::HMAC_SHA256, &self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cookies, Origin};
    use super::*;

    /// What the master secret makes of a day.
    fn made(cookies: &Cookies) -> Vec<u8> {
        match &*cookies.current.read().master {
            Master::Daily(key) => hmac::sign(key, b"day").as_ref().to_vec(),
            Master::Shared(_) => panic!("it is random"),
        }
    }

    #[test]
    fn a_successor_makes_the_same_cookies() {
        let (predecessor, successor) = (Cookies::start(Origin::Random), Cookies::start(Origin::Random));
        let sent = serde_json::to_string(&predecessor.random()).unwrap();
        assert_ne!(made(&predecessor), made(&successor));
        successor.continue_random(serde_json::from_str(&sent).unwrap());
        assert_eq!(made(&predecessor), made(&successor));
        assert_eq!(successor.random(), predecessor.random(), "and so does the next one");
        assert_eq!(format!("{:?}", predecessor.random()), "RandomSecret");
    }
}
