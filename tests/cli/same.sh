#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same input gives the same alerts, byte for byte: in batches of 1, 7 and
# 2,048 flows, on 1, 2 and 4 threads, from a pipe, twice in a row, and by the loops of every level of CPU.
. tests/cli/lib

# Batches of 1 are dear under sanitizers: those run the release build, whose bytes must be the same, too.
fast=${TSN_RELEASE:-$tocsin}
lines=0
replay() { # RULES CAPTURE [LEVELS of CPU]
	name=${2##*/}
	for run in 2048:1 1:2 7:4; do
		size=${run%:*} threads=${run#*:}
		program=$fast
		[ $size = 2048 ] && program=$tocsin
		expect 0 "$program" run -q $1 "$2" --batch-size $size --threads $threads
		mv "$tmp/out" "$tmp/$size"
	done
	same "$name in batches of 1" "$tmp/2048" "$tmp/1"
	same "$name in batches of 7" "$tmp/2048" "$tmp/7"
	input=$2
	expect 0 "$fast" run -q $1 -
	input=
	same "$name once more, from a pipe" "$tmp/2048" "$tmp/out"
	for cpu in $3; do
		TOCSIN_CPU=$cpu expect 0 "$fast" run -q $1 "$2"
		same "$name by loops for $cpu" "$tmp/2048" "$tmp/out"
	done
	lines=$((lines + $(wc -l < "$tmp/2048")))
}

# What is told of exporters, and rows with how those stood; duplicates gone
listed() { # INPUT
	for size in 2048 1 7; do
		program=$fast
		[ $size = 2048 ] && program=$tocsin
		"$program" exporters -q --format json --batch-size $size "$1" > "$tmp/exporters.$size" 2> /dev/null
		"$program" show -q --format json -r "$tmp/dedup.tsn" --fields src,dst,bytes,exporter_lost,exporter_duplicates,exporter_skew \
		    --batch-size $size "$1" > "$tmp/rows.$size" 2> /dev/null
	done
	for size in 1 7; do
		same "exporters of ${1##*/} in batches of $size" "$tmp/exporters.2048" "$tmp/exporters.$size"
		same "rows of ${1##*/} in batches of $size" "$tmp/rows.2048" "$tmp/rows.$size"
	done
}

rules='-r stdlib-rules -r tests/fixtures/demo.tsn -r tests/cli/varied.tsn'
for file in tests/fixtures/*.pcap*; do
	replay "$rules" "$file"
done
replay '-r tests/cli/talks.tsn' "$capture" "baseline avx2"
sed '/^rule looked_up /,$d' tests/cli/talks.tsn > "$tmp/talks.tsn"
replay "-r $tmp/talks.tsn" "$capture"
if [ -x "$programs/flowgen" ]; then
	"$programs/flowgen" --flows 6000 --hosts 900 --rate 60 --exporters 2 --seed 5 --out "$tmp/made.pcap" > /dev/null 2>&1
	replay "$rules" "$tmp/made.pcap" "baseline avx2"
	"$programs/flowgen" --flows 3000 --hosts 300 --rate 30 --exporters 3 --edge --v6-exporter --seed 6 --out "$tmp/odd.pcap" > /dev/null 2>&1
	replay "$rules" "$tmp/odd.pcap" "baseline avx2"
	"$programs/flowgen" --flows 8800 --hosts 1800 --rate 450 --exporters 3 --netflow 10 --ipv6 27 --seed 73 --out "$tmp/divided.pcap" > /dev/null 2>&1
	for threads in 1 2 3 8; do
		expect 0 "$fast" run -q -r tests/cli/divided.tsn --threads $threads "$tmp/divided.pcap"
		mv "$tmp/out" "$tmp/by.$threads"
		same "what $threads threads divide" "$tmp/by.1" "$tmp/by.$threads"
	done
	expect 0 test -s "$tmp/by.1"
	echo 'site { dedup 10s }' > "$tmp/dedup.tsn"
	mkdir "$tmp/mixed"
	cp "$tmp/odd.pcap" "$tmp/mixed/1"
	for kind in 9 10 0; do
		"$programs/flowgen" --flows 1000 --hosts 100 --rate 30 --exporters 2 --netflow $kind --seed 7 --out "$tmp/mixed/$kind.pcap" > /dev/null 2>&1
	done
	listed "$tmp/mixed"
	[ ! -d ../shared/data/labelled ] || listed ../shared/data/labelled
fi
# What a meter says of its flows does not hold for those of a file before, which wait in the same batch.
printf 'start,duration,proto,src,src_port,dst,dst_port,packets,bytes\n' > "$tmp/two.csv"
for port in 53 54; do
	echo "2026-11-23T19:09:54.332Z,0s,udp,10.0.0.1,$port,10.0.2.11,37355,1,76" >> "$tmp/two.csv"
done
echo 'rule both { when proto == udp requires both_directions alert each }' > "$tmp/both.tsn"
for size in 2048 1; do
	expect 0 "$fast" run -q -r "$tmp/both.tsn" --as packets --batch-size $size "$tmp/two.csv" tests/fixtures/demo_frag.pcap
	mv "$tmp/out" "$tmp/both.$size"
done
expect 0 test -s "$tmp/both.1"
same 'metered flows behind others in batches of 1' "$tmp/both.2048" "$tmp/both.1"
expect 0 "$fast" run -q --threads 1000 -r tests/fixtures/demo.tsn "$capture"
says err '--threads 1000: 64 are used, the most there can be'
mv "$tmp/out" "$tmp/64"
expect 0 "$fast" run -q --threads 1 -r tests/fixtures/demo.tsn "$capture"
same 'on more threads than there can be' "$tmp/out" "$tmp/64"
if [ -n "$TSN_SOAK" ] && [ -d ../shared/data ]; then # every recording there is, in ways drawn anew each day
	checks=$((checks + 1))
	find ../shared/data -type f -print0 | SEED=$(date +%j) WAYS=3 xargs -0 -n 100 sh tests/gen/ways.sh "$fast" "$rules" > "$tmp/ways" ||
	    failed 'recordings in other ways' "$tmp/ways"
fi
checks=$((checks + 1))
[ $lines -gt 2000 ] || failed "only $lines alert records were compared"
finish
