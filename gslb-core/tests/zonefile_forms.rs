//! Zone lines in unusual spellings parse as in BIND; where NSD or Knot differ, `zones/forms.txt` says why.

use gslb_core::dns::name::Name;
use gslb_core::dns::zonefile::{Parsed, parse};
use gslb_core::problem::Severity;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const FORMS: &str = include_str!("zones/forms.txt");
const BEFORE: &str = "$TTL 300\n@ IN SOA ns1 host 1 2 3 4 5\n@ IN NS ns1\nns1 IN A 192.0.2.1\n";

/// One or more lines, and which of gslb, BIND, NSD and Knot accept them.
struct Form {
    number: usize,
    expected: &'static str,
    text: String,
}

fn forms() -> Vec<Form> {
    let lines = FORMS.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let form = |(at, line): (usize, &'static str)| {
        let (expected, text) = line.split_at(5);
        let text = text.replace('␤', "\n").replace('␍', "\r").replace('␉', "\t");
        Form { number: at + 1, expected: expected.trim_end(), text: format!("{BEFORE}{text}\n") }
    };
    lines.map(form).collect()
}

fn read(text: &[u8]) -> Parsed {
    let origin: Name = "example.".parse().unwrap();
    parse("zone", text, &origin, &mut |_, _| Err("there is no such file".into()))
}

fn is_good(parsed: &Parsed) -> bool {
    parsed.problems.iter().all(|problem| problem.severity != Severity::Error)
}

fn meanings(parsed: Parsed) -> BTreeSet<(Name, u32, u16, Box<[u8]>)> {
    parsed.records.into_iter().map(|record| (record.owner, record.ttl, record.rtype, record.rdata)).collect()
}

/// Whether a program accepts a zone file, and the records it prints.
fn ask(program: &str, arguments: &[&str], file: &Path) -> (bool, Vec<u8>) {
    // nsd-checkzone may be in a directory that only administrators have in their path.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).env("PATH", path).args(arguments).arg(file).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run ({error}); tests/run installs it"));
    (output.status.success(), output.stdout)
}

fn named(file: &Path) -> (bool, Vec<u8>) {
    let mut arguments: Vec<&str> =
        ["-k", "-n", "-m", "-r", "-M", "-S", "-W"].iter().flat_map(|it| [*it, "ignore"]).collect();
    arguments.extend(["-i", "none", "-s", "full", "-F", "text", "-o", "-", "example"]);
    ask("named-compilezone", &arguments, file)
}

/// Deviations from the list.
fn differences(form: &Form, file: &PathBuf) -> Option<String> {
    std::fs::write(file, &form.text).unwrap();
    let parsed = read(form.text.as_bytes());
    let (by_named, compiled) = named(file);
    let (by_nsd, _) = ask("nsd-checkzone", &["example"], file);
    let (by_knot, _) = ask("kzonecheck", &["-d", "off", "-o", "example"], file);
    let verdicts: String =
        [is_good(&parsed), by_named, by_nsd, by_knot].iter().map(|it| if *it { '+' } else { '-' }).collect();
    if verdicts != form.expected {
        return Some(format!("line {}: {verdicts} and not {}", form.number, form.expected));
    }
    // Records outside the zone are not printed.
    let zone: Name = "example.".parse().unwrap();
    let mut ours = meanings(parsed);
    ours.retain(|(owner, ..)| owner.is_at_or_below(&zone));
    let theirs = meanings(read(&compiled));
    (verdicts.starts_with("++") && ours != theirs).then(|| format!("line {}: {ours:?} and not {theirs:?}", form.number))
}

#[test]
fn unusual_lines_parse_as_in_other_servers() {
    let (forms, next, found) = (forms(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    assert!(forms.len() > 400, "{}", forms.len());
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (forms, next, found) = (&forms, &next, &found);
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("form-{worker}.zone"));
            scope.spawn(move || {
                while let Some(form) = forms.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(difference) = differences(form, &file) {
                        found.lock().unwrap().push(difference);
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
