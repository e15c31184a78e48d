//! Runs programs to their end: the binary under test, and its clients.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The output of a program, and its exit.
#[derive(Debug)]
pub struct Ran {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Exit code.
    pub code: i32,
}

/// The binary of this build: `GSLB_BIN`, or else `gslb` next to the running program or in the parent folder of
/// the running test.
///
/// # Panics
/// When it is not there: cargo builds it for the tests of the whole workspace, not for those of this package alone.
pub fn gslb() -> PathBuf {
    let named = env::var_os("GSLB_BIN").map(PathBuf::from);
    let built = || {
        let running = env::current_exe().expect("what runs has a path");
        // Tests are in a subfolder of the profile's, and programs next to gslb.
        let mut folders = running.ancestors().skip(1).take(2).map(|folder| folder.join("gslb"));
        folders.find(|path| path.is_file()).unwrap_or_else(|| "gslb".into())
    };
    let path = named.unwrap_or_else(built);
    assert!(path.is_file(), "{} is not there: run tests/run, or `cargo build`, or set GSLB_BIN", path.display());
    path
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be run, is killed, or its output is not UTF-8.
pub fn run(command: &mut Command) -> Ran {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}); tests/run installs what tests need"));
    let text = |octets| String::from_utf8(octets).expect("programs write UTF-8");
    let code = status.code().unwrap_or_else(|| panic!("{program} was killed: {status}"));
    Ran { out: text(stdout), err: text(stderr), code }
}
