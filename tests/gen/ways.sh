#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
# Alerts are the same, byte for byte, however they are computed: on any number of threads, in batches of any size, by the
# loops of any CPU. Says where they are not.
#   ways.sh PROGRAM "OPTIONS of run" INPUT...    as in ways.sh build/tocsin "-r stdlib-rules" *.pcap
# Each INPUT alone; of WAYS ways (all of them) that are drawn by the input's name and SEED (0).
program=$1
options=$2
shift 2
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

ways() { # INPUT: "THREADS CPU SIZE" a line
	for threads in 1 2 3 8; do
		for cpu in baseline avx2 avx512; do
			for size in 1 7 100 1000 1024; do
				echo "$threads $cpu $size"
			done
		done
	done > "$tmp/all"
	if [ -z "$WAYS" ]; then
		cat "$tmp/all"
	else
		awk -v seed="$(echo "$1 ${SEED:-0}" | cksum | cut -d' ' -f1)" 'BEGIN { srand(seed) } { print rand() " " $0 }' "$tmp/all" |
		    sort | head -n "$WAYS" | cut -d' ' -f2-
	fi
}

failed=0
compared=0
for input in "$@"; do
	"$program" run -q --format json $options --threads 1 "$input" > "$tmp/first" 2> "$tmp/said"
	status=$?
	ways "$input" > "$tmp/ways"
	while read -r threads cpu size; do
		TOCSIN_CPU=$cpu "$program" run -q --format json $options --threads "$threads" --batch-size "$size" "$input" \
		    > "$tmp/other" 2> "$tmp/other.said" < /dev/null
		got=$?
		compared=$((compared + 1))
		[ $got = $status ] && cmp -s "$tmp/first" "$tmp/other" && cmp -s "$tmp/said" "$tmp/other.said" && continue
		failed=$((failed + 1))
		echo "$input on $threads threads, by loops for $cpu, in batches of $size: status $got, not $status"
		cmp "$tmp/first" "$tmp/other" | head -1
		diff "$tmp/said" "$tmp/other.said" | head -4
	done < "$tmp/ways"
	echo "$input: $(wc -l < "$tmp/first") records, status $status"
done
echo "$compared compared, $failed differ"
[ $failed = 0 ]
