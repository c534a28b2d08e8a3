#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the Criterion programs in BUILD/tests (or just the suite named) and the
# shell tests, and fails when any of them failed, when a suite ran no test, or
# when a sanitizer wrote a report: Criterion alone does not fail on leaks.
#   run.sh BUILD [SUITE]
build=$1
only=$2
reports=$build/sanitizer
rm -rf "$reports"
mkdir -p "$reports"
ASAN_OPTIONS="log_path=$reports/asan:detect_leaks=1:allocator_may_return_null=1:${ASAN_OPTIONS:-}"
UBSAN_OPTIONS="log_path=$reports/ubsan:print_stacktrace=1"
export ASAN_OPTIONS UBSAN_OPTIONS
timeout=120
[ -n "$TSN_SOAK" ] && timeout=3000
failed=0
total=0

for program in "$build"/tests/test_${only:-*}; do
	[ -x "$program" ] || continue
	case $program in *.d) continue ;; esac
	name=${program##*/test_}
	[ -f "tests/unit/test_$name.c" ] || continue
	log=$build/$name.log
	"$program" --jobs 2 --timeout "$timeout" > "$log" 2>&1
	status=$?
	line=$(grep 'Synthesis:' "$log" | tail -1 | sed 's/\x1b\[[0-9;]*m//g')
	tested=$(printf '%s' "$line" | sed -n 's/.*Tested: \([0-9]*\).*/\1/p')
	# The closing line judges, not the exit status: Criterion leaks a little of its own (with
	# .timeout, with cr_log_warn), and the leak checker then ends the runner with 1 after it.
	case "$line" in
	*'Failing: 0 | Crashing: 0'*) bad= ;;
	*) bad=yes ;;
	esac
	if [ -n "$bad" ] || [ "${tested:-0}" -eq 0 ]; then
		failed=1
		cat "$log"
		echo "FAILED: suite $name (exit status $status, tested ${tested:-0})"
	fi
	printf '%s\n%s\n' "$name" "$line"
	total=$((total + ${tested:-0}))
done

if [ -z "$only" ]; then
	for script in tests/cli/*.sh; do
		[ -f "$script" ] || continue
		if sh "$script" > "$build/cli.log" 2>&1; then
			echo "ok   $script: $(tail -1 "$build/cli.log")"
			grep 'NOT CHECKED' "$build/cli.log"
		else
			failed=1
			cat "$build/cli.log"
			echo "FAILED: $script"
		fi
	done
fi

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
echo "tests run: $total"
exit $failed
