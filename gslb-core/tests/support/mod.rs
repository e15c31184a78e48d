//! A table and queries to it, without sockets and clocks.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each suite uses what it needs")]

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use gslb_core::dns::name::Name;
use gslb_core::explain::response::Response;
use gslb_core::live::pool::{Change, EndpointState};
use gslb_core::respond::{Reply, Settings, Transport, Worker};
use gslb_core::site::document;
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::{RoutingTable, compile};

/// The bundled country database, unpacked once.
pub static WORLD: LazyLock<[Arc<geoip::Database>; 1]> = LazyLock::new(|| [Arc::new(geoip::bundled())]);

/// Compiles a document; every zone file has the text `zone`.
pub fn table(document: &str, zone: &str, databases: &[Arc<geoip::Database>]) -> RoutingTable {
    let zones = [("*", zone)];
    table_of(document, &zones, databases)
}

/// Compiles a document with zone files by name (`*` is any name).
pub fn table_of(document: &str, zones: &[(&str, &str)], databases: &[Arc<geoip::Database>]) -> RoutingTable {
    let mut load = |name: &str, _: &str| {
        let found = zones.iter().find(|(file, _)| *file == name || *file == "*");
        found
            .map(|(_, text)| (Arc::from(name), text.as_bytes().to_vec()))
            .ok_or_else(|| format!("no file {name}").into())
    };
    let reading = document::read("site.toml", document, &mut load);
    let problems = reading.problems;
    let site = reading.site.unwrap_or_else(|| panic!("{}", listed(&problems)));
    let compiled = compile::compile(site, databases, &Arc::default(), None);
    let problems = compiled.problems;
    RoutingTable::initial(compiled.topology.unwrap_or_else(|| panic!("{}", listed(&problems))))
}

