//! Which git commit a document's file comes from, if it is in a git checkout and `git` is installed.
//!
//! Only `git log` and `git diff` run, on files that this server reads anyway. They run no hooks, no pager, no signature check
//! and no external diff, and take no lock. What git refuses, such as a checkout of another user (`safe.directory`), counts as
//! no commit.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gslb_api::revisions::{GitCommit, MESSAGE_CHARACTERS};

use crate::files::reader;

/// How long git may take for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Octets of an answer: an id and one line.
const ANSWER_OCTETS: u64 = 8 << 10;
/// Octets of the names of files on a command line; with more, the whole folder is asked about.
const NAMES_OCTETS: usize = 64 << 10;
/// How often a process that was stopped is looked at before it is left to the system.
const LOOKS: u32 = 20;

/// The last commit that changed any of `files`, which were read for the document at `document`. None where that is in no
/// checkout, or git cannot tell.
pub fn commit_of(document: &Path, files: &[PathBuf]) -> Option<GitCommit> {
    let (document, files) = (document.to_owned(), files.to_vec());
    let (folder, names) = reader::guarded(&document.clone(), move |_| located(&document, &files)).ok()??;
    let [id, subject] = {
        let answer = ask(&folder, &["log", "-1", "--no-show-signature", "--format=%H%x00%s"], &names)?;
        let text = String::from_utf8_lossy(&answer.octets).into_owned();
        let (id, subject) = text.trim_end_matches('\n').split_once('\0')?;
        [id.to_owned(), subject.to_owned()]
    };
    let is_id = (40..=64).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_hexdigit());
    if !is_id {
        return None;
    }
    // A file that was edited and not committed is not what the commit says.
    let same = ask(&folder, &["diff", "--quiet", "--no-ext-diff", "--no-textconv", "HEAD"], &names)?;
    let message = subject.chars().map(|it| if it.is_control() { ' ' } else { it }).take(MESSAGE_CHARACTERS).collect();
    Some(GitCommit { id, message, modified: !same.status.success() })
}

/// The document's folder, and the names of the files within it; none where no folder above has a `.git`.
fn located(document: &Path, files: &[PathBuf]) -> Option<(PathBuf, Vec<PathBuf>)> {
    let document = document.canonicalize().ok()?;
    let folder = document.parent()?.to_owned();
    folder.ancestors().find(|above| above.join(".git").exists())?;
    let within = |path: &PathBuf| path.canonicalize().ok()?.strip_prefix(&folder).ok().map(Path::to_owned);
    let mut names: Vec<PathBuf> = files.iter().filter_map(within).filter(|name| !name.as_os_str().is_empty()).collect();
    names.extend(document.file_name().map(PathBuf::from));
    names.sort();
    names.dedup();
    if names.iter().map(|name| name.as_os_str().len() + 1).sum::<usize>() > NAMES_OCTETS {
        names = vec![PathBuf::from(".")];
    }
    Some((folder, names))
}

struct Answered {
    octets: Vec<u8>,
    status: ExitStatus,
}

/// Asks git in `folder` about files; none where it fails (exit codes above 1), or takes too long.
fn ask(folder: &Path, words: &[&str], names: &[PathBuf]) -> Option<Answered> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false"]);
    command.args(words).arg("--").args(names);
    // A variable of whoever started the server must not lead to another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_EXTERNAL_DIFF"] {
        command.env_remove(name);
    }
    // No lock on the index, no question, nothing fetched over the network.
    command.envs([
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("LC_ALL", "C"),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let output = child.stdout.take()?;
    let (tell, told) = mpsc::channel();
    let reader = thread::Builder::new().name("git".to_owned()).spawn(move || {
        let mut octets = Vec::new();
        let read = output.take(ANSWER_OCTETS).read_to_end(&mut octets);
        let _ = tell.send(read.is_ok().then_some(octets));
    });
    let deadline = Instant::now() + PATIENCE;
    let octets = reader.ok().and_then(|_| told.recv_timeout(PATIENCE).ok().flatten());
    let status = ended(&mut child, deadline);
    let (octets, status) = (octets?, status?);
    matches!(status.code(), Some(0 | 1)).then_some(Answered { octets, status })
}

/// Waits for `child` until `deadline`, and stops it then.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            _ => break,
        }
    }
    let _ = child.kill();
    for _ in 0..LOOKS {
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

    fn git(folder: &Path, words: &[&str]) {
        let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
        let status =
            Command::new("git").arg("-C").arg(folder).args(identity).args(words).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{words:?}");
    }

    #[test]
    fn a_document_in_a_checkout_has_the_commit_that_changed_it_last() {
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
