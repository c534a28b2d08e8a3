#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A reload that listens at other addresses of the same port: the new socket stands beside the old one until that is
# empty, and IPv4 is not lost where [::] takes its place.
. tests/cli/lib
if [ ! -x "$programs/replay" ] || ! [ -f /proc/net/if_inet6 ]; then
	echo "NOT CHECKED: moving sockets: no replay program, or no IPv6"
	exit 0
fi
. tests/cli/daemon

site() { # UDP TCP: addresses
	printf 'site { listen udp "%s:%d" listen tcp "%s:%d" output json "/dev/null" }\nrule seen { when dst_port == 1434 }\n' \
	    "$1" "$port" "$2" "$port" > "$tmp/site.tsn"
}
moved() { # UDP TCP: the old addresses, as the log has them
	kill -HUP "$pid"
	heard "no longer listening on $1:$port"
	heard "no longer listening on tcp $2:$port"
	: > "$tmp/log"
}

start() { # PORT
	site 127.0.0.1 '[::1]'
	daemon -r "$tmp/site.tsn"
}
start_somewhere
site '[::]' 127.0.0.1
moved 127.0.0.1 '[::1]'
"$programs/replay" "$capture" $port 2000 > /dev/null 2>&1 &
replay=$!
site 0.0.0.0 '[::]'
moved '[::]' 127.0.0.1
wait "$replay"
site 127.0.0.1 127.0.0.1
moved 0.0.0.0 '[::]'
"$programs/replay" "$capture" $port 300 > /dev/null 2>&1
stop TERM 0
heard '382 datagrams (0 damaged, 0 of unknown version), 9108 flows'
finish
