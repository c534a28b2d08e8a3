#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin test --mutate and --coverage: what is said of a rule whose tests leave something out, against golden texts; the last line,
# which scripts read; exit statuses. TSN_GOLDEN_WRITE=1 rewrites the texts.
. tests/cli/lib
golden=tests/golden/author
mkdir -p "$golden"
rules=tests/golden/author/mail.tsn

compare() { # NAME COMMAND...
	name=$1
	shift
	expect 0 "$@"
	silent err
	[ -z "$TSN_GOLDEN_WRITE" ] || cp "$tmp/out" "$golden/$name"
	same "$name" "$golden/$name" "$tmp/out"
}

compare mutate.txt "$tocsin" test "$rules" --mutate
checks=$((checks + 2))
tail -1 "$tmp/out" | grep -Eqx 'mutation score: [0-9]+\.[0-9] %' || failed 'the last line is no score' "$tmp/out"
[ "$(grep -c '%' "$tmp/out")" = 1 ] || failed 'more than one percentage' "$tmp/out"
cp "$tmp/out" "$tmp/first"
expect 0 "$tocsin" test "$rules" --mutate --batch-size 1
same 'batches of one' "$tmp/first" "$tmp/out"
compare coverage.txt "$tocsin" test "$rules" --coverage -q

# --only restricts; tests that notice everything make the score whole
expect 0 "$tocsin" test "$rules" --mutate --only tight
is out '2 passed, 0 failed
3 mutants of 1 rule: 3 killed, 0 survived; not counted: 0 that mean the same, 0 that do not compile
mutation score: 100.0 %'
expect 0 "$tocsin" test "$rules" --coverage --only tight -q
is out 'all 2 parts of rules are exercised by tests
2 passed, 0 failed'
expect 0 "$tocsin" test "$rules" --only tight
says out '2 passed, 0 failed'
expect 0 "$tocsin" test "$rules"
says out 'parts of rules are exercised by no test: --coverage names them'
expect 2 "$tocsin" test "$rules" --mutate --only nothing

# tests that fail say nothing of mutants
printf 'rule x { when packets > 1 test "wrong" fires { flow { packets = 1 } } }\n' > "$tmp/wrong.tsn"
expect 1 "$tocsin" test "$tmp/wrong.tsn" --mutate
says out 'FAILED x: wrong'
says out 'first make these pass'
checks=$((checks + 1))
grep -q 'mutation score' "$tmp/out" && failed 'a score without tests that pass' "$tmp/out"
printf 'rule x { when pakets > 1 }\n' > "$tmp/wrong.tsn"
expect 1 "$tocsin" test "$tmp/wrong.tsn" --mutate

# of a library
expect 0 "$tocsin" test stdlib-rules --mutate --only slammer
checks=$((checks + 1))
tail -1 "$tmp/out" | grep -Eqx 'mutation score: [0-9]+\.[0-9] %' || failed 'the last line is no score' "$tmp/out"
finish
