//! What a query over a limit gets instead of its answer: TC, BADCOOKIE, or nothing.

use super::cookies::{CookieResult, Examined};
use super::reply::{SMALLEST_PAYLOAD, opt_reply};
use super::tally::{LimitAction, Outcome};
use super::{Reply, Sender, Settings, State, Transport};
use crate::dns::wire::message::{Message, OptReply};
use crate::dns::wire::number::{Ede, Rcode};
use crate::dns::wire::query::{HEADER, Query};
use crate::limit::Verdict;

/// A query over a limit, or one with a valid cookie.
pub(super) struct Over<'q> {
    pub(super) query: &'q Query,
    /// Its length in octets.
    pub(super) received: usize,
    pub(super) cookie: Option<Examined>,
    pub(super) verdict: Verdict,
}

impl State {
    /// Replaces the answer in `buffer` by what the limits leave of it; `None` leaves the answer as it is.
    ///
    /// The reply has no NSID and no client subnet, so that it is not longer than the query.
    #[cold]
    pub(super) fn limited(
        &mut self,
        settings: &Settings,
        sender: Sender<'_>,
        over: Over<'_>,
        buffer: &mut [u8],
    ) -> Option<Reply> {
        let (Over { query, received, cookie, verdict }, source) = (over, sender.resolver.ip());
        let limiter = self.limiter.as_mut()?;
        if cookie.is_some_and(|cookie| cookie.result == CookieResult::Valid) {
            self.tally.limited(sender, LimitAction::Cookie);
            return None;
        }
        if limiter.is_exempt(source) {
            self.tally.limited(sender, LimitAction::Exempt);
            return None;
        }
        let (rcode, action) = match cookie {
            Some(_) => (Rcode::BadCookie, LimitAction::BadCookie),
            None => (Rcode::NoError, LimitAction::Truncated),
        };
        let mut opt = query.edns.as_ref().map(|edns| OptReply {
            subnet: None,
            nsid: None,
            cookie: cookie.map(|cookie| cookie.data),
            ..opt_reply(edns, sender.transport, settings)
        });
        if let Some(opt) = opt.as_mut().filter(|_| action == LimitAction::Truncated) {
            opt.add_error(Ede::Other, received.saturating_sub(HEADER + query.question));
        }
        let octets = HEADER + query.question + opt.as_ref().map_or(0, OptReply::wire_len);
        if !limiter.admits_reply(verdict, received, octets) {
            self.tally.limited(sender, LimitAction::Dropped);
            return (!limiter.is_dry_run()).then_some(Reply::Drop);
        }
        self.tally.limited(sender, action);
        if limiter.is_dry_run() {
            return None;
        }
        let mut message = Message::new(buffer, usize::from(SMALLEST_PAYLOAD), query.question);
        let truncated = action == LimitAction::Truncated;
        (message.rcode, message.truncated) = (rcode, truncated);
        if let Some(opt) = &opt {
            // A question has at most 259 octets, so it fits.
            let _ = message.put_opt(opt, opt.wire_len(), 0);
        }
        let octets = message.finish(query.head, 1);
        let outcome = if truncated { Outcome::Static } else { Outcome::Error };
        self.tally.responded(rcode, outcome, truncated, octets);
        Some(Reply::Send(octets))
    }

    /// Charges the sender of a message that is answered with an error or only a cookie, in `reply` octets, and returns
    /// whether to drop it instead. Over a limit, replies that are no longer than their queries are dropped only in a
    /// flood; the others together are never longer than their queries.
    pub(super) fn drops_fault(
        &mut self,
        sender: Sender<'_>,
        received: usize,
        reply: usize,
        cookie: Option<Examined>,
    ) -> bool {
        let Some(limiter) = self.limiter.as_mut().filter(|_| sender.transport == Transport::Udp) else { return false };
        if cookie.is_some_and(|cookie| cookie.result == CookieResult::Valid) {
            self.tally.limited(sender, LimitAction::Cookie);
            return false;
        }
        let source = sender.resolver.ip();
        let verdict = match limiter.charge(source, self.now.elapsed, received, reply) {
            Verdict::Within => return false,
            Verdict::Over if reply <= received => return false,
            verdict @ (Verdict::Over | Verdict::Flood) => verdict,
        };
        if limiter.is_exempt(source) {
            self.tally.limited(sender, LimitAction::Exempt);
            return false;
        }
        if limiter.admits_reply(verdict, received, reply) {
            return false;
        }
        self.tally.limited(sender, LimitAction::Dropped);
        !limiter.is_dry_run()
    }
}
