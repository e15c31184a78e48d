//! The one reader of files: regular files only, up to a size, and never for longer than a file gives octets.

use std::collections::BTreeMap;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gslb_core::dns::zonefile::MAX_TEXT_OCTETS;

use super::stall::{Doing, Stall, Task};

/// How long a file may give nothing, as on a network mount whose server is gone, before its reader gives up.
const STALL: Duration = Duration::from_millis(800);
/// How often it is looked whether it gives something.
const LOOK: Duration = Duration::from_millis(100);
/// How long one file may take in all, however often it gives a few octets.
const LONGEST: Duration = Duration::from_secs(300);
/// What an error says of a file that may be read once its file system answers again.
pub const NO_ANSWER: &str = "file system does not answer";
/// What an error says of a file that the system cannot read just now.
pub const TRIED_AGAIN: &str = "the system cannot read it now";
/// For how long the other files of a folder are not tried after one of them has given nothing.
const PAUSE: Duration = Duration::from_secs(5);
/// Threads of one folder that may hang at a time. Each of them ends when its file answers.
const MAX_HANGING: usize = 32;
/// What the metadata of a geo database begins with, within how many octets before its end (MaxMind DB 2.0), and from which
/// size on that is looked at first.
const METADATA: &[u8] = b"\xAB\xCD\xEFMaxMind.com";
const METADATA_OCTETS: u64 = 128 << 10;
const LARGE: u64 = 64 << 20;
/// Octets that are read at a time.
const CHUNK: usize = 256 << 10;

/// What a file is read as, which decides how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `gslb.toml`
    Settings,
    /// A document, or a part of one.
    Document,
    /// A zone file, or one that it includes.
    Zone,
    /// A geo database.
    Database,
    /// Certificates or a key.
    Pem,
    /// A token.
    Token,
}

impl Kind {
    /// The most octets that such a file may have.
    pub fn most(self) -> u64 {
        match self {
            Self::Settings | Self::Pem => 4 << 20,
            Self::Document => 64 << 20,
            Self::Zone => MAX_TEXT_OCTETS as u64,
            Self::Database => geoip::MAX_FILE_BYTES,
            Self::Token => 64 << 10,
        }
    }
}

/// Reads the file at `path` whole. A symbolic link to a regular file is as good as the file.
///
/// # Errors
/// What the system says; [`ErrorKind::InvalidInput`] for what is not a regular file, [`ErrorKind::FileTooLarge`],
/// [`ErrorKind::InvalidData`] for a file that begins with nothing but zeros, and for a text that has many in a row,
/// [`ErrorKind::TimedOut`] for one that gives nothing for a second or takes minutes, or that may be read later.
pub fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    let asked = path.to_owned();
    guarded(path, move |progress| read_here(&asked, kind, progress)).flatten().map_err(passing)
}

/// `cause`, which is told apart where the file may be read later: the system is short of something, or a disk has a fault.
fn passing(cause: io::Error) -> io::Error {
    const PASSING: [i32; 6] = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EAGAIN, libc::EIO, libc::ESTALE];
    match cause.raw_os_error() {
        Some(code) if PASSING.contains(&code) => io::Error::new(ErrorKind::TimedOut, format!("{cause}: {TRIED_AGAIN}")),
        _ => cause,
    }
}

/// The same, as text.
///
/// # Errors
/// As [`read`]; also [`ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path, kind: Kind) -> io::Result<String> {
    let octets = read(path, kind)?;
    String::from_utf8(octets).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Does `work`, which asks the file system about `path`, on a thread of its own. The thread is left behind where the file
/// system does not answer: no signal ends such a call, and nobody else shall wait for it. `work` counts what it reads.
///
/// # Errors
/// [`ErrorKind::TimedOut`] where the count stands still while the thread sleeps in one call to the system for 800 ms, or where
/// the work takes longer than five minutes. A thread that waits for a processor does not wait for the file system.
pub fn guarded<T: Send + 'static>(path: &Path, work: impl FnOnce(&AtomicU64) -> T + Send + 'static) -> io::Result<T> {
    guarded_within(LONGEST, path, work)
}

