//! Hashes that are stable across nodes and versions.

/// Mixes the bits, so that every output bit depends on every input bit.
#[inline]
pub fn scramble(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

/// The hash of a name, stable across nodes and versions.
pub fn identity(name: &str) -> u64 {
    // FNV-1a, scrambled: short names differ in few bits.
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01B3));
    scramble(hash)
}
