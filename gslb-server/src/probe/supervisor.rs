//! `gslb exec-probe PROGRAM [ARGUMENT]…`: runs the program of one exec probe, and kills it when the server dies.
//!
//! The server cannot clean up after `kill -9` or a crash, so each program has this parent. It holds the other end of a pipe
//! of the server, its standard input, in which nothing is ever written: the system closes it with the server. Then all of
//! the process group is killed. The same happens after the program has ended. Parent and program share the group, so that
//! the server can end both at once.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, getpid, kill_current_process_group, pidfd_open};

/// The first argument, by which `main` tells this from the commands of the command line.
pub const WORD: &str = "exec-probe";

/// How a program ended, as the server is told on standard error, which the program itself does not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// It ended with this code.
    Exit(i32),
    /// A signal ended it.
    Signal,
    /// It could not be run, and why.
    Failed(String),
}

impl Report {
    fn write(&self) -> String {
        match self {
            Self::Exit(code) => format!("exit {code}"),
            Self::Signal => "signal".to_owned(),
            Self::Failed(why) => format!("failed {why}"),
        }
    }

    /// Reads what [`write`](Self::write) wrote. None where there is nothing, since somebody ended the supervisor.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some(("exit", code)) => code.parse().ok().map(Self::Exit),
            Some(("failed", why)) => Some(Self::Failed(why.to_owned())),
            None if text == "signal" => Some(Self::Signal),
            _ => None,
        }
    }
}

/// Runs what `arguments` say. Comes back only where it was not the server that called, since the group is killed at the end.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let program = arguments.next();
    let (Some(program), true) = (program, getpgrp() == getpid()) else {
        // The group would be that of a shell or script.
        eprintln!("gslb: {WORD} is for `gslb serve` only, which runs the programs of exec probes with it");
        return ExitCode::from(2);
    };
    let spawned = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let report = match spawned.and_then(wait) {
        Ok(Some(status)) => status.code().map_or(Report::Signal, Report::Exit),
        Ok(None) => Report::Failed("the server has died".to_owned()),
        Err(error) => Report::Failed(error.to_string()),
    };
    // Where the server is gone, so is who reads this.
    let _ = io::stderr().write_all(report.write().as_bytes());
    let _ = kill_current_process_group(Signal::KILL);
    ExitCode::FAILURE
}

/// How the program ends; None where the server ends first.
fn wait(mut program: Child) -> io::Result<Option<ExitStatus>> {
    let ended = pidfd_open(Pid::from_child(&program), PidfdFlags::empty())?;
    let server = io::stdin();
    loop {
        // That the other end of a pipe is closed is told unasked (poll(2)).
        let mut fds = [PollFd::new(&server, PollFlags::empty()), PollFd::new(&ended, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        if !fds[0].revents().is_empty() {
            return Ok(None);
        }
        if !fds[1].revents().is_empty() {
            return program.wait().map(Some);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_they_were_written() {
        for report in [Report::Exit(0), Report::Exit(255), Report::Signal, Report::Failed("No such file (2)".into())] {
            assert_eq!(Report::read(&report.write()), Some(report));
        }
        assert_eq!((Report::read(""), Report::read("exit x"), Report::read("signal 9")), (None, None, None));
    }
}
