# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# gslb: the document of the steered name, and one worker. The others get the bundled database as a file.

gslb_packages=()

gslb_version() { "$bin/gslb" --version; }

gslb_geo() { # FOLDER DATA PORT
    gslb_process "$@"
    {
        printf '[zones."example.com"]\nfile = "%s/example.com.zone"\n' "$2"
        local center number=0
        for center in fra iad gru sin; do
            number=$((number + 1))
            printf '[pools.%s]\nendpoints.v4 = { address = "192.0.2.%d" }\n' "$center" "$number"
            printf 'endpoints.v6 = { address = "2001:db8::%d" }\n' "$number"
        done
        cat <<-'END'
		[regions.europe]
		match = ["continent:EU"]
		[regions.north-america]
		match = ["continent:NA"]
		[regions.south-america]
		match = ["continent:SA"]
		[services."www.example.com"]
		ttl = "30s"
		policy = { geo = { europe = "fra", north-america = "iad", south-america = "gru", default = "sin" } }
		END
    } > "$1/site.toml"
}

gslb_static() { # FOLDER DATA PORT
    gslb_process "$@"
    printf '[zones."example.com"]\nfile = "%s/example.com.zone"\n' "$2" > "$1/site.toml"
}

gslb_process() { # FOLDER DATA PORT
    cat > "$1/gslb.toml" <<-END
	data_dir = "$1/data"
	[dns]
	listen = ["127.0.0.1:$3"]
	workers = 1
	rrl.enabled = false
	[api]
	listen = "127.0.0.1:0"
	END
    command=("$bin/gslb" serve --config "$1/gslb.toml" --document "$1/site.toml")
}
