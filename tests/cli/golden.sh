#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Alerts of the standard library over the recorded capture, and what show and
# top print, against golden texts. TSN_GOLDEN_WRITE=1 rewrites them.
. tests/cli/lib
golden=tests/golden/alerts
mkdir -p "$golden"

compare() { # NAME COMMAND...
	name=$1
	shift
	expect 0 "$@"
	silent err
	if [ -n "$TSN_GOLDEN_WRITE" ]; then
		cp "$tmp/out" "$golden/$name"
	fi
	same "${name%.*}" "$golden/$name" "$tmp/out"
}

demo() { "$tocsin" run -q -r stdlib-rules -r tests/fixtures/demo.tsn "$capture" "$@"; }
compare demo.txt demo --format text
compare demo.jsonl demo
compare show.txt "$tocsin" show "$capture" --where 'proto == icmp' --limit 20 \
    --fields start,end,duration,src,dst,icmp_type,icmp_code,dst_port,packets,bytes,bps,in_if,exporter
compare show.csv "$tocsin" show "$capture" --limit 30 --format csv
compare show.jsonl "$tocsin" show "$capture" --limit 30 --format json \
    --fields src,src/24,dst,src_port,dst_port,proto,flags,packets,bytes,bytes_per_packet,start,duration,exporter
compare top.txt "$tocsin" top -q "$capture" --by src/24,proto --of packets -n 15
compare top.csv "$tocsin" top -q "$capture" --by dst_port --of flows -n 15 --format csv

# Text has no colour and no control character unless a terminal reads it.
checks=$((checks + 1))
if LC_ALL=C grep -q '[[:cntrl:]]' "$golden/demo.txt"; then
	failed 'control characters in text'
fi
expect 0 "$tocsin" run -q -e 'dst_port == 1434' "$capture" --format text --color always
checks=$((checks + 1))
LC_ALL=C grep -q '[[:cntrl:]]' "$tmp/out" || failed 'no colour where it was asked for'

# What `show` counts, `show` prints, in every format.
expect 0 "$tocsin" show "$capture" --where 'flags == SYN' --count
count=$(cat "$tmp/out")
for format in table csv json; do
	"$tocsin" show "$capture" --where 'flags == SYN' --format $format > "$tmp/out"
	[ $format = json ] && header=0 || header=1
	checks=$((checks + 1))
	[ "$(wc -l < "$tmp/out")" -eq $((count + header)) ] || failed "lines of $format are not $count"
done

# JSON lines are JSON to somebody else's parser, each with what a SIEM looks for.
if command -v python3 > /dev/null 2>&1; then
	demo > "$tmp/alerts"
	"$tocsin" run -q -r tests/cli/varied.tsn "$capture" >> "$tmp/alerts" 2> /dev/null
	checks=$((checks + 1))
	python3 - "$tmp/alerts" "$golden/show.jsonl" > "$tmp/python" 2>&1 << 'END' || failed 'JSON' "$tmp/python"
import json, sys
open_ids = set()
def no_empty(v):
    if isinstance(v, dict):
        for x in v.values():
            no_empty(x)
    elif isinstance(v, list):
        for x in v:
            no_empty(x)
    else:
        assert v is not None
def once(pairs):
    assert len({k for k, _ in pairs}) == len(pairs), pairs
    return dict(pairs)
for line in open(sys.argv[1], encoding="utf-8"):
    a = json.loads(line, object_pairs_hook=once)
    no_empty(a)
    assert a["event_type"] == "alert" and a["timestamp"].endswith("Z"), line
    assert a["alert"]["action"] == "allowed" and 0 < a["alert"]["signature_id"] < 2**31, line
    assert a["alert"]["severity"] in (1, 2, 3, 4) and a["alert"]["rev"] >= 1, line
    t = a["tocsin"]
    assert t["rule"] and t["severity"] in ("info", "low", "medium", "high", "critical"), line
    assert t["quality"] in ("exact", "estimated", "partial") and isinstance(t["key"], dict), line
    assert t["first_seen"] <= t["last_seen"] and len(t["samples"] if "samples" in t else []) <= 5, line
    if "state" in t:
        assert t.get("flows", 1) >= 1, line
        if t["state"] == "open":
            open_ids.add(t["id"])
        else:
            assert t["id"] in open_ids, line
for line in open(sys.argv[2], encoding="utf-8"):
    json.loads(line, object_pairs_hook=once)
END
fi
finish
