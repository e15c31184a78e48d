//! A reader who follows a page from the first line to the last.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gslb_tests::PATIENCE;
use gslb_tests::program::gslb;
use tempfile::TempDir;

use crate::page::{Action, Mode, Typed, steps};
use crate::terminal::Terminal;
use crate::transcript::is_as_shown;
use crate::{ROOT, name, pages};

/// How many pages are read at the same time: most of a page is waiting for probes and drills.
const AT_ONCE: usize = 4;
/// Which page a child of this test reads.
const PAGE: &str = "GSLB_TEST_PAGE";
/// `write`: write the output of commands into pages.
const WRITE: &str = "GSLB_TEST_PAGES";

/// Replaces cargo, since the binary under test is already built: puts it where cargo would.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
    "run --release -- "*) shift 3; exec "$GSLB" "$@" ;;
    "install --locked --path gslb-server") mkdir -p "$HOME/.cargo/bin" && ln -s "$GSLB" "$HOME/.cargo/bin/gslb" ;;
    *) echo "this test does not know: cargo $*" >&2; exit 1 ;;
esac
"#;

#[test]
fn every_command_of_every_page_does_what_the_page_says() {
    let pages: Vec<PathBuf> = pages().into_iter().filter(|page| has_commands(page)).collect();
    assert!(pages.len() > 5, "only {} pages have commands", pages.len());
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = read(page);
                    failures.lock().unwrap().extend(said.err().map(|said| format!("{}\n{said}", name(page))));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn only_commands_that_need_other_systems_are_skipped() {
    const OTHERS: [&str; 8] =
        ["systemctl", "journalctl", "kubectl", "helm", "podman", "groupadd", "sudo", "dnstap-ldns"];
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for step in steps(&name(&page), &text) {
            let Action::Type { mode: Mode::NotRun, commands, .. } = step.action else { continue };
            let program = commands[0].command.split_whitespace().next().unwrap_or_default();
            assert!(OTHERS.contains(&program), "{}:{}: {program} can be run by a test", name(&page), step.line);
        }
    }
}

fn has_commands(page: &Path) -> bool {
    let steps = steps(&name(page), &fs::read_to_string(page).unwrap());
    steps
        .iter()
        .any(|step| matches!(step.action, Action::Type { mode: Mode::Once | Mode::Server | Mode::Eventually, .. }))
}

