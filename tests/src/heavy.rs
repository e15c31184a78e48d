//! Documents that take far more memory than they are long, and large ones that are good.

use std::fmt::Write as _;

/// A document as it is sent.
pub struct Heavy {
    /// What makes it heavy.
    pub what: &'static str,
    /// `application/json` or `application/toml`.
    pub content: &'static str,
    /// It.
    pub body: String,
}

/// The zone of all documents, as text in JSON.
const ZONE: &str = "$TTL 1h\\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n";
/// Octets of a body in TOML, and in JSON.
const TOML: usize = 2_000_000;
const JSON: usize = 11_500_000;

/// Documents that must be refused before they take the memory they need.
pub fn hostile() -> Vec<Heavy> {
    let toml = |what, line: &dyn Fn(usize) -> String| {
        let mut body = String::with_capacity(TOML);
        let mut number = 0;
        while body.len() < TOML {
            body += &line(number);
            number += 1;
        }
        Heavy { what, content: "application/toml", body }
    };
    let json = |what, body: String| Heavy { what, content: "application/json", body };
    let filled = |part: &str| part.repeat(JSON / part.len());
    let parts = "a.b.c.d.e.f.g.h.i.j.k.l.m.n";
    let deep = format!("{}{}", "{a={b=[".repeat(20), "]}}".repeat(20));
    let zone = |records: &str| format!("{{\"zones\":{{\"example.com\":{{\"records\":\"{ZONE}{records}\"}}}}}}");
    vec![
        toml("dotted headers", &|number| format!("[{parts}.o{number}]\n")),
        toml("dotted keys", &|number| format!("x{number}.{parts} = 1\n")),
        toml("nested inline tables", &|number| format!("x{number} = {deep}\n")),
        toml("one array of tiny arrays", &|number| if number == 0 { "x = [".to_owned() } else { "[],".to_owned() }),
        toml("arrays of tables", &|_| "[[a]]\n".to_owned()),
        toml("no TOML at all", &|_| "=]{,\n".to_owned()),
        json(
            "nested objects",
            format!(
                "{{\"a\":[{}{{}}]}}",
                filled(&format!("{}{},", "{\"a\":".repeat(50), "{}".to_owned() + &"}".repeat(50)))
            ),
        ),
        json("tiny values", format!("{{\"a\":[{}1]}}", filled("1,"))),
        json("empty objects", format!("{{\"a\":[{}1]}}", filled("{},"))),
        json("generated records", zone(&"$GENERATE 1-1048576 h$ A 192.0.2.1\\n".repeat(5))),
        json("many generators", zone(&"$GENERATE 1-9 h$ A 192.0.2.1\\n".repeat(JSON / 40))),
        json("includes", zone(&"$INCLUDE x\\n".repeat(JSON / 12))),
        json("ways to divide the clients", divided(3_000)),
    ]
}

/// A document in files.
pub struct Files {
    /// What is heavy about it.
    pub what: &'static str,
    /// The file of the document.
    pub document: &'static str,
    /// All files by their names, that of the document among them.
    pub files: Vec<(String, String)>,
}

/// Documents in files that must be refused before they take what they ask for.
pub fn hostile_files() -> Vec<Files> {
    let zone = ZONE.replace("\\n", "\n");
    let one = "[zones.\"example.com\"]\nfile = \"zone\"\n";
    let site = |what, document: String, more: &[(&str, String)]| {
        let mut files = vec![("site.toml".to_owned(), document)];
        files.extend(more.iter().map(|(name, content)| ((*name).to_owned(), content.clone())));
        Files { what, document: "site.toml", files }
    };
    let json = |what, body: String| Files { what, document: "site.json", files: vec![("site.json".to_owned(), body)] };
    let generated = format!("{zone}{}", "$GENERATE 1-1048576 h$ A 192.0.2.1\n".repeat(5));
    let host = |number: usize| format!("host-{number} A 192.0.2.1\n");
    let hosts: String = (0..1_000).map(host).collect();
    let comments = format!("{zone}{}", "; nothing but a comment\n".repeat(40_000));
    let zones: String = (0..2_000).map(|number| format!("[zones.\"{number}.example\"]\nfile = \"zone\"\n")).collect();
    let mut several = site("many files of dotted keys", "include = [\"part-*.toml\"]\n".to_owned(), &[]);
    for part in 0..40 {
        let keys = (0..10_000).map(|number| format!("x{part}-{number}.a.b.c.d.e.f.g = 1\n")).collect();
        several.files.push((format!("part-{part}.toml"), keys));
    }
    let body =
        |what: &str| hostile().into_iter().find(|heavy| heavy.what == what).map(|heavy| heavy.body).unwrap_or_default();
    vec![
        site("generated records", one.to_owned(), &[("zone", generated)]),
        site(
            "a file included again and again",
            one.to_owned(),
            &[("zone", format!("{zone}{}", "$INCLUDE more\n".repeat(5_000))), ("more", hosts)],
        ),
        site("zones that share a long file", zones, &[("zone", comments)]),
        several,
        site("dotted headers", body("dotted headers"), &[]),
        json("tiny values", body("tiny values")),
        json("nested objects", body("nested objects")),
        json("generated records in JSON", body("generated records")),
        json("ways to divide the clients", body("ways to divide the clients")),
    ]
}

