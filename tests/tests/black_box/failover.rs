//! Failover: when something dies, the next answer changes, and when it recovers, its traffic returns.

use std::net::TcpListener;
use std::process::Command;

use gslb_tests::ask::{curl_with, dig};
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::program::run;
use gslb_tests::server::Server;

const ZONE: &str = "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\n IN NS ns1\nns1 IN A 192.0.2.53\n";

/// A failover pair, each endpoint with a probe that changes its status at the second outcome.
fn pair(first: &str, second: &str, more: &str) -> Folder {
    let site = format!(
        "[zones.\"example.com\"]\nrecords = '''{ZONE}'''\n\
         [data_centers.fra]\n[data_centers.iad]\n\
         [probes.first]\n{first}rise = 2\nfall = 2\n[probes.second]\n{second}rise = 2\nfall = 2\n\
         [pools.fra]\ndata_center = \"fra\"\nprobe = \"first\"\nendpoints.one = {{ address = \"127.0.0.1\" }}\n\
         [pools.iad]\ndata_center = \"iad\"\nprobe = \"second\"\nendpoints.two = {{ address = \"127.0.0.2\" }}\n\
         [services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = {{ failover = [\"fra\", \"iad\"] }}\n{more}"
    );
    let process = format!("{PROCESS}[probes]\nallow = [\"127.0.0.0/8\"]\n");
    Folder::with(&[("site.toml", &site), ("gslb.toml", &process)])
}

fn tcp(listener: &TcpListener) -> String {
    let port = listener.local_addr().unwrap().port();
    format!("kind = \"tcp\"\nport = {port}\ninterval = \"500ms\"\ntimeout = \"500ms\"\n")
}

fn answer(server: &Server) -> String {
    dig(server.address(), "www.example.com A").data().join(" ")
}

#[test]
fn a_pair_fails_over_and_back_and_a_restart_answers_as_before() {
    let (first, second) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.2:0").unwrap());
    let address = first.local_addr().unwrap();
    let folder = pair(&tcp(&first), &tcp(&second), "");
    let server = folder.serve_store();
    assert_eq!(answer(&server), "127.0.0.1");
    eventually("both are known to be up", || {
        let output = folder.ask(&server, "status -o json");
        output.code == 0 && output.out.matches("\"source\": \"verdict\"").count() >= 2
    });
    drop(first);
    eventually("the second one answers", || answer(&server) == "127.0.0.2");
    let output = folder.ask(&server, "status");
    assert!(
        output.out.contains("fra/one") && output.out.contains("down") && output.out.contains("refused"),
        "{}",
        output.out
    );
    let nagios = folder.ask(&server, "status --nagios");
    assert_eq!(nagios.code, 2, "{}", nagios.out);
    assert!(nagios.out.starts_with("CRITICAL - 1 of 2 endpoints up; ") && nagios.out.contains("| endpoints_up=1;"));
    let of_service = folder.ask(&server, "status --nagios --pool iad");
    assert_eq!((of_service.code, of_service.err.as_str()), (0, ""), "{}", of_service.out);
    let explained = folder.ask(&server, "explain www.example.com A");
    assert!(explained.out.contains("verdict") && explained.out.contains("refused"), "{}", explained.out);
    // Killed once the status has been saved, which the event shows.
    let token = format!("authorization: Bearer {}", folder.token());
    eventually("the status is an event", || {
        let url = format!("http://{}/api/v1/events", server.api);
        let mut curl = Command::new("curl");
        // The stream does not end by itself.
        curl.args([
            "-q",
            "-s",
            "-N",
            "--noproxy",
            "*",
            "--max-time",
            "1",
            "-H",
            &token,
            "-H",
            "last-event-id: 1",
            &url,
        ]);
        run(&mut curl).out.contains("\"status\":\"down\"")
    });
    server.signal("KILL");
    server.end();
    let server = folder.start("serve --config gslb.toml");
    for _ in 0..20 {
        assert_eq!(answer(&server), "127.0.0.2", "no answer ever names what was down");
    }
    let again = TcpListener::bind(address).unwrap();
    eventually("the first one answers again", || answer(&server) == "127.0.0.1");
    drop(again);
}

