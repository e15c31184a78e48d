//! `gslb.toml`: defaults, all keys, and all errors at once with their locations.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use gslb::config::{Config, ConfigError, Log, LogFormat};
use gslb::dns::cookies::{Origin, SecretFile};
use gslb::telemetry::dnstap;
use gslb_api::LogLevel;

/// The problems of a text, the first line of each.
fn problems(text: &str) -> Vec<String> {
    let problems = Config::parse("gslb.toml", text).unwrap_err();
    problems.iter().map(|problem| problem.to_string().lines().next().unwrap().to_owned()).collect()
}

#[test]
fn an_empty_table_is_valid() {
    let config = Config::parse("gslb.toml", "").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.dns.listen, ["127.0.0.1:5353".parse().unwrap()]);
    assert_eq!(config.api.listen, "127.0.0.1:8053".parse().unwrap());
    assert_eq!(config.data_dir, Path::new("gslb-data"));
    assert_eq!((config.dns.udp_payload, config.dns.tcp_idle), (1232, Duration::from_secs(10)));
    assert_eq!((config.dns.tcp_connections, config.dns.tcp_connections_per_client), (1024, 32));
    assert_eq!((config.api.tls, config.api.loopback_without_token), (None, false));
    assert_eq!((config.api.connections, config.api.connections_per_client), (256, 64));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, LogLevel::Info));
    let settings = Config::default().dns.settings();
    assert_eq!((settings.nsid, settings.version, settings.hostname), (None, None, None));
}

#[test]
fn the_example_has_the_defaults() {
    let example = include_str!("../../../deploy/example/gslb.toml");
    assert_eq!(Config::parse("gslb.toml", example).unwrap(), Config::default());
}

#[test]
fn cookies_have_one_source_of_secrets() {
    let origin = |text: &str| Config::parse("gslb.toml", text).unwrap().dns.cookies.origin;
    let first = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    assert_eq!(origin("[dns.cookies]\nenabled = false"), Origin::Random);
    let file = Origin::Master(SecretFile::Path("cookie.key".into()));
    assert_eq!(origin("[dns.cookies]\nsecret = { file = \"cookie.key\" }"), file);
    let credential = Origin::Master(SecretFile::Credential("cookie".to_owned()));
    assert_eq!(origin("[dns]\ncookies.secret.credential = \"cookie\""), credential);
    let shared = Origin::SharedFile(SecretFile::Path("shared".into()));
    assert_eq!(origin("[dns.cookies]\nsecrets = { file = \"shared\" }"), shared);
    let inline = origin(&format!("[dns.cookies]\nsecrets = [\"{first}\", \"{}\"]", "00".repeat(16)));
    assert!(matches!(inline, Origin::Shared(_)), "{inline:?}");
    let five: Vec<String> = (0..5).map(|n| format!("\"{n:032}\"")).collect();
    for (text, expected) in [
        ("secret = \"hunter2\"".to_owned(), "dns.cookies.secret: a secret does not belong into this file"),
        ("secret = {}".to_owned(), "dns.cookies.secret: expected either `file` or `credential`"),
        ("secret = { file = \"a\", credential = \"b\" }".to_owned(), "dns.cookies.secret: expected either"),
        ("secret = { credential = \"../b\" }".to_owned(), "not the name of a credential"),
        ("secret = { files = \"a\" }".to_owned(), "files"),
        ("secrets = []".to_owned(), "dns.cookies.secrets"),
        ("secrets = [\"hunter2\"]".to_owned(), "dns.cookies.secrets[0]: not a secret"),
        (format!("secrets = [\"{first}\", \"{first}\"]"), "this is listed twice"),
        (format!("secrets = [{}]", five.join(",")), "5 secrets are too many"),
        (format!("secrets = [\"{first}\"]\nsecret = {{ file = \"a\" }}"), "`secret` and `secrets` exclude each other"),
        ("enabled = 1".to_owned(), "dns.cookies.enabled"),
    ] {
        let found = problems(&format!("[dns.cookies]\n{text}"));
        assert!(found.concat().contains(expected), "{text}: {found:?}");
        assert!(!found.concat().contains("hunter2"), "{found:?}");
    }
}

