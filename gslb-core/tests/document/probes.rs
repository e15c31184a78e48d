//! Probe keys: what each kind accepts, and the problems for wrong keys and keys of other kinds.

use std::time::Duration;

use gslb_core::dns::wire::number::rtype;
use gslb_core::site::model::{Method, ProbeKind, Site, Transport};

use super::site::read_with;

fn probes(document: &str) -> Site {
    let reading = read_with(document, b"");
    reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems))
}

/// The problems with the one probe `x = {...}`, without locations.
fn problems(probe: &str) -> Vec<String> {
    let reading = read_with(
        &format!("[probes]\nx = {probe}\n[pools.a]\nprobe = \"x\"\nendpoints.a.address = \"192.0.2.1\""),
        b"",
    );
    let ours = reading.problems.iter().filter(|problem| problem.path.to_string().starts_with("probes"));
    ours.map(|problem| format!("{}: {}: {}", problem.path, problem.message, problem.help)).collect()
}

#[test]
fn each_kind_has_its_own_keys() {
    let site = probes(
        r#"
[probes]
web = { kind = "https", port = 8443, path = "/up?deep=1", method = "HEAD", host = "WWW.example.com", headers = { X-Probe = "yes, really" }, server_name = "sni.example.com", verify = false, certificate_days = 14, jitter = "0%", expect_status = ["204", "300-399"] }
redis = { kind = "tcp", port = 6379, send = "PING\r\n", expect = "+PONG" }
ns = { kind = "dns", name = "example.com", type = "mx", transport = "tcp", expect_answer = "10 mail.example.com." }
gone = { kind = "dns", name = "gone.example.com", expect_rcode = "NXDOMAIN" }
rpc = { kind = "grpc", port = 50051, service = "example.Orders", tls = true, host = "192.0.2.9" }
disk = { kind = "exec", command = ["/usr/lib/nagios/plugins/check_http", "-H", "{address}", "-p", "{port}"], port = 81 }
beat = { kind = "push", ttl = "90s" }
"#,
    );
    let [web, redis, ns, gone, rpc, disk, beat] = site.probes.as_slice() else { panic!() };
    let ProbeKind::Http(http) = &web.kind else { panic!("{web:?}") };
    assert_eq!((http.port, http.method, http.host.as_deref()), (8443, Method::Head, Some("www.example.com")));
    assert_eq!((&*http.path, web.jitter), ("/up?deep=1", Duration::ZERO));
    assert_eq!(http.headers, [("x-probe".into(), "yes, really".into())]);
    assert_eq!(http.expect_status, [(204, 204), (300, 399)]);
    let tls = http.tls.as_ref().unwrap();
    assert_eq!(
        (tls.server_name.as_deref(), tls.verify, tls.certificate_days),
        (Some("sni.example.com"), false, Some(14))
    );
    let ProbeKind::Tcp(tcp) = &redis.kind else { panic!("{redis:?}") };
    assert_eq!((tcp.send.as_deref(), tcp.expect.as_deref()), (Some("PING\r\n"), Some("+PONG")));
    let ProbeKind::Dns(dns) = &ns.kind else { panic!("{ns:?}") };
    assert_eq!((dns.port, dns.transport, dns.rtype, dns.expect_rcode), (53, Transport::Tcp, rtype::MX, 0));
    assert_eq!(dns.expect_answer.as_deref(), Some(&b"\0\x0a\x04mail\x07example\x03com\0"[..]));
    let ProbeKind::Dns(dns) = &gone.kind else { panic!("{gone:?}") };
    assert_eq!((dns.transport, dns.rtype, dns.expect_rcode), (Transport::Udp, rtype::SOA, 3));
    let ProbeKind::Grpc(grpc) = &rpc.kind else { panic!("{rpc:?}") };
    assert!(&*grpc.service == "example.Orders" && grpc.tls.as_ref().is_some_and(|tls| tls.verify));
    let ProbeKind::Exec(exec) = &disk.kind else { panic!("{disk:?}") };
    assert_eq!((exec.port, exec.command.len()), (Some(81), 5));
    assert_eq!(beat.kind, ProbeKind::Push { ttl: Duration::from_secs(90) });
}

