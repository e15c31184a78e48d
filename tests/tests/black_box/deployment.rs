//! The files of `deploy/`: a restricted systemd unit, a container file, a Helm chart, and a Zabbix
//! template.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use gslb_tests::folder::Folder;
use gslb_tests::program::run;
use gslb_tests::server::Server;
use serde_json::Value;

use crate::change::folder;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");

/// The Python interpreter with the packages to check the chart and the template, installed by tests/run.
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
    // Misspelled keys are reported, and the missing binary, which is not installed here.
    let unit = format!("{DEPLOY}/systemd/gslb.service");
    let verified = run(Command::new("systemd-analyze").args(["verify", "--man=no", &unit]));
    let problems: Vec<&str> = verified.err.lines().filter(|line| line.contains("gslb.service")).collect();
    assert!(problems.iter().all(|line| line.contains("/usr/local/bin/gslb is not executable")), "{}", verified.err);
}

#[test]
fn the_container_file_has_no_faults() {
    let ran = run(Command::new("hadolint").arg(format!("{DEPLOY}/container/Containerfile")));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn the_chart_renders_valid_manifests_and_configuration() {
    let folder = Folder::with(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/render-chart");
    let ran = run(Command::new(python()).arg(script).arg(format!("{DEPLOY}/helm/gslb")).arg(folder.path("")));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let checked = folder.gslb("check site.toml --config gslb.toml");
    assert_eq!(checked.code, 0, "{}", checked.err);
}

/// Items of the Zabbix template that may find nothing, and why.
const MAY_FIND_NOTHING: [(&str, &str); 4] = [
    ("gslb.unable", "everything can be probed"),
    ("gslb.api.certificate.expires", "the server's API has no TLS"),
    ("gslb.overrides.oldest", "nothing is forced"),
    ("gslb.geo.oldest", "the server has the bundled database alone"),
];

/// The value of each item of the Zabbix template, by key: the template is checked against Zabbix' rules, and evaluated
/// with its own paths and scripts, without Zabbix.
fn zabbix(folder: &Folder, server: &Server) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/read-zabbix-template");
    let mut command = Command::new(python());
    command.arg(script).arg(format!("{DEPLOY}/zabbix/gslb.yaml"));
    let ran = run(command.arg(format!("http://{}", server.api)).arg(folder.token()));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let mut problems: Value = serde_json::from_str(&ran.out).unwrap();
    for key in problems["empty"].as_array().unwrap() {
        assert!(MAY_FIND_NOTHING.iter().any(|(may, _)| key == may), "{key} finds nothing");
    }
    problems["values"].take()
}

#[test]
fn the_zabbix_template_reads_a_running_server() {
    let folder = folder("");
    let server = folder.serve_store();
    let well = zabbix(&folder, &server);
    for (key, value) in [
        ("gslb.ready", "ready"),
        ("gslb.data_centers.all", "2"),
        ("gslb.data_centers.up", "2"),
        ("gslb.pools.down", "0"),
        ("gslb.endpoints.up", "2"),
        ("gslb.endpoints.which", "none"),
        ("gslb.services.all", "1"),
        ("gslb.mass_failure", "0"),
        ("gslb.degraded", "none"),
        ("gslb.store.degraded", "none"),
        ("gslb.overrides.unsaved", "0"),
        ("gslb.overrides.degraded", "none"),
        ("gslb.awaiting_resume", "0"),
        ("gslb.unable", "0"),
        ("gslb.pools.drained", "0"),
        ("gslb.drained.overdue", "none"),
        ("gslb.overrides", "0"),
        ("gslb.revision", "1"),
        ("gslb.undiscovered", "none"),
        ("gslb.store.available", "1"),
        ("gslb.reload.refused", "0"),
        ("gslb.overrides.oldest", "0"),
        // The bundled one is as old as the version, and should not alert every day.
        ("gslb.geo.oldest", "0"),
        ("gslb.data_center.status[fra]", "1"),
        ("gslb.pool.status[fra]", "1"),
        ("gslb.pool.endpoints.up[iad]", "1"),
        ("gslb.service.status[www.example.com.]", "1"),
        ("gslb.endpoint.status[fra,fra-1]", "1"),
    ] {
        assert_eq!(well[key], value, "{key} of {well}");
    }

    assert_eq!(folder.ask(&server, "drain data-center/fra --reason kernel --for 1h").code, 0);
    let drained = zabbix(&folder, &server);
    for (key, value) in [
        ("gslb.data_centers.up", "1"),
        ("gslb.data_centers.drained", "1"),
        ("gslb.pools.drained", "1"),
        ("gslb.pools.down", "0"),
        ("gslb.endpoints.drained", "1"),
        ("gslb.endpoints.down", "0"),
        ("gslb.data_center.status[fra]", "4"),
        ("gslb.pool.status[fra]", "4"),
        ("gslb.endpoint.status[fra,fra-1]", "4"),
        ("gslb.drained.overdue", "none"),
    ] {
        assert_eq!(drained[key], value, "{key} of {drained}");
    }
    assert_eq!(folder.ask(&server, "undrain data-center/fra").code, 0);

    assert_eq!(folder.ask(&server, "force down pool/fra --reason kernel --for 1h").code, 0);
    let hurt = zabbix(&folder, &server);
    for (key, value) in [
        ("gslb.data_centers.up", "1"),
        ("gslb.pools.down", "1"),
        ("gslb.endpoints.down", "1"),
        ("gslb.endpoints.which", "fra/fra-1: kernel"),
        ("gslb.overrides", "1"),
        ("gslb.data_center.status[fra]", "0"),
        ("gslb.pool.status[fra]", "0"),
        ("gslb.pool.status[iad]", "1"),
        ("gslb.service.status[www.example.com.]", "2"),
        ("gslb.endpoint.status[fra,fra-1]", "0"),
        ("gslb.endpoint.why[fra,fra-1]", "kernel"),
    ] {
        assert_eq!(hurt[key], value, "{key} of {hurt}");
    }
    assert_ne!(hurt["gslb.overrides.oldest"], "0", "{hurt}");
}
