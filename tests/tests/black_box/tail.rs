//! `gslb tail`: answers are shown as they happen, while the reader reads and its token is valid.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::Folder;
use gslb_tests::program::run;
use gslb_tests::server::Server;
use serde_json::{Value, json};

use crate::change::{folder, json};

fn ask(server: &Server) {
    dig(server.address(), "www.example.com A +subnet=193.0.6.0/24");
    dig(server.address(), "www.example.com A +subnet=133.11.0.0/16");
    dig(server.address(), "+tcp none.example.com A");
}

/// Runs `work` while queries are sent.
fn under_load<T>(server: &Server, work: impl FnOnce() -> T) -> T {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                ask(server);
            }
        });
        let result = work();
        is_done.store(true, Ordering::Relaxed);
        result
    })
}

/// `gslb tail`, running.
struct Tail {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tail {
    fn start(folder: &Folder, server: &Server, token: &str, arguments: &str) -> Self {
        let mut command = folder.command(&format!("tail {arguments}"));
        command.env("GSLB_SERVER", format!("http://{}", server.api)).env("GSLB_TOKEN", token);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the stream continues").unwrap()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn answers_are_shown_with_their_decision_as_text_and_json() {
    let folder = folder("");
    let server = folder.serve_store();
    let of = |arguments: &str| under_load(&server, || folder.ask(&server, &format!("tail {arguments}")));
    let all = of("-n 6 -o json");
    assert_eq!((all.code, all.err.as_str()), (0, ""));
    let all: Vec<Value> = all.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(all.len(), 6);
    for answered in &all {
        let (pool, address) = match answered["client"].as_str().unwrap() {
            "193.0.6.0/24" => ("fra", "192.0.2.1"),
            "133.11.0.0/16" => ("iad", "192.0.2.2"),
            _ => {
                let output = ["decision", "rcode", "transport"].map(|member| &answered[member]);
                assert_eq!(output, ["zone", "NXDOMAIN", "tcp"], "{answered}");
                continue;
            }
        };
        assert_eq!((&answered["service"], &answered["scope"].is_u64()), (&json!("www.example.com"), &true));
        let named = json!([{"pool": pool, "endpoint": format!("{pool}-1"), "data_center": pool}]);
        assert_eq!(answered["endpoints"], named);
        assert!(answered["answer"][0].as_str().unwrap().ends_with(address), "{answered}");
    }
    let seen = |client: &str| all.iter().any(|answered| answered["client"] == client);
    assert!(seen("193.0.6.0/24") && seen("133.11.0.0/16") && seen("127.0.0.1"));

    for (filter, holds) in [
        ("--data-center iad", "-> iad/iad-1 in iad  192.0.2.2"),
        ("--client 193.0.0.0/16", "193.0.6.0/24 via 127.0.0.1  www.example.com A udp  NOERROR"),
        ("--client 193.0.6.7", "193.0.6.0/24 via 127.0.0.1  www.example.com A udp  NOERROR"),
        ("--service www.example.com --data-center fra", "europe -> fra/fra-1 in fra  192.0.2.1"),
    ] {
        let output = of(&format!("-n 3 {filter}"));
        assert_eq!((output.code, output.out.lines().count()), (0, 3), "{filter}: {}", output.err);
        assert!(output.out.lines().all(|line| line.contains(holds)), "{filter}: {}", output.out);
    }
    let refused = folder.ask(&server, "tail --service web.example.com");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("There is no service \"web.example.com\""), "{}", refused.err);
}

#[test]
fn it_ends_with_its_reader_its_token_and_ctrl_c() {
    let folder = folder("");
    let server = folder.serve_store();
    let viewer = json(&folder, &server, "token create reader --role viewer");
    let (id, token) = (viewer["id"].as_str().unwrap(), viewer["token"].as_str().unwrap());
    under_load(&server, || {
        let mut unread = Tail::start(&folder, &server, token, "");
        unread.line();
        let Tail { child, .. } = &mut unread;
        let pid = child.id().to_string();
        assert_eq!(run(std::process::Command::new("kill").args(["-s", "INT", &pid])).code, 0);
        // If these tests are started with SIGINT ignored, it is ignored here too; tests/run prevents that.
        eventually("it has ended", || child.try_wait().unwrap().is_some());
        for line in unread.lines.by_ref() {
            assert!(line.unwrap().contains(".example.com A "), "lines are whole to the last");
        }

        let mut piped = folder.command("tail -o json");
        piped.env("GSLB_SERVER", format!("http://{}", server.api)).env("GSLB_TOKEN", token);
        let mut child = piped.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "it has no reader");

        let mut revoked = Tail::start(&folder, &server, token, "");
        revoked.line();
        assert_eq!(folder.ask(&server, &format!("token revoke {id}")).code, 0);
        let mut code = None;
        eventually("it has ended", || {
            code = revoked.child.try_wait().unwrap();
            code.is_some()
        });
        assert_eq!(code.and_then(|status| status.code()), Some(5));
    });
    // All followers are gone: as many permits are free as before, and one token gets at most half.
    let tokens = [
        folder.token(),
        json(&folder, &server, "token create other --role viewer")["token"].as_str().unwrap().to_owned(),
    ];
    let mut all: Vec<Tail> = (0..8).map(|number| Tail::start(&folder, &server, &tokens[number % 2], "")).collect();
    under_load(&server, || all.iter_mut().for_each(|tail| drop(tail.line())));
    let more = folder.ask(&server, "tail");
    assert_eq!(more.code, 3, "{}", more.err);
    assert!(more.err.contains("You already watch answers 4 times"), "{}", more.err);
}

#[test]
fn a_service_reached_through_another_is_shown_and_found_even_if_it_is_down() {
    let folder = folder(
        "\
[pools.gone]
endpoints.gone-1 = { address = \"192.0.2.9\" }
[pools.to-down]
endpoints.cdn = { cname = \"down.example.com.\" }
[services.\"down.example.com\"]
policy = \"gone\"
when_all_down = \"nodata\"
[services.\"chain.example.com\"]
policy = \"to-down\"
[safety]
require_endpoints = false
",
    );
    let server = folder.serve_store();
    assert_eq!(folder.ask(&server, "force down pool/gone --reason test").code, 0);
    let is_done = AtomicBool::new(false);
    let shown = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                dig(server.address(), "www.example.com A");
                dig(server.address(), "chain.example.com A");
            }
        });
        let shown =
            ["", " -o json"].map(|more| folder.ask(&server, &format!("tail --service down.example.com -n 1{more}")));
        is_done.store(true, Ordering::Relaxed);
        shown
    });
    let [people, programs] = shown.map(|ran| ran.out);
    let decided = "-> to-down/cdn, then service down.example.com -> no endpoint (fallback: nodata)  down.example.com.";
    assert!(people.contains("  chain.example.com A udp  NOERROR") && people.contains(decided), "{people}");
    let output: Value = serde_json::from_str(&programs).expect(&programs);
    let of = |pointer: &str| output.pointer(pointer).unwrap_or_else(|| panic!("{pointer}: {output}"));
    assert_eq!((of("/service"), of("/fallback")), (&json!("chain.example.com"), &json!(null)));
    assert_eq!(
        (of("/decisions/1/service"), of("/decisions/1/fallback")),
        (&json!("down.example.com"), &json!("nodata"))
    );
}