fn listed(problems: &[gslb_core::problem::Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// Builds a query.
#[derive(Debug, Clone)]
pub struct Ask {
    pub name: Name,
    pub qtype: u16,
    pub qclass: u16,
    pub id: u16,
    pub flags: u16,
    pub edns: Option<Edns>,
    pub resolver: IpAddr,
    pub transport: Transport,
}

/// Its OPT record.
#[derive(Debug, Clone, Default)]
pub struct Edns {
    pub payload: u16,
    pub ttl: u32,
    pub options: Vec<(u16, Vec<u8>)>,
}

/// A query for a name and type without EDNS, from 192.0.2.1 over UDP.
pub fn ask(name: &str, qtype: u16) -> Ask {
    Ask {
        name: name.parse().unwrap(),
        qtype,
        qclass: 1,
        id: 0x1234,
        flags: 0x0100,
        edns: None,
        resolver: "192.0.2.1".parse().unwrap(),
        transport: Transport::Udp,
    }
}

impl Ask {
    pub fn edns(mut self) -> Ask {
        self.edns.get_or_insert(Edns { payload: 1232, ..Edns::default() });
        self
    }

    pub fn payload(mut self, payload: u16) -> Ask {
        self = self.edns();
        self.edns.as_mut().unwrap().payload = payload;
        self
    }

    pub fn dnssec(mut self) -> Ask {
        self = self.edns();
        self.edns.as_mut().unwrap().ttl |= 0x8000;
        self
    }

    pub fn option(mut self, code: u16, data: &[u8]) -> Ask {
        self = self.edns();
        self.edns.as_mut().unwrap().options.push((code, data.to_vec()));
        self
    }

    /// With a client subnet, such as `198.51.100.0/24`.
    pub fn subnet(self, network: &str) -> Ask {
        let (address, len) = network.split_once('/').unwrap();
        let len: u8 = len.parse().unwrap();
        let (family, octets): (u8, Vec<u8>) = match address.parse().unwrap() {
            IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            IpAddr::V6(v6) => (2, v6.octets().to_vec()),
        };
        let data = [&[0, family, len, 0], &octets[..usize::from(len).div_ceil(8)]].concat();
        self.option(8, &data)
    }

    pub fn from(mut self, resolver: &str) -> Ask {
        self.resolver = resolver.parse().unwrap();
        self
    }

    pub fn tcp(mut self) -> Ask {
        self.transport = Transport::Tcp;
        self
    }

    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        let words = [self.id, self.flags, 1, 0, 0, u16::from(self.edns.is_some())];
        words.iter().for_each(|word| octets.extend_from_slice(&word.to_be_bytes()));
        octets.extend_from_slice(self.name.as_wire());
        octets.extend_from_slice(&self.qtype.to_be_bytes());
        octets.extend_from_slice(&self.qclass.to_be_bytes());
        if let Some(edns) = &self.edns {
            let options: Vec<u8> = edns
                .options
                .iter()
                .flat_map(|(code, data)| [&code.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat())
                .collect();
            octets.extend_from_slice(&[0, 0, 41]);
            octets.extend_from_slice(&edns.payload.to_be_bytes());
            octets.extend_from_slice(&edns.ttl.to_be_bytes());
            octets.extend_from_slice(&(options.len() as u16).to_be_bytes());
            octets.extend_from_slice(&options);
        }
        octets
    }
}

/// A worker with its table.
pub struct Server {
    pub table: RoutingTable,
    pub worker: Worker,
}

impl Server {
    pub fn new(table: RoutingTable) -> Server {
        Server::with(table, Settings::default())
    }

    pub fn with(table: RoutingTable, settings: Settings) -> Server {
        Server { table, worker: Worker::new(Arc::new(settings), 42) }
    }

    /// Sends octets; `None` if there is no response.
    pub fn send(&mut self, octets: &[u8], resolver: IpAddr, transport: Transport) -> Option<Vec<u8>> {
        self.send_in(0, octets, resolver, transport)
    }

    /// Like `send`, in a buffer filled with `stale`.
    pub fn send_in(&mut self, stale: u8, octets: &[u8], resolver: IpAddr, transport: Transport) -> Option<Vec<u8>> {
        let mut buffer = octets.to_vec();
        buffer.resize(65_535, stale);
        match self.worker.respond(
            &self.table,
            (resolver, 5300).into(),
            transport,
            &mut buffer,
            octets.len(),
            &mut NoTrace,
        ) {
            Reply::Send(len) => {
                buffer.truncate(len);
                Some(buffer)
            }
            Reply::Drop => None,
        }
    }

    pub fn raw(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        self.send(octets, "192.0.2.1".parse().unwrap(), Transport::Udp)
    }

    pub fn ask(&mut self, ask: &Ask) -> Response {
        let octets = self.send(&ask.octets(), ask.resolver, ask.transport).expect("a response");
        Response::parse(&octets).expect("a well-formed response")
    }

    /// Rdata of the answer section as text, sorted.
    pub fn answers(&mut self, question: &Ask) -> Vec<String> {
        let mut texts: Vec<String> = self.ask(question).sections[0].iter().map(rdata).collect();
        texts.sort();
        texts
    }

    /// Sets an endpoint up or down, or changes its weight.
    pub fn set(&mut self, pool: &str, endpoint: &str, up: bool, weight: Option<u32>) {
        let site = &self.table.topology().site;
        let at = site.pools.iter().position(|candidate| &*candidate.name == pool).unwrap();
        let index = site.pools[at].endpoints.iter().position(|candidate| &*candidate.name == endpoint).unwrap();
        let pool = gslb_core::site::model::PoolId(at as u32);
        let old = self.table.state(pool, index as u32).unwrap();
        let state = EndpointState::new(up, weight.unwrap_or(old.weight));
        self.table = self.table.with_changes(&[Change { pool, endpoint: index as u32, state }]);
    }

    /// Sets all endpoints of a pool up or down.
    pub fn set_pool(&mut self, pool: &str, up: bool) {
        let site = &self.table.topology().site;
        let found = site.pools.iter().find(|candidate| &*candidate.name == pool).unwrap();
        let names: Vec<_> = found.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
        names.iter().for_each(|endpoint| self.set(pool, endpoint, up, None));
    }
}

/// Presentation form of a record's rdata.
pub fn rdata(record: &gslb_core::explain::response::Record) -> String {
    gslb_core::dns::rdata::to_text(record.rtype, &record.rdata)
}

/// `type rdata` of each record of a section, in order.
pub fn lines(section: &[gslb_core::explain::response::Record]) -> Vec<String> {
    section
        .iter()
        .map(|record| {
            format!("{} {} {}", record.owner, gslb_core::dns::rdata::type_to_text(record.rtype), rdata(record))
        })
        .collect()
}
