//! icmp: this host replies, or the system does not permit it and the evidence says how to.

use gslb_core::health::Failure;

use crate::outcome;

#[test]
fn this_host_replies_to_pings_if_permitted() {
    let outcome = outcome("kind = \"icmp\"");
    match outcome.result {
        Ok(()) => assert_eq!(&*outcome.evidence, "echoed"),
        Err(why) => {
            assert_eq!(why, Failure::System, "{}", outcome.evidence);
            assert!(outcome.evidence.contains("net.ipv4.ping_group_range"), "{}", outcome.evidence);
        }
    }
}
