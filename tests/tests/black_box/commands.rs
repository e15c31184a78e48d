//! Errors of the command for people and for monitoring: in the command line, the server or the
//! connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use gslb_tests::folder::{CERTIFICATE, PROCESS};
use gslb_tests::program::run;

use crate::change::folder;

#[test]
fn a_check_without_result_is_unknown() {
    let folder = folder("");
    for line in [
        "status --nagios --wath",
        "status --wath --nagios",
        "status --nagios --watch",
        "status --nagios --pool",
        "status --nagios -o json",
        "status --nagios extra",
        "status --nagios=yes",
        "status --nagios --server nowhere",
        "staus --nagios",
        "status --nagios --server http://127.0.0.1:1",
    ] {
        let output = folder.gslb(line);
        assert_eq!(
            (output.code, output.out.lines().count(), output.err.as_str()),
            (3, 1, ""),
            "{line}: {}",
            output.out
        );
        assert!(output.out.starts_with("UNKNOWN - "), "{line}: {}", output.out);
        assert!(!output.out.contains("  ") && !output.out.contains('|'), "{line}: {}", output.out);
    }
    let slip = folder.gslb("status --nagios --wath").out;
    assert!(slip.contains("unexpected argument '--wath' found"), "{slip}");
    assert_eq!(folder.gslb("status --nagios --help").code, 0);
    assert_eq!(folder.gslb("status --wath").code, 2, "this is not a plugin call");
}

#[test]
fn counts_and_verdicts_cover_the_selection() {
    let folder = folder("[services.\"fra.example.com\"]\npolicy = \"fra\"\n[safety]\nrequire_endpoints = false\n");
    let server = folder.serve_store();
    let output = |arguments: &str| folder.ask(&server, &format!("status {arguments}"));
    assert_eq!(folder.ask(&server, "force down pool/fra --reason test").code, 0);
    let fra = output("--nagios --pool fra");
    assert_eq!(fra.code, 2, "{}", fra.out);
    assert!(fra.out.contains("; services down: fra.example.com; pools down: fra;"), "{}", fra.out);
    let iad = output("--nagios --data-center iad");
    assert_eq!((iad.code, iad.out.starts_with("OK - 1 of 1 endpoints up | ")), (0, true), "{}", iad.out);
    let none = output("--nagios --pool fra --data-center iad");
    assert_eq!(none.code, 3, "{}", none.out);
    assert!(
        none.out.starts_with("UNKNOWN - nothing matches: no pool is of pool fra and data center iad"),
        "{}",
        none.out
    );

    let none = output("--pool fra --data-center iad").out;
    assert!(none.starts_with("nothing matches: no pool is of pool fra and data center iad\n"), "{none}");
    let all = output("").out;
    assert!(all.starts_with("1 of 2 data centers up, 1 of 2 pools up, 1 of 2 endpoints up\n"), "{all}");
    assert!(all.contains("\n1 override is in force; `gslb overrides` lists them\n"), "{all}");
    assert!(all.contains("\nfra.example.com  "), "names have no dot at their end: {all}");
    let iad = output("--data-center iad").out;
    let counted = "data center iad: 1 of 1 data centers up, 1 of 1 pools up, 1 of 1 endpoints up\n";
    assert!(iad.starts_with(counted) && !iad.contains("example.com"), "{iad}");
    let down = output("--pool fra --down").out;
    assert!(down.starts_with("pool fra: 0 of 1 data centers up, 0 of 1 pools up, 1 endpoints down\n"), "{down}");
}

/// Every table, at this terminal width.
fn tables(folder: &gslb_tests::folder::Folder, server: &str, columns: usize) {
    for line in [
        "status",
        "status data-center/fra",
        "status service/www.example.com",
        "status endpoint/fra/fra-1",
        "overrides",
        "token list",
        "audit",
        "history",
        "history 1",
        "get pools",
        "latency",
        "top service",
        "drill data-center/fra",
        "explain www.example.com A",
        "drain pool/fra --reason test --dry-run",
    ] {
        let mut command = folder.command(line);
        let output = run(command
            .env("GSLB_SERVER", server)
            .env("GSLB_TOKEN", folder.token())
            .env("COLUMNS", columns.to_string()));
        assert!([0, 6, 7, 8].contains(&output.code), "{line}: {}", output.err);
        let is_wide = |shown: &&str| shown.chars().count() > columns;
        // The message itself is not a table.
        let wide = output.out.lines().filter(|shown| !shown.starts_with(";") && !shown.contains(": ")).find(is_wide);
        assert_eq!(wide, None, "{line} in {columns} columns:\n{}", output.out);
    }
}

