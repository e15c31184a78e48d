# shellcheck shell=bash disable=SC2034,SC2154  # what is set or used elsewhere is in run
# echo: sends each query back as it came. What a server costs beyond this is its own.

echo_packages=()

echo_version() { echo "of the same build"; }

echo_geo() { command=("$bin/echo" "127.0.0.1:$3"); }

echo_static() { echo_geo "$@"; }
