//! Memory of the server for refused requests.

use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::heavy::hostile;
use gslb_tests::http::Http;

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
