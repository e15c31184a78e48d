//! Any octets as a datagram: there is no response, or one that parses.
//!
//! The first octet chooses the transport (lowest bit: TCP) and the resolver (other bits).

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock, Mutex};

use gslb_core::explain::response::Response;
use gslb_core::respond::{Reply, Settings, Transport, Worker};
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
    let settings = Settings {
        nsid: Some(b"fuzz".to_vec()),
        version: Some(b"fuzz".to_vec()),
        hostname: Some(b"fuzz".to_vec()),
        ..Settings::default()
    };
    Mutex::new(Worker::new(Arc::new(settings), 1))
});

fuzz_target!(|octets: &[u8]| {
    let Some((&how, datagram)) = octets.split_first() else { return };
    let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let resolver = IpAddr::V4(Ipv4Addr::new(how, 0, 6, 1));
    let mut buffer = [0xA5; 65_535];
    if datagram.len() > buffer.len() {
        return;
    }
    buffer[..datagram.len()].copy_from_slice(datagram);
    let mut worker = WORKER.lock().expect("no panic has been survived");
    match worker.respond(&TABLE, (resolver, 53).into(), transport, &mut buffer, datagram.len(), &mut NoTrace) {
        Reply::Drop => assert!(datagram.len() < 12 || datagram[2] & 0x80 != 0, "only these are dropped"),
        Reply::Send(len) => {
            assert!(transport == Transport::Tcp || len <= 1232);
            assert_eq!(buffer[..2], datagram[..2], "the ID comes back");
            Response::parse(&buffer[..len]).expect("a response reads back");
        }
    }
});
