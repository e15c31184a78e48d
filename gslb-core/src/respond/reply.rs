//! Turns a parsed message into a response: its size limit, its OPT record, its counters.

use super::answer::Answering;
use super::reading::Reading;
use super::tally::{Outcome, SubnetUse};
use super::{Reply, Sender, Settings, State, Transport, chaos};
use crate::dns::wire::edns::Edns;
use crate::dns::wire::message::{Message, OptReply};
use crate::dns::wire::number::{Rcode, class};
use crate::dns::wire::query::Fault;
use crate::steer::trace::Trace;
use crate::table::RoutingTable;

/// Datagram size in octets that every client accepts (RFC 1035 §4.2.1, RFC 6891 §6.2.3).
const SMALLEST_PAYLOAD: u16 = 512;

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
        let Reading { query, key, octets, .. } = reading;
        let query = &*query;
        self.tally.received(sender, *octets, Some(query.qtype));
        let limit = limit(sender.transport, query.edns.as_ref().map(|edns| edns.payload), settings);
        let opt = query.edns.as_ref().map(|edns| opt_reply(edns, sender.transport, settings));
        let opt_len = opt.as_ref().map_or(0, OptReply::wire_len);
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
            _ => answering.message.rcode = Rcode::Refused,
        }
        let Answering { mut message, scope, located, outcome, .. } = answering;
        message.release(opt_len);
        if let Some(opt) = &opt {
            // Space for it is reserved.
            let _ = message.put_opt(opt, opt_len, scope);
        }
        self.tally.count_subnet(query, located);
        let (rcode, truncated) = (message.rcode, message.truncated);
        let octets = message.finish(query.head, 1);
        self.tally.responded(rcode, outcome, truncated, octets);
        Reply::Send(octets)
    }

    /// Answers a message that cannot be answered normally, or drops it.
    #[cold]
    pub(super) fn refuse(
        &self,
        settings: &Settings,
        reading: &Reading,
        sender: Sender<'_>,
        fault: Fault,
        buffer: &mut [u8],
    ) -> Reply {
        let (tally, query) = (&self.tally, &reading.query);
        let rcode = match fault {
            Fault::Short => {
                tally.short.add(1);
                return Reply::Drop;
            }
            Fault::Response => {
                tally.stray.add(1);
                return Reply::Drop;
            }
            Fault::Refuse(rcode) => rcode,
        };
        tally.received(sender, reading.octets, None);
        if let Some(family) = query.edns.as_ref().and_then(|edns| edns.malformed_subnet) {
            tally.subnet(family, SubnetUse::Malformed);
        }
        let mut message = Message::new(buffer, usize::from(SMALLEST_PAYLOAD), query.question);
        message.rcode = rcode;
        if let Some(edns) = &query.edns {
            // A malformed or unknown OPT record is ignored, except that the response says we speak EDNS.
            let opt = OptReply { subnet: None, nsid: None, ..opt_reply(edns, sender.transport, settings) };
            let _ = message.put_opt(&opt, opt.wire_len(), 0);
        }
        let octets = message.finish(query.head, u16::from(query.question > 0));
        tally.responded(rcode, Outcome::Error, false, octets);
        Reply::Send(octets)
    }
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
fn opt_reply<'a>(edns: &'a Edns, transport: Transport, settings: &'a Settings) -> OptReply<'a> {
    // RFC 7828 §3.2.2: over UDP the option is ignored.
    let keepalive = match transport {
        Transport::Udp => None,
        Transport::Tcp | Transport::Tls => Some(u16::try_from(settings.tcp_idle.as_millis() / 100).unwrap_or(u16::MAX)),
    };
    OptReply::to(edns, settings.udp_payload, settings.nsid.as_deref(), keepalive)
}
