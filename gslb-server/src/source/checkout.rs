//! Finds the git commit of a document's files, if they are in a git checkout and `git` is installed.
//!
//! Only `git log` and `git diff` run, on files that this server reads anyway, without hooks, pager, signature checks,
//! external diffs or locks. If git refuses, as for a checkout of another user (`safe.directory`), there is no commit.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gslb_api::revisions::{GitCommit, MESSAGE_CHARACTERS};

use crate::files::reader;

/// Timeout of one git command.
const GIT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most octets of git's output: an id and one line.
const MAX_OUTPUT_OCTETS: u64 = 8 << 10;
/// Most octets of file names on a command line; beyond that, the whole folder is passed.
const MAX_NAMES_OCTETS: usize = 64 << 10;
/// How often a killed process is polled before it is abandoned.
const KILL_POLLS: u32 = 20;

/// The last commit that changed any of `files`, the files of the document at `document`. `None` if it is not in a
/// checkout, or git fails.
pub fn commit_of(document: &Path, files: &[PathBuf]) -> Option<GitCommit> {
    let (document, files) = (document.to_owned(), files.to_vec());
    let (folder, names) = reader::guarded(&document.clone(), move |_| located(&document, &files)).ok()??;
    let [id, subject] = {
        let answer = run_git(&folder, &["log", "-1", "--no-show-signature", "--format=%H%x00%s"], &names)?;
        let text = String::from_utf8_lossy(&answer.octets).into_owned();
        let (id, subject) = text.trim_end_matches('\n').split_once('\0')?;
        [id.to_owned(), subject.to_owned()]
    };
    let is_id = (40..=64).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_hexdigit());
    if !is_id {
        return None;
    }
    // Uncommitted edits mean that the files differ from the commit.
    let same = run_git(&folder, &["diff", "--quiet", "--no-ext-diff", "--no-textconv", "HEAD"], &names)?;
    let message = subject.chars().map(|it| if it.is_control() { ' ' } else { it }).take(MESSAGE_CHARACTERS).collect();
    Some(GitCommit { id, message, modified: !same.status.success() })
}

/// The document's folder, and the names of the files within it; `None` if no parent folder has a `.git`.
fn located(document: &Path, files: &[PathBuf]) -> Option<(PathBuf, Vec<PathBuf>)> {
    let document = document.canonicalize().ok()?;
    let folder = document.parent()?.to_owned();
    folder.ancestors().find(|above| above.join(".git").exists())?;
    let within = |path: &PathBuf| path.canonicalize().ok()?.strip_prefix(&folder).ok().map(Path::to_owned);
    let mut names: Vec<PathBuf> = files.iter().filter_map(within).filter(|name| !name.as_os_str().is_empty()).collect();
    names.extend(document.file_name().map(PathBuf::from));
    names.sort();
    names.dedup();
    if names.iter().map(|name| name.as_os_str().len() + 1).sum::<usize>() > MAX_NAMES_OCTETS {
        names = vec![PathBuf::from(".")];
    }
    Some((folder, names))
}

struct Output {
    octets: Vec<u8>,
    status: ExitStatus,
}

/// Runs git in `folder`; `None` if it fails (exit code above 1) or times out.
fn run_git(folder: &Path, arguments: &[&str], names: &[PathBuf]) -> Option<Output> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false"]);
    command.args(arguments).arg("--").args(names);
    // Inherited variables must not redirect git to another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_EXTERNAL_DIFF"] {
        command.env_remove(name);
    }
    // No index lock, no prompts, no network access.
    command.envs([
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("LC_ALL", "C"),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    let reader = thread::Builder::new().name("git".to_owned()).spawn(move || {
        let mut octets = Vec::new();
        let read = output.take(MAX_OUTPUT_OCTETS).read_to_end(&mut octets);
        let _ = sender.send(read.is_ok().then_some(octets));
    });
    let deadline = Instant::now() + GIT_TIMEOUT;
    let octets = reader.ok().and_then(|_| receiver.recv_timeout(GIT_TIMEOUT).ok().flatten());
    let status = wait_or_kill(&mut child, deadline);
    let (octets, status) = (octets?, status?);
    matches!(status.code(), Some(0 | 1)).then_some(Output { octets, status })
}

/// Waits for `child` until `deadline`, then kills it.
fn wait_or_kill(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            _ => break,
        }
    }
    let _ = child.kill();
    for _ in 0..KILL_POLLS {
        if !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
        let status =
            Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{arguments:?}");
    }

    #[test]
    fn a_document_in_a_checkout_has_its_last_commit() {
        let folder = tempfile::tempdir().unwrap();
        let (document, zone) = (folder.path().join("site.toml"), folder.path().join("a*.zone"));
        std::fs::write(&document, "a = 1\n").unwrap();
        assert_eq!(commit_of(&document, &[]), None, "no checkout");
        git(folder.path(), &["init", "-q"]);
        assert_eq!(commit_of(&document, &[]), None, "no commit");
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "-q", "-m", "first\u{1b}[31m site\n\nbody"]);
        let first = commit_of(&document, &[]).unwrap();
        assert_eq!((first.message.as_str(), first.modified, first.id.len()), ("first [31m site", false, 40));
        std::fs::write(&zone, "zone\n").unwrap();
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "-q", "-m", "a zone"]);
        assert_eq!(commit_of(&document, &[]).unwrap().id, first.id, "the document is as it was");
        let files = [document.clone(), zone.clone(), PathBuf::from("/etc/hostname")];
        assert_eq!(commit_of(&document, &files).unwrap().message, "a zone");
        std::fs::write(&zone, "edited\n").unwrap();
        assert!(commit_of(&document, &files).unwrap().modified);
        assert!(!commit_of(&document, &[]).unwrap().modified);
    }
}
