//! Any octets as a PROXY header: it is within them, and its end does not depend on what follows.

#![no_main]

use gslb_core::dns::wire::proxy::{Fault, MAX_HEADER, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(header) = read(octets) {
        assert!(header.octets <= MAX_HEADER.min(octets.len()));
        assert_eq!(read(&octets[..header.octets]), Ok(header));
        assert_eq!(read(&octets[..header.octets - 1]), Err(Fault::Incomplete));
    }
});
