//! Any octets as the options of an OPT record, to a server with cookies and rate limits: there is a response that parses
//! and is not longer than allowed, or none as limits drop it, and it has a cookie only if the query has one.
//!
//! The first octet chooses the resolver, so that some are over their limit.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock, Mutex};

use gslb_core::dns::wire::cookie::CODE;
use gslb_core::explain::response::Response;
use gslb_core::limit::{Limiter, Limits};
use gslb_core::respond::{Now, Reply, Secrets, Settings, Transport, Worker};
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::{RoutingTable, compile};
use libfuzzer_sys::fuzz_target;

static TABLE: LazyLock<RoutingTable> = LazyLock::new(|| {
    let document = include_str!("../../deploy/example/site.toml");
    let zone = include_bytes!("../../deploy/example/example.com.zone");
    let reading = gslb_core::site::document::read("site.toml", document, &mut |name, _| Ok((name.into(), zone.to_vec())));
    let site = reading.site.expect("the example is good");
    let compiled = compile::compile(site, &[Arc::new(geoip::bundled())], &Arc::default(), None);
    RoutingTable::initial(compiled.topology.expect("the example compiles"))
});

static WORKER: LazyLock<Mutex<Worker>> = LazyLock::new(|| {
    let settings = Settings { nsid: Some(b"fuzz".to_vec()), ..Settings::default() };
    let mut worker = Worker::new(Arc::new(settings), 1);
    worker.set_secrets(Some(Secrets::daily(19_675, |day| [day as u8; 16])));
    worker.set_limiter(Some(Limiter::new(Limits::default(), 1, 1)));
    worker.set_time(Now { unix: 1_700_000_000, elapsed: 5 });
    Mutex::new(worker)
});

/// Whether the first `len` octets have a COOKIE option that the server reads.
fn has_cookie(mut options: &[u8]) -> bool {
    while let [high, low, len_high, len_low, rest @ ..] = options {
        if u16::from_be_bytes([*high, *low]) == CODE {
            return true;
        }
        let Some(next) = rest.get(usize::from(u16::from_be_bytes([*len_high, *len_low]))..) else { return false };
        options = next;
    }
    false
}

fuzz_target!(|octets: &[u8]| {
    let Some((&who, options)) = octets.split_first() else { return };
    if options.len() > 4_000 {
        return;
    }
    let head = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01\x03www\x07example\x03com\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0";
    let query = [&head[..], &(options.len() as u16).to_be_bytes(), options].concat();
    let mut buffer = [0xA5; 4_096];
    buffer[..query.len()].copy_from_slice(&query);
    let resolver = IpAddr::V4(Ipv4Addr::new(192, 0, who, 1));
    let mut worker = WORKER.lock().expect("no panic has been survived");
    match worker.respond(&TABLE, (resolver, 53).into(), Transport::Udp, &mut buffer, query.len(), &mut NoTrace) {
        Reply::Drop => {}
        Reply::Send(len) => {
            let response = Response::parse(&buffer[..len]).expect("a response reads back");
            assert!(len <= 1232);
            assert!(matches!(response.rcode, 0 | 1 | 23), "rcode {}", response.rcode);
            assert!(has_cookie(options) || response.rcode != 23, "BADCOOKIE without a cookie");
        }
    }
});
