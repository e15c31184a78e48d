//! Zone data: negative answers, wildcards, aliases, delegations. One test per requirement.

mod support;

use support::{Ask, Server, ask, lines};

const DOCUMENT: &str = r#"
zones."example.com".file = "example.com"
zones."child.example.com".file = "child"
zones."example.net".file = "example.net"
pools.p.endpoints.a.address = "192.0.2.1"
pools.cdn.endpoints.a.cname = "target.example.net."
services."example.com".policy = "p"
services."*.steered.example.com".policy = "p"
services."cdn.example.com".policy = "cdn"
"#;

const EXAMPLE_COM: &str = r"
$TTL 3600
@            IN SOA ns1 host 1 2 3 4 300
@               NS  ns1
@               NS  ns.example.org.
@               MX  10 Mail
ns1             A   192.0.2.53
mail            A   192.0.2.25
mail            AAAA 2001:db8::25
a.b.ent         TXT deep
*.wild          TXT wildcard
*.wild          MX  10 mail
host.wild       A   192.0.2.7
sub.ent.wild    TXT blocks
cut.wild        NS  ns.elsewhere.example.
c1              CNAME c2
c2              CNAME C3.example.net.
toapex          CNAME @
dangling        CNAME nowhere
outside         CNAME www.example.org.
loop1           CNAME loop2
loop2           CNAME loop1
self            CNAME self
*.wloop         CNAME x.wloop
tochild         CNAME www.child
todelegated     CNAME www.del
old             DNAME new.example.net.
d2              DNAME ent
long            DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.cccccccccccccccccccccccccccccccccccccccc.example.net.
del             NS  ns.del
del             NS  ns.sibling
del             NS  ns.example.org.
del             DS  1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.del          A   192.0.2.60
ns.del          AAAA 2001:db8::60
sibling         NS  ns.sibling
ns.sibling      A   192.0.2.61
nods            NS  ns.nods
ns.nods         A   192.0.2.62
child           NS  ns.child
child           DS  2 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.child        A   192.0.2.63
";
const CHILD: &str = r"
$TTL 60
@ IN SOA ns host 1 2 3 4 30
@ NS ns
ns A 192.0.2.64
www A 192.0.2.65
";
const EXAMPLE_NET: &str = r"
$TTL 60
@ IN SOA ns host 1 2 3 4 90
@ NS ns
ns A 192.0.2.66
c3 A 192.0.2.67
target A 192.0.2.68
x.new TXT redirected
";

fn server() -> Server {
    let zones = [("example.com", EXAMPLE_COM), ("child", CHILD), ("example.net", EXAMPLE_NET)];
    Server::new(support::table_of(DOCUMENT, &zones, &[]))
}

fn name(left: &str) -> String {
    format!("{left}.example.com")
}

const A: u16 = 1;
const NS: u16 = 2;
const MX: u16 = 15;
const TXT: u16 = 16;
const DS: u16 = 43;

#[test]
fn negative_answers_carry_the_soa_with_the_smaller_ttl() {
    let mut server = server();
    for (question, rcode) in [(ask(&name("none"), A), 3), (ask(&name("mail"), TXT), 0), (ask("example.com", TXT), 0)] {
        let response = server.ask(&question);
        assert_eq!((response.rcode, response.authoritative), (rcode, true));
        let [soa] = &response.sections[1][..] else { panic!("one SOA") };
        assert_eq!((soa.owner.to_string(), soa.rtype, soa.ttl), ("example.com.".into(), 6, 300));
        assert_eq!(support::rdata(soa), "ns1.example.com. host.example.com. 1 2 3 4 300");
    }
    assert_eq!(server.ask(&ask("example.com", 6)).sections[0][0].ttl, 3600, "queried directly, it keeps its TTL");
}

#[test]
fn empty_non_terminals_exist() {
    let mut server = server();
    for ent in ["ent", "b.ent", "wild", "ent.wild", "steered"] {
        assert_eq!(server.ask(&ask(&name(ent), A)).rcode, 0, "{ent}");
    }
    assert_eq!(server.ask(&ask(&name("c.ent"), A)).rcode, 3);
    assert_eq!(server.ask(&ask(&name("x.mail"), A)).rcode, 3, "nothing is below a name without children");
}

