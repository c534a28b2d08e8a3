#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the daemon tells those who watch it: the page of metrics, before and after reloads.
. tests/cli/lib
if [ ! -x "$programs/replay" ] || ! command -v curl > /dev/null 2>&1; then
	echo "NOT CHECKED: metrics: no replay program, or no curl"
	exit 0
fi
"$tocsin" version > "$tmp/out"
if ! grep -q '^microhttpd  *[0-9]' "$tmp/out"; then
	echo "NOT CHECKED: metrics: built without libmicrohttpd"
	exit 0
fi
. tests/cli/daemon

rules() { # HTTP: writes the site's file
	cat > "$tmp/site.tsn" << END
site {
    listen udp "127.0.0.1:$port"
    output text "$tmp/alerts"
    http "127.0.0.1:$1"
    exporter 127.0.0.1 name "the \"edge\"" sampling 100
}
rule slammer { when dst_port == 1434 and proto == udp alert each }
rule spared { when dst_port == 1434 and proto == udp except dst_port == 1434 alert each }
rule needy { requires unsampled when dst_port == 1434 alert each }
set  feed = file "feed.txt" max_age 1h
rule fed { when src in feed }
set  stale = file "stale.txt" max_age 1h
rule among { when src in { stale, 10.9.9.9 } }
set  listed = { 192.0.2.1, 192.0.2.2 }
rule quiet { when src in listed }
END
}
fetch() { # PORT PATH: into $tmp/out; the status into $code
	code=$(curl -s -o "$tmp/out" -w '%{http_code}' --max-time 5 "http://127.0.0.1:$1$2")
}
answers() { # STATUS
	checks=$((checks + 1))
	[ "$code" = "$1" ] || failed "the answer is $code, not $1" "$tmp/out"
}

echo 192.0.2.1 > "$tmp/feed.txt"
echo 192.0.2.9 > "$tmp/stale.txt"
TZ=UTC touch -d '2026-01-01' "$tmp/feed.txt" "$tmp/stale.txt"
start() { # PORT
	page=$((port + 12001))
	rules $page
	daemon --threads 8 -r "$tmp/site.tsn"
}
start_somewhere
heard 'metrics at'
"$programs/replay" "$capture" $port 1000 > /dev/null 2>&1
for _ in $(seq 50); do
	fetch $page /metrics
	grep -q '^tocsin_flows_total 4554$' "$tmp/out" && break
	sleep 0.1
done
answers 200
says out 'tocsin_flows_total 4554'
says out 'tocsin_exporter_flows_total{exporter="127.0.0.1",name="the \"edge\""} 4554'
says out 'tocsin_exporter_datagrams_total{exporter="127.0.0.1",name="the \"edge\""} 191'
says out 'tocsin_rule_matches_total{rule="slammer"} 120'
says out 'tocsin_rule_alerts_total{rule="quiet"} 0'
says out 'tocsin_rule_seconds_total{rule="slammer"} 0.'
says out 'tocsin_rule_hidden_total{rule="spared"} 120'
says out 'tocsin_rule_matches_total{rule="needy"} 0'
says out 'tocsin_rule_left_out_total{rule="needy",exporter="127.0.0.1",name="the \"edge\""} 4554'
checks=$((checks + 1))
! grep -qF 'tocsin_rule_left_out_total{rule="slammer"' "$tmp/out" || failed 'a rule that requires nothing leaves flows out' "$tmp/out"
says out 'tocsin_feedback_lost_total 0'
says out 'tocsin_set_members{set="listed"} 2'
says out 'tocsin_set_too_old{set="feed"} 1'
says out 'tocsin_set_too_old{set="{ 10.9.9.9/32 stale }"} 1'
says out 'tocsin_set_refresh_failed{set="feed"} 0'
heard 'set feed: its file is older than max_age'
says out "tocsin_socket_datagrams_total{listen=\"127.0.0.1:$port\"} 191"
says out "tocsin_socket_dropped_total{listen=\"127.0.0.1:$port\"} 0"
says out 'tocsin_receivers 2'
says out 'tocsin_receiver_waits_total 0'
says out 'tocsin_reload_failed 0'
# each metric is described once, and each line is NAME{LABELS} NUMBER
checks=$((checks + 2))
grep '^# TYPE' "$tmp/out" | sort | uniq -d > "$tmp/twice"
[ ! -s "$tmp/twice" ] || failed 'a metric is described twice' "$tmp/twice"
grep -vE '^#|^tocsin_[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? -?[0-9.]+$' "$tmp/out" > "$tmp/odd"
[ ! -s "$tmp/odd" ] || failed 'these lines are no metrics' "$tmp/odd"
# each metric has its place in the manual, and the manual names none that the program does not have
checks=$((checks + 2))
for name in $(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' "$tmp/out"); do
	grep -qF "\`$name\`" docs/metrics.md || echo "$name"
done > "$tmp/unwritten"
[ ! -s "$tmp/unwritten" ] || failed 'docs/metrics.md does not tell of' "$tmp/unwritten"
for name in $(grep -o 'tocsin_[a-z_]*' docs/metrics.md | sort -u); do
	bare=${name#tocsin_}
	grep -qF "\"$bare\"" engine/daemon/metrics.c || grep -q "^# TYPE $name " "$tmp/out" || echo "$name"
done > "$tmp/unknown"
[ ! -s "$tmp/unknown" ] || failed 'docs/metrics.md tells of what there is not' "$tmp/unknown"
# a feed that comes again, and one that cannot be read
printf '192.0.2.1\n192.0.2.7\n' > "$tmp/feed.txt"
heard 'set feed: its file is recent again'
fetch $page /metrics
says out 'tocsin_set_too_old{set="feed"} 0'
says out 'tocsin_set_members{set="feed"} 2'
echo 'what is this' > "$tmp/feed.txt"
heard 'set feed: its file cannot be used'
heard 'Z error: feed.txt: 1 of 1 lines holds no address'
fetch $page /metrics
says out 'tocsin_set_refresh_failed{set="feed"} 1'
says out 'tocsin_set_members{set="feed"} 2'
echo 192.0.2.1 > "$tmp/feed.txt" # or reloads would fail, too
fetch $page /
answers 404
code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 -X POST -d x "http://127.0.0.1:$page/metrics")
answers 405

echo 'rule broken { when dst_prt == 1 }' >> "$tmp/site.tsn"
kill -HUP "$pid"
heard 'the old rules stay in force'
fetch $page /metrics
says out 'tocsin_reload_failed 1'
says out 'tocsin_reloads_failed_total 1'
rules $((page + 1))
kill -HUP "$pid"
heard "metrics at http://127.0.0.1:$((page + 1))/metrics"
fetch $((page + 1)) /metrics
answers 200
says out 'tocsin_reload_failed 0'
says out 'tocsin_flows_total 4554'
says out 'tocsin_set_too_old{set="{ 10.9.9.9/32 stale }"} 1'
checks=$((checks + 1))
[ "$(grep -c 'stale }: its file is older than max_age' "$tmp/log")" = 1 ] || failed 'a reload tells again what is too old' "$tmp/log"
fetch $page /metrics
answers 000
stop TERM 0
finish
