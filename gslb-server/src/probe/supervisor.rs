//! `gslb exec-probe PROGRAM [ARGUMENT]…`: runs the program of one exec probe, and kills it when the server dies.
//!
//! The server cannot clean up after `kill -9` or a crash, so each program has this parent. Its standard input is a pipe
//! from the server that is never written to; the kernel closes it when the server dies. The supervisor then kills the
//! whole process group, and does the same after the program has ended. Both share the group, so that the server can
//! kill them at once.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, getpid, kill_current_process_group, pidfd_open};

/// The first argument, which `main` checks for before it parses the command line.
pub const WORD: &str = "exec-probe";

/// How a program ended, as reported to the server on standard error, which the program itself does not get.
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

    /// Parses the output of [`write`](Self::write). `None` if there is none because the supervisor was killed.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some(("exit", code)) => code.parse().ok().map(Self::Exit),
            Some(("failed", why)) => Some(Self::Failed(why.to_owned())),
            None if text == "signal" => Some(Self::Signal),
            _ => None,
        }
    }
}

/// Runs the program in `arguments`. Returns only if the caller was not the server; otherwise the group is killed at the
/// end.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let program = arguments.next();
    let (Some(program), true) = (program, getpgrp() == getpid()) else {
        // The group would be that of a shell or script.
        eprintln!("gslb: {WORD} is internal: `gslb serve` uses it to run exec probes");
        return ExitCode::from(2);
    };
    let spawned = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let report = match spawned.and_then(wait) {
        Ok(Some(status)) => status.code().map_or(Report::Signal, Report::Exit),
        Ok(None) => Report::Failed("the server has died".to_owned()),
        Err(error) => Report::Failed(error.to_string()),
    };
    // If the server is gone, nothing reads this.
    let _ = io::stderr().write_all(report.write().as_bytes());
    let _ = kill_current_process_group(Signal::KILL);
    ExitCode::FAILURE
}

/// Waits for the program to end; `None` if the server ends first.
fn wait(mut program: Child) -> io::Result<Option<ExitStatus>> {
    let ended = pidfd_open(Pid::from_child(&program), PidfdFlags::empty())?;
    let server = io::stdin();
    loop {
        // poll(2) always reports that the other end of a pipe was closed.
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
    fn reports_survive_a_round_trip() {
        for report in [Report::Exit(0), Report::Exit(255), Report::Signal, Report::Failed("No such file (2)".into())] {
            assert_eq!(Report::read(&report.write()), Some(report));
        }
        assert_eq!((Report::read(""), Report::read("exit x"), Report::read("signal 9")), (None, None, None));
    }
}