#[test]
fn values_that_would_hijack_a_request_are_refused() {
    for name in ["Host", "Authorization", "Connection", "transfer-encoding", "Content-Length", "Cookie"] {
        let messages = problems(&format!(r#"{{ kind = "http", headers = {{ {name} = "x" }} }}"#));
        assert!(messages[0].contains("cannot be set in a document"), "{messages:?}");
    }
    for value in [r"a\r\nHost: b", r"a\nb", r"\u0000", "ü"] {
        let messages = problems(&format!(r#"{{ kind = "http", headers = {{ x = "{value}" }} }}"#));
        assert!(messages[0].contains("is not a header value"), "{value}: {messages:?}");
    }
    assert!(problems(r#"{ kind = "http", headers = { "x y" = "1" } }"#)[0].contains("is not a header name"));
    for host in ["a b", r"a\r\nb", "www.example.com:80", "user@example.com", "192.0.2.999", "", "a..b", "[::1]"] {
        let messages = problems(&format!(r#"{{ kind = "http", host = "{host}" }}"#));
        assert!(messages.len() == 1 && messages[0].contains("is not a host"), "{host}: {messages:?}");
    }
    for path in ["x", "http://example.com/", "/a b", r"/a\r\nb", "/ü", "/a#b"] {
        let messages = problems(&format!(r#"{{ kind = "http", path = "{path}" }}"#));
        assert!(messages.len() == 1 && messages[0].contains("is not a request path"), "{path}: {messages:?}");
    }
}

#[test]
fn invalid_values_are_reported_with_a_fix() {
    let cases = [
        (r#"{ kind = "push", interval = "1s" }"#, "probes.x.interval: probes of kind \"push\" have no `interval`"),
        (r#"{ kind = "http", server_name = "x" }"#, "remove it; kinds that support it: https, grpc"),
        (r#"{ kind = "http", jitter = "60%" }"#, "write a share from \"0%\" to \"50%\" of the interval"),
        (r#"{ kind = "http", method = "POST" }"#, "known: GET, HEAD"),
        (r#"{ kind = "http", method = "HEAD", expect_body = "ok" }"#, "the response to HEAD has no body"),
        (r#"{ kind = "http", expect_body = "" }"#, "this has 0 octets"),
        (r#"{ kind = "grpc", port = 1, verify = false }"#, "`verify` has no effect without TLS"),
        (r#"{ kind = "dns" }"#, "`name` is missing"),
        (r#"{ kind = "dns", name = "x", type = "AXFR" }"#, "\"AXFR\" is not a query type that a probe can use"),
        (
            r#"{ kind = "dns", name = "x", type = "A", expect_answer = "2001:db8::1" }"#,
            "is not the data of a record of type A",
        ),
        (
            r#"{ kind = "dns", name = "x", type = "A", expect_answer = "1.2.3.4\n. 0 IN A 1.2.3.5" }"#,
            "it is not on one line",
        ),
        (r#"{ kind = "dns", name = "x", expect_rcode = "REFUSED", expect_answer = "x" }"#, "has no answer records"),
        (r#"{ kind = "exec" }"#, "`command` is missing"),
        (r#"{ kind = "exec", command = ["check_http"] }"#, "is not an absolute path of a program"),
        (
            r#"{ kind = "exec", command = ["/usr/lib/nagios/plugins/../../../bin/sh"] }"#,
            "is not an absolute path of a program",
        ),
        (r#"{ kind = "exec", command = ["/x", "-H{address}"] }"#, "as a separate argument"),
        (r#"{ kind = "exec", command = ["/x", "{port}"] }"#, "uses {port}, but `port` is not set"),
        (r#"{ kind = "exec", command = ["/x", "a\u0000b"] }"#, "is not a valid argument"),
        (r#"{ kind = "push", ttl = "0s" }"#, "write a duration from 1s to 24h"),
    ];
    for (probe, wanted) in cases {
        let messages = problems(probe);
        assert!(messages.iter().any(|messages| messages.contains(wanted)), "{probe}: {messages:#?}");
    }
}
