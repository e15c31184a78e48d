# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# NSD: one server process, no database file, no rate limit (it would refuse a single fast client), and minimal
# responses like all others here. It has no geography, so it takes part in the static runs only.

nsd_packages=(nsd)

nsd_version() { package_version nsd; }

nsd_static() { # FOLDER DATA PORT
    cat > "$1/nsd.conf" <<-END
	server:
	    ip-address: 127.0.0.1@$3
	    server-count: 1
	    username: ""
	    chroot: ""
	    zonesdir: "$2"
	    database: ""
	    pidfile: ""
	    xfrdfile: ""
	    zonelistfile: "$1/zone.list"
	    xfrdir: "$1"
	    rrl-ratelimit: 0
	    rrl-whitelist-ratelimit: 0
	    minimal-responses: yes
	remote-control:
	    control-enable: no
	zone:
	    name: example.com
	    zonefile: example.com.zone
	END
    command=(nsd -d -c "$1/nsd.conf")
}
