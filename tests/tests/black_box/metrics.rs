//! A scrape has every series once, for any names in the document.

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};

use crate::change::json;
use crate::sites::zone;

/// All names are placeholders of other labels: Europe is region `none`, all others are in no region; pool `other` is in
/// data center `none`, pool `none` is in no data center.
const DOCUMENT: &str = r#"
[zones.other]
file = "zone"
[zones."example.com"]
file = "zone"
[data_centers]
none.location = { country = "DE" }
other.location = { country = "US" }
[pools]
other = { data_center = "none", endpoints.none = { address = "192.0.2.1" } }
none = { endpoints.other = { address = "192.0.2.2" } }
far = { data_center = "other", endpoints.far = { address = "192.0.2.3" } }
[regions]
none.match = ["continent:EU"]
other.match = ["continent:AS"]
[services]
other = { policy = { geo = { none = "other", other = "far", default = "none" } } }
"www.example.com" = { policy = "other" }
"api.example.com" = { policy = "none" }
"#;

#[test]
fn no_series_is_duplicated_whatever_names_a_document_has() {
    let process = format!("{PROCESS}[metrics]\nservices = \"top:1\"\n");
    let folder = Folder::with(&[("gslb.toml", &process), ("site.toml", DOCUMENT), ("zone", &zone("first"))]);
    let server = folder.serve_store();
    for (question, times) in [
        ("other A +subnet=193.0.6.0/24", 6),
        ("other A +subnet=133.11.0.0/24", 2),
        ("other A +subnet=198.41.0.0/24", 1),
        ("www.example.com A", 2),
        ("api.example.com A", 1),
    ] {
        (0..times).for_each(|_| drop(dig(server.address(), question)));
    }
    eventually("all answers are counted and in the sample", || {
        server.metric("gslb_sample_queries_total") == 12
            && server.metric("gslb_service_answers_total{service=\"other\"}") == 9
    });
    for (series, count) in [
        ("gslb_service_answers_total{service=\"(other)\"}", 3),
        ("gslb_pool_answers_total{data_center=\"none\",pool=\"other\"}", 8),
        ("gslb_pool_answers_total{data_center=\"(none)\",pool=\"none\"}", 2),
        ("gslb_region_answers_total{data_center=\"none\",region=\"none\"}", 6),
        ("gslb_region_answers_total{data_center=\"other\",region=\"other\"}", 2),
        ("gslb_region_answers_total{data_center=\"(none)\",region=\"default\"}", 2),
        ("gslb_region_answers_total{data_center=\"none\",region=\"default\"}", 2),
        ("gslb_data_center_up{data_center=\"none\"}", 1),
    ] {
        assert_eq!(server.metric(series), count, "{series}");
    }
    // A pool without data center does not count for the data center named `none`.
    assert_eq!(folder.ask(&server, "force down pool/other --reason test --for 1h --override-rules test").code, 0);
    assert_eq!(server.metric("gslb_data_center_up{data_center=\"none\"}"), 0);

    let ranked = |by: &str| {
        let top = json(&folder, &server, &format!("top {by}"));
        let ranked = top["top"].as_array().unwrap().iter();
        ranked.map(|it| (it["name"].as_str().map(str::to_owned), it["answers"].as_u64().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(ranked("region"), [(Some("none".into()), 6), (None, 4), (Some("other".into()), 2)]);
    assert_eq!(ranked("data-center"), [(Some("none".into()), 8), (None, 2), (Some("other".into()), 2)]);
    let output = folder.ask(&server, "top region").out;
    let names = output.lines().filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.collect::<Vec<_>>(), ["region", "none", "default", "other"], "{output}");
}