#[test]
fn rate_limits_are_read_and_checked() {
    let rrl = Config::parse("gslb.toml", "").unwrap().dns.rrl;
    assert!(rrl.enabled && !rrl.limits.dry_run);
    assert_eq!((rrl.limits.per_address, rrl.limits.per_network, rrl.limits.burst, rrl.limits.slip), (50, 1600, 125, 1));
    let text = "[dns.rrl]\nenabled = false\nper_address = 5\nper_network = 100\nburst = 20\nslip = 0\n\
                exempt = [\"192.0.2.0/24\", \"2001:db8::1\"]\ndry_run = true\nmemory = \"512KiB\"\n";
    let rrl = Config::parse("gslb.toml", text).unwrap().dns.rrl;
    assert!(!rrl.enabled && rrl.limits.dry_run);
    assert_eq!((rrl.limits.per_address, rrl.limits.per_network, rrl.limits.burst, rrl.limits.slip), (5, 100, 20, 0));
    assert_eq!((rrl.limits.memory, rrl.limits.exempt.len()), (512 << 10, 2));
    for (text, expected) in [
        ("per_address = 0", "dns.rrl.per_address"),
        ("burst = 10001", "dns.rrl.burst"),
        ("slip = -1", "dns.rrl.slip"),
        ("exempt = [\"192.0.2.1/24\"]", "has bits set beyond its prefix length"),
        ("memory = 4194304", "dns.rrl.memory"),
        ("memory = \"4MB\"", "\"4MB\" is not an amount of memory"),
        ("memory = \"MiB\"", "is not an amount of memory"),
        ("memory = \"-1MiB\"", "is not an amount of memory"),
        ("memory = \"1KiB\"", "1KiB is out of range"),
        ("memory = \"99999999999999999999GiB\"", "is not an amount of memory"),
        ("memory = \"2GiB\"", "2GiB is out of range"),
        ("per_address = 2000", "dns.rrl.per_address: per_network is 1600, less than per_address, 2000"),
        ("per_network = 10", "dns.rrl.per_network: per_network is 10, less than per_address, 50"),
        ("rate = 1", "unknown key `rate`"),
    ] {
        let found = problems(&format!("[dns.rrl]\n{text}")).concat();
        assert!(found.contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn every_valid_value_is_read() {
    let config = Config::parse(
        "gslb.toml",
        r#"
            data_dir = "/var/lib/gslb"
            [node]
            name = "fra-1"
            [dns]
            listen = ["192.0.2.53:53", "[2001:db8::53]:53"]
            workers = 3
            udp_payload = 1400
            nsid = "fra-1"
            version = "gslb"
            id_server = "fra-1.example.com"
            tcp_idle = "500ms"
            tcp_connections = 10
            tcp_connections_per_client = 2
            [dns.tls]
            listen = ["192.0.2.53:853", "127.0.0.1:0"]
            certificate = "dot.pem"
            key = "/etc/gslb/dot.key"
            connections = 9
            [dns.proxy]
            listen = ["192.0.2.53:5300"]
            from = ["192.0.2.10", "2001:db8::/64"]
            [api]
            listen = "[::1]:8053"
            tls = { certificate = "api.pem", key = "/etc/gslb/api.key" }
            loopback_without_token = true
            hosts = ["GSLB.example.com"]
            connections = 20
            connections_per_client = 5
            header_timeout = "1s"
            [geo]
            databases = ["country.mmdb", "/srv/asn.mmdb"]
            max_moved = 0.5
            [probes]
            allow = ["127.0.0.0/8", "::1"]
            deny = ["10.9.0.0/16", "192.0.2.1"]
            ports = ["443", "8000-8999"]
            exec = ["/usr/lib/nagios/plugins"]
            ca = "ca.pem"
            concurrency = 100
            [log]
            format = "json"
            level = "debug"
            [metrics]
            services = "top:20"
            [dnstap]
            socket = "/run/dnstap.sock"
            sample = 0.01
            identity = "fra-1.example.com"
            version = "1"
        "#,
    )
    .unwrap();
    assert_eq!(config.node.name, "fra-1");
    let tls = config.dns.tls.as_ref().unwrap();
    assert_eq!(tls.listen, ["192.0.2.53:853".parse().unwrap(), "127.0.0.1:0".parse().unwrap()]);
    assert_eq!(tls.files.certificate, Path::new("dot.pem"));
    let limits = config.dns.tls_limits();
    assert_eq!((limits.connections, limits.connections_per_client, limits.idle), (9, 2, Duration::from_millis(500)));
    let proxy = config.dns.proxy.as_ref().unwrap();
    assert_eq!(proxy.listen, ["192.0.2.53:5300".parse().unwrap()]);
    assert_eq!(proxy.from, ["192.0.2.10/32".parse().unwrap(), "2001:db8::/64".parse().unwrap()]);
    assert_eq!(config.dns.counting_workers(), 3 * (2 + 1 + 1 + 1), "for UDP, proxies, TCP and TLS");
    assert_eq!(config.metrics.services, Some(20));
    let dnstap = config.dnstap.as_ref().unwrap();
    let settings = dnstap::Settings {
        socket: "/run/dnstap.sock".into(),
        identity: "fra-1.example.com".to_owned(),
        version: "1".to_owned(),
    };
    assert_eq!((dnstap.sample, dnstap.settings("fra-1")), (0.01, settings));
    let short = Config::parse("gslb.toml", "dnstap.socket = \"s\"").unwrap().dnstap.unwrap();
    assert_eq!((short.sample, short.settings("fra-1").identity.as_str()), (1.0, "fra-1"), "we are who the node is");
    assert!(short.version.starts_with("gslb 0."), "{}", short.version);
    let all = Config::parse("gslb.toml", "[metrics]\nservices = \"all\"").unwrap();
    assert_eq!((all.metrics.services, Config::default().metrics.services), (None, Some(1000)));
    assert_eq!(config.dns.listen, ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()]);
    assert_eq!(config.dns.workers, NonZeroUsize::new(3).unwrap());
    assert_eq!(config.geo.databases, [Path::new("country.mmdb"), Path::new("/srv/asn.mmdb")]);
    assert_eq!((config.geo.max_moved, config.api.listen), (0.5, "[::1]:8053".parse().unwrap()));
    let tls = config.api.tls.as_ref().unwrap();
    assert_eq!((tls.certificate.as_path(), tls.key.as_path()), (Path::new("api.pem"), Path::new("/etc/gslb/api.key")));
    assert_eq!(
        (config.api.loopback_without_token, config.api.hosts.as_slice()),
        (true, &["gslb.example.com".to_owned()][..])
    );
    assert_eq!(config.log, Log { format: LogFormat::Json, level: LogLevel::Debug });
    let http = config.api.limits();
    assert_eq!((http.connections, http.connections_per_client, http.header), (20, 5, Duration::from_secs(1)));
    let (settings, limits) = (config.dns.settings(), config.dns.tcp_limits());
    assert_eq!((settings.udp_payload, settings.nsid), (1400, Some(b"fra-1".to_vec())));
    assert_eq!(settings.hostname, Some(b"fra-1.example.com".to_vec()));
    assert_eq!((limits.connections, limits.connections_per_client), (10, 2));
    assert_eq!((limits.idle, settings.tcp_idle), (Duration::from_millis(500), Duration::from_millis(500)));
    assert_eq!(Config::parse("gslb.toml", "[dns]\nworkers = \"auto\"").unwrap().dns, Config::default().dns);
    let probes = config.probes.settings();
    assert_eq!(probes.rules.allow, ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert_eq!(probes.rules.deny, ["10.9.0.0/16".parse().unwrap(), "192.0.2.1/32".parse().unwrap()]);
    assert_eq!((probes.rules.ports, probes.concurrency), (vec![443..=443, 8000..=8999], 100));
    assert_eq!((probes.rules.exec, probes.ca), (vec!["/usr/lib/nagios/plugins".into()], Some("ca.pem".into())));
}

#[test]
fn all_problems_are_reported_at_once_with_their_locations() {
    let text = r#"data_dir = 5
colour = "blue"
[node]
name = "a b"
[dns]
listen = ["127.0.0.1", "127.0.0.1:53", "[::ffff:192.0.2.1]:53", "127.0.0.1:53", 7]
workers = 0
udp_payload = 4096
nsid = ""
tcp_idle = "10"
tcp_connections = -1
[api]
listen = []
loopback_without_token = "yes"
hosts = ["a:80"]
tls = { key = "k.pem" }
[geo]
databases = "x"
max_moved = 1.5
depth = 1
[probes]
allow = ["169.254.0.0/16", "10.0.0.0/8", "127.0.0.1/8"]
deny = ["x"]
ports = ["0", "9-8", 80]
exec = ["plugins", "/usr/lib/../bin"]
concurrency = 0
[metrics]
services = "top:0"
[dnstap]
sample = 2
identity = ""
port = 53
"#;
    assert_eq!(
        problems(text),
        [
            "gslb.toml:1:12: error: data_dir: expected a string such as \"/var/lib/gslb\", found integer 5",
            "gslb.toml:2:1: error: colour: unknown key `colour`",
            "gslb.toml:4:8: error: node.name: \"a b\" is not a valid name",
            "gslb.toml:6:11: error: dns.listen[0]: \"127.0.0.1\" is not an address with a port",
            "gslb.toml:6:40: error: dns.listen[2]: IPv6 listeners do not accept IPv4",
            "gslb.toml:6:65: error: dns.listen[3]: this is listed twice",
            "gslb.toml:6:81: error: dns.listen[4]: expected a string such as \"192.0.2.53:53\", found integer 7",
            "gslb.toml:7:11: error: dns.workers: 0 is out of range for a number of workers",
            "gslb.toml:8:15: error: dns.udp_payload: 4096 is out of range for a UDP payload",
            "gslb.toml:9:8: error: dns.nsid: the string has 0 octets",
            "gslb.toml:10:12: error: dns.tcp_idle: \"10\" is not a duration",
            "gslb.toml:11:19: error: dns.tcp_connections: -1 is out of range for a number of connections",
            "gslb.toml:13:10: error: api.listen: expected a string such as \"192.0.2.53:53\", found an array",
            "gslb.toml:14:26: error: api.loopback_without_token: expected true or false, found string \"yes\"",
            "gslb.toml:15:10: error: api.hosts[0]: \"a:80\" is not a host name",
            "gslb.toml:16:1: error: api.tls: `certificate` is missing",
            "gslb.toml:18:13: error: geo.databases: expected a list, found string \"x\"",
            "gslb.toml:19:13: error: geo.max_moved: 1.5 is out of range for a share of the address space",
            "gslb.toml:20:1: error: geo.depth: unknown key `depth`",
            "gslb.toml:22:10: error: probes.allow[0]: 169.254.0.0/16 is not a loopback network",
            "gslb.toml:22:28: error: probes.allow[1]: 10.0.0.0/8 is not a loopback network",
            "gslb.toml:22:42: error: probes.allow[2]: \"127.0.0.1/8\" has bits set beyond its prefix length",
            "gslb.toml:23:9: error: probes.deny[0]: \"x\" is not a network",
            "gslb.toml:24:10: error: probes.ports[0]: \"0\" is not a range of ports",
            "gslb.toml:24:15: error: probes.ports[1]: \"9-8\" is not a range of ports",
            "gslb.toml:24:22: error: probes.ports[2]: expected a string such as \"443\", found integer 80",
            "gslb.toml:25:9: error: probes.exec[0]: \"plugins\" is not an absolute path",
            "gslb.toml:25:20: error: probes.exec[1]: \"/usr/lib/../bin\" is not an absolute path",
            "gslb.toml:26:15: error: probes.concurrency: 0 is out of range for a number of probes",
            "gslb.toml:28:12: error: metrics.services: unknown value \"top:0\"",
            "gslb.toml:29:2: error: dnstap: `socket` is missing",
            "gslb.toml:30:10: error: dnstap.sample: 2 is out of range for a share of the answers",
            "gslb.toml:31:12: error: dnstap.identity: the string has 0 octets",
            "gslb.toml:32:1: error: dnstap.port: unknown key `port`",
        ]
    );
}

#[test]
fn problems_of_further_listeners_are_located() {
    let text = r#"[dns]
listen = ["127.0.0.1:53", "127.0.0.1:0"]
[dns.tls]
listen = ["127.0.0.1:53", "[::]:853", "127.0.0.1:0"]
certificate = ""
connections = 0
ciphers = "all"
[dns.proxy]
listen = ["[::]:853", "192.0.2.1:5300", "192.0.2.1:5300"]
from = ["0.0.0.0/0", "192.0.2.1/24", "proxy.example.com"]
"#;
    assert_eq!(
        problems(text),
        [
            "gslb.toml:3:6: error: dns.tls: `key` is missing",
            "gslb.toml:4:11: error: dns.tls.listen[0]: 127.0.0.1:53 is already in another `listen` of [dns]",
            "gslb.toml:5:15: error: dns.tls.certificate: the path is empty",
            "gslb.toml:6:15: error: dns.tls.connections: 0 is out of range for a number of connections",
            "gslb.toml:7:1: error: dns.tls.ciphers: unknown key `ciphers`",
            "gslb.toml:9:41: error: dns.proxy.listen[2]: this is listed twice",
            "gslb.toml:10:9: error: dns.proxy.from[0]: with 0.0.0.0/0, any host could pretend to be any client",
            "gslb.toml:10:22: error: dns.proxy.from[1]: \"192.0.2.1/24\" has bits set beyond its prefix length",
            "gslb.toml:10:38: error: dns.proxy.from[2]: \"proxy.example.com\" is not a network",
        ]
    );
    // The tables are useless without these.
    assert_eq!(problems("[dns.tls]\n[dns.proxy]\nlisten = []\n").len(), 5);
    // Paths are beside the file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gslb.toml");
    let tls = "[dns.tls]\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"dot.pem\"\nkey = \"/k\"\n";
    std::fs::write(&file, tls).unwrap();
    let files = Config::read(&file).unwrap().dns.tls.unwrap().files;
    assert_eq!((files.certificate, files.key), (folder.path().join("dot.pem"), "/k".into()));
}

#[test]
fn every_problem_has_help() {
    let text = "[dns]\ntcp_idle = \"ten\"\nlisten = []\nport = 53\n[node]\nname = \"\"\nworkers = nan\n";
    let problems = Config::parse("gslb.toml", text).unwrap_err();
    assert_eq!(problems.len(), 5);
    assert!(problems.iter().all(|problem| !problem.help.is_empty()), "{problems:#?}");
    let unknown = problems.iter().find(|problem| problem.path.to_string() == "dns.port").unwrap();
    assert!(unknown.help.contains("listen, workers, udp_payload"), "{}", unknown.help);
}

#[test]
fn toml_syntax_errors_are_located_and_reported_alone() {
    let problems = problems("[dns]\nworkers = = 3\nudp_payload = 1\n");
    assert_eq!(problems[0], "gslb.toml:2:11: error: not TOML: extra `=`");
    assert!(problems.iter().all(|problem| problem.starts_with("gslb.toml:2:")), "{problems:?}");
}

#[test]
fn another_file_is_not_quoted() {
    let problems = problems("[database]\npassword = \"secret\"\n");
    assert_eq!(problems, ["gslb.toml:1:2: error: this text has no key of gslb.toml; it has 1 top-level keys"]);
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        problems("node = { name = \"é\", \"größe\" = 1 }"),
        [
            "gslb.toml:1:17: error: node.name: \"é\" is not a valid name",
            "gslb.toml:1:22: error: node.\"größe\": unknown key `größe`"
        ]
    );
}

#[test]
fn hostile_texts_end_in_problems() {
    let deep = format!("a = {}", "[".repeat(100_000));
    for text in [
        &deep,
        "\0",
        "\u{feff}[dns",
        "[dns]\n[dns]",
        "dns = 1",
        "[[dns]]",
        "[dns]\ntcp_connections = 99999999999999999999",
    ] {
        assert!(Config::parse("gslb.toml", text).is_err(), "{:?}", &text[..text.len().min(40)]);
    }
}

#[test]
fn paths_are_beside_the_file() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("gslb.toml");
    std::fs::write(&file, "data_dir = \"data\"\ngeo.databases = [\"a.mmdb\", \"/b.mmdb\"]\ndnstap.socket = \"s\"")
        .unwrap();
    let config = Config::read(&file).unwrap();
    assert_eq!(config.data_dir, folder.join("data"));
    assert_eq!(config.geo.databases, [folder.join("a.mmdb"), "/b.mmdb".into()]);
    assert_eq!(config.dnstap.unwrap().socket, folder.join("s"));

    let absent = Config::read(&folder.join("absent.toml")).unwrap_err();
    assert!(matches!(absent, ConfigError::Unreadable { .. }));
    assert!(absent.to_string().contains("absent.toml: No such file"), "{absent}");
}
