//! Sockets that a service manager has bound.

use std::path::Path;
use std::process::Command;

use gslb_tests::ask::{dig, kdig};
use gslb_tests::folder::Folder;
use gslb_tests::program::{gslb, run};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

/// Passes sockets as a service manager does: from file descriptor 3 on, then runs gslb in the same process. The first
/// argument says which: `udp`, `tcp`, `http`, `unix`, `file` and `connection`, divided by colons.
const MANAGER: &str = r#"
import os, socket, sys
made = []
port = 0
for kind in sys.argv[1].split(':'):
    if kind == 'udp':
        it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        it.bind(('127.0.0.1', port))
    elif kind in ('tcp', 'http', 'connection'):
        it = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        it.bind(('127.0.0.1', port if kind == 'tcp' else 0))
        if kind == 'connection':
            peer = socket.socket(); peer.bind(('127.0.0.1', 0)); peer.listen()
            it.connect(peer.getsockname())
        else:
            it.listen()
        port = it.getsockname()[1] if kind == 'tcp' else port
    elif kind == 'unix':
        it = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        it.bind('socket'); it.listen()
    elif kind == 'file':
        it = open('file', 'w')
    made.append(it)
copies = [os.dup(it.fileno()) for it in made]
# The manager keeps its own.
[os.set_inheritable(it.fileno(), True) for it in made]
high = [__import__('fcntl').fcntl(copy, __import__('fcntl').F_DUPFD, 100) for copy in copies]
for number, copy in enumerate(high):
    os.dup2(copy, 3 + number, inheritable=True)
os.environ['LISTEN_PID'] = str(os.getpid())
os.environ['LISTEN_FDS'] = str(len(made))
os.environ['LISTEN_FDNAMES'] = ':'.join('socket-%d' % number for number in range(len(made)))
os.environ.update(dict(pair.split('=', 1) for pair in sys.argv[2].split()))
os.execv(sys.argv[3], sys.argv[3:])
"#;

/// The command that passes `sockets`, with these variables besides, to a server in `folder`.
fn activated(folder: &Folder, sockets: &str, variables: &str) -> Command {
    let mut command = folder.command_of(Path::new("python3"), "");
    command.args(["-c", MANAGER, sockets, variables]).arg(gslb());
    command.args(["serve", "--config", "gslb.toml", "--document", "site.toml"]);
    command
}

fn site(listen: &str) -> Folder {
    let process =
        format!("[dns]\nlisten = [\"{listen}\"]\nworkers = 2\nrrl.enabled = false\n[api]\nlisten = \"127.0.0.1:0\"\n");
    Folder::with(&[
        ("gslb.toml", &process),
        ("site.toml", &document("192.0.2.1")),
        ("example.com.zone", &zone("first")),
    ])
}

#[test]
fn passed_sockets_are_used_by_address_and_kind() {
    for sockets in ["tcp:udp:http", "udp", "tcp", "tcp:udp"] {
        let folder = site("127.0.0.1:0");
        let server = Server::start(&mut activated(&folder, sockets, "A=b"));
        assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"], "{sockets}");
        assert_eq!(kdig(server.address(), "+tcp www.example.com A").data(), ["192.0.2.1"], "{sockets}");
        assert_eq!(server.get("/readyz").status, 200, "{sockets}");
        // More than one query reaches each of its workers, which share a passed socket.
        for _ in 0..20 {
            assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"], "{sockets}");
        }
        assert_eq!(server.stop().code, Some(0));
    }
}

#[test]
fn more_passed_sockets_than_workers_lose_no_query() {
    let folder = site("127.0.0.1:0");
    let server = Server::start(&mut activated(&folder, "tcp:udp:udp:udp:udp:udp:udp", "A=b"));
    // The kernel chooses one of the sockets by the port of the client.
    for _ in 0..40 {
        assert_eq!(dig(server.address(), "+tries=1 www.example.com A").data(), ["192.0.2.1"]);
    }
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn sockets_that_cannot_be_used_are_refused_with_their_fault() {
    for (listen, sockets, variables, fault) in [
        ("127.0.0.2:0", "udp", "A=b", "gslb.toml does not listen there"),
        ("127.0.0.1:0", "tcp:unix", "A=b", "file descriptor 4 (socket-1)"),
        ("127.0.0.1:0", "file", "A=b", "file descriptor 3 (socket-0)"),
        ("127.0.0.1:0", "connection", "A=b", "not a listener"),
        ("127.0.0.1:0", "tcp", "LISTEN_FDS=2 LISTEN_FDNAMES=", "file descriptor 4"),
        ("127.0.0.1:0", "tcp", "LISTEN_FDS=many", "LISTEN_FDS"),
        ("127.0.0.1:0", "tcp", "LISTEN_PID=me", "LISTEN_PID"),
        ("127.0.0.1:0", "tcp", "LISTEN_FDNAMES=a:b", "LISTEN_FDNAMES"),
        ("127.0.0.1:0", "tcp", "GSLB_PREDECESSOR=me", "GSLB_PREDECESSOR"),
    ] {
        let folder = site(listen);
        let ran = run(&mut activated(&folder, sockets, variables));
        assert_eq!(ran.code, 1, "{sockets} {variables}: {}", ran.err);
        assert!(ran.err.contains(fault), "{sockets} {variables}: {}", ran.err);
        assert!(!folder.path("gslb-data").exists(), "a refused start leaves no trace");
    }
}
