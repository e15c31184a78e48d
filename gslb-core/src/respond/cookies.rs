//! Server cookies (RFC 7873, RFC 9018 version 1): makes them, and verifies those that clients return.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::dns::wire::cookie::{BOTH, CLIENT, CookieOption, SERVER};

/// How long a cookie is valid, in seconds (RFC 9018 §4.3).
const LIFETIME: i32 = 3600;
/// Lowest age of a valid cookie, in seconds: clocks of a fleet differ (RFC 9018 §4.3).
const YOUNGEST: i32 = -300;
/// From this age on a cookie is renewed, in seconds (RFC 9018 §4.3).
const RENEWAL: i32 = 1800;
/// Seconds of a day.
const DAY: u32 = 86_400;
/// Version 1 of a server cookie, and three reserved octets (RFC 9018 §4).
const HEAD: [u8; 4] = [1, 0, 0, 0];

/// A secret: the key of SipHash-2-4.
pub type Secret = [u8; 16];

/// The secrets that server cookies are made with. All nodes that have the same ones accept each other's cookies.
#[derive(Debug, Clone)]
pub struct Secrets(Keys);

#[derive(Debug, Clone)]
enum Keys {
    /// The secrets of consecutive days since the epoch, from the first of them on. A cookie has that of its own day.
    Daily { first: u32, days: Box<[SipHasher24; 3]> },
    /// The first one signs, all verify.
    Shared(Box<[SipHasher24]>),
}

impl Secrets {
    /// The secrets of yesterday, today and tomorrow; days are counted since the epoch. A cookie is made and verified
    /// with the secret of the day of its own timestamp, so nodes need not change secrets at the same moment.
    pub fn daily(today: u32, secret: impl Fn(u32) -> Secret) -> Secrets {
        let first = today.wrapping_sub(1);
        let key = |after: u32| SipHasher24::new_with_key(&secret(first.wrapping_add(after)));
        Secrets(Keys::Daily { first, days: Box::new([key(0), key(1), key(2)]) })
    }

    /// Secrets that do not change with time, as other name servers use them: the first one signs, all verify. Without
    /// any, no cookie is valid and none is made.
    pub fn shared(secrets: &[Secret]) -> Secrets {
        Secrets(Keys::Shared(secrets.iter().map(SipHasher24::new_with_key).collect()))
    }

    /// The day of `unix`, seconds since the epoch, as [`Secrets::daily`] counts.
    pub fn day(unix: u32) -> u32 {
        unix / DAY
    }

    /// The key that signs a cookie made at `unix`.
    fn signing(&self, unix: u32) -> Option<&SipHasher24> {
        match &self.0 {
            Keys::Daily { first, days } => days.get(Secrets::day(unix).wrapping_sub(*first) as usize),
            Keys::Shared(keys) => keys.first(),
        }
    }

    /// A new server cookie.
    fn make(&self, client: [u8; CLIENT], address: IpAddr, unix: u32) -> Option<[u8; SERVER]> {
        let ([v, r0, r1, r2], [t0, t1, t2, t3]) = (HEAD, unix.to_be_bytes());
        let head = [v, r0, r1, r2, t0, t1, t2, t3];
        let [h0, h1, h2, h3, h4, h5, h6, h7] = hash(self.signing(unix)?, client, head, address);
        Some([v, r0, r1, r2, t0, t1, t2, t3, h0, h1, h2, h3, h4, h5, h6, h7])
    }

    /// Which key made a server cookie: its index, 0 for the one that signs today.
    fn made_by(&self, client: [u8; CLIENT], server: [u8; SERVER], address: IpAddr) -> Option<usize> {
        let [head @ .., _, _, _, _, _, _, _, _] = server;
        let [.., h0, h1, h2, h3, h4, h5, h6, h7] = server;
        let expected = u64::from_ne_bytes([h0, h1, h2, h3, h4, h5, h6, h7]);
        let matches = |key: &SipHasher24| u64::from_ne_bytes(hash(key, client, head, address)) == expected;
        match &self.0 {
            Keys::Daily { .. } => self.signing(time_of(server)).filter(|key| matches(key)).map(|_| 0),
            Keys::Shared(keys) => keys.iter().position(matches),
        }
    }

