//! Explanations as data: the same answer as on the wire, with names for everything.

mod support;

use std::sync::Arc;

use gslb_core::dns::rdata::to_text;
use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, explain};
use gslb_core::respond::{MAX_DECISIONS, Noted, Reply, Settings, Transport};
use gslb_core::site::model::Target;
use gslb_core::steer::trace::ClientFrom;
use serde_json::{Value, json};
use support::{Server, WORLD, ask, table};

const ZONE: &str = "$TTL 1h\n@ IN SOA ns h 1 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.53\n";
const DOCUMENT: &str = r#"
[zones."example.com"]
file = "example.com.zone"
[data_centers]
fra = { location = { country = "DE" } }
iad = { location = { country = "US" } }
[pools.fra]
data_center = "fra"
endpoints.fra-1 = { address = "192.0.2.10" }
[pools.iad]
data_center = "iad"
endpoints.iad-1 = { address = "192.0.2.20", weight = 5 }
endpoints.iad-2 = { address = "192.0.2.21", weight = 5 }
[regions.europe]
match = ["continent:EU"]
[regions.office]
match = ["prefix:193.0.6.0/24"]
[services."www.example.com"]
types = ["A"]
sticky = {}
policy = { geo = { europe = "fra", default = { nearest = ["iad", "fra"] } } }
"#;

fn explained(server: &Server, name: &str, client: &str) -> Value {
    let question = Question {
        name: name.parse().unwrap(),
        qtype: 1,
        client: Some(client.parse().unwrap()),
        resolver: "192.0.2.1".parse().unwrap(),
    };
    let explanation = explain(&server.table, Arc::new(Settings::default()), question, 1);
    serde_json::to_value(explanation.to_data(&server.table)).unwrap()
}

#[test]
fn a_skipped_pool_has_a_reason() {
    let document = r#"
[zones."example.com"]
file = "example.com.zone"
[pools]
other-type.endpoints.a = { address = "2001:db8::1" }
down.endpoints.a = { address = "192.0.2.1" }
idle.endpoints.a = { address = "192.0.2.2", weight = 0 }
half = { min_up = 2, endpoints = { a = { address = "192.0.2.3" }, b = { address = "192.0.2.4" } } }
good.endpoints.a = { address = "192.0.2.5" }
[services."www.example.com"]
policy = { failover = ["other-type", "down", "idle", "half", "good"] }
"#;
    let mut server = Server::new(table(document, ZONE, &*WORLD));
    server.set_pool("down", false);
    server.set("half", "a", false, None);
    let data = explained(&server, "www.example.com", "192.0.2.0/24");
    let passed: Vec<_> =
        data["steps"].as_array().unwrap().iter().filter(|step| step["step"] == "passed-over").collect();
    let reasons: Vec<_> = passed.iter().map(|step| (step["pool"].as_str(), step["reason"].as_str())).collect();
    let expected = [("other-type", "none-of-type"), ("down", "down"), ("idle", "no-weight"), ("half", "down")];
    assert_eq!(reasons, expected.map(|(pool, reason)| (Some(pool), Some(reason))));
    assert_eq!((&passed[3]["up"], &passed[3]["min_up"]), (&json!(1), &json!(2)));
}

#[test]
fn every_step_has_names_and_the_answer_is_that_of_the_wire() {
    let mut server = Server::new(table(DOCUMENT, ZONE, &*WORLD));
    server.set_pool("fra", false);
    let data = explained(&server, "www.example.com", "193.0.6.0/24");
    assert_eq!(
        data["question"],
        json!({ "name": "www.example.com.", "type": "A", "client": "193.0.6.0/24", "resolver": "192.0.2.1" })
    );
    assert_eq!(data["generation"], server.table.generation());
    let steps = data["steps"].as_array().unwrap();
    let step = |name: &str| steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}: {data}"));
    assert_eq!(step("service")["name"], "www.example.com.");
    assert_eq!(step("client")["place"]["country"], "NL");
    assert_eq!(*step("region"), json!({ "step": "region", "region": "office", "matcher": "prefix:193.0.6.0/24" }));
    let branch = json!({
        "step": "branch", "policy": "services.\"www.example.com\".policy", "region": "europe", "matcher": "continent:EU",
    });
    assert_eq!(*step("branch"), branch);
    assert_eq!(step("passed-over")["pool"], "fra");
    assert_eq!((&step("passed-over")["reason"], &step("passed-over")["min_up"]), (&json!("down"), &json!(1)));
    assert_eq!(*step("taken"), json!({ "step": "taken", "pool": "iad", "data_center": "iad" }));
    assert_eq!((&step("named")["weight"], &step("named")["by"]), (&json!(5), &json!("client")));
    let wire = server.ask(&ask("www.example.com", 1).subnet("193.0.6.0/24"));
    let lines: Vec<String> = wire.sections[0].iter().map(|record| record.to_line()).collect();
    assert_eq!(data["answer"]["answer"], json!(lines));
    assert_eq!(data["answer"]["scope"], json!(wire.subnet.unwrap().2));
    assert!(data["text"].as_str().unwrap().contains("candidate  fra: passed over"));
}

#[test]
fn refusals_and_negative_answers_are_explained() {
    let server = Server::new(table(DOCUMENT, ZONE, &*WORLD));
    let data = explained(&server, "www.example.net", "193.0.6.0/24");
    assert_eq!((&data["answer"]["rcode"], &data["steps"][0]["step"]), (&json!("REFUSED"), &json!("not-ours")));
    let data = explained(&server, "nothing.example.com", "193.0.6.0/24");
    assert_eq!((&data["answer"]["rcode"], &data["answer"]["scope"]), (&json!("NXDOMAIN"), &json!(0)));
    assert_eq!(data["answer"]["authority"].as_array().unwrap().len(), 1);
}

