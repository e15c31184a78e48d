//! Keys about health: vantages, mass failures, and how endpoints return to service.

use std::time::Duration;

use gslb_core::site::document::{no_files, read};
use gslb_core::site::model::{DEFAULT_REACH_KM, Resume, Share, Site};

fn site(text: &str) -> Site {
    let reading = read("site.toml", text, &mut no_files);
    reading.site.unwrap_or_else(|| panic!("{:?}", reading.problems))
}

#[test]
fn given_values_are_read_and_others_have_defaults() {
    let read = site(
        r#"
[probes.web]
kind = "http"
[pools.a]
probe = "web"
hold_down = "5m"
resume = "manual"
endpoints.x.address = "192.0.2.1"
[pools.b]
probe = "web"
endpoints.x.address = "192.0.2.2"
[vantages.fra-1]
location = { country = "DE", latitude = 50.11, longitude = 8.68 }
reach = "800km"
[vantages.nrt-1]
location = { country = "JP" }
[safety]
mass_failure = { share = "30%" }
"#,
    );
    let [a, b] = &read.pools[..] else { panic!("two pools") };
    assert_eq!((a.hold_down, a.resume), (Duration::from_secs(300), Resume::Manual));
    assert_eq!((b.hold_down, b.resume), (Duration::ZERO, Resume::Auto));
    let reaches: Vec<(&str, u32)> = read.vantages.iter().map(|it| (&*it.name, it.reach_km)).collect();
    assert_eq!(reaches, [("fra-1", 800), ("nrt-1", DEFAULT_REACH_KM)]);
    assert!(read.vantages.iter().all(|it| it.coordinate.is_some()));
    let rule = read.safety.mass_failure.unwrap();
    assert_eq!((rule.share, rule.within), (Share(0.3), Duration::from_secs(10)));
    assert_eq!((rule.hold, rule.longest), (Duration::from_secs(10), Duration::from_secs(300)));
    let long = site("[safety]\nmass_failure = { hold = \"10m\" }").safety.mass_failure.unwrap();
    assert_eq!((long.hold, long.longest), (Duration::from_secs(600), Duration::from_secs(600)));
    let push = &site("[probes.p]\nkind = \"push\"\n[probes.q]\nkind = \"push\"\nfall = 3").probes;
    assert_eq!(
        [(push[0].rise, push[0].fall), (push[1].rise, push[1].fall)],
        [(1, 1), (1, 3)],
        "a posted verdict is one"
    );
    assert_eq!(site("").safety.mass_failure.map(|rule| rule.share), Some(Share(0.5)));
    assert_eq!(site("[safety]\nmass_failure = \"off\"").safety.mass_failure, None);
}

/// A pool with these probes, out of `p` and `q`.
fn several(probes: &str, require: &str) -> String {
    let pool = format!("[pools.a]\nprobe = {probes}\n{require}\nendpoints.x.address = \"192.0.2.1\"\n");
    format!("{pool}[probes]\np.kind = \"http\"\nq = {{ kind = \"tcp\", port = 1 }}\n")
}

#[test]
fn a_pool_may_have_several_probes() {
    for (probes, require, expected) in [
        ("\"p\"", "", (1, 1)),
        ("[\"p\"]", "", (1, 1)),
        ("[\"p\", \"q\"]", "", (2, 2)),
        ("[\"q\", \"p\"]", "require = \"all\"", (2, 2)),
        ("[\"q\", \"p\"]", "require = \"any\"", (2, 1)),
        ("[\"q\", \"p\"]", "require = 1", (2, 1)),
        ("[\"q\", \"p\"]", "require = 2", (2, 2)),
    ] {
        let pool = &site(&several(probes, require)).pools[0];
        assert_eq!((pool.probes.len(), pool.require), expected, "{probes} {require}");
    }
    let none = &site("[pools.a]\nendpoints.x.address = \"192.0.2.1\"").pools[0];
    assert_eq!((none.probes.len(), none.require), (0, 0));
}

#[test]
fn invalid_values_are_reported_with_a_fix() {
    for (document, expected) in [
        ("[vantages.a]", "`location` is missing"),
        ("[vantages.a]\nlocation = {}", "the vantage has no coordinate"),
        ("[vantages.a]\nlocation = { country = \"DE\" }\nreach = \"3000\"", "\"3000\" is not a reach"),
        ("[vantages.a]\nlocation = { country = \"DE\" }\nreach = \"0km\"", "\"0km\" is not a reach"),
        ("[vantages.a]\nlocation = { country = \"DE\" }\nreach = \"99999km\"", "\"99999km\" is not a reach"),
        ("[vantages.\"a b\"]\nlocation = { country = \"DE\" }", "\"a b\" is not a valid name"),
        ("[safety]\nmass_failure = \"on\"", "\"on\" is neither \"off\" nor a table"),
        ("[safety]\nmass_failure = { share = \"101%\" }", "\"101%\" is not a percentage"),
        ("[safety]\nmass_failure = { within = \"10ms\" }", "10ms is out of range"),
        (
            "[safety]\nmass_failure = { hold = \"10s\", longest = \"5s\" }",
            "`longest` is shorter than `hold`, which is 10s",
        ),
        ("[safety]\nmass_failure = { shore = \"10%\" }", "unknown key `shore`"),
        (
            "[pools.a]\nhold_down = \"5m\"\nendpoints.x.address = \"192.0.2.1\"",
            "`hold_down` has no effect without `probe`",
        ),
        (
            "[pools.a]\nprobe = [\"p\", \"q\"]\nendpoints.x.address = \"192.0.2.1\"\n[probes.p]\nkind = \"http\"",
            "site.toml:2:15: error: pools.a.probe[1]: no probe is named `q`",
        ),
        (&*several("[\"p\", \"q\", \"p\"]", ""), "site.toml:2:20: error: pools.a.probe[2]: the probe is listed twice"),
        (&*several("[]", ""), "pools.a.probe: the list is empty"),
        (&*several("[\"p\", 7]", ""), "pools.a.probe[1]: expected a string"),
        (&*several("7", ""), "pools.a.probe: expected a string"),
        (
            &*several("[\"p\", \"q\"]", "require = 3"),
            "site.toml:3:11: error: pools.a.require: cannot require 3 of 2 probes",
        ),
        (&*several("[\"p\", \"q\"]", "require = 0"), "cannot require 0 of 2 probes"),
        (&*several("[\"p\", \"q\"]", "require = -1"), "cannot require -1 of 2 probes"),
        (
            &*several("[\"p\", \"q\"]", "require = \"most\""),
            "pools.a.require: expected \"all\", \"any\" or a whole number, found string \"most\"",
        ),
        (&*several("[\"p\", \"q\"]", "require = 1.5"), "found number 1.5"),
        (&*several("\"p\"", "require = 1"), "`require` has no effect with a single probe"),
        (&*several("[\"p\"]", "require = \"all\""), "`require` has no effect with a single probe"),
        (
            "[pools.a]\nrequire = \"any\"\nendpoints.x.address = \"192.0.2.1\"",
            "`require` has no effect without `probe`",
        ),
        ("[pools.a]\nresume = \"never\"\nprobe = \"p\"\n[probes.p]\nkind = \"http\"", "resume"),
    ] {
        let problems = read("site.toml", document, &mut no_files).problems;
        assert!(problems.iter().any(|problem| problem.to_string().contains(expected)), "{document}: {problems:#?}");
    }
}