    /// Examines the option of a query that `address` has sent at `unix`, seconds since the epoch: what it proves, and
    /// the option's data for the response. `None` if it is absent or malformed.
    pub(super) fn examine(&self, option: &CookieOption, address: IpAddr, unix: u32) -> Option<Examined> {
        let client = option.client()?;
        let (result, keep) = match *option {
            CookieOption::Both { client, server } => self.judge(client, server, address, unix),
            CookieOption::Foreign(_) => (CookieResult::Invalid, None),
            _ => (CookieResult::Client, None),
        };
        let server = keep.or_else(|| self.make(client, address, unix))?;
        let mut data = [0; BOTH];
        let (front, back) = data.split_at_mut(CLIENT);
        front.copy_from_slice(&client);
        back.copy_from_slice(&server);
        Some(Examined { result, data })
    }

    /// What a server cookie proves, and the cookie itself if it need not be renewed.
    fn judge(
        &self,
        client: [u8; CLIENT],
        server: [u8; SERVER],
        address: IpAddr,
        unix: u32,
    ) -> (CookieResult, Option<[u8; SERVER]>) {
        let made_by = match server {
            [1, ..] => self.made_by(client, server, address),
            _ => None,
        };
        let Some(key) = made_by else { return (CookieResult::Invalid, None) };
        // RFC 9018 §4.3: serial number arithmetic.
        match unix.wrapping_sub(time_of(server)) as i32 {
            age @ YOUNGEST..=LIFETIME => (CookieResult::Valid, Some(server).filter(|_| age <= RENEWAL && key == 0)),
            _ => (CookieResult::Stale, None),
        }
    }
}

/// What the COOKIE option of a query proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieResult {
    /// Nothing: it has a client cookie alone.
    Client,
    /// The sender has received a response at its address within the last hour.
    Valid,
    /// We made the server cookie, but too long ago, or in the future.
    Stale,
    /// We did not make the server cookie for this client and address.
    Invalid,
}

impl CookieResult {
    /// All results, in counter order.
    pub const ALL: [CookieResult; 4] =
        [CookieResult::Client, CookieResult::Valid, CookieResult::Stale, CookieResult::Invalid];

    /// The name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            CookieResult::Client => "client",
            CookieResult::Valid => "valid",
            CookieResult::Stale => "stale",
            CookieResult::Invalid => "invalid",
        }
    }
}

/// An examined option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Examined {
    pub(super) result: CookieResult,
    /// The option's data for the response: the client cookie, and a server cookie that is valid.
    pub(super) data: [u8; BOTH],
}

/// The timestamp in a server cookie.
fn time_of(server: [u8; SERVER]) -> u32 {
    let [_, _, _, _, t0, t1, t2, t3, ..] = server;
    u32::from_be_bytes([t0, t1, t2, t3])
}

