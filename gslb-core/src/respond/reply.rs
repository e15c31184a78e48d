//! Turns a parsed message into a response: its size limit, its OPT record, its counters.

use super::answer::Answering;
use super::cookies::CookieResult;
use super::limited::Over;
use super::reading::Reading;
use super::tally::{Outcome, SubnetUse};
use super::{Examined, Reply, Sender, Settings, State, Transport, chaos};
use crate::dns::wire::cookie::CookieOption;
use crate::dns::wire::edns::Edns;
use crate::dns::wire::message::{Full, Message, OptReply};
use crate::dns::wire::number::{Ede, Rcode, class};
use crate::dns::wire::query::Fault;
use crate::limit::Verdict;
use crate::steer::trace::Trace;
use crate::table::RoutingTable;

/// Datagram size in octets that every client accepts (RFC 1035 §4.2.1, RFC 6891 §6.2.3).
pub(super) const SMALLEST_PAYLOAD: u16 = 512;

impl State {
    /// Answers a query: overwrites `buffer`, from which it was parsed, with the response.
    #[inline(always)]
    pub(super) fn answer(
        &mut self,
        settings: &Settings,
        reading: &mut Reading,
        table: &RoutingTable,
        sender: Sender<'_>,
        buffer: &mut [u8],
        trace: &mut impl Trace,
    ) -> Reply {
        let cookie = match &reading.query.edns {
            Some(edns) if edns.cookie != CookieOption::Absent => match self.examine_cookie(&edns.cookie, sender) {
                CookieCheck::Examined(examined) => examined,
                CookieCheck::Malformed => {
                    return self.refuse(settings, reading, sender, Fault::Refuse(Rcode::FormErr), buffer);
                }
            },
            _ => None,
        };
        let Reading { query, key, octets: received, .. } = reading;
        let received = *received;
        let query = &*query;
        self.tally.received(sender, received, Some(query.qtype));
        let limit = limit(sender.transport, query.edns.as_ref().map(|edns| edns.payload), settings);
        let opt = |edns| OptReply {
            cookie: cookie.as_ref().map(|cookie| cookie.data),
            ..opt_reply(edns, sender.transport, settings)
        };
        let opt_len = query.edns.as_ref().map_or(0, |edns| match edns.is_usual() {
            true => edns.usual_reply_len(),
            false => opt(edns).wire_len(),
        });
        let mut message = Message::new(buffer, limit, query.question);
        message.reserve(opt_len);
        let mut answering = Answering {
            key,
            query,
            state: self,
            table,
            sender,
            message,
            scope: 0,
            located: false,
            outcome: Outcome::Static,
            trace,
        };
        match query.qclass {
            class::IN => answering.run(),
            class::CH => chaos::answer(settings, query, answering.key, &mut answering.message),
            _ => answering.message.fail(Rcode::Refused, Ede::NotAuthoritative),
        }
        let message = &mut answering.message;
        message.release(opt_len);
        if let Some(edns) = &query.edns {
            // Space for it is reserved.
            let _ = match edns.is_usual() && message.ede.is_none() {
                true => message.put_usual_opt(edns, settings.udp_payload, answering.scope),
                false => put_opt(message, opt(edns), answering.scope),
            };
        }
        let octets = message.finish(query.head, 1);
        let (located, outcome) = (answering.located, answering.outcome);
        let (rcode, truncated) = (answering.message.rcode, answering.message.truncated);
        self.tally.count_subnet(query, located);
        if sender.transport == Transport::Udp
            && let Some(limiter) = &mut self.limiter
        {
            let is_valid = cookie.is_some_and(|cookie| cookie.result == CookieResult::Valid);
            let verdict = match is_valid {
                false => limiter.charge(sender.resolver.ip(), self.now.elapsed, received, octets),
                true => Verdict::Within,
            };
            if is_valid || verdict != Verdict::Within {
                let over = Over { query, received, cookie, verdict };
                if let Some(reply) = self.limited(settings, sender, over, buffer) {
                    trace.replaced();
                    return reply;
                }
            }
        }
        self.tally.responded(rcode, outcome, truncated, octets);
        Reply::Send(octets)
    }

    /// Answers a message that cannot be answered normally, or drops it.
    #[cold]
    pub(super) fn refuse(
        &mut self,
        settings: &Settings,
        reading: &Reading,
        sender: Sender<'_>,
        fault: Fault,
        buffer: &mut [u8],
    ) -> Reply {
        let query = &reading.query;
        let rcode = match fault {
            Fault::Short => {
                self.tally.short.add(1);
                return Reply::Drop;
            }
            Fault::Response => {
                self.tally.stray.add(1);
                return Reply::Drop;
            }
            Fault::Refuse(rcode) if query.edns.is_none() => rcode,
            Fault::Refuse(_) | Fault::CookieOnly => {
                return self.refuse_with_opt(settings, reading, sender, fault, buffer);
            }
        };
        self.tally.received(sender, reading.octets, None);
        let mut message = Message::new(buffer, usize::from(SMALLEST_PAYLOAD), query.question);
        message.rcode = rcode;
        let octets = message.finish(query.head, u16::from(query.question > 0));
        if self.limiter.is_some() && self.drops_fault(sender, reading.octets, octets, None) {
            return Reply::Drop;
        }
        self.tally.responded(rcode, Outcome::Error, false, octets);
        Reply::Send(octets)
    }

