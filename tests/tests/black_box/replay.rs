//! Header bits, counts and sections are those of NSD and Knot, which serve the same zones beside it, over UDP and TCP.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::message::{Message, Record};
use gslb_tests::{PATIENCE, eventually};

/// A zone with every kind of name.
const EXAMPLE: &str = r#"$ORIGIN example.test.
$TTL 3600
@            IN SOA ns1 host 1 7200 900 86400 300
@               NS  ns1
@               NS  ns.example.org.
@               MX  10 Mail
@               TXT "the apex" "in two strings"
ns1             A   192.0.2.53
mail            A   192.0.2.25
mail            AAAA 2001:db8::25
three           60 A 192.0.2.31
three           60 A 192.0.2.32
three           60 A 192.0.2.33
a.b.ent         TXT deep
*.wild          TXT wildcard
*.wild          MX  10 mail
host.wild       A   192.0.2.7
sub.ent.wild    TXT blocks
*.cwild         CNAME mail
c1              CNAME c2
c2              30 CNAME C3
c3              A   192.0.2.67
toapex          CNAME @
dangling        CNAME nowhere
outside         CNAME www.example.org.
loop1           CNAME loop2
loop2           CNAME loop1
self            CNAME self
towild          CNAME x.wild
todelegated     CNAME www.del
tochild         CNAME www.child
old             DNAME ent.wild
todname         CNAME sub.old
out             DNAME example.org.
del             NS  ns.del
del             NS  ns.example.org.
del             DS  1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.del          A   192.0.2.60
ns.del          AAAA 2001:db8::60
nods            NS  ns.nods
ns.nods         A   192.0.2.62
child           NS  ns.child
ns.child        A   192.0.2.64
_sip._udp       SRV 1 2 5060 mail
odd             TYPE65280 \# 4 C0000201
caa             CAA 0 issue "ca.example.net"
svc             HTTPS 1 . alpn=h2
ptr             PTR mail
"#;

/// A zone below it.
const CHILD: &str = r#"$ORIGIN child.example.test.
$TTL 60
@ IN SOA ns host 1 7200 900 86400 30
@ NS ns
ns A 192.0.2.64
www A 192.0.2.65
"#;

/// Left parts of names that are asked for.
const NAMES: [&str; 58] = [
    "",
    "ns1",
    "mail",
    "MaIl",
    "three",
    "ent",
    "b.ent",
    "a.b.ent",
    "c.ent",
    "wild",
    "x.wild",
    "y.x.wild",
    "host.wild",
    "x.host.wild",
    "ent.wild",
    "sub.ent.wild",
    "x.ent.wild",
    "*.wild",
    "x.cwild",
    "*.cwild",
    "c1",
    "c2",
    "C3",
    "toapex",
    "dangling",
    "outside",
    "loop1",
    "self",
    "towild",
    "todelegated",
    "tochild",
    "old",
    "sub.old",
    "x.old",
    "a.b.old",
    "todname",
    "out",
    "www.out",
    "del",
    "www.del",
    "ns.del",
    "a.b.c.del",
    "nods",
    "x.nods",
    "child",
    "www.child",
    "none.child",
    "ns.child",
    "_sip._udp",
    "_udp",
    "odd",
    "caa",
    "svc",
    "ptr",
    "none",
    "x.none",
    "x.mail",
    "big",
];

/// Types that are asked for: A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, DNAME, DS, RRSIG, NSEC, DNSKEY, HTTPS, CAA,
/// one that nobody knows, and the largest.
const TYPES: [u16; 19] = [1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 39, 43, 46, 47, 48, 65, 257, 65280, 65535];

