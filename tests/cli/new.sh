#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin new: every skeleton compiles, passes its own tests, is in canonical layout, and lint finds nothing in it.
. tests/cli/lib

expect 0 "$tocsin" new --list
cut -d' ' -f1 "$tmp/out" > "$tmp/kinds"
while read -r kind; do
	for name in a a_rule_with_a_name_that_is_really_long_and_goes_on_and_on; do
		file=$tmp/$kind-$name.tsn
		expect 0 "$tocsin" new "$name" --kind "$kind" -o "$file"
		silent out
		expect 0 "$tocsin" check "$file"
		silent err
		expect 0 "$tocsin" fmt --check "$file"
		expect 0 "$tocsin" test -q "$file"
		expect 0 "$tocsin" lint "$file"
		says out 'nothing found'
	done
done < "$tmp/kinds"
says out '1 rule'
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
