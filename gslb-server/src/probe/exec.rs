//! Probes of kind `exec`: a program with the exit codes of Nagios plugins, where 0 (OK) and 1 (WARNING) are up, and
//! 2 (CRITICAL), 3 (UNKNOWN) and all else are down.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use gslb_core::health::Failure;
use gslb_core::model::ExecProbe;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::fault::{Check, Fault};
use super::run::{Notes, Tools};

/// Most octets of output that are kept. What comes after them is read and dropped, so that a program that says too much
/// ends as it would.
const OUTPUT: usize = 4_096;
/// Where programs find others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) async fn check(probe: &ExecProbe, tools: &Tools, notes: &mut Notes) -> Check {
    let Some((program, arguments)) = probe.command.split_first() else {
        return Err(Fault::new(Failure::System, "there is no program"));
    };
    tools.guard.permits_program(Path::new(&**program))?;
    let program = real_path(program).await?;
    // A symbolic link may lead out of the folder.
    tools.guard.permits_program(&program)?;
    notes.stage = "running the program";
    let mut command = Command::new(&program);
    command.args(arguments.iter().map(|argument| &**argument));
    command.env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|error| could_not_run(&program, &error))?;
    let mut group = Group(child);
    let output = match group.0.stdout.take() {
        Some(stdout) => first_line(stdout).await,
        None => String::new(),
    };
    let status = group.0.wait().await.map_err(|error| Fault::new(Failure::System, error.to_string()))?;
    let word = match status.code() {
        Some(0) => "OK",
        Some(1) => "WARNING",
        Some(2) => "CRITICAL",
        Some(3) => "UNKNOWN",
        _ => "",
    };
    let evidence = match status.code() {
        Some(code) => format!("exit code {code} {word}: {output}"),
        None => format!("ended by a signal: {output}"),
    };
    match status.code() {
        Some(0 | 1) => Ok(evidence),
        code => Err(Fault::new(Failure::Exit(code), evidence)),
    }
}

async fn real_path(program: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(program);
    let real = tokio::task::spawn_blocking({
        let path = path.clone();
        move || path.canonicalize()
    });
    match real.await {
        Ok(Ok(real)) => Ok(real),
        Ok(Err(error)) => Err(could_not_run(&path, &error)),
        Err(error) => Err(Fault::new(Failure::System, error.to_string())),
    }
}

fn could_not_run(program: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Failure::System, format!("cannot run {}: {error}", program.display()))
}

/// The first line of what a program says; all of it is read.
async fn first_line(mut stdout: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = stdout.read(&mut piece).await {
        let room = OUTPUT - kept.len();
        kept.extend_from_slice(&piece[..count.min(room)]);
    }
    let text = String::from_utf8_lossy(&kept);
    // What follows the bar is for graphs.
    text.lines().next().unwrap_or_default().split('|').next().unwrap_or_default().trim().to_owned()
}

/// A program with all that it started, which ends when its probe does.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for there is no ID any more, and nobody else's can be meant.
        let pid = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // One that has ended meanwhile is no matter.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
