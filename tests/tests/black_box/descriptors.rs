//! A process without free file descriptors still answers health checks.

use std::io::Read as _;
use std::net::TcpStream;
use std::process::Command;

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::program::gslb;
use gslb_tests::server::Server;

use crate::sites::small;

/// Descriptors for the server beyond those that it needs without clients, which depend on the processors of the
/// machine.
const FEW: usize = 8;

#[test]
fn health_endpoints_respond_when_connections_use_all_descriptors() {
    let folder = small("");
    let process = std::fs::read_to_string(folder.path("gslb.toml")).unwrap();
    let roomy = "[dns]\ntcp_connections_per_client = 1000\ntcp_idle = \"1h\"\n";
    folder.write("gslb.toml", process.replace("[dns]\n", roomy));
    let mut command = Command::new(gslb());
    let command = command.args(["serve", "--config", "gslb.toml", "--document", "site.toml"]);
    let server = Server::start(command.current_dir(folder.path("")));
    let limit = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count() + FEW;
    let (pid, limit) = (server.pid().to_string(), format!("--nofile={limit}:{limit}"));
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    let connect = |address| (0..100).map(|_| TcpStream::connect(address).unwrap()).collect::<Vec<_>>();
    let mut connections = (connect(server.dns[0]), connect(server.api));
    eventually("none is left", || server.metric("gslb_tcp_accept_errors_total") > 0);
    for path in ["/livez", "/readyz"].repeat(10) {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(dig(server.address(), "www.example.com A").data(), ["192.0.2.1"]);
    // Who holds connections loses them, sooner or later.
    let mut octet = [0];
    assert!(matches!(connections.1[0].read(&mut octet), Ok(0) | Err(_)));
    drop(connections);
    eventually("there are some again", || dig(server.address(), "+tcp www.example.com A").data() == ["192.0.2.1"]);
    assert_eq!(server.stop().code, Some(0));
}
