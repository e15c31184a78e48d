//! The COOKIE option of a query (RFC 7873 §4).

/// Option code.
pub const CODE: u16 = 10;
/// Length of a client cookie in octets.
pub const CLIENT: usize = 8;
/// Length of a server cookie of version 1 in octets (RFC 9018 §4).
pub const SERVER: usize = 16;
/// Length of the option's data in a response.
pub const BOTH: usize = CLIENT + SERVER;

/// The COOKIE option of a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CookieOption {
    /// There is none.
    #[default]
    Absent,
    /// A client cookie alone.
    Client([u8; CLIENT]),
    /// A client cookie and a server cookie that has the length of ours.
    Both {
        /// The client cookie.
        client: [u8; CLIENT],
        /// The server cookie.
        server: [u8; SERVER],
    },
    /// A client cookie and a server cookie of another valid length, which cannot be ours.
    Foreign([u8; CLIENT]),
    /// Of a length that RFC 7873 §5.2.2 does not allow.
    Malformed,
}

impl CookieOption {
    /// Parses the first `len` of `octets`, the data of an option.
    pub(super) fn parse(octets: &[u8], len: usize) -> CookieOption {
        let Some((&client, server)) = octets.get(..len).and_then(<[u8]>::split_first_chunk) else {
            return CookieOption::Malformed;
        };
        match (server.len(), <[u8; SERVER]>::try_from(server)) {
            (0, _) => CookieOption::Client(client),
            (_, Ok(server)) => CookieOption::Both { client, server },
            (8..=32, _) => CookieOption::Foreign(client),
            _ => CookieOption::Malformed,
        }
    }

    /// The client cookie of a well-formed option.
    pub fn client(&self) -> Option<[u8; CLIENT]> {
        match *self {
            CookieOption::Client(client) | CookieOption::Both { client, .. } | CookieOption::Foreign(client) => {
                Some(client)
            }
            CookieOption::Absent | CookieOption::Malformed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lengths_of_8_and_16_to_40_octets_are_well_formed() {
        let octets: Vec<u8> = (0..80).collect();
        for len in 0..=64 {
            let well_formed = len == 8 || (16..=40).contains(&len);
            let option = CookieOption::parse(&octets, len);
            assert_eq!(option != CookieOption::Malformed, well_formed, "{len}");
            assert_eq!(option.client().is_some(), well_formed, "{len}");
            assert_eq!(matches!(option, CookieOption::Both { .. }), len == 24, "{len}");
        }
        assert_eq!(CookieOption::parse(&octets[..20], 24), CookieOption::Malformed, "runs past the message");
    }
}
