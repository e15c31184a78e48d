# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# Knot: mod-geoip in mode geodb by continent, EDNS client subnet on, one UDP worker. No journal and no writing back of
# zone files: a static zone needs neither.

knot_packages=(knot knot-module-geoip)

knot_version() { package_version knot; }

knot_process() { # FOLDER DATA PORT
    mkdir -p "$1/run" "$1/db"
    cat > "$1/knot.conf" <<-END
	server:
	    rundir: "$1/run"
	    listen: 127.0.0.1@$3
	    udp-workers: 1
	    tcp-workers: 1
	    background-workers: 1
	    edns-client-subnet: on
	log:
	  - target: stderr
	    any: warning
	database:
	    storage: "$1/db"
	template:
	  - id: default
	    storage: "$2"
	    file: "example.com.zone"
	    journal-content: none
	    zonefile-sync: -1
	END
    command=(knotd -c "$1/knot.conf")
}

knot_geo() { # FOLDER DATA PORT
    knot_process "$@"
    cat >> "$1/knot.conf" <<-END
	mod-geoip:
	  - id: world
	    config-file: "$1/geo.conf"
	    ttl: 30
	    mode: geodb
	    geodb-file: "$2/country.mmdb"
	    geodb-key: [ continent/code ]
	zone:
	  - domain: example.com
	    module: mod-geoip/world
	END
    {
        echo 'www.example.com:'
        local continent number=0
        for continent in EU NA SA '*'; do
            number=$((number + 1))
            printf '  - geo: "%s"\n    A: 192.0.2.%d\n    AAAA: 2001:db8::%d\n' "$continent" "$number" "$number"
        done
    } > "$1/geo.conf"
}

knot_static() { # FOLDER DATA PORT
    knot_process "$@"
    printf 'zone:\n  - domain: example.com\n' >> "$1/knot.conf"
}
