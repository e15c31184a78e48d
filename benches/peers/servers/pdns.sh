# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# PowerDNS: GeoIP backend with the GeoLite2-like file, one receiver thread that also does the backend's work.
# The packet and query caches stay on, as its documentation advises, with times so long that nothing expires in a run.
# The packet cache is skipped for queries with a client subnet, so it costs little and helps little.
# Clients without a continent fall through to the second target, `sin`.

pdns_packages=(pdns-server pdns-backend-geoip)

pdns_version() { package_version pdns-server; }

pdns_geo() { # FOLDER DATA PORT
    mkdir -p "$1/run"
    cat > "$1/pdns.conf" <<-END
	launch=geoip
	geoip-zones-file=$1/zones.yaml
	geoip-database-files=mmdb:$2/country.mmdb
	edns-subnet-processing=yes
	local-address=127.0.0.1
	local-port=$3
	receiver-threads=1
	distributor-threads=1
	cache-ttl=3600
	query-cache-ttl=3600
	negquery-cache-ttl=3600
	socket-dir=$1/run
	security-poll-suffix=
	loglevel=3
	END
    {
        cat <<-'END'
		domains:
		- domain: example.com
		  ttl: 3600
		  records:
		    example.com:
		      - soa: ns1.example.com hostmaster.example.com 1 7200 900 2419200 300
		      - ns: ns1.example.com
		      - mx: 10 mail.example.com
		    ns1.example.com: [ { a: 192.0.2.53 } ]
		    mail.example.com: [ { a: 192.0.2.25 } ]
		END
        local center number=0
        for center in eu na sa sin; do
            number=$((number + 1))
            printf '    %s.center.example.com: [ { a: { content: 192.0.2.%d, ttl: 30 } }, ' "$center" "$number"
            printf '{ aaaa: { content: "2001:db8::%d", ttl: 30 } } ]\n' "$number"
        done
        awk '$1 ~ /^h[0-9]+\.example\.com\.$/ {
            sub(/\.$/, "", $1); printf "    %s: [ { a: %s } ]\n", $1, $4 }' "$2/example.com.zone"
        cat <<-'END'
		  services:
		    www.example.com: [ '%cn.center.example.com', 'sin.center.example.com' ]
		END
    } > "$1/zones.yaml"
    command=(pdns_server --config-dir="$1" --daemon=no --guardian=no --disable-syslog --write-pid=no)
}
