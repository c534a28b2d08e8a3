#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails if ThreadSanitizer has anything to say of these suites, or of a run of rules of every kind.
#   tsan.sh BUILD "SUITE..."
build=$1
TSAN_OPTIONS="log_path=$build/race exitcode=0"
export TSAN_OPTIONS
rm -f "$build"/race.*
for suite in $2; do
	"$build/$suite" && continue
	echo "FAILED: suite $suite"
	exit 1
done
for n in 1 2 4; do
	"$build/tocsin" run -q -r stdlib-rules -r tests/fixtures/demo.tsn -r tests/cli/varied.tsn --threads "$n" --format json tests/fixtures/*.pcap > "$build/alerts.$n" 2> "$build/said" || exit 1
	"$build/tocsin" run -q -r tests/cli/talks.tsn --threads "$n" --format json tests/fixtures/demo.pcap >> "$build/alerts.$n" 2> "$build/said" || exit 1
	cmp "$build/alerts.1" "$build/alerts.$n" || exit 1
done
[ -s "$build/alerts.1" ] || exit 1
for f in "$build"/race.*; do
	[ -e "$f" ] || continue
	head -60 "$f"
	echo "FAILED: ThreadSanitizer wrote $f"
	exit 1
done
echo "no races: $(wc -l < "$build/alerts.1") alerts, the same on 1, 2 and 4 threads"
