#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Text inputs from the command line: standard input, maps, and what is said of them.
. tests/cli/lib

# What show writes is an input like any other.
"$tocsin" show --format csv "$capture" > "$tmp/flows.csv"
"$tocsin" show --format json "$capture" > "$tmp/flows.json"
for file in "$tmp/flows.csv" "$tmp/flows.json"; do
	expect 0 "$tocsin" show "$file" --format csv
	same "what show writes" "$tmp/flows.csv" "$tmp/out"
	silent err
	expect 0 "$tocsin" show "$file" --count --where 'dst_port == 25'
	is out 207
	input=$file expect 0 "$tocsin" show - --count
	is out 4554
done
input=
expect 0 "$tocsin" run -e 'count(dst_port == 25) by src over 60s > 100' "$tmp/flows.csv"
says out '"event_type":"alert"'

# A table of one's own
printf 'Source IP,octets,when\n10.0.0.1,2.5,1709380800\n10.0.0.1,1,x\n' > "$tmp/own.csv"
expect 3 "$tocsin" show "$tmp/own.csv"
says err 'is no kind of input that can be read'
expect 0 "$tocsin" show "$tmp/own.csv" --map 'src=Source IP,bytes=octets:kB,start=when' --fields src,bytes,start --format csv
says out '10.0.0.1,2500,2024-03-02T12:00:00.000Z'
says err 'line 3 is left out: start cannot be "x"'
says err 'start was taken for a number of s'
expect 0 "$tocsin" show -q "$tmp/own.csv" --map 'src=Source IP,start=when' --count
is out 1
silent err

# Mistakes in a map are mistakes of usage; a column that is not there is one of the input.
expect 2 "$tocsin" show "$tmp/own.csv" --map 'scr=Source IP'
says err 'no field "scr" that can be read; did you mean "src"?'
expect 2 "$tocsin" top --by src "$tmp/own.csv" --map 'bytes=octets:s'
says err '"s" is no unit of that field'
expect 3 "$tocsin" show "$tmp/own.csv" --map 'src=Sorce IP'
says err 'the header has no column "Sorce IP"; did you mean "Source IP"?'

# Columns that nobody knows
printf 'a,b,c,d\n1,2,3,4\n' > "$tmp/own.csv"
expect 3 "$tocsin" show "$tmp/own.csv"
says err 'a table of no known kind; --map can say which column is which field: "a" "b" "c" "d"'

# Damage
printf 'src,dst,bytes\n10.0.0.1,10.0.0.2,1\n10.0.0.1,10.' > "$tmp/cut.csv"
expect 3 "$tocsin" show "$tmp/cut.csv" --count
is out 1
says err 'the last line is cut'
finish
