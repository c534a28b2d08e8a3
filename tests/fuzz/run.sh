#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets with clang's libFuzzer under ASan and UBSan and runs each
# for FUZZ_SECONDS (30) from its corpus. What it finds is left in BUILD/fuzz/found.
#   run.sh BUILD [TARGET]
build=$1/fuzzing
only=$2
command -v clang >/dev/null 2>&1 || sh .ci/install clang libclang-rt-dev || exit 1
make --no-print-directory CC=clang BUILD="$build" CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" \
    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined" FUZZ_FLAGS="-fsanitize=fuzzer" fuzz-programs || exit 1
failed=0
for program in "$build"/fuzz/*; do
	[ -x "$program" ] && [ -f "$program" ] || continue
	name=${program##*/}
	[ -z "$only" ] || [ "$only" = "$name" ] || continue
	mkdir -p "$build/found" "$build/grown/$name"
	echo "== $name"
	"$program" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$build/found/$name-" \
	    "$build/grown/$name" "tests/fuzz/corpus/$name" > "$build/$name.log" 2>&1 || failed=1
	grep -E 'ERROR|SUMMARY|DONE' "$build/$name.log" | tail -3
done
exit $failed