/// Reads a page in a separate process with its own network.
fn read(page: &Path) -> Result<(), String> {
    let script = "ip link set lo up && exec \"$0\" --ignored --exact reader::one_page --nocapture";
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", script])
        .arg(env::current_exe().unwrap())
        .env(PAGE, page)
        .output()
        .expect("unshare is part of util-linux");
    let said = [ran.stdout, ran.stderr].concat();
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

#[test]
#[ignore = "the child of every_command_of_every_page_does_what_the_page_says"]
fn one_page() {
    let page = PathBuf::from(env::var_os(PAGE).expect("the parent names a page"));
    let mut reader = Reader::of(&page);
    for step in steps(&name(&page), &reader.text.join("\n")) {
        reader.line = step.line;
        match step.action {
            Action::Write { file, text } => fs::write(reader.folder(&file), text).unwrap(),
            Action::Look(shown) => reader.looks(&shown),
            Action::Interrupt => reader.interrupts(),
            Action::Type { mode: Mode::NotRun, .. } => {}
            Action::Type { mode, exit, commands } => reader.types(mode, exit, &commands),
        }
    }
    reader.write(&page);
}

struct Reader {
    page: String,
    line: usize,
    /// Lines of the page, and how many more there are than in the file so far.
    text: Vec<String>,
    moved: isize,
    folder: TempDir,
    terminals: Vec<Terminal>,
    typed: String,
}

impl Reader {
    /// README begins in a clone of the repository, before anything is installed; all other pages begin with gslb on the
    /// path, in an empty folder.
    fn of(page: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let begin = folder.path().join("gslb");
        let (tools, bin) = (folder.path().join("tools"), folder.path().join("home/.cargo/bin"));
        [&begin, &tools, &folder.path().join("home")].into_iter().for_each(|path| fs::create_dir_all(path).unwrap());
        let cargo = format!("#!/bin/sh\nGSLB='{}'\n{}", gslb().display(), CARGO.split_once('\n').unwrap().1);
        fs::write(tools.join("cargo"), cargo).unwrap();
        fs::set_permissions(tools.join("cargo"), PermissionsExt::from_mode(0o755)).unwrap();
        if page.ends_with("README.md") {
            for entry in fs::read_dir(ROOT).unwrap().map(Result::unwrap) {
                symlink(entry.path().canonicalize().unwrap(), begin.join(entry.file_name())).unwrap();
            }
        } else {
            fs::create_dir_all(&bin).unwrap();
            symlink(gslb(), bin.join("gslb")).unwrap();
        }
        let text = fs::read_to_string(page).unwrap().lines().map(str::to_owned).collect();
        Self { page: name(page), line: 0, text, moved: 0, folder, terminals: Vec::new(), typed: String::new() }
    }

    /// The path of a file that the reader writes: in the folder of the terminal.
    fn folder(&mut self, file: &str) -> PathBuf {
        let (_, here) = self.terminal().run("pwd");
        Path::new(here.trim()).join(file)
    }

    /// The latest terminal.
    fn terminal(&mut self) -> &mut Terminal {
        if self.terminals.is_empty() {
            self.open();
        }
        self.terminals.last_mut().unwrap()
    }

    fn open(&mut self) {
        let home = self.folder.path().join("home");
        let path = format!(
            "{}:{}:{}",
            self.folder.path().join("tools").display(),
            home.join(".cargo/bin").display(),
            env::var("PATH").unwrap_or_default()
        );
        let output = self.folder.path().join(format!("output-{}", self.terminals.len()));
        // A new terminal opens in the folder of the previous one.
        let folder = self.terminals.last_mut().filter(|last| !last.is_busy()).map(|last| last.run("pwd").1);
        let folder = folder.map_or(self.folder.path().join("gslb"), |here| PathBuf::from(here.trim()));
        self.terminals.push(Terminal::open(&folder, &path, &home, output));
    }

    fn types(&mut self, mode: Mode, exit: i32, commands: &[Typed]) {
        for (at, typed) in commands.iter().enumerate() {
            if self.terminals.last().is_none_or(Terminal::is_busy) {
                self.open();
            }
            self.typed.clone_from(&typed.command);
            let begun = Instant::now();
            let is_last = at + 1 == commands.len();
            let expected = if is_last { exit } else { 0 };
            if mode == Mode::Server && is_last {
                self.terminal().start(&typed.command);
            }
            let printed = loop {
                let (code, printed) = match mode {
                    Mode::Server if is_last => (expected, self.terminal().printed()),
                    _ => self.terminal().run(&typed.command),
                };
                let is_done = code == expected && is_as_shown(&typed.output, &printed);
                let is_final = mode == Mode::Once || begun.elapsed() > PATIENCE / 2;
                if is_done || is_final && env::var_os(WRITE).is_some() {
                    break printed;
                }
                assert!(
                    !is_final,
                    "{}:{}: $ {}\nexit code {code} (expected {expected}), and printed:\n{printed}\n-- the page shows:\n{}\n",
                    self.page,
                    self.line,
                    typed.command,
                    typed.output.join("\n")
                );
                thread::sleep(Duration::from_millis(50));
            };
            if !is_as_shown(&typed.output, &printed) {
                self.replace(typed, &printed);
            }
        }
    }

    /// Checks the latest terminal with a running command, and repeats the last command until its output matches.
    fn looks(&mut self, shown: &[String]) {
        let begun = Instant::now();
        let typed = self.typed.clone();
        let busy = self.terminals.iter().rposition(Terminal::is_busy).expect("a command keeps running");
        while !is_as_shown(shown, &self.terminals[busy].printed()) {
            let printed = self.terminals[busy].printed();
            assert!(
                begun.elapsed() < PATIENCE / 2,
                "{}:{}: the other terminal shows:\n{printed}",
                self.page,
                self.line
            );
            thread::sleep(Duration::from_millis(200));
            self.terminal().run(&typed);
        }
    }

    /// Presses Ctrl-C in the latest terminal in which a command keeps running, and goes on in that one.
    fn interrupts(&mut self) {
        let busy = self.terminals.iter().rposition(Terminal::is_busy).expect("a command keeps running");
        self.terminals[busy].interrupt();
        self.terminals.truncate(busy + 1);
    }

    /// Writes the output into the page.
    fn replace(&mut self, typed: &Typed, printed: &str) {
        let moved = |at: usize| at.checked_add_signed(self.moved).unwrap();
        let lines = moved(typed.lines.start)..moved(typed.lines.end);
        let printed: Vec<String> = printed.trim_end().lines().map(|line| line.trim_end().to_owned()).collect();
        self.moved += printed.len() as isize - lines.len() as isize;
        self.text.splice(lines, printed);
    }

    fn write(&self, page: &Path) {
        let text = self.text.join("\n") + "\n";
        if env::var_os(WRITE).is_some() && fs::read_to_string(page).unwrap() != text {
            fs::write(page, text).unwrap();
        }
    }
}
