//! The code blocks of a Markdown page, and what their info strings say about them.
//!
//! | block | meaning |
//! |---|---|
//! | ` ```console ` | commands after `$ `, each followed by its output |
//! | ` ```console server ` | one command that keeps running in a separate terminal |
//! | ` ```console eventually ` | repeated until its output matches |
//! | ` ```console exit=1 ` | the last command ends with this exit code |
//! | ` ```text printed ` | the current output in the other terminal; the last command may be repeated for it |
//! | ` ```toml file=site.toml ` | a file that the reader writes in the current folder |
//! | ` ```console not-run ` | needs programs that a test has no use of, such as systemctl or kubectl |
//! | anything else, such as ` ```text ` or ` ```json ` | something to read |
//!
//! A line `<!-- Ctrl-C -->` ends the command in the latest terminal.

use std::ops::Range;

/// Something that the reader does.
#[derive(Debug)]
pub(crate) struct Step {
    /// Line of the page, from 1.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) action: Action,
}

/// The reader's action.
#[derive(Debug)]
pub(crate) enum Action {
    /// Writes a file.
    Write {
        /// Its name.
        file: String,
        /// Its content.
        text: String,
    },
    /// Types commands.
    Type {
        /// How they run.
        mode: Mode,
        /// Exit code of the last one.
        exit: i32,
        /// The commands.
        commands: Vec<Typed>,
    },
    /// Looks at the terminal of a command that keeps running, which prints this.
    Look(Vec<String>),
    /// Ends the command in the latest terminal.
    Interrupt,
}

/// How commands of a block run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One after another, each to its end.
    Once,
    /// In a separate terminal, until it is interrupted.
    Server,
    /// Again and again, until the output is as shown.
    Eventually,
    /// Not by a test.
    NotRun,
}

/// A command with its output.
#[derive(Debug)]
pub(crate) struct Typed {
    /// The typed text; several lines if they end in a backslash.
    pub(crate) command: String,
    /// The output on the page; `None` if not shown.
    pub(crate) output: Vec<String>,
    /// Its position: indices of the page's lines.
    pub(crate) lines: Range<usize>,
}

/// Reads the steps of a page.
///
/// # Panics
/// For blocks without an info string, commands in other blocks than `console`, and indented code.
pub(crate) fn steps(page: &str, text: &str) -> Vec<Step> {
    let lines: Vec<&str> = text.lines().collect();
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let number = at;
        if line.trim() == "<!-- Ctrl-C -->" {
            steps.push(Step { line: number, action: Action::Interrupt });
        }
        let is_indented =
            line.starts_with("    ") && lines.get(at.wrapping_sub(2)).is_some_and(|before| before.is_empty());
        assert!(!is_indented, "{page}:{number}: fence this code and say what it is: {line}");
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        assert!(!info.is_empty(), "{page}:{number}: say what this block is, such as console or text");
        let indent = line.len() - line.trim_start().len();
        let start = at;
        while !lines
            .get(at)
            .unwrap_or_else(|| panic!("{page}:{number}: block has no end"))
            .trim_start()
            .starts_with("```")
        {
            at += 1;
        }
        let block: Vec<&str> = lines[start..at].iter().map(|line| line.get(indent..).unwrap_or_default()).collect();
        at += 1;
        let (kind, attributes) = info.split_once(' ').unwrap_or((info, ""));
        let action = match attribute(attributes, "file") {
            Some(file) => Some(Action::Write { file, text: block.join("\n") + "\n" }),
            None if kind == "text" && attributes == "printed" => {
                Some(Action::Look(block.iter().map(|line| (*line).to_owned()).collect()))
            }
            None if kind == "console" => Some(typed(attributes, &block, start)),
            None => {
                let command = block.iter().find(|line| line.starts_with("$ ") && kind != "zone");
                assert!(command.is_none(), "{page}:{number}: commands belong in a console block: {command:?}");
                None
            }
        };
        steps.extend(action.map(|action| Step { line: number, action }));
    }
    steps
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    attributes.split_whitespace().find_map(|it| it.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

fn typed(attributes: &str, block: &[&str], start: usize) -> Action {
    let has = |word: &str| attributes.split_whitespace().any(|it| it == word);
    let mode = match () {
        () if has("server") => Mode::Server,
        () if has("eventually") => Mode::Eventually,
        () if has("not-run") => Mode::NotRun,
        () => Mode::Once,
    };
    let exit = attribute(attributes, "exit").map_or(0, |code| code.parse().unwrap());
    let mut commands: Vec<Typed> = Vec::new();
    let mut goes_on = false;
    for (at, line) in block.iter().enumerate() {
        let end = start + at + 1;
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Typed { command: command.to_owned(), output: Vec::new(), lines: end..end });
        } else if let Some(last) = commands.last_mut() {
            if goes_on {
                last.command = format!("{}\n{line}", last.command);
                last.lines = end..end;
            } else {
                last.output.push((*line).to_owned());
                last.lines.end = end;
            }
        } else {
            panic!("line {end}: a console block begins with a command: {line}");
        }
        goes_on = line.ends_with('\\') && (goes_on || line.starts_with("$ "));
    }
    for command in &mut commands {
        while command.output.last().is_some_and(|line| line.is_empty()) {
            command.output.pop();
            command.lines.end -= 1;
        }
    }
    Action::Type { mode, exit, commands }
}
