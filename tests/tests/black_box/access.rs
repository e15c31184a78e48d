//! Access: tokens created by the command, and API requests with curl.

use gslb_tests::ask::curl_with;

use crate::change::{folder, json};

#[test]
fn exit_codes_show_why_a_command_failed() {
    let folder = folder("");
    let server = folder.serve_store();
    for (token, arguments, code) in [
        ("", "history", 5),
        ("gslb_0123456789abcdef_00", "history", 5),
        ("not a token\u{7}", "history", 1),
        (folder.token().as_str(), "history --server http://127.0.0.1:1", 3),
        (folder.token().as_str(), "history --server http://gslb.invalid:1", 1),
        (folder.token().as_str(), "history --server gslb.invalid", 2),
        (folder.token().as_str(), "get pools missing", 1),
        (folder.token().as_str(), "history", 0),
    ] {
        let ran = folder.ask_as(token, &server, arguments);
        assert_eq!(ran.code, code, "{arguments}: {}", ran.err);
    }
    let from_file = folder.ask_as("", &server, "history --token-file gslb-data/admin.token");
    assert_eq!(from_file.code, 0, "{}", from_file.err);
}

#[test]
fn tokens_are_created_listed_and_revoked() {
    let folder = folder("");
    let server = folder.serve_store();
    let made = json(&folder, &server, "token create reader --role viewer --for 12h");
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!(folder.ask_as(token, &server, "get pools").code, 0);
    let drained = folder.ask_as(token, &server, "drain pool/fra --reason test");
    assert_eq!(drained.code, 5, "{}", drained.err);
    assert_eq!(folder.ask_as(token, &server, "token list").code, 5);
    let list = folder.ask(&server, "token list").out;
    assert!(list.contains("reader") && list.contains("first admin") && !list.contains(token), "{list}");
    let locked = folder.gslb("token list --data-dir gslb-data");
    assert_eq!((locked.code, locked.out.as_str()), (1, ""), "a server has it");
    assert_eq!(folder.ask(&server, &format!("token revoke {id}")).code, 0);
    assert_eq!(folder.ask_as(token, &server, "get pools").code, 5);

    drop(server);
    let made = folder.gslb("token create operator --role operator --config gslb.toml").out;
    let list = folder.gslb("token list --data-dir gslb-data").out;
    assert!(list.contains("operator") && !list.contains("reader"), "{list}");
    let server = folder.serve_store();
    assert_eq!(folder.ask_as(made.trim(), &server, "drain pool/fra --reason test").code, 0);
}

#[test]
fn curl_is_authorized_with_a_token_and_gets_a_reason_without() {
    let folder = folder("");
    let server = folder.serve_store();
    let url = |path: &str| format!("http://{}{path}", server.api);
    let refused = curl_with(&[], &url("/api/v1/pools"));
    assert_eq!(refused.status, 401);
    assert!(refused.head.to_lowercase().contains("www-authenticate: bearer"), "{}", refused.head);
    let bearer = format!("Authorization: Bearer {}", folder.token());
    let pools = curl_with(&["-H", &bearer], &url("/api/v1/pools"));
    assert!(pools.status == 200 && pools.body.contains("192.0.2.1"), "{}", pools.body);
    let rebound = curl_with(&["-H", &bearer, "-H", "Host: evil.example"], &url("/api/v1/pools"));
    assert_eq!(rebound.status, 421, "{}", rebound.body);
    let tag = curl_with(&["-H", &bearer], &url("/api/v1/pools/fra")).head;
    let tag = tag.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a resource has a tag").trim().to_owned();
    let patch = |condition: &str| {
        let merge = "Content-Type: application/merge-patch+json";
        let arguments = ["-X", "PATCH", "-H", &bearer, "-H", merge, "-H", condition, "-d", "{\"min_up\":1}"];
        curl_with(&arguments, &url("/api/v1/pools/fra"))
    };
    assert_eq!(patch("X-None: 1").status, 428);
    assert_eq!(patch("If-Match: \"other\"").status, 412);
    assert_eq!(patch(&format!("If-Match: {tag}")).status, 200);
    assert_eq!(curl_with(&[], &url("/metrics")).status, 200);
    assert_eq!(curl_with(&[], &url("/api/openapi.json")).status, 200);
}

#[test]
fn listeners_reachable_by_others_need_tls() {
    let folder = folder("");
    folder.write("gslb.toml", "[dns]\nlisten = [\"127.0.0.1:0\"]\n[api]\nlisten = \"0.0.0.0:0\"\n");
    let ran = folder.gslb("serve --config gslb.toml --document site.toml");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("is reachable from other hosts, but [api] has no tls"), "{}", ran.err);
}

#[test]
fn shells_can_complete_it() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = folder("").gslb(&format!("completions {shell}"));
        assert!(ran.code == 0 && ran.out.contains("undrain"), "{}", ran.err);
    }
}

#[test]
fn a_token_with_scopes_changes_nothing_else() {
    let folder = folder("");
    let server = folder.serve_store();
    let made =
        json(&folder, &server, "token create ci --role operator --scope pool/fra* --scope service/*.example.org");
    let token = made["token"].as_str().unwrap();
    let list = folder.ask(&server, "token list").out;
    assert!(list.contains("pool/fra* service/*.example.org"), "{list}");
    let outside = folder.ask_as(token, &server, "drain pool/iad --reason test");
    assert_eq!(outside.code, 5, "{}", outside.err);
    assert!(outside.err.contains("pool/iad") && outside.err.contains("pool/fra*"), "{}", outside.err);
    assert_eq!(folder.ask_as(token, &server, "drain pool/fra --reason test").code, 0);
    let refused = folder.ask(&server, "token create ci --role operator --scope pools/fra");
    assert!(refused.code == 2 && refused.err.contains("is not a scope"), "{}", refused.err);
    drop(server);
    let made = folder.gslb("token create job --role reporter --scope pool/fra --config gslb.toml -o json").out;
    assert!(made.contains("pool/fra") && made.contains("reporter"), "{made}");
}
