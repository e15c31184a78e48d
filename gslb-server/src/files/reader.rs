//! Reads files safely: only regular files, up to a size limit, and never blocked by a hanging file system.

use std::collections::BTreeMap;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use gslb_core::dns::zonefile::MAX_TEXT_OCTETS;
use parking_lot::Mutex;

use super::stall::{Stall, State, Task};

/// How long a read may make no progress, as on a network mount whose server is gone, before it fails.
const STALL: Duration = Duration::from_millis(800);
/// How often progress is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// How long one file may take in total, even if it makes progress.
const MAX_DURATION: Duration = Duration::from_secs(300);
/// Marks errors of files that can be read once their file system responds again.
const NO_ANSWER: &str = "file system does not respond";
/// Marks errors of files that the system cannot read at the moment.
const TRIED_AGAIN: &str = "the system cannot read it now";
/// How long the other files of a folder are not tried after one of them hung.
const FOLDER_PAUSE: Duration = Duration::from_secs(5);
/// Most hanging threads for one folder. Each ends when its file system responds.
const MAX_HANGING: usize = 32;
/// Start marker of a geo database's metadata, and how many octets before the end to search for it (MaxMind DB 2.0).
/// Files larger than `LARGE` are checked for it before they are read.
const METADATA: &[u8] = b"\xAB\xCD\xEFMaxMind.com";
const METADATA_OCTETS: u64 = 128 << 10;
const LARGE: u64 = 64 << 20;
/// Octets to read at a time.
const CHUNK: usize = 256 << 10;

/// The kind of a file, which determines its size limit.
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
    /// Secrets of DNS cookies.
    Secret,
}

impl Kind {
    /// The size limit in octets.
    pub fn max_octets(self) -> u64 {
        match self {
            Self::Settings | Self::Pem => 4 << 20,
            Self::Document => 64 << 20,
            Self::Zone => MAX_TEXT_OCTETS as u64,
            Self::Database => geoip::MAX_FILE_BYTES,
            Self::Token | Self::Secret => 64 << 10,
        }
    }
}

/// Reads the whole file at `path`. It may be a symbolic link to a regular file.
///
/// # Errors
/// The system's error; [`ErrorKind::InvalidInput`] if it is not a regular file, [`ErrorKind::FileTooLarge`],
/// [`ErrorKind::InvalidData`] if it starts with only zeros or has a long run of them, [`ErrorKind::TimedOut`] if
/// reading stalls, takes minutes, or may succeed later.
pub fn read(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    let owned = path.to_owned();
    guarded(path, move |progress| read_here(&owned, kind, progress)).flatten().map_err(mark_transient)
}

/// Turns transient errors (lack of resources, disk errors) into [`ErrorKind::TimedOut`], so that the read is retried.
fn mark_transient(cause: io::Error) -> io::Error {
    const TRANSIENT: [i32; 6] = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EAGAIN, libc::EIO, libc::ESTALE];
    match cause.raw_os_error() {
        Some(code) if TRANSIENT.contains(&code) => {
            io::Error::new(ErrorKind::TimedOut, format!("{cause}: {TRIED_AGAIN}"))
        }
        _ => cause,
    }
}

/// As [`read`], as text.
///
/// # Errors
/// As [`read`]; also [`ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(path: &Path, kind: Kind) -> io::Result<String> {
    let octets = read(path, kind)?;
    String::from_utf8(octets).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Runs `work`, which accesses `path`, on its own thread. If the file system hangs, the thread is abandoned: no
/// signal interrupts such a call, and the caller must not wait for it. `work` counts what it reads.
///
/// # Errors
/// [`ErrorKind::TimedOut`] if the count does not change while the thread sleeps in one system call for 800 ms, or if
/// the work takes longer than five minutes. Waiting for a CPU does not count.
pub fn guarded<T: Send + 'static>(path: &Path, work: impl FnOnce(&AtomicU64) -> T + Send + 'static) -> io::Result<T> {
    guarded_within(MAX_DURATION, path, work)
}

/// As [`guarded`], with a time limit.
fn guarded_within<T: Send + 'static>(
    longest: Duration,
    path: &Path,
    work: impl FnOnce(&AtomicU64) -> T + Send + 'static,
) -> io::Result<T> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    if let Some(refused) = HANGING.lock().get(&folder).and_then(Hanging::refuses) {
        return Err(io::Error::new(ErrorKind::TimedOut, refused));
    }
    let (progress, task) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
    let (done, result) = mpsc::channel();
    let (counted, own, hanging_folder) = (Arc::clone(&progress), Arc::clone(&task), folder.clone());
    thread::Builder::new().name("read".to_owned()).spawn(move || {
        let _ = own.set(Task::current());
        let outcome = work(&counted);
        // The receiver is gone: this thread was abandoned, and has now finished.
        if done.send(outcome).is_err() {
            Hanging::ended(&hanging_folder);
        }
    })?;
    let (mut stall, began) = (Stall::default(), Instant::now());
    loop {
        match result.recv_timeout(CHECK_INTERVAL) {
            Ok(outcome) => return Ok(outcome),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("internal error: the read panicked")),
            Err(RecvTimeoutError::Timeout) => {
                let state = task.get().map_or(State::Running, Task::state);
                let stalled = stall.observe(Instant::now(), progress.load(Relaxed), state) >= STALL;
                if !stalled && began.elapsed() < longest {
                    continue;
                }
                Hanging::began(&folder);
                // The result may have arrived just now, before the thread could notice that it is abandoned.
                if let Ok(outcome) = result.try_recv() {
                    Hanging::ended(&folder);
                    return Ok(outcome);
                }
                let message = if stalled {
                    format!("no data for {} ms: its {NO_ANSWER}", STALL.as_millis())
                } else {
                    format!("it takes longer than {} s: its {NO_ANSWER} in time", longest.as_secs())
                };
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
        }
    }
}