#[test]
fn wildcards_match_names_that_do_not_exist() {
    let mut server = server();
    for left in ["x.wild", "y.x.wild", "host2.wild", "_a._b.wild"] {
        let response = server.ask(&ask(&name(left), TXT));
        assert_eq!(lines(&response.sections[0]), [format!("{}. TXT \"wildcard\"", name(left))]);
        assert_eq!(server.ask(&ask(&name(left), A)).rcode, 0, "NODATA at {left}");
    }
    assert_eq!(server.answers(&ask(&name("x.wild"), MX)), ["10 mail.example.com."]);
    for (blocked, rcode) in [("host.wild", 0), ("x.host.wild", 3), ("ent.wild", 0), ("x.ent.wild", 3)] {
        let response = server.ask(&ask(&name(blocked), TXT));
        assert_eq!((response.rcode, response.sections[0].len()), (rcode, 0), "{blocked}");
    }
    assert_eq!(server.answers(&ask(&name("*.wild"), TXT)), ["\"wildcard\""], "queried by name");
    let cut = server.ask(&ask(&name("x.cut.wild"), TXT));
    assert_eq!((cut.rcode, cut.authoritative, cut.sections[1].len()), (0, false, 1), "a cut is no wildcard's");
}

#[test]
fn services_answer_at_the_apex_and_through_wildcards() {
    let mut server = server();
    assert_eq!(server.answers(&ask("example.com", A)), ["192.0.2.1"]);
    assert_eq!(server.answers(&ask("example.com", MX)), ["10 Mail.example.com."]);
    assert_eq!(server.answers(&ask(&name("any.steered"), A)), ["192.0.2.1"]);
    let unsteered = server.ask(&ask(&name("any.steered"), TXT));
    assert_eq!((unsteered.rcode, unsteered.sections[1].len()), (0, 1));
}

#[test]
fn aliases_are_followed_through_our_zones() {
    let mut server = server();
    let response = server.ask(&ask(&name("C1"), A));
    let expected = [
        "C1.example.com. CNAME c2.example.com.",
        "c2.example.com. CNAME C3.example.net.",
        "C3.example.net. A 192.0.2.67",
    ];
    assert_eq!(lines(&response.sections[0]), expected);
    assert_eq!((response.rcode, response.authoritative), (0, true));
    assert_eq!(server.answers(&ask(&name("toapex"), MX)), ["10 Mail.example.com.", "example.com."]);
    assert_eq!(server.answers(&ask(&name("toapex"), A)), ["192.0.2.1", "example.com."], "to a service");
    assert_eq!(server.answers(&ask(&name("tochild"), A)), ["192.0.2.65", "www.child.example.com."]);
    assert_eq!(server.answers(&ask(&name("c1"), 5)), ["c2.example.com."], "CNAME itself is not followed");
    assert_eq!(server.answers(&ask(&name("cdn"), A)), ["192.0.2.68", "target.example.net."], "a steered alias");
    assert_eq!(server.answers(&ask(&name("cdn"), TXT)), ["target.example.net."]);
}

#[test]
fn the_rcode_is_that_of_the_last_name() {
    let mut server = server();
    let dangling = server.ask(&ask(&name("dangling"), A));
    assert_eq!((dangling.rcode, dangling.sections[0].len(), dangling.sections[1].len()), (3, 1, 1));
    let outside = server.ask(&ask(&name("outside"), A));
    assert_eq!((outside.rcode, outside.sections[0].len(), outside.sections[1].len()), (0, 1, 0));
    let delegated = server.ask(&ask(&name("todelegated"), A));
    assert_eq!((delegated.rcode, delegated.authoritative, delegated.sections[1].len()), (0, true, 3));
}

#[test]
fn alias_loops_end() {
    let mut server = server();
    // The wildcard answers two names: chains end at a repeated name, not at a repeated RRset.
    for (left, records) in [("loop1", 2), ("self", 1), ("a.wloop", 2), ("x.wloop", 1)] {
        let response = server.ask(&ask(&name(left), A).payload(1232));
        assert_eq!((response.rcode, response.sections[0].len(), response.truncated), (0, records, false), "{left}");
    }
}

