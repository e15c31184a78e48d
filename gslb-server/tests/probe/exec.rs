//! exec: exit codes of Nagios plugins, programs with too much output or without end, and forbidden ones.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;

use gslb::probe::{Rules, Settings};
use gslb_core::health::{Failure, Outcome};
use tempfile::TempDir;

use crate::{outcome_with, settings, write};

/// Runs a script with this text and these arguments.
fn run(folder: &Path, script: &str, arguments: &str, timeout: &str) -> Outcome {
    let path = write(folder, "check", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    run_at(&path, allowing(folder), arguments, timeout)
}

fn run_at(path: &Path, settings: Settings, arguments: &str, timeout: &str) -> Outcome {
    let command = format!("[\"{}\"{arguments}]", path.display());
    let probe =
        format!("kind = \"exec\", command = {command}, port = 8080, interval = \"1h\", timeout = \"{timeout}\"");
    outcome_with(settings, &probe, "address = \"127.0.0.1\"")
}

fn allowing(folder: &Path) -> Settings {
    Settings { rules: Rules { exec: vec![folder.to_owned()], ..settings().rules }, ..settings() }
}

#[test]
fn exit_codes_are_those_of_nagios_plugins() {
    let folder = TempDir::new().unwrap();
    let cases = [
        ("echo 'DISK OK - 3 % | used=3'; exit 0", Ok(()), "exit code 0 OK: DISK OK - 3 %"),
        ("echo slow; echo more; exit 1", Ok(()), "exit code 1 WARNING: slow"),
        ("echo gone; exit 2", Err(Failure::Exit(Some(2))), "exit code 2 CRITICAL: gone"),
        ("exit 3", Err(Failure::Exit(Some(3))), "exit code 3 UNKNOWN:"),
        ("exit 127", Err(Failure::Exit(Some(127))), "exit code 127 :"),
        ("kill -TERM $$", Err(Failure::Exit(None)), "ended by a signal:"),
    ];
    for (script, result, evidence) in cases {
        let outcome = run(folder.path(), script, "", "10s");
        assert_eq!((outcome.result, &*outcome.evidence), (result, evidence), "{script}");
    }
}

#[test]
fn arguments_are_filled_in_and_no_shell_reads_them() {
    let folder = TempDir::new().unwrap();
    let arguments = r#", "{address}", "{port}", "{endpoint}", "{pool}", "$(id);`id`", "a b""#;
    let outcome = run(folder.path(), r#"echo "$#:$1:$2:$3:$4:$5:$6""#, arguments, "10s");
    assert_eq!(&*outcome.evidence, "exit code 0 OK: 6:127.0.0.1:8080:e:p:$(id);`id`:a b");
}

#[test]
fn nothing_of_the_environment_is_passed_on() {
    let folder = TempDir::new().unwrap();
    let outcome = run(folder.path(), r#"echo "$HOME.$CARGO_MANIFEST_DIR.$GSLB_TOKEN.$LC_ALL.$(pwd)""#, "", "10s");
    assert_eq!(&*outcome.evidence, "exit code 0 OK: ...C./");
}

#[test]
fn the_output_of_a_verbose_program_is_read_to_its_end() {
    let folder = TempDir::new().unwrap();
    let outcome = run(folder.path(), "yes flood | head -c 10000000; exit 2", "", "30s");
    assert_eq!(outcome.result, Err(Failure::Exit(Some(2))));
    assert!(outcome.evidence.starts_with("exit code 2 CRITICAL: flood") && outcome.evidence.len() <= 200);
}

/// Waits until the process with the id in the file `who` is gone.
fn await_end(folder: &Path, who: &str) {
    let pid = fs::read_to_string(folder.join(who)).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    // A zombie counts as gone; reaping it does not matter here.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        thread::yield_now();
    }
}

#[test]
fn child_processes_end_with_their_program() {
    let folder = TempDir::new().unwrap();
    let child = format!("sleep 1000 >/dev/null & echo $! > {}/child; exit", folder.path().display());
    for (code, result) in [(0, Ok(())), (2, Err(Failure::Exit(Some(2))))] {
        assert_eq!(run(folder.path(), &format!("{child} {code}"), "", "10s").result, result);
        await_end(folder.path(), "child");
    }
}

#[test]
fn the_result_is_known_when_the_program_ends_even_if_its_output_stays_open() {
    let folder = TempDir::new().unwrap();
    let outcome = run(folder.path(), "sleep 1000 & echo one; exit 0", "", "10s");
    assert_eq!((outcome.result, &*outcome.evidence), (Ok(()), "exit code 0 OK: one"));
    // A process that leaves the group is not killed, but is not waited for either.
    let pid = folder.path().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}; exec sleep 1000' & while ! [ -s {0} ]; do :; done; echo two",
        pid.display()
    );
    let outcome = run(folder.path(), &script, "", "10s");
    assert_eq!((outcome.result, &*outcome.evidence), (Ok(()), "exit code 0 OK: two"));
    let left = fs::read_to_string(pid).unwrap();
    assert!(Command::new("kill").args(["-KILL", left.trim()]).status().unwrap().success());
}

