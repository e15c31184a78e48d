//! The API matches its description: schemathesis generates requests from it, and finds no errors.

use std::process::Command;

use gslb_tests::program::run;

use crate::change::folder;

/// Requests for each operation and way of making them up: some 3,000 in all, a quarter of a minute of a core.
const EXAMPLES: &str = "10";
/// The same requests each time: a new finding comes from a change, not from chance.
const SEED: &str = "1";

#[test]
fn responses_match_the_openapi_description() {
    let folder = folder("");
    let server = folder.serve_store();
    let mut command = Command::new("schemathesis");
    command.current_dir(folder.path("")).args(["run", &format!("http://{}/api/openapi.json", server.api)]);
    command.args(["--header", &format!("Authorization: Bearer {}", folder.token())]);
    // Streams do not end. Whether a request that fits the description succeeds depends on existing entries: a pool
    // may only name an existing data center.
    command.args(["--exclude-path", "/api/v1/events", "--exclude-path", "/api/v1/tail"]);
    // It would be answered, but by then the server is another process, which nobody ends.
    command.args(["--exclude-path", "/api/v1/restart"]);
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    command.args(["--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none", "--no-color"]);
    let ran = run(&mut command);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let cases =
        ran.out.split_once(" generated, ").and_then(|(before, _)| before.rsplit(' ').next()?.parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases > 1_000), "hardly anything was tried:\n{}", ran.out);
    assert_eq!(server.get("/livez").status, 200, "it still serves");
}
