//! Valid and invalid documents, read with `document::read`.

mod health;
mod json;
mod mutations;
mod notation;
mod probes;
mod records;
mod rules;
mod safety;
mod sections;
mod site;

use std::sync::Arc;

use gslb_core::problem::Severity;

const SOUND: &str = r#"
$TTL 3600
@   IN SOA ns1 hostmaster 1 7200 900 1209600 300
@   IN NS ns1
ns1 IN A 192.0.2.53
"#;

/// Reads a document whose zones all have the text `zone`, except `inner.zone` and missing files.
fn assert_problems(document: &str, zone: &str, expected: &str) {
    let mut load = |name: &str, document: &str| {
        assert_eq!(document, "site.toml");
        match name {
            "none.zone" => Err("there is no such file".into()),
            "inner.zone" => Ok((name.into(), b"@ 60 IN SOA ns.x. h.x. 1 2 3 4 5\n@ 60 IN NS ns.x.\n".to_vec())),
            _ => Ok((Arc::from(name), zone.trim_start().into())),
        }
    };
    let reading = gslb_core::site::document::read("site.toml", document.trim_start(), &mut load);
    let messages: Vec<String> = reading.problems.iter().map(ToString::to_string).collect();
    let refused = reading.problems.iter().any(|problem| problem.severity == Severity::Error);
    // Line by line, so that a failure shows the line.
    let (messages, expected) = (messages.join("\n"), expected.trim());
    for (messages, expected) in messages.lines().zip(expected.lines()) {
        assert_eq!(messages, expected);
    }
    assert_eq!(messages, expected);
    assert_eq!(reading.site.is_none(), refused);
}
