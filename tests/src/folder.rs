//! A folder with the files of a site, gone when dropped; `gslb` is run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Ran, gslb, run};
use crate::server::Server;

/// Of the process itself: free ports on loopback, one worker to answer in order, and no rate limit, since tests ask as
/// fast as they can from one address.
pub const PROCESS: &str = "\
[dns]
listen = [\"127.0.0.1:0\"]
workers = 1
rrl.enabled = false
[api]
listen = \"127.0.0.1:0\"
";

/// The path of the API certificate of a server with TLS here.
pub const CERTIFICATE: &str = "certificate.pem";

/// A folder of files.
pub struct Folder(TempDir);

impl Folder {
    /// A folder with these files, by name and content.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().expect("a temporary folder can be made"));
        files.iter().for_each(|(name, text)| folder.write(name, text));
        folder
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, or overwrites an existing one in place.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("the folder can be written to");
    }

    /// Replaces a file atomically.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write("replacement", content);
        fs::rename(self.path("replacement"), self.path(name)).expect("a file can be renamed");
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("the file is there");
    }

    /// Runs `gslb` with these arguments, divided by blanks, to its end.
    pub fn gslb(&self, arguments: &str) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Serves `site.toml` as `gslb.toml` says, whatever the file says at any time.
    pub fn serve(&self) -> Server {
        self.start("serve --config gslb.toml --document site.toml --watch")
    }

    /// Serves from the store, which takes `site.toml` while it is empty.
    pub fn serve_store(&self) -> Server {
        self.start("serve --config gslb.toml --document site.toml")
    }

    /// Starts `gslb` with these arguments, which make it serve.
    pub fn start(&self, arguments: &str) -> Server {
        self.start_with(arguments, &[])
    }

    /// The same with these variables in its environment.
    pub fn start_with(&self, arguments: &str, environment: &[(&str, &str)]) -> Server {
        Server::start(self.command(arguments).envs(environment.iter().copied()))
    }

    /// The first admin token of the server that runs here, or has run.
    pub fn token(&self) -> String {
        let read = fs::read_to_string(self.path("gslb-data/admin.token")).expect("the first start has made a token");
        read.trim().to_owned()
    }

    /// Runs `gslb` as a client of `server`, with the first admin token.
    pub fn ask(&self, server: &Server, arguments: &str) -> Ran {
        self.ask_as(&self.token(), server, arguments)
    }

    /// The same with another token.
    pub fn ask_as(&self, token: &str, server: &Server, arguments: &str) -> Ran {
        let mut command = self.command(arguments);
        command.env("GSLB_SERVER", server.url("")).env("GSLB_TOKEN", token);
        if server.scheme == "https" {
            command.env("GSLB_CA", self.path(CERTIFICATE));
        }
        run(&mut command)
    }

    /// The command that runs `gslb` with these arguments here.
    pub fn command(&self, arguments: &str) -> Command {
        self.command_of(&gslb(), arguments)
    }

    /// The same with another copy of `gslb`.
    pub fn command_of(&self, program: &Path, arguments: &str) -> Command {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        // Without the settings of the user.
        for variable in ["GSLB_SERVER", "GSLB_TOKEN", "GSLB_CA", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(variable);
        }
        command
    }
}
