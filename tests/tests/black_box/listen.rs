//! Listeners of every kind, queried with dig, which accepts an answer only from the queried address.

use std::net::{IpAddr, SocketAddr};

use gslb_tests::ask::dig;
use gslb_tests::folder::Folder;
use gslb_tests::server::Server;

use crate::sites::small;

/// Serves the small site on these addresses, written as in TOML.
fn serve(listen: &str) -> (Folder, Server) {
    let folder = small("");
    folder.write("gslb.toml", format!("[dns]\nlisten = [{listen}]\n[api]\nlisten = \"127.0.0.1:0\"\n"));
    let server = folder.serve();
    (folder, server)
}

#[test]
fn ipv4_and_ipv6_are_served_by_one_process() {
    let (_folder, server) = serve("\"127.0.0.1:0\", \"[::1]:0\", \"127.0.0.2:0\"");
    assert_eq!(server.dns.len(), 3);
    for address in &server.dns {
        for flags in ["", "+tcp"] {
            assert_eq!(dig(*address, &format!("{flags} www.example.com A")).data(), ["192.0.2.1"]);
        }
    }
}

#[test]
fn a_wildcard_listener_answers_from_the_address_that_was_asked() {
    let (_folder, server) = serve("\"0.0.0.0:0\", \"[::]:0\"");
    for (listener, addresses) in server.dns.iter().zip([["127.0.0.1", "127.0.0.2"].as_slice(), &["::1"]]) {
        for address in addresses {
            let target = SocketAddr::new(address.parse::<IpAddr>().unwrap(), listener.port());
            // From an address that is neither the queried one nor the system's choice.
            let from = if target.is_ipv4() { "-b 127.0.0.9" } else { "-b ::1" };
            for flags in [from.to_owned(), format!("{from} +tcp")] {
                let answer = dig(target, &format!("{flags} www.example.com A"));
                assert_eq!(answer.data(), ["192.0.2.1"]);
                assert!(answer.text.contains(&format!("SERVER: {address}#")), "{}", answer.text);
                assert!(!answer.text.contains("unexpected source"), "{}", answer.text);
            }
        }
    }
}

#[test]
fn an_address_in_use_ends_the_second_process_and_not_the_first() {
    let (folder, server) = serve("\"127.0.0.1:0\"");
    let taken = server.address();
    folder.write(
        "second.toml",
        format!("data_dir = \"second\"\n[dns]\nlisten = [\"{taken}\"]\n[api]\nlisten = \"127.0.0.1:0\"\n"),
    );
    let ran = folder.gslb("serve --config second.toml --document site.toml");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains(&format!("gslb: cannot listen on {taken} (TCP): ")), "{}", ran.err);
    assert_eq!(dig(taken, "www.example.com A").data(), ["192.0.2.1"]);
}

#[test]
fn an_address_of_another_host_is_reported() {
    let folder = small("");
    folder.write("gslb.toml", "[dns]\nlisten = [\"192.0.2.1:0\"]\n[api]\nlisten = \"127.0.0.1:0\"\n");
    let ran = folder.gslb("serve --config gslb.toml --document site.toml");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("this host does not have the address"), "{}", ran.err);
}
