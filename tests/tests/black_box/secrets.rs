//! Files referenced by mistake, or by a user who may not read them: no message quotes their content.

use std::fs;

use gslb_tests::ask::dig;
use gslb_tests::folder::{CERTIFICATE, PROCESS};

use crate::sites::{document, small, zone};

/// What no message may have in it, and files that have it.
const SECRET: &str = "hunter2";
const FILES: [&str; 5] = [
    "root:$6$hunter2:19000:0:99999:7:::\nhunter2 hunter2\n",
    "password = hunter2\nhunter2: \"hunter2\"\n",
    "-----BEGIN PRIVATE KEY-----\nhunter2MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n",
    "-----BEGIN hunter2\nhunter2\n",
    "hunter2 = \"hunter2\"\n[other]\nhunter2 = 99999999999999999999\n",
];

#[test]
fn files_with_secrets_are_not_quoted_in_messages() {
    for secret in FILES {
        let folder = small("");
        folder.write("secret", secret);
        let mut server = folder.serve();
        let included = format!("{}$INCLUDE secret\n", zone("first"));
        let outside = document("192.0.2.1").replace("example.com.zone", "secret");
        let places = [
            ("example.com.zone", included.as_str(), zone("first")),
            ("site.toml", &outside, document("192.0.2.1")),
            ("site.toml", secret, document("192.0.2.1")),
        ];
        for (name, broken, right) in places {
            folder.replace(name, broken);
            server.signal("HUP");
            let log = server.await_log("reload failed");
            gslb_tests::eventually("it is degraded", || server.get("/readyz").body.contains("degraded: document"));
            let (ready, status) = (server.get("/readyz").body, folder.ask(&server, "status"));
            let checked = folder.gslb("check site.toml --config gslb.toml");
            assert_eq!(checked.code, 1, "{}", checked.out);
            let explained = folder.gslb("explain www.example.com A --document site.toml");
            let applied = folder.ask(&server, "plan site.toml");
            assert!(
                checked.err.contains(":1:") || checked.out.contains(":1:"),
                "its location is reported: {}",
                checked.err
            );
            for ran in [&status, &checked, &explained, &applied] {
                assert!(!format!("{}{}", ran.out, ran.err).contains(SECRET), "{name}: {ran:?}");
            }
            assert!(!format!("{log}{ready}").contains(SECRET), "{name}: {log}{ready}");
            folder.replace(name, right);
            server.signal("HUP");
            gslb_tests::eventually("it is repaired", || !server.get("/readyz").body.contains("degraded"));
        }
        server.stop_and(|log| assert!(!log.contains(SECRET), "{log}"));
    }
}

#[test]
fn certificates_databases_and_tokens_are_not_printed() {
    let tls = format!("tls = {{ certificate = \"{CERTIFICATE}\", key = \"key.pem\" }}\n");
    let files = "[geo]\ndatabases = [\"secret\"]\n[probes]\nca = \"secret\"\n";
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    for secret in FILES {
        let folder = small("");
        folder.write("gslb.toml", format!("{PROCESS}{tls}{files}"));
        folder.write("secret", secret);
        folder.write("key.pem", made.signing_key.serialize_pem());
        folder.write(CERTIFICATE, made.cert.pem());
        let mut server = folder.serve();
        assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
        for name in ["key.pem", CERTIFICATE] {
            fs::write(folder.path(name), secret).unwrap();
            server.signal("HUP");
            server.await_log("the certificate was not reloaded");
        }
        let ready = server.get("/readyz").body;
        assert!(ready.contains("degraded: certificate") && ready.contains("degraded: probes.ca"), "{ready}");
        assert!(!ready.contains(SECRET), "{ready}");
        for arguments in [
            "status --server http://127.0.0.1:1 --token-file secret",
            "status --server https://127.0.0.1:1 --ca secret",
            "check --config secret site.toml",
        ] {
            let ran = folder.gslb(arguments);
            assert!(ran.code != 0 && !format!("{}{}", ran.out, ran.err).contains("\"hunter2"), "{arguments}: {ran:?}");
            assert!(!ran.err.contains("hunter2:"), "{arguments}: {ran:?}");
        }
        server.stop_and(|log| assert!(!log.contains(SECRET), "{log}"));
    }
}
