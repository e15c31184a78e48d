//! Recent answers: plans, safety rules and rankings use them, and a reload loses none.

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::Folder;
use gslb_tests::server::Server;

use crate::change::{folder, json, two};

/// Asks so often for clients in the Netherlands, and for clients in Japan.
fn ask(server: &Server, dutch: u8, japanese: u8) {
    for number in 0..dutch {
        dig(server.address(), &format!("www.example.com A +subnet=193.0.{number}.0/24"));
    }
    for number in 0..japanese {
        dig(server.address(), &format!("+tcp www.example.com A +subnet=133.11.{number}.0/24"));
    }
}

/// Waits until this many answers are in the sample.
fn await_sample(folder: &Folder, server: &Server, answers: u64) {
    eventually("the answers are in the sample", || json(folder, server, "top")["answers"] == answers);
}

#[test]
fn plans_and_max_traffic_moved_use_the_share_of_traffic_moved() {
    let rule = "[safety]\nmax_traffic_moved = \"30%\"";
    let folder = folder(rule);
    let server = folder.serve_store();
    // All but Europe go from iad to fra: most of the address space.
    folder.write("site.toml", two("\"fra\", \"iad\"", rule));
    let without = folder.ask(&server, "plan site.toml");
    assert_eq!(without.code, 6, "without a sample, the address space counts: {}", without.out);
    assert!(without.out.contains("of the address space of"), "{}", without.out);

    ask(&server, 6, 2);
    await_sample(&folder, &server, 8);
    let plan = folder.ask(&server, "plan site.toml");
    assert_eq!(plan.code, 0, "a quarter of the traffic is less than the rule allows: {}", plan.out);
    assert!(plan.out.contains("of 8 sampled queries, 25.00 % go to another data center"), "{}", plan.out);
    let moves = &json(&folder, &server, "plan site.toml")["moves"]["sampled"];
    assert_eq!((moves["weight"].as_u64(), moves["elsewhere"].as_f64()), (Some(8), Some(0.25)));

    ask(&server, 0, 2);
    await_sample(&folder, &server, 10);
    let refused = folder.ask(&server, "apply site.toml --yes --base latest");
    assert_eq!(refused.code, 6, "{}", refused.out);
    assert!(refused.err.contains("40.0 % of the sampled traffic would move, more than 30.0 %"), "{}", refused.err);
}

#[test]
fn rankings_list_services_regions_data_centers_and_prefixes() {
    let folder = folder("");
    let server = folder.serve_store();
    ask(&server, 3, 1);
    dig(server.address(), "www.example.com A +subnet=193.0.0.0/24");
    await_sample(&folder, &server, 5);
    let first = |by: &str| {
        let top = json(&folder, &server, &format!("top {by}"));
        (top["top"][0]["name"].as_str().unwrap().to_owned(), top["top"][0]["answers"].as_u64().unwrap())
    };
    assert_eq!(first("service"), ("www.example.com".into(), 5));
    assert_eq!(first("region"), ("europe".into(), 4));
    assert_eq!(first("data-center"), ("fra".into(), 4));
    assert_eq!(first("prefix"), ("193.0.0.0/24".into(), 2));
    let output = folder.ask(&server, "top prefix -n 1");
    assert!(output.out.contains("193.0.0.0/24") && output.out.contains("40.00 %"), "{}", output.out);
    assert!(output.out.trim_end().ends_with("and 3 more"), "{}", output.out);
}

#[test]
fn a_reload_loses_no_counts() {
    let folder = folder("");
    let server = folder.serve_store();
    let (answers, pool) = (
        "gslb_service_answers_total{service=\"www.example.com\"}",
        "gslb_pool_answers_total{data_center=\"fra\",pool=\"fra\"}",
    );
    ask(&server, 2, 2);
    eventually("four answers are counted", || server.metric(answers) == 4);
    folder.write("site.toml", two("\"fra\", \"iad\"", ""));
    json(&folder, &server, "apply site.toml --yes --base latest");
    assert_eq!((server.metric(answers), server.metric(pool)), (4, 2));
    ask(&server, 0, 1);
    eventually("one more is counted", || (server.metric(answers), server.metric(pool)) == (5, 3));
    // Also once the old table is freed.
    await_sample(&folder, &server, 5);
    assert_eq!((server.metric(answers), server.metric(pool)), (5, 3));
}

#[test]
fn removed_regions_have_no_series() {
    let folder = folder("");
    let server = folder.serve_store();
    let is_shown = |region: &str| server.get("/metrics").body.contains(&format!("region=\"{region}\""));
    eventually("europe has a series", || {
        ask(&server, 1, 0);
        is_shown("europe")
    });
    let renamed = two("\"fra\", \"iad\"", "").replace("europe", "old-world");
    folder.write("site.toml", renamed);
    json(&folder, &server, "apply site.toml --yes --base latest");
    eventually("its new name has a series, and the old one does not", || {
        ask(&server, 1, 0);
        is_shown("old-world") && !is_shown("europe")
    });
}
