#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make demo` shows: the standard library over the recorded network.
#   demo.sh TOCSIN
tocsin=$1
capture=tests/fixtures/demo.pcap
if [ -t 1 ] && [ -z "$NO_COLOR" ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi
say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
run() {
	printf '$ tocsin'
	for word in "$@"; do
		case $word in
		*[\ \(\>]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	"$tocsin" "$@"
}

say "Two minutes of a small network, as its routers reported them (NetFlow v5)"
run show "$capture" --limit 5
say "Who sends the most?"
run top "$capture" --by src --of bytes -n 5
say "The standard library's own tests"
run test -q stdlib-rules || exit 1
say "Alerts: the standard library over the capture"
run run -r stdlib-rules -r tests/fixtures/demo.tsn "$capture" --format text || exit 1
say "A rule of your own"
run run -e 'count(flags == SYN) by src over 60s > 200' "$capture" --format text || exit 1
say "Next: README.md, and rules/ for a site's own files"