#[test]
fn exec_probes_do_not_run_for_forbidden_addresses() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "check", "#!/bin/sh\necho \"$2\"\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = |rules: Rules, arguments: &str, endpoint: &str| {
        let settings = Settings { rules: Rules { exec: vec![folder.path().to_owned()], ..rules }, ..settings() };
        let command = format!("[\"{}\", \"-H\", {arguments}]", path.display());
        outcome_with(settings, &format!("kind = \"exec\", command = {command}, port = 8080"), endpoint)
    };
    let (fill, name) = ("\"{address}\"", "cname = \"localhost.\"");
    let refused = [
        (Rules::default(), fill, "address = \"169.254.169.254\""),
        (Rules::default(), fill, name),
        (Rules::default(), "\"169.254.169.254\"", "address = \"192.0.2.1\""),
        (Rules { deny: vec!["192.0.2.0/24".parse().unwrap()], ..Rules::default() }, fill, "address = \"192.0.2.1\""),
        (Rules { ports: vec![80..=80], ..Rules::default() }, fill, "address = \"192.0.2.1\""),
        (Rules { ports: vec![80..=80], ..Rules::default() }, "\"{port}\"", "cname = \"www.example.net.\""),
    ];
    for (rules, arguments, endpoint) in refused {
        let outcome = outcome(rules, arguments, endpoint);
        assert_eq!(outcome.result, Err(Failure::Forbidden), "{arguments} {endpoint}: {}", outcome.evidence);
    }
    // A name is resolved once, and the program gets the address that was looked at.
    let resolved = outcome(Rules { allow: settings().rules.allow, ..Rules::default() }, fill, name);
    assert!(["127.0.0.1", "::1"].iter().any(|it| resolved.evidence.ends_with(&format!(" {it}"))), "{resolved:?}");
    assert_eq!(resolved.latency, None, "the duration of a program is not a latency");
}

#[test]
fn a_timed_out_program_ends_with_all_its_processes() {
    let folder = TempDir::new().unwrap();
    let script = format!("sleep 1000 & echo $! > {0}/child; echo $$ > {0}/parent; wait", folder.path().display());
    let outcome = run(folder.path(), &script, "", "2s");
    assert_eq!(outcome.result, Err(Failure::Timeout));
    assert_eq!(&*outcome.evidence, "no result within 2s: running the program");
    for who in ["child", "parent"] {
        await_end(folder.path(), who);
    }
}

#[test]
fn only_programs_of_named_folders_run() {
    let (folder, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = write(outside.path(), "check", "#!/bin/sh\nexit 0\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run_at(&path, settings(), "", "10s").result, Err(Failure::Forbidden));
    assert_eq!(run_at(&path, allowing(folder.path()), "", "10s").result, Err(Failure::Forbidden));
    let link = folder.path().join("check");
    symlink(&path, &link).unwrap();
    let outcome = run_at(&link, allowing(folder.path()), "", "10s");
    assert_eq!(outcome.result, Err(Failure::Forbidden), "a link leads out: {}", outcome.evidence);
    let missing = run_at(&folder.path().join("none"), allowing(folder.path()), "", "10s");
    assert_eq!(missing.result, Err(Failure::System));
    assert!(missing.evidence.starts_with("cannot run ") && missing.evidence.contains("No such file"), "{missing:?}");
}

#[test]
fn a_program_that_cannot_run_gives_the_reason() {
    let folder = TempDir::new().unwrap();
    let path = write(folder.path(), "check", "#!/no/such/shell\n");
    let forbidden = run_at(&path, allowing(folder.path()), "", "10s");
    assert!(forbidden.evidence.contains("cannot run") && forbidden.evidence.contains("denied"), "{forbidden:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let broken = run_at(&path, allowing(folder.path()), "", "10s");
    assert_eq!(broken.result, Err(Failure::System));
    assert!(broken.evidence.contains("check: No such file"), "{}", broken.evidence);
}
