//! Documents to measure with.

use std::fmt::Write;

/// Zone of [`example`].
pub const ZONE: &str = include_str!("../../deploy/example/example.com.zone");

/// The example site with two more services: one by continent that draws for each query, and one with sticky draws.
pub fn example() -> String {
    let example = include_str!("../../deploy/example/site.toml");
    let more = "[services.\"geo.example.com\"]\npolicy = \"by-continent\"\n[services.\"sticky.example.com\"]\nsticky = {}\npolicy = { weighted = { iad = 90, fra = 10 } }\n";
    format!("{example}\n{more}")
}

/// A site of `services` services over `pools` pools of `endpoints` endpoints each.
pub fn large(services: usize, pools: usize, endpoints: usize) -> String {
    written(services, pools, endpoints, "")
}

/// The same, with a probe for all pools.
pub fn probed(services: usize, pools: usize, endpoints: usize) -> String {
    let probe = "[probes.web]\nkind = \"http\"\ninterval = \"1s\"\ntimeout = \"500ms\"\nfall = 2\nrise = 2\n";
    format!("{probe}{}", written(services, pools, endpoints, "probe = \"web\"\n"))
}

fn written(services: usize, pools: usize, endpoints: usize, of_pool: &str) -> String {
    let mut text = String::from("[zones.\"example.com\"]\nfile = \"example.com.zone\"\n");
    for (region, continent) in [("europe", "EU"), ("asia", "AS"), ("south-america", "SA")] {
        let _ = writeln!(text, "[regions.{region}]\nmatch = [\"continent:{continent}\"]");
    }
    for pool in 0..pools {
        let _ = write!(text, "[pools.p{pool}]\n{of_pool}");
        for endpoint in 0..endpoints {
            let at = pool * endpoints + endpoint;
            let (high, middle, low) = (at >> 16 & 0xFF, at >> 8 & 0xFF, at & 0xFF);
            let _ = writeln!(text, "endpoints.e{endpoint} = {{ address = \"10.{high}.{middle}.{low}\" }}");
        }
    }
    for service in 0..services {
        let pool = |step: usize| (service * 7 + step) % pools;
        let (a, b, c, d) = (pool(0), pool(1), pool(2), pool(3));
        let _ = writeln!(
            text,
            "[services.\"s{service}.example.com\"]\npolicy = {{ geo = {{ europe = \"p{a}\", asia = \"p{b}\", \
             south-america = \"p{c}\", default = \"p{d}\" }} }}"
        );
    }
    text
}