fn files() -> [(&'static str, String); 2] {
    let big: String = (0..30).map(|n| format!("big 60 IN TXT \"{n} {}\"\n", "x".repeat(200))).collect();
    [("example.zone", format!("{EXAMPLE}{big}")), ("child.zone", CHILD.to_owned())]
}

/// A server beside ours, killed when dropped.
struct Other {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that both UDP and TCP are free at.
fn free() -> SocketAddr {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    if TcpListener::bind(address).is_ok() { address } else { free() }
}

impl Other {
    fn start(name: &'static str, program: &str, arguments: &[&str], config: &str) -> Other {
        let (folder, address) = (Folder::with(&[]), free());
        for (file, text) in files() {
            folder.write(file, text);
        }
        let home = folder.path("").display().to_string();
        let config = config.replace("FOLDER", home.trim_end_matches('/')).replace("PORT", &address.port().to_string());
        folder.write("conf", config);
        let path = format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path(""))
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} cannot be run ({error}): see tests/run"));
        let other = Other { name, child, address, _folder: folder };
        let soa = Query { id: 1, name: wire_name("example.test"), qtype: 6, ..Query::default() };
        eventually("it answers", || {
            over_udp(other.address, &soa.octets()).is_some_and(|response| response[3] & 15 == 0)
        });
        other
    }

    fn nsd() -> Other {
        let config = "server:\n ip-address: 127.0.0.1@PORT\n server-count: 1\n username: \"\"\n chroot: \"\"\n zonesdir: \"FOLDER\"\n \
            database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n zonelistfile: \"FOLDER/zone.list\"\n xfrdir: \"FOLDER\"\n \
            rrl-ratelimit: 0\n rrl-whitelist-ratelimit: 0\n minimal-responses: yes\n ipv4-edns-size: 1232\nremote-control:\n \
            control-enable: no\nzone:\n name: example.test\n zonefile: example.zone\nzone:\n name: child.example.test\n \
            zonefile: child.zone\n";
        Other::start("NSD", "nsd", &["-d", "-c", "conf"], config)
    }

    fn knot() -> Other {
        let config = "server:\n rundir: \"FOLDER\"\n listen: 127.0.0.1@PORT\n udp-workers: 1\n tcp-workers: 1\n \
            background-workers: 1\nlog:\n - target: stderr\n   any: warning\ndatabase:\n storage: \"FOLDER\"\ntemplate:\n \
            - id: default\n   storage: \"FOLDER\"\n   journal-content: none\n   zonefile-sync: -1\nzone:\n - domain: example.test\n   \
            file: example.zone\n - domain: child.example.test\n   file: child.zone\n";
        Other::start("Knot", "knotd", &["-c", "conf"], config)
    }
}

/// A query in the making.
#[derive(Debug, Clone, Default)]
struct Query {
    id: u16,
    flags: u16,
    name: Vec<u8>,
    qtype: u16,
    class: u16,
    edns: Option<Edns>,
}

/// Its OPT record.
#[derive(Debug, Clone)]
struct Edns {
    payload: u16,
    ttl: u32,
    options: Vec<u8>,
}

impl Query {
    fn octets(&self) -> Vec<u8> {
        let class = if self.class == 0 { 1 } else { self.class };
        let counts = [1, 0, 0, u16::from(self.edns.is_some())];
        let mut octets =
            [self.id, self.flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        octets.extend_from_slice(&self.name);
        octets.extend([self.qtype, class].into_iter().flat_map(u16::to_be_bytes));
        if let Some(Edns { payload, ttl, options }) = &self.edns {
            octets.extend([0, 0, 41]);
            octets.extend(payload.to_be_bytes());
            octets.extend(ttl.to_be_bytes());
            octets.extend((options.len() as u16).to_be_bytes());
            octets.extend_from_slice(options);
        }
        octets
    }
}

fn wire_name(text: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        name.push(label.len() as u8);
        name.extend_from_slice(label.as_bytes());
    }
    name.push(0);
    name
}

fn over_udp(address: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.send(query).ok()?;
    let mut buffer = vec![0; 65_535];
    let len = socket.recv(&mut buffer).ok()?;
    buffer.truncate(len);
    Some(buffer)
}

