//! Probes of kind `exec`: a program with the exit codes of Nagios plugins, where 0 (OK) and 1 (WARNING) are up, and
//! 2 (CRITICAL), 3 (UNKNOWN) and all others are down. A supervisor runs it, so that it ends even if the server is
//! killed.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gslb_core::health::{Failure, Target};
use gslb_core::site::model::{self, ExecProbe};
use rustix::fd::OwnedFd;
use rustix::io::{ioctl_fionbio, read};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::process::{Child, ChildStdout, Command};

use super::connect::addresses;
use super::fault::{Check, Fault};
use super::notes::Notes;
use super::supervisor::{self, Report};
use super::tools::Tools;

/// Most octets of output to keep. Further output is read and dropped, so that the program does not block.
const MAX_OUTPUT: usize = 4_096;
/// The PATH of programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) async fn check(probe: &ExecProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let Some((program, arguments)) = probe.command.split_first() else {
        return Err(Fault::new(Failure::System, "the command is empty"));
    };
    tools.guard.permits_command(&probe.command)?;
    let address = address(arguments, target, tools, notes).await?;
    let program = real_path(program).await?;
    // A symbolic link may lead out of the permitted folder.
    tools.guard.permits_program(&program)?;
    notes.stage = "running the program";
    let mut command = Command::new(&tools.supervisor);
    command.arg(supervisor::WORD).arg(&program);
    command.args(arguments.iter().map(|argument| if **argument == *ADDRESS { &*address } else { &**argument }));
    command.env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|error| run_error(&tools.supervisor, &error))?;
    let (output, report) = Group(child).run().await.map_err(|error| Fault::new(Failure::System, error.to_string()))?;
    let code = match report {
        Some(Report::Exit(code)) => Some(code),
        Some(Report::Signal) => None,
        Some(Report::Failed(why)) => return Err(run_error(&program, &why)),
        None => return Err(run_error(&program, &"its supervisor was killed")),
    };
    judge(code, &output)
}

/// The verdict of the program; without a code, a signal ended it.
fn judge(code: Option<i32>, output: &str) -> Check {
    let status = match code {
        Some(0) => "OK",
        Some(1) => "WARNING",
        Some(2) => "CRITICAL",
        Some(3) => "UNKNOWN",
        _ => "",
    };
    let evidence = match code {
        Some(code) => format!("exit code {code} {status}: {output}"),
        None => format!("ended by a signal: {output}"),
    };
    match code {
        Some(0 | 1) => Ok(evidence),
        code => Err(Fault::new(Failure::Exit(code), evidence)),
    }
}

/// Placeholder for the resolved address of an endpoint that is a name.
const ADDRESS: &str = "{address}";

/// The address of the endpoint as text, checked by the guard as for any other probe. A name is resolved only if the
/// command uses the placeholder.
async fn address(
    arguments: &[std::sync::Arc<str>],
    target: &Target,
    tools: &Tools,
    notes: &mut Notes,
) -> Result<String, Fault> {
    let is_used = arguments.iter().any(|argument| **argument == *ADDRESS);
    if let (model::Target::Cname(_), false) = (&target.host, is_used) {
        target.kind.port().map_or(Ok(()), |port| tools.guard.permits_port(port))?;
        return Ok(String::new());
    }
    let addresses = addresses(target, tools, notes).await?;
    Ok(addresses.first().map(ToString::to_string).unwrap_or_default())
}

async fn real_path(program: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(program);
    let real = tokio::task::spawn_blocking({
        let path = path.clone();
        move || path.canonicalize()
    });
    match real.await {
        Ok(Ok(real)) => Ok(real),
        Ok(Err(error)) => Err(run_error(&path, &error)),
        Err(error) => Err(Fault::new(Failure::System, error.to_string())),
    }
}

fn run_error(program: &Path, error: &dyn Display) -> Fault {
    Fault::new(Failure::System, format!("cannot run {}: {error}", program.display()))
}

/// Captured output.
#[derive(Default)]
struct Output(Vec<u8>);

impl Output {
    fn add(&mut self, piece: &[u8]) {
        let capacity = MAX_OUTPUT - self.0.len();
        self.0.extend_from_slice(&piece[..piece.len().min(capacity)]);
    }

    /// Reads until all writers have closed the pipe.
    async fn read_to_end(&mut self, stdout: &mut ChildStdout) {
        let mut piece = [0; 1024];
        while let Ok(count @ 1..) = stdout.read(&mut piece).await {
            self.add(&piece[..count]);
        }
    }

    /// Reads what is already in the pipe, up to the limit, without blocking.
    fn read_available(&mut self, pipe: OwnedFd) -> std::io::Result<()> {
        ioctl_fionbio(&pipe, true)?;
        let mut piece = [0; 1024];
        while self.0.len() < MAX_OUTPUT {
            match read(&pipe, &mut piece) {
                Ok(count @ 1..) => self.add(&piece[..count]),
                _ => break,
            }
        }
        Ok(())
    }

    fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        // The part after the bar is performance data.
        text.lines().next().unwrap_or_default().split('|').next().unwrap_or_default().trim().to_owned()
    }
}

/// Makes `fd` awaitable. A pidfd becomes readable when its process has ended (pidfd_open(2)).
#[expect(deprecated, reason = "the replacement is unsafe, for types that do not own their descriptor; this one does")]
fn readable(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

/// The process group of a program and its supervisor; it is killed when the probe ends.
struct Group(Child);

impl Group {
    /// Returns the first line of output, and how the program ended. It does not wait for children that keep the output
    /// open.
    async fn run(mut self) -> std::io::Result<(String, Option<Report>)> {
        let (mut output, mut reported) = (Output::default(), Output::default());
        if let (Some(pid), Some(mut stdout), Some(stderr)) = (self.pid(), self.0.stdout.take(), self.0.stderr.take()) {
            let supervisor = readable(pidfd_open(pid, PidfdFlags::empty())?)?;
            tokio::select! {
                ended = supervisor.readable() => drop(ended?),
                () = output.read_to_end(&mut stdout) => drop(supervisor.readable().await?),
            }
            output.read_available(stdout.into_owned_fd()?)?;
            reported.read_available(stderr.into_owned_fd()?)?;
        }
        // It has not been reaped yet, so its pid, which is also the group id, cannot have been reused.
        self.kill();
        self.0.wait().await?;
        Ok((output.first_line(), Report::read(&String::from_utf8_lossy(&reported.0))))
    }

    fn pid(&self) -> Option<Pid> {
        self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()))
    }

    fn kill(&self) {
        if let Some(pid) = self.pid() {
            // The group may have ended already.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it is reaped there is no pid, and the group has been killed.
        self.kill();
    }
}
