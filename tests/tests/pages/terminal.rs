//! A shell in which a reader types, and programs that keep running in it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A shell with its folder and its variables.
pub(crate) struct Terminal {
    shell: Child,
    typed: ChildStdin,
    said: BufReader<ChildStdout>,
    output: PathBuf,
    running: Option<u32>,
}

impl Terminal {
    /// Opens a terminal in `folder`, with only PATH and HOME set.
    pub(crate) fn open(folder: &Path, path: &str, home: &Path, output: PathBuf) -> Self {
        let mut shell = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env_clear()
            .envs([("PATH", path), ("LC_ALL", "C.UTF-8"), ("TERM", "dumb")])
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash can be run");
        let mut typed = shell.stdin.take().unwrap();
        // Each command in the background is then a process group, and does not ignore Ctrl-C.
        writeln!(typed, "set -m").unwrap();
        let said = BufReader::new(shell.stdout.take().unwrap());
        Self { shell, typed, said, output, running: None }
    }

    /// Runs a command to its end; returns its exit code and output.
    pub(crate) fn run(&mut self, command: &str) -> (i32, String) {
        let output = self.output.display().to_string();
        writeln!(self.typed, "{{ {command}\n}} >'{output}' 2>&1 </dev/null; echo $?").unwrap();
        let code = self.line().parse().expect("an exit code");
        (code, self.printed())
    }

    /// Starts a command that keeps running.
    pub(crate) fn start(&mut self, command: &str) {
        File::create(&self.output).unwrap();
        let output = self.output.display().to_string();
        writeln!(self.typed, "{{ {command}\n}} >'{output}' 2>&1 </dev/null & echo $!").unwrap();
        self.running = Some(self.line().parse().expect("a process"));
    }

    /// True while a command keeps running.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// The output of the command so far.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Presses Ctrl-C, and waits for the prompt.
    pub(crate) fn interrupt(&mut self) {
        let running = self.running.take().expect("a command runs in the latest terminal");
        writeln!(self.typed, "kill -INT -- -{running}; wait {running} 2>/dev/null; echo ended").unwrap();
        assert_eq!(self.line(), "ended");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(running) = self.running {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{running}")]).status();
        }
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
