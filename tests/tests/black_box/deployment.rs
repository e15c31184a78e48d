//! What `deploy/` has for whoever runs a server: a unit that may do little, a container file, and a chart that renders.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use gslb_tests::folder::Folder;
use gslb_tests::program::run;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");

/// The interpreter of the environment in which tests/run has installed what checks the chart.
fn python() -> PathBuf {
    let test = env::current_exe().expect("the running test has a path");
    let target = test.ancestors().nth(3).expect("tests are three folders below the target folder");
    let python = target.join("tools/deployment/bin/python3");
    assert!(python.is_file(), "{} is not there: run tests/run", python.display());
    python
}

#[test]
fn the_unit_may_do_little() {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager", "--threshold=25"]);
    let ran = run(command.arg(format!("{DEPLOY}/systemd/gslb.service")));
    assert_eq!(ran.code, 0, "more than 2.5: {}{}", ran.out, ran.err);
    // Misspelt keys are told, and the missing binary: it is installed elsewhere.
    let unit = format!("{DEPLOY}/systemd/gslb.service");
    let verified = run(Command::new("systemd-analyze").args(["verify", "--man=no", &unit]));
    let told: Vec<&str> = verified.err.lines().filter(|line| line.contains("gslb.service")).collect();
    assert!(told.iter().all(|line| line.contains("/usr/local/bin/gslb is not executable")), "{}", verified.err);
}

#[test]
fn the_container_file_has_no_faults() {
    let ran = run(Command::new("hadolint").arg(format!("{DEPLOY}/container/Containerfile")));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn the_chart_renders_what_kubernetes_and_the_server_take() {
    let folder = Folder::with(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/render-chart");
    let ran = run(Command::new(python()).arg(script).arg(format!("{DEPLOY}/helm/gslb")).arg(folder.path("")));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let checked = folder.gslb("check site.toml --config gslb.toml");
    assert_eq!(checked.code, 0, "{}", checked.err);
}
