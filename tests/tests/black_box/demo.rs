//! `gslb demo`: its output is correct, and everything it starts runs.

use std::process::Command;

use gslb_tests::ask::{curl, dig};
use gslb_tests::program::{gslb, run};
use gslb_tests::server::Server;

/// A running demo, and its output.
fn demo() -> (Server, String) {
    let mut demo = Server::demo();
    demo.await_out("Ctrl-C stops it.");
    let said = demo.out();
    (demo, said)
}

/// The port of the origins, from the demo's output.
fn origin_port(said: &str) -> &str {
    let (_, rest) = said.split_once("HTTP servers on port ").expect("the demo prints its origins");
    rest.split(',').next().unwrap()
}

#[test]
fn the_printed_queries_give_the_printed_answers() {
    let (_demo, said) = demo();
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let queries = lines.windows(2).filter(|pair| pair[0].starts_with("dig "));
    let mut shown = 0;
    for pair in queries {
        let ran = run(Command::new("sh").args(["-c", pair[0]]));
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let (_, printed) = pair[1].rsplit_once(": ").expect("what it shows, and what it answers");
        assert_eq!(
            ran.out.split_whitespace().collect::<Vec<_>>(),
            printed.split(' ').collect::<Vec<_>>(),
            "{}",
            pair[0]
        );
        shown += 1;
    }
    assert_eq!(shown, 3, "{said}");
}

#[test]
fn the_printed_commands_work() {
    let (demo, said) = demo();
    let europe = || dig(demo.address(), "www.example.com A +subnet=193.0.6.0/24").data().join(" ");
    let japan = || dig(demo.address(), "www.example.com A +subnet=133.11.0.0/16").data().join(" ");
    assert_eq!((europe(), japan()), ("127.0.10.1".to_owned(), "127.0.30.1 127.0.30.2".to_owned()));
    let changed = run(Command::new("sh").args(["-c", &command(&said, "curl -X PATCH", 2)]));
    assert_eq!((changed.code, europe()), (0, "127.0.10.2".to_owned()), "{}{}", changed.out, changed.err);
    for (part, is_served) in [(" drain data-center/nrt", false), (" undrain data-center/nrt", true)] {
        // As printed: whether gslb is on the path or not, the command can be run.
        let printed = said.lines().find(|line| line.contains(part)).expect("the demo prints it");
        let ran = run(Command::new("sh").args(["-c", printed]));
        assert_eq!((ran.code, japan().contains("127.0.30.")), (0, is_served), "{printed}: {}", ran.err);
    }
}

/// The printed command with this beginning, of this many lines.
fn command(said: &str, begin: &str, lines: usize) -> String {
    let lines = said.lines().map(str::trim).skip_while(|line| !line.starts_with(begin)).take(lines);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_origin_answers_at_every_steered_address_and_names_its_data_center() {
    let (demo, said) = demo();
    let mut reached = Vec::new();
    for client in ["193.0.6.0/24", "8.8.8.0/24", "133.11.0.0/16", "200.160.0.0/20", "137.158.0.0/16", "139.130.4.0/24"]
    {
        let answer = dig(demo.address(), &format!("api.example.com A +subnet={client}"));
        assert!(!answer.data().is_empty(), "{}", answer.text);
        for address in answer.data() {
            let page = curl(&format!("http://{address}:{}/", origin_port(&said)));
            let (_, data_center) =
                page.body.trim_end().rsplit_once("in data center ").expect("it names its data center");
            assert!(page.body.contains(address), "{address}: {}", page.body);
            reached.push(data_center.to_owned());
            assert_eq!(curl(&format!("http://{address}:{}/healthz", origin_port(&said))).body, "ok\n");
        }
    }
    reached.dedup();
    assert_eq!(reached, ["fra.", "iad.", "nrt.", "gru.", "jnb.", "syd."]);
}

#[test]
fn health_and_metrics_are_served_over_http() {
    let (demo, _) = demo();
    let (live, ready) = (demo.get("/livez"), demo.get("/readyz"));
    assert_eq!((live.status, live.body.as_str()), (200, "ok\n"));
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready, serving table 1\n"));
    assert_eq!(demo.get("/metrics/").status, 404);
    let metrics = demo.get("/metrics");
    assert!(metrics.head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    dig(demo.address(), "www.example.com A +subnet=193.0.6.0/24");
    dig(demo.address(), "+tcp www.example.com AAAA +subnet=2001:67c:2e8::/48");
    dig(demo.address(), "www.example.org A");
    for (name, value) in [
        ("gslb_dns_queries_total{family=\"ipv4\",transport=\"udp\",type=\"A\"}", 2),
        ("gslb_dns_queries_total{family=\"ipv4\",transport=\"tcp\",type=\"AAAA\"}", 1),
        ("gslb_dns_client_subnets_total{family=\"ipv4\",result=\"used\"}", 1),
        ("gslb_dns_client_subnets_total{family=\"ipv6\",result=\"used\"}", 1),
        ("gslb_dns_responses_total{outcome=\"refused\",rcode=\"REFUSED\"}", 1),
        ("gslb_dns_responses_total{outcome=\"steered\",rcode=\"NOERROR\"}", 2),
        ("gslb_dns_response_duration_seconds_count{transport=\"udp\"}", 2),
        ("gslb_dns_response_duration_seconds_count{transport=\"tcp\"}", 1),
        ("gslb_service_answers_total{service=\"www.example.com\"}", 2),
        ("gslb_pool_answers_total{data_center=\"fra\",pool=\"fra\"}", 2),
        ("gslb_region_answers_total{data_center=\"fra\",region=\"europe\"}", 2),
        ("gslb_sample_queries_total", 2),
        ("gslb_sample_lost_total", 0),
        ("gslb_endpoint_up{data_center=\"fra\",endpoint=\"fra-1\",pool=\"fra\"}", 1),
        ("gslb_service_pools_up{service=\"www.example.com\"}", 6),
        ("gslb_document_revision", 1),
        ("gslb_table_generation", 1),
    ] {
        let line = format!("{name} {value}");
        gslb_tests::eventually(&line, || demo.get("/metrics").body.lines().any(|series| series == line));
    }
}

#[test]
fn a_demo_never_fails_for_a_default_port() {
    // The first one gets the default ports; the others use free ones.
    let demos = [(); 3].map(|()| Server::start(Command::new(gslb()).arg("demo")));
    for demo in &demos {
        assert_eq!(dig(demo.address(), "www.example.com A +subnet=200.160.0.0/20").data(), ["127.0.40.1"]);
        assert_eq!(demo.get("/livez").status, 200);
    }
}

#[test]
fn a_requested_address_is_not_replaced() {
    let (first, _) = demo();
    let taken = first.address().to_string();
    let ran = run(Command::new(gslb()).args(["demo", "--listen", &taken, "--api", "127.0.0.1:0"]));
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains(&format!("\ngslb: cannot listen on {taken} (TCP): ")), "{}", ran.err);
    assert!(ran.err.contains("another process has port"), "{}", ran.err);
}
