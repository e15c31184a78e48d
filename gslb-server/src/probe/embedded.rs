//! IPv4 addresses embedded in IPv6 addresses: where a translator or tunnel delivers the packet.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The IPv4 addresses that packets to `address` may reach.
pub(super) fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let bits = address.to_bits();
    let v4 = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    let within = |prefix: u128, len: u32| (bits ^ prefix) >> (128 - len) == 0;
    // The tail of an address: mapped (RFC 4291 §2.5.5.2), compatible (§2.5.5.1; ::1 and :: are not),
    // translated (RFC 2765 §2.1), NAT64 (RFC 6052 §2.1, RFC 8215), ISATAP (RFC 5214 §6.1).
    let mapped = within(0xffff << 32, 96);
    let compatible = within(0, 96) && bits > 1;
    let translated = within(0xffff << 48, 96);
    let nat64 = within(NAT64, 96) || within(LOCAL_NAT64, 48);
    let isatap = matches!((bits >> 32) as u32, 0x5efe | 0x200_5efe);
    let tail = (mapped || compatible || translated || nat64 || isatap).then(|| v4(0));
    // A local NAT64 of 48 bits has the address around bits 64 to 71, which are 0 (RFC 6052 §2.2).
    let split = ((bits >> 64) as u32 & 0xffff) << 16 | (bits >> 40) as u32 & 0xffff;
    let split = within(LOCAL_NAT64, 48).then(|| Ipv4Addr::from_bits(split));
    // 6to4 (RFC 3056 §2).
    let six_to_four = within(0x2002 << 112, 16).then(|| v4(80));
    // Teredo embeds a server, and a client with inverted bits (RFC 4380 §4).
    let teredo = within(0x2001_0000 << 96, 32).then(|| [v4(64), Ipv4Addr::from_bits(!(bits as u32))]);
    [tail, split, six_to_four].into_iter().flatten().chain(teredo.into_iter().flatten())
}

/// 64:ff9b::/96
const NAT64: u128 = 0x0064_ff9b << 96;
/// 64:ff9b:1::/48
const LOCAL_NAT64: u128 = 0x0064_ff9b_0001 << 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_yields_its_address() {
        let wanted = Ipv4Addr::new(192, 0, 2, 33);
        // Includes the examples of RFC 6052 §2.4.
        let forms = [
            "::ffff:192.0.2.33",
            "::192.0.2.33",
            "::ffff:0:192.0.2.33",
            "64:ff9b::192.0.2.33",
            "64:ff9b:1::192.0.2.33",
            "64:ff9b:1:c000:2:2100::",
            "2002:c000:221::",
            "2001:0:c000:221::",
            "2001::8000:63bf:3fff:fdde",
            "fd00::5efe:192.0.2.33",
        ];
        for form in forms {
            let found: Vec<Ipv4Addr> = embedded(form.parse().unwrap()).collect();
            assert!(found.contains(&wanted), "{form}: {found:?}");
        }
        for form in ["::1", "::", "2001:db8::192.0.2.33", "2600:c000:221::"] {
            assert_eq!(embedded(form.parse().unwrap()).count(), 0, "{form}");
        }
    }
}
