//! Hexadecimal, base32hex and base64 (RFC 4648), strict: no stray characters, no leftover bits.

const HEX: &[u8] = b"0123456789ABCDEF";
const BASE32_HEX: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Octets as hexadecimal digits in upper case.
pub(crate) fn hex(octets: &[u8]) -> String {
    pack(octets, HEX, 4)
}

/// Octets from hexadecimal digits in any case; none where the digits are odd in number or not digits.
pub(crate) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    unpack(text, 4, |digit| char::from(digit).to_digit(16))
}

/// Octets as base32hex in upper case without padding, as NSEC3 writes hashes (RFC 5155 §3.3).
pub(crate) fn base32_hex(octets: &[u8]) -> String {
    pack(octets, BASE32_HEX, 5)
}

/// Octets from base32hex in any case without padding.
pub(crate) fn from_base32_hex(text: &[u8]) -> Option<Vec<u8>> {
    unpack(text, 5, |digit| char::from(digit).to_digit(32))
}

/// Octets as base64 with padding.
pub(crate) fn base64(octets: &[u8]) -> String {
    let mut text = pack(octets, BASE64, 6);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Octets from base64, whose padding has to be there.
pub(crate) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&symbol| symbol == b'=').count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let octets = unpack(text.get(..text.len() - padding)?, 6, |symbol| {
        Some(u32::from(match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    })?;
    // One symbol of padding stands for two octets in the last group, two for one; anything else is a wrong length.
    ((octets.len() + padding).is_multiple_of(3)).then_some(octets)
}

fn pack(octets: &[u8], alphabet: &[u8], width: u32) -> String {
    let mut text = String::with_capacity(octets.len() * 8 / width as usize + 1);
    let mask = (1u32 << width) - 1;
    let mut symbol = |bits: u32| text.extend(alphabet.get((bits & mask) as usize).copied().map(char::from));
    let (mut bits, mut held) = (0u32, 0u32);
    for &octet in octets {
        bits = (bits << 8 | u32::from(octet)) & 0xFFFF;
        held += 8;
        while held >= width {
            held -= width;
            symbol(bits >> held);
        }
    }
    if held > 0 {
        symbol(bits << (width - held));
    }
    text
}

fn unpack(text: &[u8], width: u32, value: impl Fn(u8) -> Option<u32>) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() * width as usize / 8);
    let (mut bits, mut held) = (0u32, 0u32);
    for &symbol in text {
        bits = (bits << width | value(symbol)?) & 0xFFFF;
        held += width;
        if held >= 8 {
            held -= 8;
            octets.push((bits >> held) as u8);
        }
    }
    // What is left over is less than a symbol and all zero, or the text says more than the octets do.
    (held < width && bits & ((1 << held) - 1) == 0).then_some(octets)
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
    fn leftovers_are_refused() {
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
