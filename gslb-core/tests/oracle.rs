//! hickory-proto as an oracle: it parses our responses and queries the way we do.

mod support;

use std::sync::LazyLock;

use gslb_core::dns::wire::qname::NameKey;
use gslb_core::dns::wire::query::Query;
use gslb_core::explain::response::Response;
use gslb_core::respond::Transport;
use hickory_proto::op::Message;
use hickory_proto::serialize::binary::BinDecodable;
use proptest::prelude::*;
use support::{Ask, Server, WORLD, ask};

static TABLE: LazyLock<gslb_core::table::RoutingTable> = LazyLock::new(|| {
    let document = include_str!("../../deploy/example/site.toml");
    support::table(document, include_str!("../../deploy/example/example.com.zone"), &*WORLD)
});

fn server() -> Server {
    Server::new(TABLE.clone())
}

fn questions() -> impl Strategy<Value = Ask> {
    let names = prop::sample::select(vec![
        "example.com",
        "www.example.com",
        "API.example.com",
        "static.example.com",
        "cache.example.com",
        "ftp.example.com",
        "docs.example.com",
        "x.dev.example.com",
        "a.b.legacy.example.com",
        "host.lab.example.com",
        "none.example.com",
        "_sip._tcp.example.com",
        "ns1.example.com",
        "example.org",
        ".",
    ]);
    let types = prop_oneof![prop::sample::select(vec![1u16, 2, 5, 6, 15, 16, 28, 33, 39, 43, 255, 257]), any::<u16>()];
    let subnets = prop_oneof![
        Just(None),
        (any::<[u8; 4]>(), 0..=32u8).prop_map(|(octets, len)| Some((1u8, octets.to_vec(), len))),
        (any::<[u8; 16]>(), 0..=128u8).prop_map(|(octets, len)| Some((2u8, octets.to_vec(), len))),
    ];
    (names, types, subnets, any::<u16>(), 0..4096u16, any::<bool>()).prop_map(
        |(name, qtype, subnet, id, payload, tcp)| {
            let mut question = ask(name, qtype);
            question.id = id;
            if let Some((family, mut octets, len)) = subnet {
                octets.truncate(usize::from(len).div_ceil(8));
                if let (Some(last), used @ 1..) = (octets.last_mut(), len % 8) {
                    *last &= !(0xFF >> used);
                }
                question = question.payload(payload).option(8, &[&[0, family, len, 0], &octets[..]].concat());
            }
            if tcp { question.tcp() } else { question }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn hickory_parses_every_response_as_intended(question in questions()) {
        let mut server = server();
        let octets = server.send(&question.octets(), question.resolver, question.transport).unwrap();
        let theirs = Message::from_bytes(&octets).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let ours = Response::parse(&octets).unwrap();
        prop_assert_eq!(theirs.metadata.id, question.id);
        prop_assert_eq!(theirs.metadata.authoritative, ours.authoritative);
        prop_assert_eq!(theirs.metadata.truncation, ours.truncated);
        prop_assert_eq!(u16::from(theirs.metadata.response_code), ours.rcode);
        prop_assert_eq!(theirs.answers.len(), ours.sections[0].len());
        prop_assert_eq!(theirs.authorities.len(), ours.sections[1].len());
        prop_assert_eq!(theirs.additionals.len(), ours.sections[2].len());
        for (theirs, ours) in theirs.answers.iter().zip(&ours.sections[0]) {
            prop_assert_eq!(theirs.name.to_ascii().to_lowercase(), ours.owner.to_string().to_lowercase());
            prop_assert_eq!((u16::from(theirs.record_type()), theirs.ttl), (ours.rtype, ours.ttl));
        }
        if question.transport == Transport::Udp {
            let payload = question.edns.as_ref().map_or(512, |edns| edns.payload.clamp(512, 1232));
            prop_assert!(octets.len() <= usize::from(payload));
        }
        for record in ours.sections[0].iter().filter(|record| record.owner == question.name) {
            prop_assert!(record.ttl <= 3600);
        }
    }

    #[test]
    fn we_parse_queries_like_hickory(question in questions(), flip in any::<Option<(u16, u8)>>()) {
        let mut octets = question.octets();
        if let Some((at, bits)) = flip {
            let at = usize::from(at) % octets.len();
            octets[at] ^= bits;
        }
        let (mut ours, mut key) = (Query::default(), NameKey::default());
        if ours.read(&octets, octets.len(), &mut key).is_ok() {
            // We are stricter, so hickory must accept what we accept, except for its own limits.
            if let Ok(theirs) = Message::from_bytes(&octets) {
                prop_assert_eq!(theirs.queries.len(), 1);
                let query = &theirs.queries[0];
                prop_assert_eq!(u16::from(query.query_type()), ours.qtype);
                prop_assert_eq!(u16::from(query.query_class()), ours.qclass);
                let name = gslb_core::dns::name::Name::from_wire(&octets[12..8 + ours.question]).unwrap();
                prop_assert_eq!(query.name().iter().map(<[u8]>::to_vec).collect::<Vec<_>>(),
                    name.labels().map(<[u8]>::to_vec).collect::<Vec<_>>());
                prop_assert_eq!(theirs.edns.is_some(), ours.edns.is_some());
            }
        }
    }

    #[test]
    fn any_octets_get_a_defined_answer(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut server = server();
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = server.send(&octets, "192.0.2.1".parse().unwrap(), transport);
            if octets.len() < 12 || octets[2] & 0x80 != 0 {
                prop_assert!(reply.is_none());
            } else {
                let response = Response::parse(&reply.unwrap());
                prop_assert!(response.is_ok());
            }
        }
    }

    #[test]
    fn mutated_queries_get_a_defined_answer(
        question in questions(),
        flips in prop::collection::vec((any::<u16>(), any::<u8>()), 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut octets = question.octets();
        octets.extend(tail);
        for (at, value) in flips {
            let at = usize::from(at) % octets.len();
            octets[at] = value;
        }
        let mut server = server();
        if let Some(reply) = server.send(&octets, question.resolver, question.transport) {
            prop_assert!(Response::parse(&reply).is_ok());
            prop_assert!(Message::from_bytes(&reply).is_ok());
        }
    }
}