/// The same where `longest` is how long the work may take.
fn guarded_within<T: Send + 'static>(
    longest: Duration,
    path: &Path,
    work: impl FnOnce(&AtomicU64) -> T + Send + 'static,
) -> io::Result<T> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    if let Some(refused) =
        HANGING.lock().unwrap_or_else(PoisonError::into_inner).get(&folder).and_then(Hanging::refuses)
    {
        return Err(io::Error::new(ErrorKind::TimedOut, refused));
    }
    let (progress, task) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
    let (done, result) = mpsc::channel();
    let (counted, own, left) = (Arc::clone(&progress), Arc::clone(&task), folder.clone());
    thread::Builder::new().name("read".to_owned()).spawn(move || {
        let _ = own.set(Task::current());
        let outcome = work(&counted);
        // Nobody listens any more: this thread was left behind, and has come back.
        if done.send(outcome).is_err() {
            Hanging::ended(&left);
        }
    })?;
    let (mut stall, began) = (Stall::default(), Instant::now());
    loop {
        match result.recv_timeout(LOOK) {
            Ok(outcome) => return Ok(outcome),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its reader has failed")),
            Err(RecvTimeoutError::Timeout) => {
                let doing = task.get().map_or(Doing::Running, Task::doing);
                let stalled = stall.look(Instant::now(), progress.load(Relaxed), doing) >= STALL;
                if !stalled && began.elapsed() < longest {
                    continue;
                }
                Hanging::began(&folder);
                // It may have come just now; then it has not seen that nobody listens.
                if let Ok(outcome) = result.try_recv() {
                    Hanging::ended(&folder);
                    return Ok(outcome);
                }
                let told = if stalled {
                    format!("it has given nothing for {} ms: its {NO_ANSWER}", STALL.as_millis())
                } else {
                    format!("it takes longer than {} s: its {NO_ANSWER} in time", longest.as_secs())
                };
                return Err(io::Error::new(ErrorKind::TimedOut, told));
            }
        }
    }
}

/// Readers that were left behind, by folder.
static HANGING: Mutex<BTreeMap<PathBuf, Hanging>> = Mutex::new(BTreeMap::new());

/// The readers of one folder that were left behind.
struct Hanging {
    threads: usize,
    last: Instant,
}

impl Hanging {
    /// Why no other file of the folder is tried now.
    fn refuses(&self) -> Option<&'static str> {
        if self.threads >= MAX_HANGING {
            Some("its file system does not answer, and too many earlier readers still wait for it")
        } else if self.last.elapsed() < PAUSE {
            Some("its file system does not answer")
        } else {
            None
        }
    }

    fn began(folder: &Path) {
        let mut all = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let hanging = all.entry(folder.to_owned()).or_insert(Self { threads: 0, last: Instant::now() });
        (hanging.threads, hanging.last) = (hanging.threads + 1, Instant::now());
    }

    fn ended(folder: &Path) {
        let mut all = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(hanging) = all.get_mut(folder) else { return };
        hanging.threads = hanging.threads.saturating_sub(1);
        if hanging.threads == 0 {
            all.remove(folder);
        }
    }
}

fn read_here(path: &Path, kind: Kind, progress: &AtomicU64) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let found = file.metadata()?;
    if !found.file_type().is_file() {
        return Err(no_regular_file(found.file_type()));
    }
    let most = kind.most();
    if found.len() > most {
        return Err(too_large(most));
    }
    if kind == Kind::Database && found.len() > LARGE {
        see_metadata(&mut file, found.len())?;
    }
    // The file may grow while it is read. Room that is not written to takes no memory.
    let mut octets = Vec::new();
    octets.try_reserve_exact(found.len() as usize).map_err(io::Error::other)?;
    loop {
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut octets)?;
        progress.fetch_add(1 + read as u64, Relaxed);
        if octets.len() as u64 > most {
            return Err(too_large(most));
        }
        // No text has that many, and no database: a record of zero would lead back to the root of its tree.
        let is_first = octets.len() == read && read > 0;
        let last = octets.get(octets.len() - read..).unwrap_or_default();
        if (is_first || read == CHUNK) && last.iter().all(|octet| *octet == 0) {
            let told =
                "there is nothing but zeros in it, or in a large part of it, as in a file whose writing was cut short";
            return Err(io::Error::new(ErrorKind::InvalidData, told));
        }
        if read < CHUNK {
            return Ok(octets);
        }
    }
}

/// Sees whether a large file of this many octets may be a geo database at all, before all of it is read.
fn see_metadata(file: &mut File, octets: u64) -> io::Result<()> {
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(octets.saturating_sub(METADATA_OCTETS)))?;
    file.take(METADATA_OCTETS).read_to_end(&mut end)?;
    file.rewind()?;
    if end.windows(METADATA.len()).any(|octets| octets == METADATA) {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, "it has no metadata of a geo database at its end"))
    }
}