#[test]
fn dnames_redirect_names_below_them() {
    let mut server = server();
    let response = server.ask(&ask(&name("x.old"), TXT));
    let expected = [
        "old.example.com. DNAME new.example.net.",
        "x.old.example.com. CNAME x.new.example.net.",
        "x.new.example.net. TXT \"redirected\"",
    ];
    assert_eq!(lines(&response.sections[0]), expected);
    assert_eq!(response.sections[0][1].ttl, 3600, "the CNAME has the DNAME's TTL (RFC 6672 §3.1)");
    assert_eq!(server.answers(&ask(&name("a.b.d2"), TXT)), ["\"deep\"", "a.b.ent.example.com.", "ent.example.com."]);
    let at = server.ask(&ask(&name("old"), TXT));
    assert_eq!((at.rcode, at.sections[0].len()), (0, 0), "the owner itself is not redirected");
    assert_eq!(server.answers(&ask(&name("old"), 39)), ["new.example.net."]);
    let left = "z".repeat(60);
    let long = server.ask(&ask(&name(&format!("{left}.{left}.long")), A).payload(1232));
    assert_eq!((long.rcode, long.sections[0].len()), (6, 1), "a name that would be too long: YXDOMAIN");
}

#[test]
fn a_dname_redirects_its_own_result_and_is_in_the_answer_once() {
    let zone = "$TTL 60\n@ IN SOA ns h 1 2 3 4 60\n@ NS ns.example.org.\nd DNAME e.d2\nd2 DNAME d\nq.e.e.d A 192.0.2.9\n\
        w DNAME a.v\n*.v CNAME x.w\n*.lone CNAME y.lone\ny.lone A 192.0.2.8\n";
    let zone = zone.replace("q.e.e.d A 192.0.2.9\n", "");
    let mut server = Server::new(support::table("zones.\"example.com\".file = \"z\"", &zone, &[]));
    // x.d -> x.e.d2 -> x.e.d -> x.e.e.d2 -> ... : every name is new, so the limit ends it.
    let long = server.ask(&ask(&name("x.d"), A).tcp());
    let dnames = long.sections[0].iter().filter(|record| record.rtype == 39).count();
    assert_eq!((long.rcode, long.truncated, dnames, long.sections[0].len()), (0, false, 2, 2 + 17));
    let back = server.ask(&ask(&name("x.w"), A).tcp());
    let expected = [
        "w.example.com. DNAME a.v.example.com.",
        "x.w.example.com. CNAME x.a.v.example.com.",
        "x.a.v.example.com. CNAME x.w.example.com.",
    ];
    assert_eq!((back.rcode, lines(&back.sections[0])), (0, expected.map(String::from).to_vec()));
    assert_eq!(server.answers(&ask(&name("z.lone"), A)), ["192.0.2.8", "y.lone.example.com."]);
}

#[test]
fn dnssec_types_beside_an_alias_are_answered() {
    let zone = "$TTL 60\n@ IN SOA ns h 1 2 3 4 60\n@ NS ns.example.org.\nal CNAME gone\nal NSEC www CNAME RRSIG NSEC\n\
        al KEY 256 3 8 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==\n\
        al RRSIG CNAME 13 3 60 20300101000000 20200101000000 1 example.com. AAAA\n\
        al SIG CNAME 13 3 60 20300101000000 20200101000000 1 example.com. AAAA\n\
        al NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr CNAME\n*.w CNAME gone\n*.w NSEC x CNAME NSEC\n";
    let mut server = Server::new(support::table("zones.\"example.com\".file = \"z\"", zone, &[]));
    for (left, qtype) in [("al", 47), ("al", 46), ("al", 25), ("al", 24), ("al", 50), ("x.w", 47)] {
        let response = server.ask(&ask(&name(left), qtype));
        let types: Vec<u16> = response.sections[0].iter().map(|record| record.rtype).collect();
        assert_eq!((response.rcode, response.authoritative, types), (0, true, vec![qtype]), "{left}");
    }
    assert_eq!(server.ask(&ask(&name("al"), A)).rcode, 3, "other types follow the alias");
    assert_eq!(server.ask(&ask(&name("x.w"), 25)).rcode, 3, "missing types are looked up at the target");
}

