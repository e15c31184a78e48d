//! Decides whether a missing route or an unresolved name is the endpoint's fault or this host's: it is the endpoint's
//! if other endpoints still answer.

use std::net::IpAddr;

use crate::moment::Moment;
use crate::site::model::Target;

/// The latest answers of different hosts, and which address families this host is known to have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reachability {
    /// From any host.
    any: Latest,
    /// From hosts given by name, which shows that our resolver works.
    named: Latest,
    has_v4: bool,
    has_v6: bool,
}

/// The two hosts that answered last, and when.
#[derive(Debug, Clone, Copy, Default)]
struct Latest([Option<(u32, Moment)>; 2]);

impl Reachability {
    /// Keeps what is known of this host, and drops the answers: host numbers change with the document.
    pub(super) fn without_answers(self) -> Reachability {
        Reachability { any: Latest::default(), named: Latest::default(), ..self }
    }

    /// Records that `host`, numbered `number`, answered a probe.
    pub(super) fn answered(&mut self, number: u32, host: &Target, now: Moment) {
        self.any.note(number, now);
        match host {
            Target::Address(IpAddr::V4(_)) => self.has_v4 = true,
            Target::Address(IpAddr::V6(_)) => self.has_v6 = true,
            Target::Cname(_) => self.named.note(number, now),
        }
    }

    /// True if having no route to `host` since `since` is the endpoint's failure: another host has answered since then,
    /// and this host has addresses of its family.
    pub(super) fn is_route_failure(&self, number: u32, host: &Target, since: Moment) -> bool {
        let has_family = match host {
            Target::Address(IpAddr::V4(_)) => self.has_v4,
            Target::Address(IpAddr::V6(_)) => self.has_v6,
            Target::Cname(_) => true,
        };
        has_family && self.any.has_other(number, since)
    }

    /// True if not resolving a name since `since` is the endpoint's failure: another name has been resolved since then.
    pub(super) fn is_name_failure(&self, number: u32, since: Moment) -> bool {
        self.named.has_other(number, since)
    }
}

impl Latest {
    fn note(&mut self, number: u32, now: Moment) {
        let [first, second] = &mut self.0;
        if first.is_none_or(|(host, _)| host != number) {
            *second = *first;
        }
        *first = Some((number, now));
    }

    fn has_other(&self, number: u32, since: Moment) -> bool {
        self.0.iter().flatten().any(|&(host, at)| host != number && at >= since)
    }
}