/// Abandoned readers, by folder.
static HANGING: Mutex<BTreeMap<PathBuf, Hanging>> = Mutex::new(BTreeMap::new());

/// The abandoned readers of one folder.
struct Hanging {
    threads: usize,
    last: Instant,
}

impl Hanging {
    /// Why other files of the folder are not tried now, if so.
    fn refuses(&self) -> Option<&'static str> {
        if self.threads >= MAX_HANGING {
            Some("its file system does not respond, and too many earlier reads still wait for it")
        } else if self.last.elapsed() < FOLDER_PAUSE {
            Some("its file system does not respond")
        } else {
            None
        }
    }

    fn began(folder: &Path) {
        let mut all = HANGING.lock();
        let hanging = all.entry(folder.to_owned()).or_insert(Self { threads: 0, last: Instant::now() });
        (hanging.threads, hanging.last) = (hanging.threads + 1, Instant::now());
    }

    fn ended(folder: &Path) {
        let mut all = HANGING.lock();
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
        return Err(not_regular(found.file_type()));
    }
    let limit = kind.max_octets();
    if found.len() > limit {
        return Err(too_large(limit));
    }
    if kind == Kind::Database && found.len() > LARGE {
        check_metadata(&mut file, found.len())?;
    }
    // The file may grow while it is read. Reserved but unwritten pages take no memory.
    let mut octets = Vec::new();
    octets.try_reserve_exact(found.len() as usize).map_err(io::Error::other)?;
    loop {
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut octets)?;
        progress.fetch_add(1 + read as u64, Relaxed);
        if octets.len() as u64 > limit {
            return Err(too_large(limit));
        }
        // No valid text or database has that many zeros: a zero record in a database would point back to the root of
        // its tree.
        let is_first = octets.len() == read && read > 0;
        let last = octets.get(octets.len() - read..).unwrap_or_default();
        if (is_first || read == CHUNK) && last.iter().all(|octet| *octet == 0) {
            let message = "it has only zeros, or a large block of them, like a file that was written incompletely";
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        if read < CHUNK {
            return Ok(octets);
        }
    }
}

/// Checks whether a large file can be a geo database, before reading all of it.
fn check_metadata(file: &mut File, octets: u64) -> io::Result<()> {
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(octets.saturating_sub(METADATA_OCTETS)))?;
    file.take(METADATA_OCTETS).read_to_end(&mut end)?;
    file.rewind()?;
    if end.windows(METADATA.len()).any(|octets| octets == METADATA) {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::InvalidData, "it is not a geo database: no metadata at its end"))
    }
}

/// Opens without blocking: opening a named pipe would wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    opened.map_err(|cause| match std::fs::metadata(path) {
        // A socket cannot be opened at all.
        Ok(found) if !found.file_type().is_file() => not_regular(found.file_type()),
        _ => cause,
    })
}

fn not_regular(found: FileType) -> io::Error {
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

fn too_large(limit: u64) -> io::Error {
    let message = format!("it is larger than {} KiB, the most that is read of such a file", limit >> 10);
    io::Error::new(ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_others_do_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("good"), "text").unwrap();
        std::os::unix::fs::symlink(at("good"), at("link")).unwrap();
        assert_eq!(read(&at("link"), Kind::Document).unwrap(), b"text");
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, message) in [
            (at("pipe"), "a named pipe, not a regular file"),
            (at("socket"), "a socket, not a regular file"),
            (folder.path().to_owned(), "a directory, not a regular file"),
            ("/dev/zero".into(), "a character device, not a regular file"),
        ] {
            let error = read(&path, Kind::Zone).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!(read(&at("none"), Kind::Zone).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn files_that_are_too_large_or_all_zeros_are_refused() {
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
    fn a_lack_of_descriptors_is_transient_and_a_missing_file_is_not() {
        let lacking = mark_transient(io::Error::from_raw_os_error(libc::EMFILE));
        assert_eq!(lacking.kind(), ErrorKind::TimedOut);
        assert!(lacking.to_string().contains("Too many open files") && lacking.to_string().contains(TRIED_AGAIN));
        assert_eq!(mark_transient(io::Error::from_raw_os_error(libc::ENOENT)).kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_large_file_without_metadata_is_not_read_as_a_database() {
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
    fn an_endless_read_is_abandoned() {
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
    fn waiting_for_a_cpu_is_not_taken_for_a_hanging_file_system() {
        let busy = guarded(Path::new("/busy/a"), |_| {
            let began = Instant::now();
            while began.elapsed() < STALL * 2 {
                std::hint::spin_loop();
            }
        });
        assert!(busy.is_ok(), "{busy:?}");
    }

    #[test]
    fn a_hanging_read_is_abandoned_and_its_folder_is_paused() {
        let (end, ended) = mpsc::channel::<()>();
        let hung = guarded(Path::new("/hung/a"), move |_| ended.recv());
        assert_eq!(hung.unwrap_err().kind(), ErrorKind::TimedOut);
        let next = guarded(Path::new("/hung/b"), |_| unreachable!());
        let next: io::Error = Result::<(), io::Error>::unwrap_err(next);
        assert!(next.to_string().contains("does not respond"), "{next}");
        assert_eq!(guarded(Path::new("/other/b"), |_| 7).unwrap(), 7);
        drop(end);
        while guarded(Path::new("/hung/b"), |_| ()).is_err() {
            thread::yield_now();
        }
    }
}