#[test]
fn signatures_keep_the_ttl_of_the_set_they_cover() {
    let signature = |ttl: u32, covered: &str, key: &str| {
        format!("a {ttl} RRSIG {covered} 13 3 {ttl} 20300101000000 20200101000000 1 example.com. {key}\n")
    };
    let zone = format!(
        "$TTL 60\n@ IN SOA ns h 1 2 3 4 60\n@ NS ns.example.org.\na 600 A 192.0.2.2\na 60 TXT x\n{}{}{}{}",
        signature(600, "A", "AAAA"),
        signature(60, "TXT", "BBBB"),
        signature(600, "A", "AAAA"),
        signature(300, "A", "CCCC"),
    );
    let mut server = Server::new(support::table("zones.\"example.com\".file = \"z\"", &zone, &[]));
    let mut ttls: Vec<(String, u32)> = server.ask(&ask(&name("a"), 46)).sections[0]
        .iter()
        .map(|record| (support::rdata(record).split(' ').next().unwrap().into(), record.ttl))
        .collect();
    ttls.sort();
    let expected = [("A", 300), ("A", 300), ("TXT", 60)].map(|(covered, ttl)| (covered.into(), ttl));
    assert_eq!(ttls, expected, "those that cover one type are one set, and have its least TTL");
}

#[test]
fn referrals_include_glue() {
    let mut server = server();
    for left in ["del", "www.del", "ns.del", "a.b.c.del"] {
        let response = server.ask(&ask(&name(left), A).edns());
        assert_eq!((response.rcode, response.authoritative, response.sections[0].len()), (0, false, 0), "{left}");
        let mut servers = lines(&response.sections[1]);
        servers.sort();
        let expected = ["ns.del.example.com.", "ns.example.org.", "ns.sibling.example.com."];
        assert_eq!(servers, expected.map(|server| format!("del.example.com. NS {server}")), "{left}");
        let mut glue = lines(&response.sections[2]);
        glue.sort();
        let expected = [
            "ns.del.example.com. A 192.0.2.60",
            "ns.del.example.com. AAAA 2001:db8::60",
            "ns.sibling.example.com. A 192.0.2.61",
        ];
        assert_eq!(glue, expected, "{left}");
    }
    assert_eq!(server.ask(&ask(&name("del"), NS)).sections[0].len(), 0, "NS at a cut is a referral too");
    let signed = server.ask(&ask(&name("del"), A).dnssec());
    assert!(signed.sections[1].iter().any(|record| record.rtype == DS), "DS comes with DO");
}

#[test]
fn required_glue_that_does_not_fit_truncates_the_response() {
    let glue: String = (0..30).map(|n| format!("ns{n}.d A 192.0.2.{n}\nd NS ns{n}.d\n")).collect();
    let helpful: String = (0..30).map(|n| format!("ns{n} A 192.0.2.{n}\nh NS ns{n}\n")).collect();
    let zone = format!("$TTL 60\n@ IN SOA ns h 1 2 3 4 60\n@ NS ns.example.org.\n{glue}{helpful}");
    let mut server = Server::new(support::table("zones.\"example.com\".file = \"z\"", &zone, &[]));
    assert!(server.ask(&ask("x.d.example.com", A).payload(1232)).truncated);
    let whole = server.ask(&ask("x.d.example.com", A).tcp());
    assert_eq!((whole.truncated, whole.sections[2].len()), (false, 30));
    assert!(!server.ask(&ask("x.h.example.com", A).payload(1232)).truncated, "sibling glue is a courtesy");
}

#[test]
fn ds_is_answered_on_the_parents_side() {
    let mut server = server();
    for (left, authority) in [("del", "1 13 2"), ("child", "2 13 2")] {
        let response = server.ask(&ask(&name(left), DS));
        assert!(response.authoritative && support::rdata(&response.sections[0][0]).starts_with(authority), "{left}");
    }
    let none = server.ask(&ask(&name("nods"), DS));
    assert_eq!((none.rcode, none.authoritative, none.sections[1][0].rtype), (0, true, 6));
    let apex = server.ask(&ask("example.com", DS));
    assert_eq!((apex.rcode, apex.sections[1][0].owner.to_string()), (0, "example.com.".into()));
}

#[test]
fn a_child_zone_answers_for_itself() {
    let mut server = server();
    assert_eq!(server.answers(&ask(&name("www.child"), A)), ["192.0.2.65"]);
    let soa = server.ask(&ask(&name("none.child"), A));
    assert_eq!((soa.rcode, soa.sections[1][0].owner.to_string()), (3, "child.example.com.".into()));
    assert_eq!(server.answers(&ask(&name("ns.child"), A)), ["192.0.2.64"], "not the parent's glue");
    assert!(server.ask(&ask(&name("child"), NS)).authoritative);
}