#[test]
fn tail_sees_the_decision_of_the_actual_answer() {
    let mut server = Server::new(table(DOCUMENT, ZONE, &*WORLD));
    let mut noted = Noted::default();
    for (down, client) in [(None, "193.0.6.0/24"), (None, "17.0.0.0/24"), (Some("fra"), "193.0.6.0/24")] {
        down.into_iter().for_each(|pool| server.set_pool(pool, false));
        let query = ask("www.example.com", 1).subnet(client).octets();
        let mut buffer = query.clone();
        buffer.resize(4096, 0);
        noted.clear();
        let source = ([192, 0, 2, 1], 53).into();
        let reply = server.worker.respond(&server.table, source, Transport::Udp, &mut buffer, query.len(), &mut noted);
        let Reply::Send(octets) = reply else { panic!("{reply:?}") };
        let response = Response::parse(&buffer[..octets]).unwrap();
        assert_eq!(response.client, Some(client.parse().unwrap()), "the network is read back");
        assert_eq!(response.question, Some(("www.example.com".parse().unwrap(), 1)));
        let site = &server.table.topology().site;
        let [decided] = noted.decisions() else { panic!("{:?}", noted.decisions()) };
        assert_eq!((decided.service, decided.from), (0, ClientFrom::Subnet(24)));
        let named = noted.chosen().iter().map(|chosen| {
            let endpoint = &site.pools[chosen.pool.0 as usize].endpoints[usize::from(chosen.endpoint)];
            match &endpoint.target {
                Target::Address(address) => address.to_string(),
                Target::Cname(name) => name.to_string(),
            }
        });
        let answered = response.sections[0].iter().map(|record| to_text(record.rtype, &record.rdata));
        assert_eq!(named.collect::<Vec<_>>(), answered.collect::<Vec<_>>());
    }
}

#[test]
fn tail_sees_all_decisions_along_a_chain_of_services() {
    // Each service leads to the next, over more names than one answer follows; the last one has addresses.
    let services = 20;
    let mut document = "[zones.\"example.com\"]\nfile = \"example.com.zone\"\n".to_owned();
    for number in 0..services {
        let target = match number + 1 < services {
            true => format!("cname = \"s{}.example.com.\"", number + 1),
            false => "address = \"192.0.2.10\"".to_owned(),
        };
        document += &format!("[pools.p{number}]\nendpoints.only = {{ {target} }}\n");
        document += &format!("[services.\"s{number}.example.com\"]\npolicy = \"p{number}\"\n");
        document += "when_all_down = \"nodata\"\n";
    }
    let mut server = Server::new(table(&document, ZONE, &[]));
    server.set_pool("p19", false);
    let mut noted = Noted::default();
    let mut decided = |first: u32| {
        let query = ask(&format!("s{first}.example.com"), 1).octets();
        let mut buffer = query.clone();
        buffer.resize(4096, 0);
        noted.clear();
        let source = ([192, 0, 2, 1], 53).into();
        server.worker.respond(&server.table, source, Transport::Tcp, &mut buffer, query.len(), &mut noted);
        let decisions: Vec<_> = noted.decisions().iter().map(|it| (it.service, it.fallback.is_some())).collect();
        let chosen: Vec<u32> = noted.chosen().iter().map(|chosen| chosen.service).collect();
        (decisions, chosen)
    };
    assert_eq!(
        decided(17),
        (vec![(17, false), (18, false), (19, true)], vec![17, 18]),
        "the last one names no endpoint"
    );
    let longest: Vec<u32> = (0..MAX_DECISIONS as u32).collect();
    assert_eq!(decided(0), (longest.iter().map(|service| (*service, false)).collect(), longest));
}

#[test]
fn a_failed_draw_explains_each_branch() {
    let document = r#"
[zones."example.com"]
file = "example.com.zone"
[pools]
down.endpoints.a = { address = "192.0.2.1" }
idle.endpoints.a = { address = "192.0.2.2" }
good.endpoints.a = { address = "192.0.2.3" }
[services."www.example.com"]
policy = { failover = [{ weighted = { down = 1, idle = 0 } }, "good"] }
"#;
    let mut server = Server::new(table(document, ZONE, &*WORLD));
    server.set_pool("down", false);
    let data = explained(&server, "www.example.com", "192.0.2.0/24");
    let mut reasons: Vec<_> = data["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["step"] == "passed-over")
        .map(|step| (step["pool"].as_str().unwrap(), step["reason"].as_str().unwrap()))
        .collect();
    reasons.sort();
    assert_eq!(reasons, [("down", "down"), ("idle", "no-weight")]);
}

#[test]
fn an_answer_with_everything_down_explains_the_lowered_demands() {
    for (when, last) in [("serve-all", "any"), ("last-up", "last-up")] {
        let document = DOCUMENT.replace("sticky = {}", &format!("when_all_down = \"{when}\""));
        let mut server = Server::new(table(&document, ZONE, &*WORLD));
        ["fra", "iad"].into_iter().for_each(|pool| server.set_pool(pool, false));
        let data = explained(&server, "www.example.com", "17.0.0.0/24");
        let steps = data["steps"].as_array().unwrap().iter().filter(|step| step["step"] == "relaxed");
        let demands: Vec<&str> = steps.map(|step| step["demand"].as_str().unwrap()).collect();
        assert_eq!(demands, ["up-without-weight", last], "{data}");
        let text = data["text"].as_str().unwrap();
        assert!(text.contains("fallback   nothing with weight > 0 is up; trying drained endpoints"), "{text}");
        assert!(text.contains("fallback   everything is down; "), "{text}");
    }
}