    /// The same for a message with an OPT record.
    #[inline(never)]
    fn refuse_with_opt(
        &mut self,
        settings: &Settings,
        reading: &Reading,
        sender: Sender<'_>,
        fault: Fault,
        buffer: &mut [u8],
    ) -> Reply {
        let query = &reading.query;
        let cookie = match query.edns.as_ref().map(|edns| self.examine_cookie(&edns.cookie, sender)) {
            Some(CookieCheck::Examined(cookie)) => cookie,
            Some(CookieCheck::Malformed) | None => None,
        };
        let (rcode, outcome) = match (fault, cookie.map(|cookie| cookie.result)) {
            (Fault::Refuse(rcode), _) => (rcode, Outcome::Error),
            // RFC 7873 §5.4
            (_, Some(CookieResult::Stale | CookieResult::Invalid)) => (Rcode::BadCookie, Outcome::Static),
            (_, Some(CookieResult::Client | CookieResult::Valid)) => (Rcode::NoError, Outcome::Static),
            // Without cookies it is a query without a question (RFC 9619 §4).
            (_, None) => (Rcode::FormErr, Outcome::Static),
        };
        self.tally.received(sender, reading.octets, None);
        if let Some(family) = query.edns.as_ref().and_then(|edns| edns.malformed_subnet) {
            self.tally.subnet(family, SubnetUse::Malformed);
        }
        let mut message = Message::new(buffer, usize::from(SMALLEST_PAYLOAD), query.question);
        message.rcode = rcode;
        if let Some(edns) = &query.edns {
            // A malformed or unknown OPT record is ignored, except that the response says we speak EDNS.
            let cookie = cookie.map(|cookie| cookie.data);
            let opt = OptReply { subnet: None, nsid: None, cookie, ..opt_reply(edns, sender.transport, settings) };
            let _ = message.put_opt(&opt, opt.wire_len(), 0);
        }
        let octets = message.finish(query.head, u16::from(query.question > 0));
        if self.drops_fault(sender, reading.octets, octets, cookie) {
            return Reply::Drop;
        }
        self.tally.responded(rcode, outcome, false, octets);
        Reply::Send(octets)
    }

    /// Examines the COOKIE option of a query, and counts the result.
    #[cold]
    fn examine_cookie(&self, option: &CookieOption, sender: Sender<'_>) -> CookieCheck {
        let Some(secrets) = &self.secrets else { return CookieCheck::Examined(None) };
        if *option == CookieOption::Malformed {
            return CookieCheck::Malformed;
        }
        let examined = secrets.examine(option, sender.resolver.ip(), self.now.unix);
        if let Some(examined) = &examined {
            self.tally.cookie(examined.result);
        }
        CookieCheck::Examined(examined)
    }
}

/// Writes an OPT record with more than a client subnet.
#[cold]
#[inline(never)]
fn put_opt(message: &mut Message<'_>, mut opt: OptReply<'_>, scope: u8) -> Result<(), Full> {
    if let Some(ede) = message.ede {
        opt.add_error(ede, message.left());
    }
    let len = opt.wire_len();
    message.put_opt(&opt, len, scope)
}

/// Whether a COOKIE option can be answered.
enum CookieCheck {
    /// It can; without an option, or without cookies here, there is none in the response.
    Examined(Option<Examined>),
    /// Its length is invalid: FORMERR (RFC 7873 §5.2.2).
    Malformed,
}

/// Maximum size of the response in octets.
#[inline]
fn limit(transport: Transport, payload: Option<u16>, settings: &Settings) -> usize {
    match (transport, payload) {
        (Transport::Tcp | Transport::Tls, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => usize::from(SMALLEST_PAYLOAD),
        (Transport::Udp, Some(payload)) => usize::from(payload.min(settings.udp_payload).max(SMALLEST_PAYLOAD)),
    }
}

#[inline]
pub(super) fn opt_reply<'a>(edns: &'a Edns, transport: Transport, settings: &'a Settings) -> OptReply<'a> {
    OptReply {
        payload: settings.udp_payload,
        dnssec_ok: edns.dnssec_ok,
        nsid: if edns.nsid { settings.nsid.as_deref() } else { None },
        keepalive: match transport {
            Transport::Tcp | Transport::Tls if edns.keepalive => Some(keepalive(settings)),
            // RFC 7828 §3.2.2: over UDP the option is ignored.
            Transport::Tcp | Transport::Tls | Transport::Udp => None,
        },
        subnet: edns.subnet.as_ref(),
        cookie: None,
        ede: None,
    }
}

/// The idle timeout of a connection in units of 100 ms.
fn keepalive(settings: &Settings) -> u16 {
    u16::try_from(settings.tcp_idle.as_millis() / 100).unwrap_or(u16::MAX)
}