#[test]
fn any_gets_a_minimal_answer() {
    let mut server = server();
    for left in ["mail", "x.wild", "any.steered"] {
        let response = server.ask(&ask(&name(left), 255));
        assert_eq!(lines(&response.sections[0]), [format!("{}. HINFO \"RFC8482\" \"\"", name(left))]);
    }
    let apex = server.ask(&ask("example.com", 255));
    assert_eq!(apex.sections[0].len(), 1);
    assert_eq!(lines(&server.ask(&ask(&name("c1"), 255)).sections[0]), ["c1.example.com. CNAME c2.example.com."]);
    let by_name = server.ask(&ask(&name("cdn"), 255));
    assert_eq!(lines(&by_name.sections[0]), ["cdn.example.com. CNAME target.example.net."]);
    let redirected = server.ask(&ask(&name("x.old"), 255));
    assert_eq!(redirected.sections[0].len(), 2, "DNAME and CNAME, nothing beside them");
    assert_eq!(server.ask(&ask(&name("ent"), 255)).sections[0].len(), 0);
    assert_eq!(server.ask(&ask(&name("none"), 255)).rcode, 3);
}

#[test]
fn transfers_are_refused() {
    let mut server = server();
    for qtype in [251, 252] {
        for question in [ask("example.com", qtype), ask("example.com", qtype).tcp()] {
            let response = server.ask(&question);
            assert_eq!((response.rcode, response.sections[0].len()), (5, 0));
        }
    }
}

#[test]
fn names_in_answers_are_compressed() {
    let mut server = server();
    let octets = server.raw(&ask("example.com", MX).octets()).unwrap();
    // Header 12, question 17, then pointer, type, class, TTL, length, preference, label "Mail", pointer.
    assert_eq!(octets.len(), 12 + 17 + 12 + 2 + 5 + 2);
    let question: Ask = ask("none.example.com", A);
    assert_eq!(server.raw(&question.octets()).unwrap().len(), 12 + 22 + 12 + 6 + 7 + 20);
}

#[test]
fn three_nested_zones_stay_separate_in_any_order() {
    let soa = "@ 60 IN SOA ns host 1 2 3 4 60\n@ 60 IN NS ns.example.org.\n";
    let digest = "0".repeat(64);
    let top = format!("{soa}y 60 IN NS ns.y\nx.y 60 IN NS ns.x.y\nx.y 60 IN DS 1 13 2 {digest}\n");
    let middle = format!("{soa}@ 60 IN MX 10 mail\nx 60 IN NS ns.x\nx 60 IN DS 2 13 2 {digest}\n");
    let files = [("top", &*top), ("middle", &*middle), ("bottom", soa)];
    let zones = [
        "\"example.com\".file = \"top\"",
        "\"y.example.com\".file = \"middle\"",
        "\"x.y.example.com\".file = \"bottom\"",
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let document: String = order.iter().map(|at| format!("zones.{}\n", zones[*at])).collect();
        let mut server = Server::new(support::table_of(&document, &files, &[]));
        assert_eq!(server.answers(&ask("y.example.com", MX)), ["10 mail.y.example.com."], "{order:?}");
        let nodata = server.ask(&ask("y.example.com", TXT));
        assert_eq!(nodata.sections[1][0].owner.to_string(), "y.example.com.", "{order:?}");
        let signer = server.answers(&ask("x.y.example.com", DS));
        assert!(signer[0].starts_with("2 13 2 "), "the nearest parent's: {order:?}");
    }
}

#[test]
fn ns_at_a_wildcard_is_data() {
    let zone = "@ 60 IN SOA ns host 1 2 3 4 60\n@ 60 IN NS ns.example.org.\n*.w 60 IN NS ns.example.org.\n";
    let mut server = Server::new(support::table("zones.\"example.com\".file = \"z\"", zone, &[]));
    for left in ["q.w", "*.w"] {
        let response = server.ask(&ask(&name(left), NS));
        assert_eq!((response.authoritative, response.sections[0].len()), (true, 1), "{left}");
    }
}
