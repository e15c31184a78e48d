//! Memory of the real server for large and hostile documents, each sent to a fresh one.

use std::error::Error;
use std::fmt::Write as _;

use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::heavy::{Heavy, good, hostile};
use gslb_tests::http::Http;

type Failure = Box<dyn Error + Send + Sync>;

/// Sends every body as a plan, and valid ones also as a document. Returns a table in Markdown with the response, the
/// megabytes of the process before, at most and after, and the memory as a multiple of the body's length.
///
/// # Errors
/// As those of sockets.
pub fn measure(octets: usize) -> Result<String, Failure> {
    let mut table = String::from(
        "| body | as | length | answer | before | peak | after | times its length |\n|---|---|---|---|---|---|---|---|\n",
    );
    for heavy in hostile() {
        table += &row(&heavy, "POST", "/api/v1/plan")?;
    }
    for heavy in good(octets) {
        table += &row(&heavy, "POST", "/api/v1/plan")?;
        table += &row(&heavy, "PUT", "/api/v1/document")?;
    }
    Ok(table)
}

fn row(heavy: &Heavy, method: &str, path: &str) -> Result<String, Failure> {
    let folder = Folder::with(&[("gslb.toml", PROCESS)]);
    let server = folder.start("serve --config gslb.toml");
    let mut http = Http::connect(server.api, &folder.token())?;
    // What the start took at most is not part of what a change takes.
    server.reset_peak();
    let (before, _) = server.memory();
    let content = format!("content-type: {}", heavy.content);
    let reply = http.send(method, path, &["if-match: *", &content], &heavy.body)?;
    let (after, peak) = server.memory();
    let length = heavy.body.len() as f64 / 1e6;
    let mut row = String::new();
    let _ = writeln!(
        row,
        "| {} | {method} | {length:.1} MB | {} | {before:.0} | {peak:.0} | {after:.0} | {:.1} |",
        heavy.what,
        reply.status,
        (peak - before) / length
    );
    Ok(row)
}
