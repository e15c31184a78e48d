//! Strict hexadecimal, base32hex and base64 (RFC 4648): no stray characters, no leftover bits.

use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXUPPER, HEXUPPER_PERMISSIVE};

/// Octets as hexadecimal digits in uppercase.
pub(crate) fn hex(octets: &[u8]) -> String {
    HEXUPPER.encode(octets)
}

/// Octets from hexadecimal digits in any case; `None` if the digits are odd in number or not digits.
pub(crate) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    HEXUPPER_PERMISSIVE.decode(text).ok()
}

/// Octets as base32hex in uppercase without padding, as NSEC3 writes hashes (RFC 5155 §3.3).
pub(crate) fn base32_hex(octets: &[u8]) -> String {
    BASE32HEX_NOPAD.encode(octets)
}

/// Octets from base32hex in any case without padding.
pub(crate) fn from_base32_hex(text: &[u8]) -> Option<Vec<u8>> {
    BASE32HEX_NOPAD.decode(&text.to_ascii_uppercase()).ok()
}

/// Octets as base64 with padding.
pub(crate) fn base64(octets: &[u8]) -> String {
    BASE64.encode(octets)
}

/// Octets from base64; padding is required.
pub(crate) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    // Reject several padded values in a row, so that each value has one text.
    let padded = text.iter().position(|&symbol| symbol == b'=').unwrap_or(text.len());
    if text.len() - padded > 2 {
        return None;
    }
    let octets = BASE64.decode(text).ok()?;
    (padded + 4 > text.len()).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_round_trip_at_every_length() {
        let octets: Vec<u8> = (0..=255).rev().collect();
        for len in 0..octets.len() {
            let octets = &octets[..len];
            assert_eq!(from_hex(hex(octets).as_bytes()).unwrap(), octets);
            assert_eq!(from_base32_hex(base32_hex(octets).as_bytes()).unwrap(), octets);
            assert_eq!(from_base64(base64(octets).as_bytes()).unwrap(), octets);
        }
    }

    #[test]
    fn vectors_of_rfc_4648_section_10() {
        assert_eq!(base64(b"fooba"), "Zm9vYmE=");
        assert_eq!(base64(b"foob"), "Zm9vYg==");
        assert_eq!(base32_hex(b"foobar"), "CPNMUOJ1E8");
        assert_eq!(hex(b"foobar"), "666F6F626172");
    }

    #[test]
    fn leftover_bits_and_characters_are_rejected() {
        for text in ["A", "AA", "AA=", "AB==", "A===", "AAAA=", "AA==AA==", "A.A=", "=", "===="] {
            assert_eq!(from_base64(text.as_bytes()), None, "{text}");
        }
        for text in ["2T7", "W", "21", "2"] {
            assert_eq!(from_base32_hex(text.as_bytes()), None, "{text}");
        }
        assert_eq!(from_hex(b"ABC"), None);
        assert_eq!(from_hex(b"0x"), None);
    }
}
