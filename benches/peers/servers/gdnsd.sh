# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# gdnsd: plugin geoip over the GeoLite2-like file, one UDP thread. The map is merged when it is loaded, so that a look-up
# is a walk down a tree of decisions. `service_types => up`: no health checks, as gslb has none running here.
# EDNS client subnet is on by default; it is set explicitly because the comparison depends on it.

gdnsd_packages=(gdnsd)

gdnsd_version() { package_version gdnsd; }

gdnsd_geo() { # FOLDER DATA PORT
    mkdir -p "$1/zones" "$1/state" "$1/run"
    { cat "$2/example.com.zone"; echo 'www 30 DYNA geoip!www'; } > "$1/zones/example.com"
    cat > "$1/config" <<-END
	options => {
	  listen => 127.0.0.1, dns_port => $3, udp_threads => 1, tcp_threads => 1,
	  run_dir => "$1/run", state_dir => "$1/state", edns_client_subnet => true,
	}
	plugins => { geoip => {
	  maps => { world => {
	    geoip2_db => "$2/country.mmdb", datacenters => [sin, fra, iad, gru],
	    map => { EU => [fra], NA => [iad], SA => [gru], default => [sin] },
	  } },
	  resources => { www => {
	    map => world, service_types => up,
	    dcmap => {
	      fra => { addrs_v4 => { v4 => 192.0.2.1 }, addrs_v6 => { v6 => 2001:db8::1 } },
	      iad => { addrs_v4 => { v4 => 192.0.2.2 }, addrs_v6 => { v6 => 2001:db8::2 } },
	      gru => { addrs_v4 => { v4 => 192.0.2.3 }, addrs_v6 => { v6 => 2001:db8::3 } },
	      sin => { addrs_v4 => { v4 => 192.0.2.4 }, addrs_v6 => { v6 => 2001:db8::4 } },
	    },
	  } },
	} }
	END
    command=(gdnsd -c "$1" start)
}
