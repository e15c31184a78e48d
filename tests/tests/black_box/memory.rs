//! Memory of the server for documents, whether it accepts or refuses them.

use gslb_tests::folder::{Folder, PROCESS};
use std::process::Command;

use gslb_tests::eventually;
use gslb_tests::heavy::{Files, good, hostile, hostile_files};
use gslb_tests::http::Http;
use gslb_tests::program::run;

/// Megabytes that the whole process has at most, whatever is sent.
const MOST: f64 = 300.0;

#[test]
fn refused_input_takes_little_memory() {
    for heavy in hostile() {
        // A fresh server each, since freed memory is partly kept for reuse.
        let folder = Folder::with(&[("gslb.toml", PROCESS)]);
        let server = folder.start("serve --config gslb.toml");
        let mut http = Http::connect(server.api, &folder.token()).unwrap();
        let content = format!("content-type: {}", heavy.content);
        let reply = http.send("POST", "/api/v1/plan", &[&content], &heavy.body).unwrap();
        let (_, peak) = server.memory();
        assert!((400..=422).contains(&reply.status), "{}: {} {}", heavy.what, reply.status, reply.body);
        assert!(peak < MOST, "{}: {peak} MB", heavy.what);
    }
}

/// Megabytes that a process takes for a change of a few lines: buffers and threads, but nothing by network or name.
const MOST_FOR_LITTLE: f64 = 5.0;
/// Multiples of its length that a long document takes while it is planned, and while it is put in force.
const MOST_TIMES: [f64; 2] = [11.0, 13.5];

#[test]
fn a_valid_document_takes_a_small_multiple_of_its_length() {
    for heavy in good(2_000).into_iter().chain(good(2_000_000)) {
        let length = heavy.body.len() as f64 / 1e6;
        for ((method, path), times) in
            [("POST", "/api/v1/plan"), ("PUT", "/api/v1/document")].into_iter().zip(MOST_TIMES)
        {
            let most = (times * length).max(MOST_FOR_LITTLE);
            let folder = Folder::with(&[("gslb.toml", PROCESS)]);
            let server = folder.start("serve --config gslb.toml");
            let mut http = Http::connect(server.api, &folder.token()).unwrap();
            let content = format!("content-type: {}", heavy.content);
            server.reset_peak();
            let (before, _) = server.memory();
            let reply = http.send(method, path, &["if-match: *", &content], &heavy.body).unwrap();
            assert_eq!(reply.status, 200, "{}: {}", heavy.what, reply.body);
            let (_, peak) = server.memory();
            let taken = peak - before;
            assert!(taken <= most, "{} of {length:.3} MB: {method} takes {taken:.1} MB", heavy.what);
            println!("{} of {length:.3} MB: {method} takes {taken:.1} MB", heavy.what);
        }
    }
}

/// A document that is good, whatever its file is called.
const GOOD: [(&str, &str); 2] = [
    (
        "site.toml",
        "[zones.\"example.com\"]\nrecords = \"$TTL 1h\\n@ IN SOA ns1 h 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n\"\n",
    ),
    (
        "site.json",
        "{\"zones\":{\"example.com\":{\"records\":\"$TTL 1h\\n@ IN SOA ns1 h 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n\"}}}",
    ),
];

#[test]
fn files_that_are_refused_take_little_memory() {
    for Files { what, document, files } in hostile_files() {
        let folder = Folder::with(&GOOD);
        folder.write("gslb.toml", PROCESS);
        let server = folder.start(&format!("serve --config gslb.toml --document {document} --watch"));
        files.iter().for_each(|(name, content)| folder.replace(name, content));
        server.signal("HUP");
        eventually("it is refused", || server.get("/readyz").body.contains("degraded: document: "));
        let (_, peak) = server.memory();
        assert!(peak < MOST, "{what}: {peak} MB");

        // What the command takes is known when it has ended.
        let script = "import resource, subprocess, sys; ran = subprocess.run(sys.argv[1:]); \
                      print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, ran.returncode)";
        let check = folder.command(&format!("check {document}"));
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(check.get_program()).args(check.get_args()).current_dir(folder.path(""));
        let ran = run(&mut python);
        let mut figures =
            ran.out.lines().last().unwrap_or_default().split(' ').map(|number| number.parse::<f64>().unwrap());
        let peak = figures.next().unwrap() / 1e3;
        assert!(peak < MOST, "{what}: {peak} MB for a check");
        assert_eq!(figures.next(), Some(1.0), "{what}: {}{}", ran.out, ran.err);
        let said = format!("{}{}", ran.out, ran.err);
        let reasons = ["MiB of memory", "more memory than there is", "no document key"];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{what}: {said}");
        assert!(said.contains(document) || said.contains("part-"), "{what}: {said}");
    }
}
