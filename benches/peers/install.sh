# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# Installs missing servers and dnsperf from Debian's packages.

package_version() { dpkg-query --show --showformat '${Version}' "$1"; }

# Whether a package is installed.
installed() { [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2> /dev/null) == installed ]]; }

# Whether a server is installed.
is_there() { # SERVER
    local package
    declare -n packages="$1_packages"
    for package in "${packages[@]}"; do
        installed "$package" || return 1
    done
}

install_missing() {
    local server package missing=()
    for package in "${gdnsd_packages[@]}" "${knot_packages[@]}" "${pdns_packages[@]}" "${nsd_packages[@]}" dnsperf; do
        installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID == 0)) && command -v apt-get > /dev/null; then
        say "installing ${missing[*]}"
        without_starting apt-get install --yes --no-install-recommends "${missing[@]}" > "$work/apt.log" 2>&1 ||
            { say "apt-get failed:"; tail -n 5 "$work/apt.log" >&2; }
    fi
    for server in gdnsd knot pdns nsd; do
        is_there "$server" || say "cannot measure $server: its packages are not installed, and could not be"
    done
    installed dnsperf || say "cannot run dnsperf: its package is not installed, and could not be"
}

# Runs a command while no package may start its daemon (see invoke-rc.d(8)).
without_starting() {
    local policy=/usr/sbin/policy-rc.d code=0
    if [[ -e $policy ]]; then
        DEBIAN_FRONTEND=noninteractive attend "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    DEBIAN_FRONTEND=noninteractive attend "$@" || code=$?
    rm -f "$policy"
    return "$code"
}
