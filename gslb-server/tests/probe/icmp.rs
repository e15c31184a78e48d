//! icmp: this host echoes, or the system does not let us ask and the evidence says what would.

use gslb_core::health::Failure;

use crate::outcome;

#[test]
fn this_host_echoes_where_the_system_lets_us_ask() {
    let outcome = outcome("kind = \"icmp\"");
    match outcome.result {
        Ok(()) => assert_eq!(&*outcome.evidence, "echoed"),
        Err(why) => {
            assert_eq!(why, Failure::System, "{}", outcome.evidence);
            assert!(outcome.evidence.contains("net.ipv4.ping_group_range"), "{}", outcome.evidence);
        }
    }
}
