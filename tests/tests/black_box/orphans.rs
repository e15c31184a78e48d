//! Processes of exec probes after the death of the server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};

const SITE: &str = "[zones.\"example.com\"]\nrecords = \"@ SOA ns1 host 1 2h 15m 4w 5m\\n NS ns1\\nns1 A 192.0.2.1\"\n\
    [pools.fra]\nprobe = \"own\"\nendpoints.one = { address = \"192.0.2.1\" }\n\
    [services.\"www.example.com\"]\npolicy = \"fra\"\n\
    [probes.own]\nkind = \"exec\"\ninterval = \"1h\"\ntimeout = \"1h\"\n";

/// True while the process runs; a zombie does not.
fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn programs_of_exec_probes_die_with_a_server_that_is_killed() {
    let folder = Folder::with(&[]);
    let written = folder.path("pids");
    // The program itself, and its child.
    let script = format!("#!/bin/sh\nsleep 3600 &\necho $$ $! > {0}.part\nmv {0}.part {0}\nwait\n", written.display());
    folder.write("check", script);
    fs::set_permissions(folder.path("check"), fs::Permissions::from_mode(0o755)).unwrap();
    folder.write("site.toml", format!("{SITE}command = [\"{}\"]\n", folder.path("check").display()));
    let programs = folder.path("check").parent().unwrap().display().to_string();
    folder.write("gslb.toml", format!("{PROCESS}[probes]\nexec = [\"{programs}\"]\n"));
    let server = folder.serve_store();
    eventually("the program runs", || written.exists());
    let pids = fs::read_to_string(&written).unwrap();
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| runs(pid)), "{pids:?}");
    server.signal("KILL");
    eventually("the program and its child are gone", || !pids.iter().any(|pid| runs(pid)));
    drop(server);
}
