//! NSD and Knot, started next to gslb.

use std::env;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use gslb_tests::eventually;
use gslb_tests::folder::Folder;

use super::query::{Query, wire_name};
use super::transport::is_answered;
use super::zones::files;

/// A server to compare with, killed when dropped.
pub(super) struct Other {
    pub(super) name: &'static str,
    child: Child,
    pub(super) address: SocketAddr,
    _folder: Folder,
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that both UDP and TCP are free at.
fn free() -> SocketAddr {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    if TcpListener::bind(address).is_ok() { address } else { free() }
}

impl Other {
    fn start(name: &'static str, program: &str, arguments: &[&str], config: &str) -> Other {
        let (folder, address) = (Folder::with(&[]), free());
        for (file, text) in files() {
            folder.write(file, text);
        }
        let home = folder.path("").display().to_string();
        let config = config.replace("FOLDER", home.trim_end_matches('/')).replace("PORT", &address.port().to_string());
        folder.write("conf", config);
        let path = format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path(""))
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} cannot be run ({error}): see tests/run"));
        let other = Other { name, child, address, _folder: folder };
        let soa = Query { id: 1, name: wire_name("example.test"), qtype: 6, ..Query::default() };
        eventually("it answers", || is_answered(other.address, &soa.octets(), |response| response[3] & 15 == 0));
        other
    }

    pub(super) fn nsd() -> Other {
        let config = "server:\n ip-address: 127.0.0.1@PORT\n server-count: 1\n username: \"\"\n chroot: \"\"\n zonesdir: \"FOLDER\"\n \
            database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n zonelistfile: \"FOLDER/zone.list\"\n xfrdir: \"FOLDER\"\n \
            rrl-ratelimit: 0\n rrl-whitelist-ratelimit: 0\n minimal-responses: yes\n ipv4-edns-size: 1232\nremote-control:\n \
            control-enable: no\nzone:\n name: example.test\n zonefile: example.zone\nzone:\n name: child.example.test\n \
            zonefile: child.zone\n";
        Other::start("NSD", "nsd", &["-d", "-c", "conf"], config)
    }

    pub(super) fn knot() -> Other {
        let config = "server:\n rundir: \"FOLDER\"\n listen: 127.0.0.1@PORT\n udp-workers: 1\n tcp-workers: 1\n \
            background-workers: 1\nlog:\n - target: stderr\n   any: warning\ndatabase:\n storage: \"FOLDER\"\ntemplate:\n \
            - id: default\n   storage: \"FOLDER\"\n   journal-content: none\n   zonefile-sync: -1\nzone:\n - domain: example.test\n   \
            file: example.zone\n - domain: child.example.test\n   file: child.zone\n";
        Other::start("Knot", "knotd", &["-c", "conf"], config)
    }
}
