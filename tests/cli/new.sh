#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin new: every skeleton compiles, passes its own tests, is in canonical layout, and lint finds nothing in it.
. tests/cli/lib

expect 0 "$tocsin" new --list
cut -d' ' -f1 "$tmp/out" > "$tmp/kinds"
while read -r kind; do
	file=$tmp/$kind.tsn
	expect 0 "$tocsin" new "my_$kind" --kind "$kind" -o "$file"
	silent out
	expect 0 "$tocsin" test -q "$file"
	says out ' 0 failed'
	silent err
	expect 0 "$tocsin" new "my_${kind}_with_a_name_that_is_long_enough_to_break_lines" --kind "$kind"
	mv "$tmp/out" "$tmp/${kind}_long.tsn"
done < "$tmp/kinds"
expect 0 "$tocsin" fmt --check "$tmp"/*.tsn
expect 0 "$tocsin" lint "$tmp"/*.tsn
says out '16 rules: nothing found'
silent err
expect 0 "$tocsin" new a_scan --kind distinct
says out 'rule a_scan {'
expect 0 "$tocsin" new a_count
says out 'count() by src'
# nothing is overwritten
echo mine > "$tmp/mine.tsn"
expect 2 "$tocsin" new a -o "$tmp/mine.tsn"
says err 'left alone'
expect 0 grep -q '^mine$' "$tmp/mine.tsn"
expect 2 "$tocsin" new
expect 2 "$tocsin" new 'two words'
says err 'no name of a rule'
expect 2 "$tocsin" new Capital
expect 2 "$tocsin" new a --kind distnct
says err 'did you mean "distinct"?'
expect 1 "$tocsin" new rule
says err 'skeleton:'
finish
