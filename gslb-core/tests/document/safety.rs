//! The safety rules for changes, as written in a document.

use gslb_core::site::document::{no_files, read};
use gslb_core::site::model::{Safety, Share};

fn safety(text: &str) -> Safety {
    let reading = read("site.toml", text, &mut no_files);
    reading.site.unwrap_or_else(|| panic!("{:?}", reading.problems)).safety
}

#[test]
fn by_default_only_require_endpoints_applies() {
    let safety = safety("");
    assert_eq!(safety, Safety::default());
    assert!(safety.require_endpoints && safety.frozen.is_empty() && safety.max_traffic_moved.is_none());
}

#[test]
fn every_rule_is_read() {
    let safety = safety(
        r#"
        [data_centers]
        fra = {}
        iad = {}
        [safety]
        min_data_centers_up = 2
        max_traffic_moved = "20%"
        max_address_space_moved = "0.5%"
        require_endpoints = false
        frozen = ["2026-12-24T00:00:00Z/2026-12-27T00:00:00Z"]
        "#,
    );
    assert_eq!(safety.min_data_centers_up, Some(2));
    assert_eq!((safety.max_traffic_moved, safety.max_address_space_moved), (Some(Share(0.2)), Some(Share(0.005))));
    assert!(!safety.require_endpoints);
    let window = &safety.frozen[0];
    assert_eq!((window.start, window.end), (1_798_070_400_000, 1_798_329_600_000));
    let inside = [window.start - 1, window.start, window.end - 1, window.end].map(|now| window.contains(now));
    assert_eq!(inside, [false, true, true, false]);
}

#[test]
fn invalid_rules_are_reported_with_a_fix() {
    let document = r#"[data_centers]
fra = {}
[safety]
min_data_centers_up = 2
max_traffic_moved = "120%"
max_address_space_moved = 20
require_endpoints = "yes"
frozen = ["2026-12-24/2026-12-27", "2026-12-27T00:00:00Z/2026-12-24T00:00:00Z"]
max_trafic = 1
"#;
    let expected = r##"
site.toml:4:23: error: safety.min_data_centers_up: 2 is out of range for the least number of data centers up
    help: write a whole number from 1 to 1
site.toml:5:21: error: safety.max_traffic_moved: "120%" is not a percentage
    help: write a number from 0 to 100 and a percent sign, such as "20%"
site.toml:6:27: error: safety.max_address_space_moved: expected a string such as "20%", found integer 20
    help: write "20" in quotes
site.toml:7:21: error: safety.require_endpoints: expected true or false, found string "yes"
    help: write true or false, without quotes
site.toml:8:11: error: safety.frozen[0]: "2026-12-24/2026-12-27" is not an interval in UTC
    help: write two instants of ISO 8601 and a slash, such as "2026-12-24T00:00:00Z/2026-12-27T00:00:00Z"
site.toml:8:36: error: safety.frozen[1]: "2026-12-27T00:00:00Z/2026-12-24T00:00:00Z" ends before it starts
    help: write the earlier instant first
site.toml:9:1: error: safety.max_trafic: unknown key `max_trafic`
    help: known: min_data_centers_up, max_traffic_moved, max_address_space_moved, require_endpoints, frozen, mass_failure
"##;
    let reading = read("site.toml", document, &mut no_files);
    let messages: Vec<String> = reading.problems.iter().map(ToString::to_string).collect();
    assert_eq!(messages.join("\n"), expected.trim());
    for text in ["", "%", "-1%", "1e1%", "nan%", "5 %", "101%", "1.2.3%"] {
        let document = format!("safety.max_traffic_moved = \"{text}\"");
        assert!(read("site.toml", &document, &mut no_files).site.is_none(), "{text}");
    }
}
