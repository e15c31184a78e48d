//! Probes of kind `exec`: a program with the exit codes of Nagios plugins, where 0 (OK) and 1 (WARNING) are up, and
//! 2 (CRITICAL), 3 (UNKNOWN) and all else are down. A supervisor runs it, so that it ends also where the server is killed.

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

/// Most octets of output that are kept. What comes after them is read and dropped, so that a program that says too much
/// ends as it would.
const OUTPUT: usize = 4_096;
/// Where programs find others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) async fn check(probe: &ExecProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let Some((program, arguments)) = probe.command.split_first() else {
        return Err(Fault::new(Failure::System, "there is no program"));
    };
    tools.guard.permits_command(&probe.command)?;
    let address = address(arguments, target, tools, notes).await?;
    let program = real_path(program).await?;
    // A symbolic link may lead out of the folder.
    tools.guard.permits_program(&program)?;
    notes.stage = "running the program";
    let mut command = Command::new(&tools.supervisor);
    command.arg(supervisor::WORD).arg(&program);
    command.args(arguments.iter().map(|argument| if **argument == *ADDRESS { &*address } else { &**argument }));
    command.env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|error| could_not_run(&tools.supervisor, &error))?;
    let (output, report) = Group(child).run().await.map_err(|error| Fault::new(Failure::System, error.to_string()))?;
    let code = match report {
        Some(Report::Exit(code)) => Some(code),
        Some(Report::Signal) => None,
        Some(Report::Failed(why)) => return Err(could_not_run(&program, &why)),
        None => return Err(could_not_run(&program, &"its supervisor was killed")),
    };
    judge(code, &output)
}

/// What the program says of the endpoint; without a code, a signal ended it.
fn judge(code: Option<i32>, output: &str) -> Check {
    let word = match code {
        Some(0) => "OK",
        Some(1) => "WARNING",
        Some(2) => "CRITICAL",
        Some(3) => "UNKNOWN",
        _ => "",
    };
    let evidence = match code {
        Some(code) => format!("exit code {code} {word}: {output}"),
        None => format!("ended by a signal: {output}"),
    };
    match code {
        Some(0 | 1) => Ok(evidence),
        code => Err(Fault::new(Failure::Exit(code), evidence)),
    }
}

/// What stands for the address of an endpoint that is a name, until that is resolved.
const ADDRESS: &str = "{address}";

/// The address that the command is about, as text. It is for the guard to see, as that of any other probe: the one that
/// the endpoint is, or the one that its name has, where the command asks for that.
async fn address(
    arguments: &[std::sync::Arc<str>],
    target: &Target,
    tools: &Tools,
    notes: &mut Notes,
) -> Result<String, Fault> {
    let is_asked_for = arguments.iter().any(|argument| **argument == *ADDRESS);
    if let (model::Target::Cname(_), false) = (&target.host, is_asked_for) {
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
        Ok(Err(error)) => Err(could_not_run(&path, &error)),
        Err(error) => Err(Fault::new(Failure::System, error.to_string())),
    }
}

fn could_not_run(program: &Path, error: &dyn Display) -> Fault {
    Fault::new(Failure::System, format!("cannot run {}: {error}", program.display()))
}

/// What a program has said so far.
#[derive(Default)]
struct Said(Vec<u8>);

impl Said {
    fn add(&mut self, piece: &[u8]) {
        let room = OUTPUT - self.0.len();
        self.0.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// Reads until nobody holds the other end any more.
    async fn hear(&mut self, stdout: &mut ChildStdout) {
        let mut piece = [0; 1024];
        while let Ok(count @ 1..) = stdout.read(&mut piece).await {
            self.add(&piece[..count]);
        }
    }

    /// Reads what is there already, as far as it is kept, and waits for nobody.
    fn hear_the_rest(&mut self, pipe: OwnedFd) -> std::io::Result<()> {
        ioctl_fionbio(&pipe, true)?;
        let mut piece = [0; 1024];
        while self.0.len() < OUTPUT {
            match read(&pipe, &mut piece) {
                Ok(count @ 1..) => self.add(&piece[..count]),
                _ => break,
            }
        }
        Ok(())
    }

    fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        // What follows the bar is for graphs.
        text.lines().next().unwrap_or_default().split('|').next().unwrap_or_default().trim().to_owned()
    }
}

/// What can be awaited to be readable, as a pidfd is once its process has ended (pidfd_open(2)).
#[expect(deprecated, reason = "what took its place is unsafe, for what does not own its descriptor; this does")]
fn readable(fd: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

/// A program, its supervisor and all that it started in their process group, which ends when its probe does.
struct Group(Child);

impl Group {
    /// The first line of what it says, and how it ends. That is known when the program itself has ended, whoever else has
    /// its output still open.
    async fn run(mut self) -> std::io::Result<(String, Option<Report>)> {
        let (mut said, mut reported) = (Said::default(), Said::default());
        if let (Some(pid), Some(mut stdout), Some(stderr)) = (self.pid(), self.0.stdout.take(), self.0.stderr.take()) {
            let supervisor = readable(pidfd_open(pid, PidfdFlags::empty())?)?;
            tokio::select! {
                ended = supervisor.readable() => drop(ended?),
                () = said.hear(&mut stdout) => drop(supervisor.readable().await?),
            }
            said.hear_the_rest(stdout.into_owned_fd()?)?;
            reported.hear_the_rest(stderr.into_owned_fd()?)?;
        }
        // Nobody has waited for it yet, so its number, which is the group's, cannot be anybody else's.
        self.kill();
        self.0.wait().await?;
        Ok((said.first_line(), Report::read(&String::from_utf8_lossy(&reported.0))))
    }

    fn pid(&self) -> Option<Pid> {
        self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()))
    }

    fn kill(&self) {
        if let Some(pid) = self.pid() {
            // One that has ended meanwhile is no matter.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for there is no ID any more, and all of it has been killed.
        self.kill();
    }
}
