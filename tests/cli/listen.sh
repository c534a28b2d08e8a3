#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon as a service manager sees it: the recorded exports arrive by UDP,
# rules are reloaded, good and broken ones, and nothing is lost until SIGTERM.
. tests/cli/lib
if [ ! -x "$programs/replay" ]; then
	echo "0 checks: no replay program"
	exit 0
fi
pid=
trap '[ -z "$pid" ] || kill "$pid" 2> /dev/null; rm -rf "$tmp"' EXIT

heard() { # TEXT: waits until the log says it
	checks=$((checks + 1))
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; do
		grep -qF -e "$1" "$tmp/log" && return
		sleep 0.25
	done
	failed "the log does not say: $1" "$tmp/log"
}
start() { # PORT: writes the site's file and starts the daemon
	cat > "$tmp/site.tsn" << END
site {
    listen udp "127.0.0.1:$1"
    output json "$tmp/alerts.jsonl"
    output text "$tmp/high.txt" severity >= high
    exporter 127.0.0.1 name "edge"
}
set listed = file "listed.txt"
rule from_listed { when src in listed }
END
	echo 192.0.2.77 > "$tmp/listed.txt"
	: > "$tmp/log"
	"$tocsin" listen -r stdlib-rules -r tests/fixtures/demo.tsn -r "$tmp/site.tsn" > "$tmp/out" 2> "$tmp/log" &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q 'rules in force' "$tmp/log" && return 0
		kill -0 "$pid" 2> /dev/null || break
		sleep 0.25
	done
	return 1
}

# A port that nobody has: three tries.
for try in 1 2 3; do
	port=$((20000 + ($$ * 7 + try * 1009) % 12000))
	start $port && break
	wait "$pid"
	pid=
done
[ -n "$pid" ] || failed 'the daemon does not start' "$tmp/log"
"$programs/replay" "$capture" $port 300 > /dev/null 2>&1
kill -HUP "$pid"
heard 'reloaded: 0 rules added, 0 changed, 0 removed'
heard ' and 1 of 1 set files kept; '
cp "$tmp/site.tsn" "$tmp/good"
echo 'rule broken { when dst_prt == 1 }' >> "$tmp/site.tsn"
kill -HUP "$pid"
heard 'no field "dst_prt"'
heard 'the old rules stay in force'
{
	cat "$tmp/good"
	echo 'rule added { when dst_port == 1434 message "seen at {exporter_name}" }'
} > "$tmp/site.tsn"
kill -HUP "$pid"
heard 'reloaded: 1 rules added'
echo 192.0.2.78 >> "$tmp/listed.txt"
mv "$tmp/alerts.jsonl" "$tmp/rotated.jsonl"
kill -HUP "$pid"
rules=$(sed -n 's/.* \([0-9]*\) rules in force$/\1/p' "$tmp/log")
heard "reloaded: 0 rules added, 0 changed, 0 removed, $((rules + 1)) unchanged"
heard ' and 0 of 1 set files kept; '
"$programs/replay" "$capture" $port 300 > /dev/null 2>&1
kill -USR1 "$pid"
heard ' open; '
kill -TERM "$pid"
wait "$pid"
status=$?
pid=
checks=$((checks + 1))
[ $status = 0 ] || failed "exit status $status after SIGTERM" "$tmp/log"
# A machine that is very busy may drop datagrams in its kernel; all others must have been evaluated.
dropped=$(sed -n 's/.* \([0-9]*\) dropped by the kernel.*/\1/p' "$tmp/log" | tail -n 1)
if [ "$dropped" = 0 ]; then
	heard '382 datagrams (0 damaged, 0 of unknown version), 9108 flows'
else
	heard "$((382 - dropped)) datagrams (0 damaged, 0 of unknown version)"
fi
silent out

for rule in slammer smtp_spam connection_burst port_scan netbus; do
	expect 0 grep -q "\"rule\":\"stdlib.$rule\"" "$tmp/rotated.jsonl"
done
expect 0 grep -q 'seen at edge' "$tmp/alerts.jsonl"
expect 0 grep -q 'CRITICAL stdlib.slammer' "$tmp/high.txt"
expect 1 grep -q 'MEDIUM' "$tmp/high.txt"
finish
