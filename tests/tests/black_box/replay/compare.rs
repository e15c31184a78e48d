//! How a response of ours differs from another server's.

use std::collections::BTreeSet;

use gslb_tests::message::{Message, Record};

/// How a response of ours differs from another server's, in a few words; `None` if it does not.
pub(super) fn difference(ours: &Message, theirs: &Message) -> Option<String> {
    let truncated = (ours.is_truncated(), theirs.is_truncated());
    if ours.flags != theirs.flags {
        return Some(format!("flags {:#06x}, theirs {:#06x}", ours.flags, theirs.flags));
    }
    if (ours.questions, &ours.question) != (theirs.questions, &theirs.question) {
        return Some(format!("{} questions, theirs {}", ours.questions, theirs.questions));
    }
    if ours.edns != theirs.edns {
        return Some(format!("OPT {:x?}, theirs {:x?}", ours.edns, theirs.edns));
    }
    // The content of a truncated response is up to the server (RFC 2181 §9).
    if truncated == (true, true) {
        return None;
    }
    for (section, name) in ["answer", "authority", "additional"].into_iter().enumerate() {
        let (mine, other) = (&ours.sections[section], &theirs.sections[section]);
        let repeats = ours.counts[section] != mine.len();
        if (mine != other && !(section == 2 && is_optional(ours, mine, other))) || repeats {
            return Some(format!("{name}: {}, theirs {}", shown(mine), shown(other)));
        }
    }
    None
}

/// Additional records are optional: addresses of names in the answer may be included or not (RFC 1035 §3.3.9, RFC 2181
/// §9). In a referral they are glue, and required (RFC 9471).
fn is_optional(ours: &Message, mine: &BTreeSet<Record>, other: &BTreeSet<Record>) -> bool {
    let is_referral = ours.flags & 0x0400 == 0 && ours.sections[0].is_empty() && !ours.sections[1].is_empty();
    !is_referral && mine.is_subset(other)
}

fn shown(records: &BTreeSet<Record>) -> String {
    let one = |(owner, rtype, _, ttl, _): &Record| {
        format!("{} {ttl} TYPE{rtype}", String::from_utf8_lossy(owner).replace(|c: char| c.is_control(), "."))
    };
    format!("[{}]", records.iter().map(one).collect::<Vec<_>>().join("; "))
}
