#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin import: each format becomes rules that compile, pass their tests, are in canonical layout and clean of lint; what is
# left out is said; and a filter of nfdump counts the same flows there and here.
. tests/cli/lib

seed() { # NAME FILE: a seed of the fuzz target without its first byte
	tail -c +2 "tests/fuzz/corpus/import/$1" > "$2"
}

good() { # FILE: the rules of an import
	expect 0 "$tocsin" fmt --check "$1"
	expect 0 "$tocsin" test -q "$1"
	expect 0 "$tocsin" lint -q "$1"
}

for name in misp.json zeek.txt ipset.txt rules.rules iprep.txt feodo.csv plain.txt drop.ndjson; do
	seed "$name" "$tmp/$name"
	expect 0 "$tocsin" import -q "$tmp/$name" -o "$tmp/$name.tsn"
	silent err
	expect 0 "$tocsin" test -q "$tmp/$name.tsn"
done
expect 0 "$tocsin" fmt --check "$tmp"/*.tsn
expect 0 "$tocsin" lint "$tmp"/*.tsn
says out '8 rules: nothing found'
expect 0 grep -q 'expires' "$tmp/drop.ndjson.tsn"
expect 0 grep -q 'Left out: 1 indicators of type Intel::DOMAIN' "$tmp/zeek.txt.tsn"
expect 0 grep -q 'dated 2026-11-20' "$tmp/feodo.csv.tsn"
expect 0 grep -q 'ipset_bad = { 192.0.2.0/24 }' "$tmp/ipset.txt.tsn"
# members in a file of their own, which the rule reads
expect 0 "$tocsin" import "$tmp/plain.txt" --name own --set-file "$tmp/own.csv" -o "$tmp/own.tsn"
expect 0 grep -q '^192.0.2.8-192.0.2.15,hosts$' "$tmp/own.csv"
good "$tmp/own.tsn"
expect 2 "$tocsin" import "$tmp/plain.txt" -o "$tmp/own.tsn"
says err 'left alone'
# categories have names, and scores a bound
printf '1,Bots,Known bots\n' > "$tmp/categories"
expect 0 "$tocsin" import "$tmp/iprep.txt" --categories "$tmp/categories" --score 50
says out 'iprep_bots = { 192.0.2.1 }'
says err 'left out: 1 members with a lower score'
# columns are found, or named; two that fit are told
printf 'when,from,to\n1,192.0.2.1,198.51.100.1\n' > "$tmp/two.csv"
expect 3 "$tocsin" import "$tmp/two.csv"
says err 'columns 2 and 3 both hold addresses'
expect 0 "$tocsin" import "$tmp/two.csv" --column to
says out '{ 198.51.100.1 }'
expect 0 "$tocsin" import "$tmp/two.csv" --column 2
says out '{ 192.0.2.1 }'
expect 3 "$tocsin" import "$tmp/two.csv" --column nosuch
says err 'nosuch'
# bad lines are named
printf '192.0.2.1\nnonsense\n' > "$tmp/bad.txt"
expect 0 "$tocsin" import "$tmp/bad.txt"
says err 'bad.txt:2: not understood: nonsense'
says out '#     line 2: nonsense'
# filters
echo 'proto tcp and dst port 25 and sorc ip 1.2.3.4' > "$tmp/filter"
expect 3 "$tocsin" import --as nfdump "$tmp/filter"
says err 'filter:1:31: error: "sorc"'
echo 'proto tcp and dst port 25' > "$tmp/filter"
expect 0 "$tocsin" import --as nfdump "$tmp/filter" -o "$tmp/filter.tsn"
expect 0 "$tocsin" check "$tmp/filter.tsn"
expect 0 "$tocsin" fmt --check "$tmp/filter.tsn"
seed rwfilter.txt "$tmp/rw.txt"
expect 0 "$tocsin" import "$tmp/rw.txt" -o "$tmp/rw.tsn"
expect 0 "$tocsin" check "$tmp/rw.tsn"
expect 0 "$tocsin" import --list
says out 'nfdump'
expect 2 "$tocsin" import --as nfdmp "$tmp/filter"
says err 'did you mean "nfdump"?'
expect 3 "$tocsin" import "$tmp/none"
expect 2 "$tocsin" import

# The oracle. Lists of others and stored flows stay where they are.
data=../shared/data
program=${TSN_RELEASE:-$tocsin}
counted=0
agree() { # FILE
	while read -r filter; do
		condition=$(printf '%s\n' "$filter" | "$program" import -q --as nfdump --bare -) || { failed "no import of: $filter"; continue; }
		theirs=$(nfdump -r "$1" -q -N -o 'fmt:FLOW %pr' "$filter" 2>/dev/null | grep -c '^FLOW')
		ours=$("$program" show -q "$1" --where "$condition" --count 2> "$tmp/err")
		checks=$((checks + 1))
		counted=$((counted + 1))
		[ "$theirs" = "$ours" ] || failed "$1: nfdump counts $theirs, $ours here: $filter: $condition" "$tmp/err"
	done < tests/cli/import_filters.txt
}
if ! command -v nfdump > /dev/null 2>&1; then
	echo "NOT CHECKED: nfdump is not installed"
elif [ ! -d "$data/flow_files" ]; then
	echo "NOT CHECKED: no stored flows at $data/flow_files"
else
	agree "$data/flow_files/nfcapd_v2_variants/brmikrotik.none.nfcapd"
	echo "$counted filters count the same flows as in nfdump"
	for list in "$data"/registries/threat/* "$data"/registries/misp/*; do
		rules=$tmp/list.tsn
		rm -f "$rules"
		"$program" import -q "$list" -o "$rules" > /dev/null 2> "$tmp/why"
		case $? in
		0) expect 0 "$program" test -q "$rules" ;;
		*) expect 0 grep -q "type string" "$tmp/why" ;;
		esac
	done
fi
finish
