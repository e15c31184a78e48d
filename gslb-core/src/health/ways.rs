//! Whose fault it is that a probe found no way out of this host, or no address: its own, where others still answer.

use std::net::IpAddr;

use crate::moment::Moment;
use crate::site::model::Target;

/// The latest answers of different hosts, and which address families this host has ever had.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ways {
    /// Of any host.
    any: Latest,
    /// Of hosts that are names: our resolver works.
    named: Latest,
    has_v4: bool,
    has_v6: bool,
}

/// When the two hosts that answered last did so.
#[derive(Debug, Clone, Copy, Default)]
struct Latest([Option<(u32, Moment)>; 2]);

impl Ways {
    /// Another document's numbers of hosts mean others; what this host can do stays known.
    pub(super) fn of_host(self) -> Ways {
        Ways { any: Latest::default(), named: Latest::default(), ..self }
    }

    /// `host`, which is number `number`, answered a probe.
    pub(super) fn answered(&mut self, number: u32, host: &Target, now: Moment) {
        self.any.note(number, now);
        match host {
            Target::Address(IpAddr::V4(_)) => self.has_v4 = true,
            Target::Address(IpAddr::V6(_)) => self.has_v6 = true,
            Target::Cname(_) => self.named.note(number, now),
        }
    }

    /// Whether it is a failure of `host` that there has been no way to it since then: another host has answered meanwhile,
    /// and this host has addresses of its family.
    pub(super) fn blames_way(&self, number: u32, host: &Target, since: Moment) -> bool {
        let has_family = match host {
            Target::Address(IpAddr::V4(_)) => self.has_v4,
            Target::Address(IpAddr::V6(_)) => self.has_v6,
            Target::Cname(_) => true,
        };
        has_family && self.any.has_other(number, since)
    }

    /// Whether it is a failure of a name that it could not be resolved since then: another name was resolved meanwhile.
    pub(super) fn blames_name(&self, number: u32, since: Moment) -> bool {
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