/// This many services, each with its own division of the clients.
fn divided(services: usize) -> String {
    const COUNTRIES: [&str; 14] = ["DE", "FR", "US", "JP", "BR", "IN", "CN", "AU", "ZA", "GB", "IT", "ES", "PL", "CA"];
    let (mut regions, mut list) = (String::new(), String::new());
    for country in COUNTRIES {
        let _ = write!(regions, "\"{country}\":{{\"match\":[\"country:{country}\"]}},");
    }
    for number in 0..services {
        let _ = write!(list, "\"s{number}.example.com\":{{\"policy\":{{\"geo\":{{");
        for (at, country) in COUNTRIES.iter().enumerate().filter(|(at, _)| (number + 1) >> at & 1 == 1) {
            let _ = write!(list, "\"{country}\":\"{}\",", if at % 2 == 0 { "a" } else { "b" });
        }
        list += "\"default\":\"c\"}}},";
    }
    document(&format!(
        "\"regions\":{{{}}},\"pools\":{{{}}},\"services\":{{{}}}",
        regions.trim_end_matches(','),
        ["a", "b", "c"]
            .map(|pool| format!("\"{pool}\":{{\"endpoints\":{{\"e\":{{\"address\":\"192.0.2.1\"}}}}}}"))
            .join(","),
        list.trim_end_matches(',')
    ))
}

fn document(members: &str) -> String {
    format!("{{\"zones\":{{\"example.com\":{{\"records\":\"{ZONE}\"}}}},{members}}}")
}

/// Valid documents, each of about this many octets.
pub fn good(octets: usize) -> Vec<Heavy> {
    let json = |what, body| Heavy { what, content: "application/json", body };
    let joined = |entry: &dyn Fn(usize) -> String| {
        let count = octets / (entry(10_000).len() + 1);
        (0..count).map(entry).collect::<Vec<_>>().join(",")
    };
    let pool = "\"p\":{\"endpoints\":{\"e\":{\"address\":\"192.0.2.1\"}}}";
    let services = joined(&|number| format!("\"service-{number}.example.com\":{{\"policy\":\"p\",\"ttl\":\"30s\"}}"));
    let pools = joined(&|number| {
        format!(
            "\"pool-{number}\":{{\"endpoints\":{{\"one\":{{\"address\":\"10.1.0.1\",\"weight\":10}},\"two\":{{\"address\":\
             \"10.2.0.1\",\"weight\":20}}}}}}"
        )
    });
    let count = octets / 34;
    let records: String = (0..count).map(|number| format!("host-{number} IN A 192.0.2.{}\\n", number % 250)).collect();
    let mut toml =
        format!("[zones.\"example.com\"]\nrecords = \"{ZONE}\"\n[pools.p]\nendpoints.e.address = \"192.0.2.1\"\n");
    let mut number = 0;
    while toml.len() < octets.min(TOML) {
        let _ = write!(toml, "[services.\"service-{number}.example.com\"]\npolicy = \"p\"\nttl = \"30s\"\n");
        number += 1;
    }
    vec![
        json("services", document(&format!("\"pools\":{{{pool}}},\"services\":{{{services}}}"))),
        json("pools", document(&format!("\"pools\":{{{pools}}}"))),
        json("records", format!("{{\"zones\":{{\"example.com\":{{\"records\":\"{ZONE}{records}\"}}}}}}")),
        Heavy { what: "services in TOML", content: "application/toml", body: toml },
    ]
}