/// Opens without waiting: opening a named pipe would wait for who writes into it.
fn open(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    opened.map_err(|cause| match std::fs::metadata(path) {
        // A socket cannot be opened at all.
        Ok(found) if !found.file_type().is_file() => no_regular_file(found.file_type()),
        _ => cause,
    })
}

fn no_regular_file(found: FileType) -> io::Error {
    let what = if found.is_dir() {
        "a directory"
    } else if found.is_fifo() {
        "a named pipe"
    } else if found.is_socket() {
        "a socket"
    } else if found.is_char_device() {
        "a character device"
    } else if found.is_block_device() {
        "a block device"
    } else {
        "something else"
    };
    io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file"))
}

fn too_large(most: u64) -> io::Error {
    let told = format!("it is larger than {} KiB, the most that is read of such a file", most >> 10);
    io::Error::new(ErrorKind::FileTooLarge, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_waits_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("good"), "text").unwrap();
        std::os::unix::fs::symlink(at("good"), at("link")).unwrap();
        assert_eq!(read(&at("link"), Kind::Document).unwrap(), b"text");
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, told) in [
            (at("pipe"), "a named pipe, not a regular file"),
            (at("socket"), "a socket, not a regular file"),
            (folder.path().to_owned(), "a directory, not a regular file"),
            ("/dev/zero".into(), "a character device, not a regular file"),
        ] {
            let error = read(&path, Kind::Zone).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
        assert_eq!(read(&at("none"), Kind::Zone).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_too_large_or_holds_nothing_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let sparse = folder.path().join("sparse");
        for begins in ["", "$TTL 1h\n"] {
            for (octets, kind) in [(8 << 30, ErrorKind::FileTooLarge), (900 << 20, ErrorKind::InvalidData)] {
                std::fs::write(&sparse, begins).unwrap();
                OpenOptions::new().write(true).open(&sparse).unwrap().set_len(octets).unwrap();
                assert_eq!(read(&sparse, Kind::Zone).unwrap_err().kind(), kind, "{begins} {octets}");
            }
        }
    }

    #[test]
    fn a_lack_of_descriptors_passes_and_a_missing_file_does_not() {
        let lacking = passing(io::Error::from_raw_os_error(libc::EMFILE));
        assert_eq!(lacking.kind(), ErrorKind::TimedOut);
        assert!(lacking.to_string().contains("Too many open files") && lacking.to_string().contains(TRIED_AGAIN));
        assert_eq!(passing(io::Error::from_raw_os_error(libc::ENOENT)).kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_large_file_that_is_no_database_is_not_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.mmdb");
        std::fs::write(&path, [b"x".repeat(LARGE as usize), METADATA.to_vec()].concat()).unwrap();
        assert_eq!(read(&path, Kind::Database).unwrap().len() as u64, LARGE + METADATA.len() as u64);
        std::fs::write(&path, b"x".repeat(LARGE as usize + 1)).unwrap();
        let error = read(&path, Kind::Database).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().contains("no metadata")),
            (ErrorKind::InvalidData, true),
            "{error}"
        );
    }

    #[test]
    fn who_answers_for_ever_is_left_too() {
        let (end, ended) = mpsc::channel::<()>();
        let dripping = guarded_within(Duration::ZERO, Path::new("/dripping/a"), move |progress| {
            while ended.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
                progress.fetch_add(1, Relaxed);
            }
        });
        let error = dripping.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().contains("takes longer than 0 s")),
            (ErrorKind::TimedOut, true),
            "{error}"
        );
        drop(end);
    }

    #[test]
    fn who_waits_for_a_processor_is_not_taken_for_a_file_system_that_does_not_answer() {
        let busy = guarded(Path::new("/busy/a"), |_| {
            let began = Instant::now();
            while began.elapsed() < STALL * 2 {
                std::hint::spin_loop();
            }
        });
        assert!(busy.is_ok(), "{busy:?}");
    }

    #[test]
    fn who_never_answers_is_left_and_the_rest_of_its_folder_is_not_waited_for() {
        let (end, ended) = mpsc::channel::<()>();
        let hung = guarded(Path::new("/hung/a"), move |_| ended.recv());
        assert_eq!(hung.unwrap_err().kind(), ErrorKind::TimedOut);
        let next = guarded(Path::new("/hung/b"), |_| unreachable!());
        let next: io::Error = Result::<(), io::Error>::unwrap_err(next);
        assert!(next.to_string().contains("does not answer"), "{next}");
        assert_eq!(guarded(Path::new("/other/b"), |_| 7).unwrap(), 7);
        drop(end);
        while guarded(Path::new("/hung/b"), |_| ()).is_err() {
            thread::yield_now();
        }
    }
}