#[test]
fn a_push_endpoint_is_down_when_its_deadline_passes() {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let folder = pair("kind = \"push\"\nttl = \"2s\"\n", &tcp(&listener), "");
    let server = folder.serve_store();
    let post = |up: bool| {
        let token = format!("authorization: Bearer {}", folder.token());
        let body = format!("[{{\"pool\": \"fra\", \"endpoint\": \"one\", \"up\": {up}, \"reason\": \"r\"}}]");
        let arguments = ["-H", &token, "-H", "content-type: application/json", "-d", &body];
        curl_with(&arguments, &format!("http://{}/api/v1/observations", server.api))
    };
    for up in [true, true, false, false] {
        let page = post(up);
        assert_eq!(page.status, 200, "{}", page.body);
    }
    assert_eq!(answer(&server), "127.0.0.2", "word is in force when it is answered");
    // On a busy machine, a push report may expire before the check.
    eventually("word is in force again", || {
        assert_eq!((post(true).status, post(true).status), (200, 200));
        answer(&server) == "127.0.0.1"
    });
    eventually("silence is failure", || answer(&server) == "127.0.0.2");
}

#[test]
fn a_data_center_of_the_demo_dies_and_recovers() {
    let mut demo = Server::demo();
    demo.await_out("Ctrl-C stops it.");
    let said = demo.out();
    let printed = |begin: &str| {
        let line = said.lines().map(str::trim).find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("no {begin} in {said}")).to_owned()
    };
    let europe = || dig(demo.address(), "www.example.com A +subnet=193.0.6.0/24").data().join(" ");
    assert!(europe().starts_with("127.0.10."), "{}", europe());
    let stopped = run(Command::new("sh").args(["-c", &printed("curl -X POST http://").replace("curl", "curl -fsS")]));
    assert_eq!(stopped.code, 0, "{}", stopped.err);
    eventually("clients go to Washington", || europe().starts_with("127.0.20."));
    // Where gslb is not on the path, its whole path is printed.
    let status =
        said.lines().find_map(|line| Some(line.split_once("gslb status")?.1)).expect("a command that shows statuses");
    let status = format!("\"$0\" status{status}");
    let output = run(Command::new("sh").args(["-c", &status]).arg(gslb_tests::program::gslb()));
    assert!(output.code == 0 && output.out.contains("refused"), "{}{}", output.out, output.err);
    let start = printed("curl -X POST http://").replace("curl", "curl -fsS").replace("/stop/", "/start/");
    assert_eq!(run(Command::new("sh").args(["-c", &start])).code, 0);
    eventually("clients come back", || europe().starts_with("127.0.10."));
}

#[test]
fn a_drill_predicts_and_a_real_one_is_observed_over_dns() {
    let demo = Server::demo();
    let ask = |arguments: &str| {
        let mut command = Command::new(gslb_tests::program::gslb());
        command.args(arguments.split(' ')).env("GSLB_SERVER", format!("http://{}", demo.api));
        run(command.env_remove("GSLB_TOKEN"))
    };
    let foretold = ask("drill --data-center fra");
    // The canary of the demo is in two places.
    assert_eq!(foretold.code, 8, "{}{}", foretold.out, foretold.err);
    assert!(foretold.out.contains("europe") && foretold.out.contains("would have iad alone"), "{}", foretold.out);
    let europe = || dig(demo.address(), "www.example.com A +subnet=193.0.6.0/24").data().join(" ");
    assert!(europe().starts_with("127.0.10."), "nothing was touched: {}", europe());
    let real = ask(&format!("drill --data-center fra --for 2s --really --dns {} -o json", demo.address()));
    assert_eq!(real.code, 0, "{}{}", real.out, real.err);
    for time in ["detection_ms", "redirect_ms", "restore_ms"] {
        let line = real.out.lines().find(|line| line.contains(time)).expect(time);
        assert!(!line.contains("null"), "{}", real.out);
    }
    assert!(europe().starts_with("127.0.10."), "{}", europe());
    assert_eq!(ask("drill --data-center nowhere").code, 1);
    // Another node with the same document does not get the override.
    let other = Server::demo();
    let unmoved = ask(&format!("drill --data-center fra --for 2s --really --dns {} -o json", other.address()));
    assert_eq!(unmoved.code, 9, "{}{}", unmoved.out, unmoved.err);
    assert!(
        unmoved.out.contains("\"restore_ms\": null") && unmoved.out.contains("www.example.com. A"),
        "{}",
        unmoved.out
    );
}