/// The hash in a server cookie (RFC 9018 §4.4); `head` is what precedes it.
fn hash(key: &SipHasher24, client: [u8; CLIENT], head: [u8; 8], address: IpAddr) -> [u8; 8] {
    let mut input = [0; CLIENT + 8 + 16];
    let (front, back) = input.split_at_mut(CLIENT);
    front.copy_from_slice(&client);
    let (middle, back) = back.split_at_mut(8);
    middle.copy_from_slice(&head);
    let len = match address.to_canonical() {
        IpAddr::V4(v4) => {
            back.iter_mut().zip(v4.octets()).for_each(|(place, octet)| *place = octet);
            CLIENT + 8 + 4
        }
        IpAddr::V6(v6) => {
            back.copy_from_slice(&v6.octets());
            CLIENT + 8 + 16
        }
    };
    key.hash(input.get(..len).unwrap_or_default()).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    fn option(hex: &str) -> CookieOption {
        let data = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        match data.len() {
            8 => CookieOption::Client(octets(hex)),
            _ => CookieOption::Both { client: octets(&hex[..16]), server: octets(&hex[16..]) },
        }
    }

    const FIRST: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[test]
    fn cookies_are_those_of_rfc_9018_appendix_a() {
        let (old, new) = ("dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962");
        let v4 = ["198.51.100.100", "203.0.113.203"];
        let v6 = "2001:db8:220:1:59de:d0f4:8769:82b8";
        for (secrets, address, sent, unix, result, expected) in [
            // A.1 and A.2
            (
                vec![FIRST],
                v4[0],
                "2464c4abcf10c957",
                1559731985,
                CookieResult::Client,
                "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
            ),
            (
                vec![FIRST],
                v4[0],
                "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
                1559734385,
                CookieResult::Valid,
                "2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
            ),
            // A.3: a cookie whose reserved octets are not zero
            (
                vec![FIRST],
                v4[1],
                "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
                1559734700,
                CookieResult::Stale,
                "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
            ),
            // A.4: a new secret
            (
                vec![new, old],
                v6,
                "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
                1559741961,
                CookieResult::Valid,
                "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
            ),
        ] {
            let secrets: Vec<Secret> = secrets.iter().map(|secret| octets(secret)).collect();
            let examined = Secrets::shared(&secrets).examine(&option(sent), address.parse().unwrap(), unix).unwrap();
            assert_eq!((examined.result, examined.data), (result, octets(expected)), "{sent}");
        }
    }

    #[test]
    fn a_cookie_is_valid_from_300_s_before_to_3600_s_after_it_was_made_and_renewed_after_1800_s() {
        let (client, address) = ([7; 8], "192.0.2.1".parse().unwrap());
        for secrets in [Secrets::shared(&[[1; 16]]), Secrets::daily(20_000, |day| [day as u8; 16])] {
            let made_at = 20_000 * DAY + 100;
            let made = secrets.make(client, address, made_at).unwrap();
            let option = CookieOption::Both { client, server: made };
            for (age, result, kept) in [
                (-301, CookieResult::Stale, false),
                (-300, CookieResult::Valid, true),
                (0, CookieResult::Valid, true),
                (1800, CookieResult::Valid, true),
                (1801, CookieResult::Valid, false),
                (3600, CookieResult::Valid, false),
                (3601, CookieResult::Stale, false),
            ] {
                let unix = made_at.wrapping_add_signed(age);
                let examined = secrets.examine(&option, address, unix).unwrap();
                assert_eq!((examined.result, examined.data[8..] == made), (result, kept), "{age}");
                let again = CookieOption::Both { client, server: octets_of(&examined.data) };
                assert_eq!(secrets.examine(&again, address, unix).unwrap().result, CookieResult::Valid, "{age}");
            }
        }
    }

    fn octets_of(data: &[u8; BOTH]) -> [u8; SERVER] {
        data[CLIENT..].try_into().unwrap()
    }

    #[test]
    fn a_cookie_outlives_midnight_and_nodes_need_not_change_secrets_together() {
        let secret = |day: u32| [day.to_be_bytes(); 4].as_flattened().try_into().unwrap();
        let (client, address) = ([7; 8], "2001:db8::1".parse().unwrap());
        let (before, after) = (20_000 * DAY - 10, 20_000 * DAY + 10);
        let (yesterday, today) = (Secrets::daily(19_999, secret), Secrets::daily(20_000, secret));
        for (maker, verifier, made, read) in [
            (&yesterday, &today, before, after),
            (&yesterday, &today, after, after),
            (&today, &yesterday, after, before),
        ] {
            let server = maker.make(client, address, made).unwrap();
            let examined = verifier.examine(&CookieOption::Both { client, server }, address, read).unwrap();
            assert_eq!(examined.result, CookieResult::Valid, "made {made}, read {read}");
        }
    }

    #[test]
    fn a_cookie_of_another_address_client_secret_or_version_is_invalid() {
        let secrets = Secrets::shared(&[[1; 16], [2; 16]]);
        let (client, address) = ([7; 8], "192.0.2.1".parse().unwrap());
        let server = secrets.make(client, address, 1_000_000).unwrap();
        let judge = |secrets: &Secrets, client, server, address: &str| {
            let option = CookieOption::Both { client, server };
            secrets.examine(&option, address.parse().unwrap(), 1_000_000).unwrap().result
        };
        assert_eq!(judge(&secrets, client, server, "192.0.2.1"), CookieResult::Valid);
        assert_eq!(judge(&secrets, client, server, "::ffff:192.0.2.1"), CookieResult::Valid);
        assert_eq!(judge(&secrets, client, server, "192.0.2.2"), CookieResult::Invalid);
        assert_eq!(judge(&secrets, [8; 8], server, "192.0.2.1"), CookieResult::Invalid);
        assert_eq!(judge(&Secrets::shared(&[[2; 16]]), client, server, "192.0.2.1"), CookieResult::Invalid);
        for at in 0..SERVER {
            let mut forged = server;
            forged[at] ^= 1;
            assert_eq!(judge(&secrets, client, forged, "192.0.2.1"), CookieResult::Invalid, "octet {at}");
        }
        let foreign = secrets.examine(&CookieOption::Foreign(client), address, 1_000_000).unwrap();
        assert_eq!((foreign.result, octets_of(&foreign.data)), (CookieResult::Invalid, server));
    }
}
