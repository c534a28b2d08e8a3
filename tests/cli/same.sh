#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same input gives the same alerts, byte for byte: in batches of 1, 7 and
# 1,024 flows, from a pipe, and twice in a row.
. tests/cli/lib

lines=0
replay() { # RULES CAPTURE
	name=${2##*/}
	for size in 1024 1 7; do
		expect 0 "$tocsin" run -q $1 "$2" --batch-size $size --threads 2
		mv "$tmp/out" "$tmp/$size"
	done
	same "$name in batches of 1" "$tmp/1024" "$tmp/1"
	same "$name in batches of 7" "$tmp/1024" "$tmp/7"
	input=$2
	expect 0 "$tocsin" run -q $1 -
	input=
	same "$name once more, from a pipe" "$tmp/1024" "$tmp/out"
	lines=$((lines + $(wc -l < "$tmp/1024")))
}

rules='-r stdlib-rules -r tests/fixtures/demo.tsn -r tests/cli/varied.tsn'
for file in tests/fixtures/*.pcap*; do
	replay "$rules" "$file"
done
if [ -x "$programs/flowgen" ]; then
	"$programs/flowgen" --flows 6000 --hosts 900 --rate 60 --exporters 2 --seed 5 --out "$tmp/made.pcap" > /dev/null 2>&1
	replay "$rules" "$tmp/made.pcap"
	"$programs/flowgen" --flows 3000 --hosts 300 --rate 30 --exporters 3 --edge --v6-exporter --seed 6 --out "$tmp/odd.pcap" > /dev/null 2>&1
	replay "$rules" "$tmp/odd.pcap"
fi
checks=$((checks + 1))
[ $lines -gt 2000 ] || failed "only $lines alert records were compared"
finish
