#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon as a service manager sees it: the recorded exports arrive by UDP,
# rules are reloaded, good and broken ones, and nothing is lost until SIGTERM.
. tests/cli/lib
if [ ! -x "$programs/replay" ]; then
	echo "0 checks: no replay program"
	exit 0
fi
. tests/cli/daemon

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
	daemon -r stdlib-rules -r tests/fixtures/demo.tsn -r "$tmp/site.tsn"
}

start_somewhere
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
stop TERM 0
# A machine that is very busy may drop datagrams in its kernel; all others must have been evaluated.
dropped=$(sed -n 's/.* \([0-9]*\) dropped by the kernel.*/\1/p' "$tmp/log" | tail -n 1)
if [ "$dropped" = 0 ]; then
	heard '382 datagrams (0 damaged, 0 of unknown version), 9108 flows'
else
	heard "$((382 - dropped)) datagrams (0 damaged, 0 of unknown version)"
fi
silent daemon.out

for rule in slammer smtp_spam connection_burst port_scan netbus; do
	expect 0 grep -q "\"rule\":\"stdlib.$rule\"" "$tmp/rotated.jsonl"
done
expect 0 grep -q 'seen at edge' "$tmp/alerts.jsonl"
expect 0 grep -q 'CRITICAL stdlib.slammer' "$tmp/high.txt"
expect 1 grep -q 'MEDIUM' "$tmp/high.txt"
finish