/// A connection that is kept; a new one where the server has closed it.
struct Tcp(SocketAddr, Option<TcpStream>);

impl Tcp {
    fn ask(&mut self, query: &[u8]) -> Option<Vec<u8>> {
        for _ in 0..2 {
            let stream = self.1.take().unwrap_or_else(|| TcpStream::connect(self.0).expect("it takes connections"));
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            if let Some(response) = exchange(&stream, query) {
                self.1 = Some(stream);
                return Some(response);
            }
        }
        None
    }
}

fn exchange(mut stream: &TcpStream, query: &[u8]) -> Option<Vec<u8>> {
    let framed = [&(query.len() as u16).to_be_bytes(), query].concat();
    stream.write_all(&framed).ok()?;
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut response = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut response).ok()?;
    Some(response)
}

/// All queries, each with a word for messages.
fn queries() -> Vec<(String, Query)> {
    let mut queries = Vec::new();
    let mut id = 0u16;
    let mut add = |what: String, query: Query| {
        id = id.wrapping_add(7919);
        queries.push((what, Query { id, ..query }));
    };
    let edns = |payload, ttl, options: &[u8]| Some(Edns { payload, ttl, options: options.to_vec() });
    let forms: [(&str, u16, Option<Edns>); 5] = [
        ("plain", 0, None),
        ("rd", 0x0100, None),
        ("edns", 0, edns(1232, 0, &[])),
        ("do", 0x0110, edns(4096, 0x8000, &[])),
        ("512", 0x0120, edns(512, 0, &[0xFD, 0xE9, 0, 1, 7])),
    ];
    for left in NAMES {
        let name = wire_name(&format!("{left}.example.test"));
        for qtype in TYPES {
            for (form, flags, edns) in &forms {
                let query = Query { flags: *flags, name: name.clone(), qtype, edns: edns.clone(), ..Query::default() };
                add(format!("{left} TYPE{qtype} {form}"), query);
            }
        }
    }
    for name in ["", "test", "example.org", "xexample.test", "www.example.org"] {
        for qtype in [1, 2, 6, 43] {
            for (form, flags, edns) in &forms {
                let query =
                    Query { flags: *flags, name: wire_name(name), qtype, edns: edns.clone(), ..Query::default() };
                add(format!("not ours: {name} TYPE{qtype} {form}"), query);
            }
        }
    }
    let mail = wire_name("mail.example.test");
    for version in 1..4u32 {
        let query = Query { name: mail.clone(), qtype: 1, edns: edns(1232, version << 16, &[]), ..Query::default() };
        add(format!("edns version {version}"), query);
    }
    for opcode in 1..16u16 {
        let query = Query { flags: opcode << 11, name: mail.clone(), qtype: 1, ..Query::default() };
        add(format!("opcode {opcode}"), query);
    }
    for flag in [0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010] {
        let query = Query { flags: flag, name: mail.clone(), qtype: 1, ..Query::default() };
        add(format!("flag {flag:#06x}"), query);
    }
    queries
}