#[test]
fn every_table_fits_the_terminal() {
    let folder = folder("[safety]\nrequire_endpoints = false\n");
    let server = folder.serve_store();
    let url = server.url("");
    let reason = "kernel update of all hosts in the first row, as planned with the network team last week";
    for (target, id) in
        [("pool/fra", "a-name-of-an-override-that-somebody-chose-to-be-rather-long"), ("data-center/iad", "b")]
    {
        let mut command = folder.command("force weight 7");
        let command = command.args([target, "--for", "2h", "--id", id, "--reason", reason, "--override-rules", "test"]);
        let output = run(command.env("GSLB_SERVER", &url).env("GSLB_TOKEN", folder.token()));
        assert_eq!(output.code, 0, "{}", output.err);
        assert_eq!(output.out.lines().count(), 2, "what was done, and what to do about it: {}", output.out);
    }
    assert_eq!(
        folder.ask(&server, "token create ci --role operator --scope pool/fra --scope pool/iad* --for 10h").code,
        0
    );
    for columns in [80, 100] {
        tables(&folder, &url, columns);
    }
    let wide = folder.ask(&server, "token list -o wide").out;
    let has_moment = wide.lines().any(|line| line.ends_with('Z'));
    assert!(has_moment && wide.contains("pool/fra pool/iad*"), "{wide}");
    for line in ["serve -o json", "tail pool/fra", "status fra", "get pool", "status pool/fra --pool iad"] {
        let output = folder.gslb(line);
        assert_eq!(output.code, 2, "{line}: {}", output.err);
        assert!(!output.err.contains("--server <URL>"), "{line}: {}", output.err);
    }
    assert_eq!(folder.ask(&server, "get endpoint/fra/fra-1 -o json").code, 0);
    assert!(folder.ask(&server, "status endpoint/fra/fra-9").err.contains("there is no endpoint fra/fra-9"));
}

#[test]
fn a_refusal_names_the_role_that_the_whole_command_needs() {
    let folder = folder("");
    let server = folder.serve_store();
    let token = folder.ask(&server, "token create rep --role reporter").out.trim().to_owned();
    for (line, role) in [
        ("drain pool/fra --reason x", "operator"),
        ("undrain pool/fra", "operator"),
        ("delete pools fra", "operator"),
        ("patch pools fra {}", "operator"),
        ("rollback 1", "operator"),
        ("drain pool/fra --reason x --override-rules y", "admin"),
        ("thaw --reason x", "admin"),
        ("restart", "admin"),
        ("status", "viewer"),
    ] {
        let output = folder.ask_as(&token, &server, line);
        assert_eq!(output.code, 5, "{line}: {}", output.err);
        let expected = format!("This needs the role {role}; the token's role is reporter.");
        assert!(output.err.contains(&expected), "{line}: {}", output.err);
    }
}

#[test]
fn an_empty_list_needs_no_request() {
    let folder = folder("");
    for line in ["tail -n 0", "top -n 0", "events -n 0", "top -n 1001"] {
        let output = folder.gslb(line);
        assert!(output.code == 2 && output.err.contains("is not in 1.."), "{line}: {}", output.err);
    }
}

#[test]
fn without_a_mass_failure_there_are_no_failures_to_accept() {
    let folder = folder("");
    let server = folder.serve_store();
    let output = folder.ask(&server, "resume --mass-failure");
    assert_eq!(output.code, 1);
    assert!(output.err.contains("There is no mass failure: failed endpoints are already down"), "{}", output.err);
}

#[test]
fn tls_mismatches_are_recognized() {
    let folder = folder("");
    let ask = |url: String| folder.gslb(&format!("status --token gslb_a_b --server {url}"));
    let plain = folder.serve_store();
    let dns = ask(format!("http://{}", plain.address()));
    assert!(dns.code == 3 && dns.err.contains(" the API, and not DNS?"), "{}", dns.err);
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    folder.write("key.pem", made.signing_key.serialize_pem());
    folder.write(CERTIFICATE, made.cert.pem());
    // Without it, some hosts have no trusted authorities.
    let ca = format!("--ca {CERTIFICATE} ");
    let output = folder.gslb(&format!("status {ca}--server https://{}", plain.api));
    let advice = format!("it does not speak TLS; write http://{} if it serves plain HTTP", plain.api);
    assert!(output.code == 3 && output.err.contains(&advice), "{}", output.err);
    drop(plain);
    let tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\" }\n";
    folder.write("gslb.toml", format!("{PROCESS}{tls}"));
    let secure = folder.serve_store();
    let output = ask(format!("http://{}", secure.api));
    let advice = format!("it speaks TLS; write https://{}", secure.api);
    assert!(output.code == 3 && output.err.contains(&advice), "{}", output.err);
}

/// Answers each connection with a stream of one event, and ends it.
fn one_event_each(connections: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().take(connections).enumerate() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
            while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let event = format!("id: {number}\nevent: change\ndata: {{\"changes\":[{{\"kind\":\"document\"}}]}}\n\n");
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{event}").unwrap();
        }
    });
    address
}

#[test]
fn a_gap_in_followed_events_is_reported_with_its_end() {
    let folder = folder("");
    let server = format!("http://{}", one_event_each(2));
    let output = run(folder.command("events -n 2").env("GSLB_SERVER", server));
    assert_eq!((output.code, output.out.lines().count()), (0, 2), "{}", output.out);
    let lines: Vec<&str> = output.err.lines().collect();
    let [lost, back] = &lines[..] else { panic!("{}", output.err) };
    assert!(lost.ends_with(": connection lost: closed by the server; trying again"), "{lost}");
    assert!(back.contains(": reconnected after ") && back.ends_with("missed events follow"), "{back}");
}
