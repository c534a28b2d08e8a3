#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the Criterion programs in BUILD/tests (or just the suite named) and the
# shell tests, several at a time because many of them wait for something, and fails when any of
# them failed, when a suite ran no test, or when a sanitizer wrote a report: Criterion alone does not fail on leaks.
#   run.sh BUILD [SUITE]
#   run.sh --one BUILD suite|script NAME     (for itself) leaves BUILD/results/NAME, its last line the verdict
timeout=120
[ -n "$TSN_SOAK" ] && timeout=3000
# Of a whole suite or script. Criterion's own is of a test, and does not end a test process that something stopped (SIGSTOP) as it began.
limit=$((timeout * 5))

one_suite() { # NAME
	log=$build/$1.log
	timeout -k 10 $limit "$build/tests/test_$1" --jobs 2 --timeout "$timeout" > "$log" 2>&1
	status=$?
	line=$(grep 'Synthesis:' "$log" | tail -1 | sed 's/\x1b\[[0-9;]*m//g')
	tested=$(printf '%s' "$line" | sed -n 's/.*Tested: \([0-9]*\).*/\1/p')
	# The closing line judges, not the exit status: Criterion leaks a little of its own (with
	# .timeout, with cr_log_warn), and the leak checker then ends the runner with 1 after it.
	verdict=bad
	case "$line" in
	*'Failing: 0 | Crashing: 0'*) [ "${tested:-0}" -gt 0 ] && verdict=good ;;
	esac
	if [ $verdict = bad ]; then
		cat "$log"
		echo "FAILED: suite $1 (exit status $status, tested ${tested:-0})"
	fi
	printf '%s\n%s\n' "$1" "$line"
	echo "$verdict ${tested:-0}"
}

one_script() { # NAME
	log=$build/$1.log
	if timeout -k 10 $limit sh "tests/cli/$1" > "$log" 2>&1; then
		echo "ok   tests/cli/$1: $(tail -1 "$log")"
		grep 'NOT CHECKED' "$log"
		echo "good 0"
	else
		cat "$log"
		echo "FAILED: tests/cli/$1"
		echo "bad 0"
	fi
}

if [ "$1" = --one ]; then
	build=$2
	began=$(date +%s)
	"one_$3" "$4" > "$build/results/$4.part" 2>&1
	mv "$build/results/$4.part" "$build/results/$4"
	# The processor's seconds beside the clock's: the first say what a test costs, whatever else the machine is doing.
	times > "$build/results/$4.cpu"
	cpu=$(awk -F'[ms ]+' 'NR == 2 { printf "%.1f", $1 * 60 + $2 + $3 * 60 + $4 }' "$build/results/$4.cpu")
	echo "$(($(date +%s) - began)) s $4 ($cpu s of processor)" >> "$build/results/times"
	exit 0
fi

build=$1
only=$2
reports=$build/sanitizer
rm -rf "$reports" "$build/results"
mkdir -p "$reports" "$build/results"
# handle_sigill: undefined behaviour is a trap (tests.mk).
# What was freed is kept from being given again up to 32 MB, not 256: a process touches so much less memory for the first time.
ASAN_OPTIONS="log_path=$reports/asan:detect_leaks=1:handle_sigill=1:allocator_may_return_null=1:quarantine_size_mb=32:${ASAN_OPTIONS:-}"
export ASAN_OPTIONS

# The ones that take longest begin first.
slow="same.sh nfdump exporters.sh oracle.sh ruletest hostile.sh store.sh bench.sh quality.sh snapshot_kill core_threads core_reloads grammar_robust daemon show.sh install.sh streams.sh follow.sh publish.sh docs.sh listen.sh tune.sh status.sh store_kill.sh"
{
	for program in "$build"/tests/test_${only:-*}; do
		name=${program##*/test_}
		[ -x "$program" ] && [ -f "tests/unit/test_$name.c" ] && echo "suite $name"
	done
	for script in tests/cli/*.sh; do
		[ -z "$only" ] && [ -f "$script" ] && echo "script ${script##*/}"
	done
} | awk -v slow=" $slow " '{ print (index(slow, " " $2 " ") ? index(slow, " " $2 " ") : 9999) "\t" $0 }' | sort -n -s | cut -f2 > "$build/results/list"
at_a_time=$(($(nproc 2> /dev/null || echo 2) + 2))
xargs -P "$at_a_time" -n 2 sh tests/run.sh --one "$build" < "$build/results/list"

failed=0
total=0
while read -r _ name; do
	result=$build/results/$name
	if [ ! -f "$result" ]; then
		echo "FAILED: $name left no result"
		failed=1
		continue
	fi
	sed '$d' "$result"
	verdict=$(tail -1 "$result")
	[ "${verdict% *}" = good ] || failed=1
	total=$((total + ${verdict#* }))
done < "$build/results/list"

# Criterion now and then leaks a few bytes of its own: a leak report in which
# every allocation was made by the library itself is not ours. (A suppression
# would not do: each of our stacks ends in Criterion, too.)
for report in "$reports"/*; do
	[ -f "$report" ] || continue
	if grep -q 'detected memory leaks' "$report" && ! grep -E '^ *#1 ' "$report" | grep -qv 'libcriterion'; then
		continue
	fi
	failed=1
	echo "SANITIZER REPORT $report"
	head -60 "$report"
done
[ -n "$only" ] || echo "longest: $(sort -rn "$build/results/times" | head -5 | tr '\n' ',' | sed 's/,$//; s/,/, /g')"
echo "tests run: $total"
exit $failed
