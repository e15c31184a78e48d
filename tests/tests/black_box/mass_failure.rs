//! Mass failures: which failures are held, for how long, and endpoints that this host cannot probe.

use std::net::TcpListener;

use gslb_tests::ask::{curl, dig};
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

const ZONE: &str = "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\n IN NS ns1\nns1 IN A 192.0.2.53\n";
/// Hosts of each data center; the first one has more than half of all.
const SITE: [(&str, u8, u8); 3] = [("fra", 10, 5), ("iad", 20, 2), ("nrt", 30, 2)];

/// A document of three data centers in the order in which they answer, all of them on this host.
fn site(port: u16, rule: &str) -> String {
    let mut text = format!(
        "[zones.\"example.com\"]\nrecords = '''{ZONE}'''\n\
         [probes.up]\nkind = \"tcp\"\nport = {port}\ninterval = \"500ms\"\ntimeout = \"500ms\"\nrise = 2\nfall = 2\n\
         [services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = {{ failover = [\"fra\", \"iad\", \"nrt\"] }}\n\
         [safety]\nmass_failure = {rule}\n"
    );
    for (name, net, count) in SITE {
        text.push_str(&format!("[data_centers.{name}]\n[pools.{name}]\ndata_center = \"{name}\"\nprobe = \"up\"\n"));
        for host in 1..=count {
            text.push_str(&format!("endpoints.e{host} = {{ address = \"127.0.{net}.{host}\" }}\n"));
        }
    }
    text
}

/// The listeners of a data center's hosts.
fn listening(place: usize, port: u16) -> Vec<TcpListener> {
    let (_, net, count) = SITE[place];
    (1..=count).map(|host| TcpListener::bind((format!("127.0.{net}.{host}"), port)).unwrap()).collect()
}

/// A port that is free at every host: the first one takes it from the system.
fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// The data center that answers.
fn answering(server: &Server) -> &'static str {
    let answer = dig(server.address(), "www.example.com A").data().join(" ");
    let of = |(_, net, _): &&(&str, u8, u8)| answer.starts_with(&format!("127.0.{net}."));
    SITE.iter().find(of).unwrap_or_else(|| panic!("{answer}")).0
}

#[test]
fn one_dead_data_center_fails_over_at_once_and_two_of_three_are_held() {
    let port = free_port();
    let mut alive: Vec<Vec<TcpListener>> = (0..3).map(|place| listening(place, port)).collect();
    let process = format!("{PROCESS}[probes]\nallow = [\"127.0.0.0/8\"]\n");
    let rule = "{ within = \"5s\", hold = \"1h\", longest = \"2h\" }";
    let folder = Folder::with(&[("site.toml", &site(port, rule)), ("gslb.toml", &process)]);
    let mut server = folder.serve_store();
    let status = |server: &Server, what: &str, holds: &dyn Fn(&str) -> bool| {
        eventually(what, || {
            let output = folder.ask(server, "status -o json");
            output.code == 0 && holds(&output.out)
        });
    };
    status(&server, "all are up", &|output| !output.contains("\"source\": \"initial\""));
    assert_eq!(answering(&server), "fra");
    // The death of one data center while others answer is not a mass failure, even if it has most hosts.
    alive[0].clear();
    eventually("the largest data center is believed to be dead", || answering(&server) == "iad");
    assert!(folder.ask(&server, "status -o json").out.contains("\"mass_failure\": null"), "nothing is held");
    alive[0] = listening(0, port);
    eventually("the first one answers again", || answering(&server) == "fra");
    status(&server, "all are up", &|output| !output.contains("\"status\": \"down\""));
    // Two of three at once are doubted.
    alive[0].clear();
    alive[1].clear();
    status(&server, "seven of nine at once are held", &|output| !output.contains("\"mass_failure\": null"));
    assert_eq!(answering(&server), "fra", "the last statuses stay");
    let line = server.await_log("of 9 hosts that were up fail");
    assert!(line.contains("POST /api/v1/mass-failure/lift"), "{line}");
    eventually("what fails now decides what is believed", || {
        folder.ask(&server, "status --pool fra").out.contains("held by mass-failure; would be down: ")
    });
    let nagios = folder.ask(&server, "status --nagios");
    assert!(nagios.code == 2 && nagios.out.contains("a mass failure is held"), "{}", nagios.out);
    // An operator knows better.
    let resumed = folder.ask(&server, "resume --mass-failure");
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    eventually("it is believed", || answering(&server) == "nrt");
    assert_ne!(folder.ask(&server, "resume --mass-failure").code, 0, "there is none");
    // They recover, and die again unobserved.
    alive[0] = listening(0, port);
    alive[1] = listening(1, port);
    eventually("the first one answers again", || answering(&server) == "fra");
    status(&server, "all are up", &|output| !output.contains("\"status\": \"down\""));
    folder.write("site.toml", site(port, "{ within = \"5s\", hold = \"1s\" }"));
    let applied = folder.ask(&server, "apply site.toml --yes --base 1");
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    alive[0].clear();
    alive[1].clear();
    eventually("another one answers, so that it is believed", || answering(&server) == "nrt");
    server.await_log("mass failure confirmed");
}

#[test]
fn a_prober_that_cannot_probe_is_reported_with_a_reason() {
    let programs = Folder::with(&[("README", "nothing to run here")]);
    let missing = programs.path("missing");
    let site = format!(
        "[zones.\"example.com\"]\nrecords = '''{ZONE}'''\n\
         [probes.own]\nkind = \"exec\"\ncommand = [\"{}\"]\ninterval = \"200ms\"\n\
         [pools.fra]\nprobe = \"own\"\nendpoints.one = {{ address = \"192.0.2.1\" }}\n\
         [services.\"www.example.com\"]\ntypes = [\"A\"]\npolicy = \"fra\"\n",
        missing.display()
    );
    let process = format!("{PROCESS}[probes]\nexec = [\"{}\"]\n", missing.parent().unwrap().display());
    let folder = Folder::with(&[("site.toml", &site), ("gslb.toml", &process)]);
    let server = folder.serve_store();
    eventually("it is not ready", || curl(&format!("http://{}/readyz", server.api)).status == 503);
    let metrics = curl(&format!("http://{}/metrics", server.api)).body;
    let unable = metrics.lines().find(|line| line.contains("result=\"unable\"")).expect("no such count");
    assert!(!unable.ends_with(" 0") && metrics.contains("gslb_prober_stalled 1"), "{unable}");
    let output = folder.ask(&server, "status --nagios");
    assert!(output.code == 3 && output.out.contains("cannot be probed: fra/one"), "{}", output.out);
    assert!(folder.ask(&server, "status").out.contains("cannot run"));
    server.stop_and(|log| assert_eq!(log.matches("cannot be probed target=\"exec ").count(), 1, "{log}"));
}