/// How a response of ours differs from another server's, in a few words; nothing where it does not.
fn difference(ours: &Message, theirs: &Message) -> Option<String> {
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
    // What is left in a response that is not whole is up to the server (RFC 2181 §9).
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

/// Additional records help and prove nothing: addresses of what the answer names may come with it or not (RFC 1035 §3.3.9,
/// RFC 2181 §9). In a referral they are glue, without which it may be of no use, and have to be there (RFC 9471).
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

/// A difference that has a reason: which server's, part of the query's word, part of the difference, and why it is right.
struct Explained(&'static str, &'static str, &'static str, &'static str);

const EXPLAINED: [Explained; 8] = [
    Explained("Knot", "opcode", "0 questions", "RFC 8906 §3.1.4: NOTIMP may be a header alone, as NSD's is"),
    Explained("Knot", "opcode 4", "flags", "RFC 1996 §3.10 is not implemented: NOTIMP (RFC 8906 §3.1.4)"),
    Explained("NSD", "opcode 4", "flags", "RFC 1996 §3.10 is not implemented: NOTIMP (RFC 8906 §3.1.4)"),
    Explained("Knot", "opcode 5", "flags", "RFC 2136 §3.1 is not implemented: NOTIMP (RFC 8906 §3.1.4)"),
    Explained(
        "Knot",
        "TYPE46",
        "",
        "RFC 1034 §4.3.2: a type that is not at an alias is asked of its target, as with NSD",
    ),
    Explained(
        "Knot",
        "TYPE47",
        "",
        "RFC 1034 §4.3.2: a type that is not at an alias is asked of its target, as with NSD",
    ),
    Explained(
        "Knot",
        "tochild",
        "",
        "RFC 1034 §4.3.2: an alias is followed into every zone of the server, as with NSD",
    ),
    Explained(
        "",
        " do",
        "TYPE43]",
        "RFC 4035 §3.1.4: DS goes with a referral; NSD and Knot leave it out of unsigned zones",
    ),
];

impl Explained {
    fn explains(&self, other: &str, query: &str, differs: &str) -> bool {
        let Explained(who, what, how, _) = self;
        (who.is_empty() || *who == other) && query.contains(what) && differs.contains(how)
    }
}

#[test]
fn responses_are_those_of_nsd_and_knot() {
    let folder = Folder::with(&[("gslb.toml", PROCESS)]);
    for (file, text) in files() {
        folder.write(file, text);
    }
    let site = "zones.\"example.test\".file = \"example.zone\"\nzones.\"child.example.test\".file = \"child.zone\"\n";
    folder.write("site.toml", site);
    let server = folder.serve();
    let others = [Other::nsd(), Other::knot()];
    let queries = queries();
    assert!(queries.len() >= 5_000, "{} queries", queries.len());
    let mut differing: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    let mut reasons: BTreeSet<&str> = BTreeSet::new();
    let mut connections: Vec<Tcp> = std::iter::once(server.address())
        .chain(others.iter().map(|other| other.address))
        .map(|at| Tcp(at, None))
        .collect();
    for (what, query) in &queries {
        let octets = query.octets();
        for transport in ["UDP", "TCP"] {
            let mut ask = |at: usize, address: SocketAddr| {
                let response =
                    if transport == "UDP" { over_udp(address, &octets) } else { connections[at].ask(&octets) };
                response.map(|response| {
                    assert_eq!(response[..2], octets[..2], "the ID of {what}");
                    Message::parse(&response).unwrap_or_else(|| panic!("{what}: not a message: {response:?}"))
                })
            };
            let ours = ask(0, server.address());
            for (at, other) in others.iter().enumerate() {
                let theirs = ask(at + 1, other.address);
                let differs = match (&ours, &theirs) {
                    (Some(ours), Some(theirs)) => difference(ours, theirs),
                    (None, None) => None,
                    (ours, theirs) => Some(format!("answered: {}, theirs {}", ours.is_some(), theirs.is_some())),
                };
                let Some(differs) = differs else { continue };
                let explained = EXPLAINED.iter().filter(|known| known.explains(other.name, what, &differs));
                let explained: Vec<&str> = explained.map(|Explained(.., reason)| *reason).collect();
                if explained.is_empty() {
                    differing.entry((other.name, differs)).or_default().push(format!("{what} {transport}"));
                }
                reasons.extend(explained);
            }
        }
    }
    let told: String = differing
        .iter()
        .map(|((who, differs), queries)| {
            format!("{who}: {differs}: {} queries, such as {}\n", queries.len(), queries[0])
        })
        .collect();
    assert!(differing.is_empty(), "{} kinds of difference:\n{told}", differing.len());
    for Explained(.., reason) in &EXPLAINED {
        assert!(reasons.contains(reason), "nothing differs any more for this reason: {reason}");
    }
}
