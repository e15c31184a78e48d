# shellcheck shell=bash disable=SC2034,SC2154  # variables of run
# echo: sends each query back unchanged: the cost that all servers share.

echo_packages=()

echo_version() { echo "of the same build"; }

echo_geo() { command=("$bin/echo" "127.0.0.1:$3"); }

echo_static() { echo_geo "$@"; }
