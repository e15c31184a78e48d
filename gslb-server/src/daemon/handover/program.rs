//! The program of this process, as it was started: its path and its arguments.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What to start for a successor. The path is that of the start, not that of the running file: whatever an upgrade puts
/// there is the successor, also if the path is a symbolic link or the old file was moved away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// An absolute path.
    pub path: PathBuf,
    /// Without the program's name.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// This process. Call it at the start, before anybody replaces the file or changes the directory.
    ///
    /// # Errors
    /// If no path leads to the program.
    pub fn of_this_process() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let running = env::current_exe();
        let path = given(&name, env::var_os("PATH").as_deref().unwrap_or_default(), &env::current_dir()?);
        // A caller may pass any name: only one that leads to this program is its path.
        let is_this = |path: &PathBuf| running.as_ref().is_ok_and(|running| is_same(path, running));
        let path = path.filter(is_this).map_or(running, Ok)?;
        Ok(Self { path, arguments: arguments.collect() })
    }
}

/// The absolute path that `name` leads to: a path itself, or a program in a folder of `search`.
fn given(name: &std::ffi::OsStr, search: &std::ffi::OsStr, current: &Path) -> Option<PathBuf> {
    if name.is_empty() {
        return None;
    }
    if name.as_bytes().contains(&b'/') {
        return Some(current.join(name));
    }
    env::split_paths(search).map(|folder| current.join(folder).join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_name_is_searched_and_a_path_is_kept_with_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("v1"), "").unwrap();
        std::fs::set_permissions(at("v1"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(at("v1"), at("gslb")).unwrap();
        std::fs::write(at("text"), "").unwrap();
        let search = env::join_paths([Path::new("/none"), folder.path()]).unwrap();
        let find = |name: &str| given(OsStr::new(name), &search, folder.path());
        assert_eq!(find("gslb"), Some(at("gslb")));
        assert_eq!(find("./gslb"), Some(at("./gslb")));
        assert_eq!(find("/usr/bin/gslb"), Some("/usr/bin/gslb".into()));
        assert_eq!((find("text"), find("none"), find("")), (None, None, None));
        assert!(is_same(&at("gslb"), &at("v1")) && !is_same(&at("gslb"), &at("text")));
    }

    #[test]
    fn this_process_is_found_with_its_arguments() {
        let program = Program::of_this_process().unwrap();
        assert!(is_same(&program.path, &env::current_exe().unwrap()));
        assert_eq!(program.arguments.len(), env::args_os().count() - 1);
    }
}
