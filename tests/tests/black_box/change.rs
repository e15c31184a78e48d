//! Changing a site with the command: planned, applied, reported and undone; refused if stale or unsafe.

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;
use serde_json::Value;

use crate::sites::zone;

/// Two data centers; Europe goes to the first one, all others to `default`.
pub(crate) fn two(default: &str, more: &str) -> String {
    format!(
        "\
[zones.\"example.com\"]
file = \"example.com.zone\"
[data_centers]
fra.location = {{ country = \"DE\" }}
iad.location = {{ country = \"US\" }}
[pools]
fra = {{ data_center = \"fra\", endpoints.fra-1 = {{ address = \"192.0.2.1\" }} }}
iad = {{ data_center = \"iad\", endpoints.iad-1 = {{ address = \"192.0.2.2\" }} }}
[regions]
europe.match = [\"continent:EU\"]
[services.\"www.example.com\"]
policy = {{ geo = {{ europe = {{ failover = [\"fra\", \"iad\"] }}, default = {{ failover = [{default}] }} }} }}
{more}"
    )
}

/// The site with two data centers, in files.
pub(crate) fn folder(more: &str) -> Folder {
    Folder::with(&[
        ("gslb.toml", PROCESS),
        ("site.toml", &two("\"iad\", \"fra\"", more)),
        ("example.com.zone", &zone("first")),
    ])
}

/// The answers for clients in the Netherlands and in Japan.
pub(crate) fn answers(server: &Server) -> [String; 2] {
    ["193.0.6.0/24", "133.11.0.0/16"]
        .map(|client| dig(server.address(), &format!("www.example.com A +subnet={client}")).data().join(" "))
}

/// Runs a command that must succeed, with its answer as JSON.
pub(crate) fn json(folder: &Folder, server: &Server, arguments: &str) -> Value {
    let ran = folder.ask(server, &format!("{arguments} -o json"));
    assert_eq!(ran.code, 0, "{arguments}: {}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{arguments}: {error}: {}", ran.out))
}

#[test]
fn a_document_is_planned_applied_and_rolled_back() {
    let folder = folder("");
    let server = folder.serve_store();
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
    folder.write("site.toml", two("\"fra\", \"iad\"", ""));

    let plan = folder.ask(&server, "plan site.toml");
    assert_eq!(plan.code, 0, "{}{}", plan.out, plan.err);
    for part in ["/services/www.example.com/policy/geo/default", "www.example.com", "iad", "/24s"] {
        assert!(plan.out.contains(part), "{part} is not in\n{}", plan.out);
    }
    assert!(!plan.out.contains('\u{1b}'), "colors are for terminals: {}", plan.out);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"], "a plan changes nothing");

    let refused = folder.ask(&server, "apply site.toml");
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("add --yes and --base"), "{}", refused.err);
    let blind = folder.ask(&server, "apply site.toml --yes");
    assert!(blind.code == 1 && blind.err.contains("--base latest"), "{}", blind.err);
    assert!(plan.out.ends_with("apply with: gslb apply site.toml --base 1\n"), "{}", plan.out);
    assert_eq!(folder.ask(&server, "apply site.toml --dry-run --base 1").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"], "a dry run changes nothing");
    let applied = json(&folder, &server, "apply site.toml --yes --base 1 -m all-to-fra");
    assert_eq!(applied["revision"], 2);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.1"], "what is answered is in force");
    assert_eq!(server.generation(), applied["generation"].as_u64().unwrap());
    assert!(folder.ask(&server, "apply site.toml --yes --base latest").out.contains("nothing to change"));

    let rolled = json(&folder, &server, "rollback 1");
    assert_eq!((rolled["revision"].as_u64(), answers(&server)), (Some(3), ["192.0.2.1".into(), "192.0.2.2".into()]));
    let history = folder.ask(&server, "history");
    let lines: Vec<&str> = history.out.lines().collect();
    assert!(
        lines.len() == 4 && lines[2].contains("all-to-fra") && lines[1].contains("as revision 1"),
        "{}",
        history.out
    );
    assert!(folder.ask(&server, "history 2").out.contains("/services/www.example.com/policy/geo/default"));
}

#[test]
fn a_stale_base_is_refused() {
    let folder = folder("");
    let server = folder.serve_store();
    folder.write("site.toml", two("\"fra\", \"iad\"", ""));
    for arguments in ["plan site.toml --base 7", "apply site.toml --yes --base 7"] {
        let ran = folder.ask(&server, arguments);
        assert_eq!(ran.code, 4, "{arguments}: {}", ran.err);
        assert!(ran.err.contains("revision 1 is in force"), "{}", ran.err);
    }
    assert_eq!(folder.ask(&server, "apply site.toml --yes --base 1").code, 0);
}

#[test]
fn a_safety_rule_holds_unless_an_admin_gives_a_reason() {
    let folder = folder("[safety]\nmin_data_centers_up = 2\n");
    let server = folder.serve_store();
    let drain = "drain data-center/iad --reason maintenance";
    let ran = folder.ask(&server, drain);
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("min_data_centers_up"), "{}", ran.err);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
    let dry_run = folder.ask(&server, &format!("{drain} --dry-run"));
    assert_eq!(dry_run.code, 6, "a dry run reports the effect: {}", dry_run.out);
    let ran = folder.ask(&server, &format!("{drain} --override-rules fire"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.1"]);
    let audit = folder.ask(&server, "audit -o json").out;
    assert!(audit.contains("fire") && !audit.contains(&folder.token()), "{audit}");
}

#[test]
fn a_drain_moves_clients_until_it_ends() {
    let folder = folder("");
    let server = folder.serve_store();
    assert_eq!(folder.ask(&server, "overrides").out, "nothing is overridden\n");
    assert_eq!(folder.ask(&server, "drain data-center/fra --reason works --dry-run").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
    let ran = folder.ask(&server, "drain data-center/fra --reason works --owner ann");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(answers(&server), ["192.0.2.2", "192.0.2.2"]);
    let list = folder.ask(&server, "overrides").out;
    for part in ["drain-data-center-fra", "data-center/fra", "until removed", "ann", "works"] {
        assert!(list.contains(part), "{part} is not in\n{list}");
    }
    assert_eq!(folder.ask(&server, "drain data-center/fra --reason again --for 10m").code, 0, "it stacks");
    let other = folder.ask(&server, "drain pool/iad --reason other --id night");
    assert_eq!(other.code, 6, "no service is left without endpoints: {}", other.err);
    assert_eq!(folder.ask(&server, "force up pool/iad --reason kept --id night").code, 0);
    let taken = folder.ask(&server, "force up pool/fra --reason other --id night");
    assert!(taken.code == 1 && taken.err.contains("overrides delete night"), "{}", taken.err);
    assert_eq!(folder.ask(&server, "overrides delete night").code, 0);
    assert_eq!(folder.ask(&server, "undrain data-center/iad").code, 1);
    let own = folder.ask(&server, "undrain data-center/fra");
    assert!(own.code == 0 && own.out.contains("still drained by ann until it is removed"), "{}{}", own.out, own.err);
    assert_eq!(answers(&server), ["192.0.2.2", "192.0.2.2"], "the target comes back when the last drain ends");
    let others = folder.ask(&server, "undrain data-center/fra");
    assert!(others.code == 1 && others.err.contains("by ann") && others.err.contains("--all"), "{}", others.err);
    let long = folder.ask(&server, "drain data-center/fra --reason disk --for 4h");
    let short = folder.ask(&server, "drain data-center/fra --reason disk --for 10m");
    assert!(long.code == 0 && short.code == 0 && short.out.contains("as before"), "{}{}", short.out, short.err);
    assert_eq!(folder.ask(&server, "undrain data-center/fra --all").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);

    assert_eq!(folder.ask(&server, "force down pool/ia? --reason test --for 1s --id night").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.1"]);
    eventually("its time is over", || answers(&server) == ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(folder.ask(&server, "overrides").out, "nothing is overridden\n");
    let refused = folder.ask(&server, "force weight 5 rack/7 --reason test");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("\"rack/7\" is not a target"), "{}", refused.err);
}

#[test]
fn one_resource_is_read_and_written() {
    let folder = folder("");
    let server = folder.serve_store();
    let pool = json(&folder, &server, "get pools iad");
    assert_eq!(pool["endpoints"]["iad-1"]["address"], "192.0.2.2");
    folder.write("pool.json", pool.to_string().replace("192.0.2.2", "192.0.2.9"));
    let tag = folder.ask(&server, "get pools iad").err;
    let tag = tag.trim().rsplit(' ').next().unwrap().to_owned();
    let blind = folder.ask(&server, "put pools iad pool.json");
    assert!(blind.code == 4 && blind.err.contains(&format!("--if-match {tag}")), "{}", blind.err);
    assert_eq!(folder.ask(&server, &format!("put pools iad pool.json --dry-run --if-match {tag}")).code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(folder.ask(&server, &format!("put pools iad pool.json --if-match {tag}")).code, 0);
    let stale = folder.ask(&server, &format!("put pools iad pool.json --if-match {tag}"));
    assert_eq!(stale.code, 4, "changes by others are not overwritten: {}", stale.err);
    assert_eq!(folder.ask(&server, "put pools iad pool.json --if-match latest").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.9"]);
    assert_eq!(folder.ask(&server, "patch pools iad {\"endpoints\":{\"iad-1\":{\"address\":\"192.0.2.8\"}}}").code, 0);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.8"]);
    let names = folder.ask(&server, "get pools").out;
    assert!(names.lines().any(|line| line.starts_with("iad")), "{names}");

    let used = folder.ask(&server, "delete pools iad");
    assert_eq!(used.code, 1);
    assert!(used.err.contains("/services/www.example.com"), "who uses it: {}", used.err);
    folder.write("pool.toml", "data_center = \"iad\"\nendpoints.new = { address = \"192.0.2.7\" }\n");
    assert_eq!(folder.ask(&server, "put pools new pool.toml").code, 0);
    assert_eq!(folder.ask(&server, "delete pools new").code, 0);
    assert_eq!(folder.ask(&server, "get pools new").code, 1);
    let document = json(&folder, &server, "get document");
    assert!(document["zones"]["example.com"]["records"].as_str().unwrap().contains("SOA"));
}

#[test]
fn an_invalid_document_is_reported_with_its_lines_and_not_sent() {
    let folder = folder("");
    let server = folder.serve_store();
    folder.write("site.toml", two("\"nowhere\"", ""));
    let ran = folder.ask(&server, "apply site.toml --yes --base latest");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("site.toml:12:"), "{}", ran.err);
    assert_eq!(answers(&server), ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn a_zone_in_several_files_is_applied_as_one() {
    let folder = folder("");
    let server = folder.serve_store();
    folder.write("example.com.zone", zone("main") + "$INCLUDE more.zone sub\nlast IN TXT \"after\"\n");
    folder.write("more.zone", "$TTL 60\nhost IN TXT \"included\"\n");
    let ran = folder.ask(&server, "apply site.toml --yes --base latest");
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (name, expected) in
        [("host.sub.example.com", "included"), ("last.example.com", "after"), ("example.com", "main")]
    {
        assert_eq!(dig(server.address(), &format!("{name} TXT")).data(), [format!("\"{expected}\"")]);
    }
}

#[test]
fn explain_by_the_server_equals_its_answer() {
    let folder = folder("");
    let server = folder.serve_store();
    let ran = folder.ask(&server, "explain www.example.com A --client 193.0.6.0/24");
    assert!(ran.out.ends_with("\tA\t192.0.2.1\n"), "{}{}", ran.out, ran.err);
    folder.ask(&server, "drain pool/fra --reason test");
    let ran = folder.ask(&server, "explain www.example.com A --client 193.0.6.0/24");
    assert!(ran.out.ends_with("\tA\t192.0.2.2\n"), "{}{}", ran.out, ran.err);
    assert_eq!(json(&folder, &server, "explain www.example.com --revision 1")["revision"], 1);
    let missing = folder.ask(&server, "explain www.example.com --revision 99");
    assert_eq!(missing.code, 1, "{}", missing.err);
}

#[test]
fn events_are_streamed_and_resumed() {
    let folder = folder("");
    let server = folder.serve_store();
    folder.ask(&server, "drain pool/fra --reason first");
    let all = folder.ask(&server, "events --after 0 -n 2 -o json");
    let events: Vec<Value> = all.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events[0]["data"].to_string().contains("\"document\""), "{}", all.out);
    assert!(events[1]["data"].to_string().contains("drain-pool-fra"), "{}", all.out);
    let after = events[0]["id"].as_str().unwrap();
    let resumed = folder.ask(&server, &format!("events --after {after} -n 1"));
    let output = resumed.out.trim_start();
    assert!(output.contains("  override drain-pool-fra") && output.contains(": drain pool/fra"), "{output}");
    assert!(output.ends_with(": first\n") && !output.contains('{') && output.lines().count() == 1, "{output}");
}

#[test]
fn unused_reads_end() {
    let folder = folder("");
    let server = folder.serve_store();
    let url = format!("http://{}", server.api);
    let mut command = folder.command("events --after 0");
    command.env("GSLB_SERVER", url).env("GSLB_TOKEN", folder.token()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    drop(out);
    // No further event comes.
    gslb_tests::eventually("the command ends", || child.try_wait().unwrap().is_some());
}
