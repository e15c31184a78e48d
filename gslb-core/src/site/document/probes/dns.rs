//! Reads the keys of `dns` probes.

use std::sync::Arc;

use super::super::domain;
use crate::dns::name::Name;
use crate::dns::rdata::{is_meta, type_from_text, type_to_text};
use crate::dns::wire::number::{Rcode, rtype};
use crate::dns::zonefile;
use crate::notation::{Fields, Item, Problems, shortened};
use crate::problem::Severity;
use crate::site::model::{DnsProbe, Transport};

const TRANSPORTS: [(&str, Transport); 2] = [("udp", Transport::Udp), ("tcp", Transport::Tcp)];
const RCODES: [Rcode; 7] =
    [Rcode::NoError, Rcode::FormErr, Rcode::ServFail, Rcode::NxDomain, Rcode::NotImp, Rcode::Refused, Rcode::YxDomain];

pub(super) fn read(fields: &Fields<'_, '_>, port: Option<u16>, problems: &mut Problems) -> Option<DnsProbe> {
    let name = fields.require("name", "\"example.com\"", problems).and_then(|item| query_name(&item, problems));
    let rtype = match fields.get("type") {
        Some(item) => query_type(&item, problems),
        None => Some(rtype::SOA),
    };
    let transport = fields.get("transport").map_or(Some(Transport::Udp), |item| item.choice(&TRANSPORTS, problems));
    let rcodes = RCODES.map(|rcode| (rcode.as_str(), rcode));
    let expect_rcode = fields.get("expect_rcode").map_or(Some(Rcode::NoError), |item| item.choice(&rcodes, problems));
    let expect_answer = match (fields.get("expect_answer"), rtype) {
        (Some(item), Some(rtype)) => answer(&item, rtype, problems),
        _ => None,
    };
    if let (Some(item), Some(rcode)) = (fields.get("expect_answer"), expect_rcode)
        && rcode != Rcode::NoError
    {
        let message = format!("a {} response has no answer records", rcode.as_str());
        item.error(problems, message, "remove `expect_answer` or `expect_rcode`");
    }
    Some(DnsProbe {
        port: port?,
        transport: transport?,
        name: name?,
        rtype: rtype?,
        expect_rcode: expect_rcode? as u16,
        expect_answer,
    })
}

fn query_name(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Name> {
    domain::read(item.string("\"example.com\"", problems)?, item.at(), &item.path, problems)
}

fn query_type(item: &Item<'_, '_>, problems: &mut Problems) -> Option<u16> {
    let text = item.string("\"SOA\"", problems)?;
    let rtype = type_from_text(text).filter(|&rtype| !is_meta(rtype));
    if rtype.is_none() {
        let help = "write a record type such as \"SOA\" or \"A\"";
        item.error(problems, format!("{} is not a query type that a probe can use", shortened(text)), help);
    }
    rtype
}

/// Parses the presentation format of rdata in `item`.
fn answer(item: &Item<'_, '_>, rtype: u16, problems: &mut Problems) -> Option<Arc<[u8]>> {
    let text = item.string("\"192.0.2.1\"", problems)?;
    let mut message = "it is not on one line".to_owned();
    let mut help = "write the data of one record, as in a zone file".to_owned();
    if !text.contains(char::is_control) {
        let line = format!(". 0 IN {} {text}\n", type_to_text(rtype));
        let no_files = &mut |_: &str, _: &str| Err("".into());
        let parsed = zonefile::parse("", line.as_bytes(), &Name::root(), no_files);
        match (parsed.problems.into_iter().find(|it| it.severity == Severity::Error), parsed.records.as_slice()) {
            (None, [record]) => return Some(Arc::from(&*record.rdata)),
            (Some(problem), _) => (message, help) = (problem.message, problem.help),
            _ => {}
        }
    }
    let what = format!("{} is not the data of a record of type {}: {message}", shortened(text), type_to_text(rtype));
    item.error(problems, what, help);
    None
}
