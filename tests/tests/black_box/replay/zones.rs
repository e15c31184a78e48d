//! The two zones that all servers serve.

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

pub(super) fn files() -> [(&'static str, String); 2] {
    let big: String = (0..30).map(|n| format!("big 60 IN TXT \"{n} {}\"\n", "x".repeat(200))).collect();
    [("example.zone", format!("{EXAMPLE}{big}")), ("child.zone", CHILD.to_owned())]
}
